"""The memory of `diff` does not grow with the number of documents."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

DIFF = """
import sys
from pathlib import Path
from gristmill.curate.diff import diff_runs
found = diff_runs(sys.argv[1], sys.argv[2], rows_a_range=40_000, write=sys.argv[3])
status = Path("/proc/self/status").read_text().splitlines()
print(next(int(line.split()[1]) for line in status if line.startswith("VmHWM")), found.num_differing)
"""
PART_ROWS = 20_000
TIMES = 8
GROWTH_ALLOWED_KB = 96 * 1024
"""Threads of polars each keep some freed pages. The rows that are added come to some 250 MB on either side."""


def write_run(root: Path, *, num_parts: int, split: str) -> Path:
    """Write a finished run whose parts hold kept and dropped documents in equal shares."""
    files = []
    for part in range(num_parts):
        keys = [hashlib.blake2b(f"{part} {n}".encode(), digest_size=16).digest() for n in range(PART_ROWS)]
        half = PART_ROWS // 2
        shared = {
            "doc": pa.array(range(half), pa.uint64()),
            "id": [f"document {n}" for n in range(half)],
            "source": ["web"] * half,
        }
        tables = {
            "documents": {
                "key": pa.array(keys[:half], pa.binary(16)),
                "split": [split] * half,
                "text": pa.array(
                    [f"{part} {n} " + "words and more " * 60 for n in range(half)], pa.large_utf8()
                ),
                "metadata": ["{}"] * half,
                "num_tokens": pa.array([200] * half, pa.uint32()),
            },
            "rejects": {
                "key": pa.array(keys[half:], pa.binary(16)),
                "kind": ["dropped"] * half,
                "step": ["quality"] * half,
                "rule": ["min_words"] * half,
                "value": [3.0] * half,
                "threshold": [50.0] * half,
            },
        }
        for name, columns in tables.items():
            path = root / name / f"part-{part:05}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table(shared | columns), path, row_group_size=4096)
            files.append({"path": path.relative_to(root).as_posix()})
    manifest = {
        "counts": {"documents_in": num_parts * PART_ROWS},
        "files": files,
        "inputs": [{"source": "web", "path": "a", "digest": "d"}],
        "split": split,
    }
    (root / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return root


def peak_kb(folder: Path, *, num_parts: int) -> int:
    """Return the peak memory of a process that compares two runs of so many parts."""
    runs = [write_run(folder / split, num_parts=num_parts, split=split) for split in ("train", "validation")]
    result = subprocess.run(
        [sys.executable, "-c", DIFF, *(str(run) for run in runs), str(folder / "differing.parquet")],
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    peak, num_differing = result.stdout.split()
    assert int(num_differing) == num_parts * PART_ROWS // 2
    return int(peak)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak memory from /proc")
@pytest.mark.slow
def test_eight_times_the_documents_take_no_more_memory(tmp_path: Path) -> None:
    once = peak_kb(tmp_path / "once", num_parts=1)
    often = peak_kb(tmp_path / "often", num_parts=TIMES)
    assert often - once < GROWTH_ALLOWED_KB, (once, often)
