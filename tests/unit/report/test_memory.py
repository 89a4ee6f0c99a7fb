"""The memory of a report does not grow with the number of documents."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fake_run import write_fake_run

REPORT = """
import sys
from pathlib import Path
from gristmill.report.build import write_report
write_report(Path(sys.argv[1]), output=Path(sys.argv[2]))
status = Path("/proc/self/status").read_text().splitlines()
print(next(int(line.split()[1]) for line in status if line.startswith("VmHWM")))
"""
TIMES = 16
GROWTH_ALLOWED_KB = 48 * 1024
"""Allocators keep some freed pages. The texts that are added come to some 120 MB."""


def repeated(counts: object, times: int) -> object:
    """Return the counts multiplied."""
    if isinstance(counts, dict):
        return {name: repeated(value, times) for name, value in counts.items()}
    assert isinstance(counts, int)
    return counts * times


def peak_kb(run: Path, output: Path) -> int:
    """Return the peak memory of a process that writes the report of `run`."""
    result = subprocess.run(
        [sys.executable, "-c", REPORT, str(run), str(output)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return int(result.stdout)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak memory from /proc")
def test_sixteen_times_the_documents_take_no_more_memory(tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "run", num_documents=4_000)
    once = peak_kb(run, tmp_path / "once.html")
    manifest = json.loads((run / "manifest.json").read_bytes())
    # The same files again and again are as much work as other files, and quicker to make.
    manifest["files"] *= TIMES
    manifest["counts"] = repeated(manifest["counts"], TIMES)
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert peak_kb(run, tmp_path / "often.html") - once < GROWTH_ALLOWED_KB
    assert (tmp_path / "often.html").stat().st_size < 300_000
