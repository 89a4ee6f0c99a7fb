"""kill -9 while spans are found and cut: the same command continues and ends in the same bytes."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest
from tests.faults.test_kill_resume import start
from tests.support import prose

from gristmill.curate.run import curate
from gristmill.curate.verify import verify_run

RECIPE = """
[run]
output = "run"
partition_bytes = "64KiB"
scratch_memory = "128MiB"

[[source]]
name = "pages"
paths = ["pages-*.jsonl"]

[[step]]
use = "exact_dedup"
name = "lines"
unit = "line"
normalise = "words"

[[step]]
use = "bloom_dedup"
ngram_words = 5
expected_ngrams = 200000

[[step]]
use = "exact_dedup"

[[step]]
use = "minhash_dedup"
"""
STAGES = ("units", "copies", "bloom", "cut")


def write(folder: Path, pages: int) -> Path:
    """Write pages that share lines, in two files, and a recipe."""
    folder.mkdir()
    for half in range(2):
        rows = []
        for number in range(half, pages, 2):
            lines = [prose(number), prose(number % 7, words=20), prose(number % 11, words=14)]
            rows.append(json.dumps({"text": "\n\n".join(lines)}) + "\n")
        (folder / f"pages-{half}.jsonl").write_text("".join(rows), encoding="utf-8")
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    return recipe


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_after_every_task_and_resumed(workers: int, tmp_path: Path) -> None:
    reference = curate(write(tmp_path / "reference", 40), workers=1).digest
    recipe = write(tmp_path / "killed", 40)
    killed = 0
    for events in range(1, 60):
        if start(recipe, workers, kill_after_events=events).wait(timeout=120) == 0:
            break
        killed += 1
    assert killed >= 6
    finished = curate(recipe, workers=workers)
    assert finished.digest == reference
    assert verify_run(finished.path).ok


@pytest.mark.parametrize("stage", STAGES)
def test_killed_inside_a_task_and_resumed(stage: str, tmp_path: Path) -> None:
    reference = curate(write(tmp_path / "reference", 3000), workers=1).digest
    recipe = write(tmp_path / "killed", 3000)
    data = recipe.parent / "run" / "work" / "data"
    process = start(recipe, 2)
    deadline = time.monotonic() + 120
    # A file of the stage is there before its task commits.
    while not any(data.glob(f"{stage}-*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (recipe.parent / "run" / "manifest.json").exists()
    finished = curate(recipe, workers=2)
    assert finished.digest == reference
    assert verify_run(finished.path).ok
