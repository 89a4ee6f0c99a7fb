"""kill -9 while documents are chosen: the same command continues and ends in the same bytes; damage is refused."""

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
from gristmill.errors import GristmillError

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

[[step]]
use = "select"
by = "importance"
target = ["target.txt"]
keep = { words = 9000 }
diversity = { ngram_words = 4, min_new = 0.2, expected_ngrams = 100000 }

[[step]]
use = "sample"
fraction = 0.5
by = "source"
"""


def write(folder: Path, pages: int) -> Path:
    """Write pages in two files, a target, and a recipe."""
    folder.mkdir()
    for half in range(2):
        rows = [json.dumps({"text": prose(number)}) + "\n" for number in range(half, pages, 2)]
        (folder / f"pages-{half}.jsonl").write_text("".join(rows), encoding="utf-8")
    (folder / "target.txt").write_text("the mill and the river\nflour of the valley\n", encoding="utf-8")
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    return recipe


def test_killed_after_every_task_and_resumed(tmp_path: Path) -> None:
    reference = curate(write(tmp_path / "reference", 200), workers=1).digest
    recipe = write(tmp_path / "killed", 200)
    killed = 0
    for events in range(1, 60):
        if start(recipe, 1, kill_after_events=events).wait(timeout=120) == 0:
            break
        killed += 1
    assert killed >= 8
    finished = curate(recipe, workers=2)
    assert finished.digest == reference
    assert verify_run(finished.path).ok


@pytest.mark.parametrize("stage", ["scores", "choose"])
def test_killed_inside_a_task_and_resumed(stage: str, tmp_path: Path) -> None:
    reference = curate(write(tmp_path / "reference", 2000), workers=1).digest
    recipe = write(tmp_path / "killed", 2000)
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


def test_a_damaged_file_of_reasons_is_refused(tmp_path: Path) -> None:
    recipe = write(tmp_path / "run", 60)
    reference = curate(recipe, workers=1).digest
    run = recipe.parent / "run"
    files = (run / "work" / "data").glob("choose-*.choices.bin")
    damaged = next(file for file in sorted(files) if file.stat().st_size)
    content = bytearray(damaged.read_bytes())
    content[9] ^= 1
    damaged.write_bytes(content)
    for manifest in (run / "work" / "manifests").glob("tokenise-*"):
        manifest.unlink()
    with pytest.raises(GristmillError) as error:
        curate(recipe, workers=1)
    assert error.value.code == "GM-IO-003"
    damaged.unlink()
    assert curate(recipe, workers=1).digest == reference
