"""A real browser draws the picture of a benchmark, asks for nothing and complains of nothing.

Skipped, visibly, where no Chromium is installed.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.integration.test_report_browser import CHROMIUM, visit

from gristmill.bench.picture import page
from gristmill.bench.run import BenchOptions, run_bench

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: install it to run this test"
)


def test_a_browser_draws_every_bar(tmp_path: Path) -> None:
    options = BenchOptions(seconds=0.1, max_bytes=50_000, max_rounds=1, stages=("read", "disk read"))
    result = json.loads(json.dumps(run_bench(options).to_json_dict()))
    file = tmp_path / "bench.html"
    file.write_text(page(result), encoding="utf-8")
    seen = visit(file, tmp_path)
    assert seen.elements.count("rect") == 1 + len(result["measured"])
    assert "script" not in seen.elements
    assert seen.console == []
    assert seen.requests == []
