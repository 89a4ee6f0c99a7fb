"""What other tools leave of the same texts: every case of `texts/<use>.json`, for steps that edit.

The texts were produced by the tool that the file names, with the script in `bench/parity/`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from gristmill import _native

FILES = sorted((Path(__file__).parent / "texts").glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_step_leaves_what_the_other_tool_leaves(file: Path) -> None:
    cases = json.loads(file.read_text(encoding="utf-8"))["cases"]
    steps = json.dumps([{"name": "step", "use": file.stem, "where": [], "config": {}}])
    texts = pa.array([case["text"] for case in cases], pa.large_string())
    left, _ = _native.run_steps(texts, steps, True, None, _native.Session())
    for case, found in zip(cases, left.to_pylist(), strict=True):
        assert found == case["left"], case["text"]


def test_there_are_texts() -> None:
    assert FILES
