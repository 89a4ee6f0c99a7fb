"""kill -9 while documents are split: the same command continues and ends in the same bytes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from tests.faults.test_kill_resume import start
from tests.splits import families, write

from gristmill.curate.run import curate
from gristmill.curate.verify import verify_run

SPLIT = '[split]\nvalidation = 0.1\ntest = 0.1\ngroup_by = ["cluster", "customer"]\nstratify = "label"'
STAGES = ("split_keys", "split_group", "split_assign", "split_index", "split_prove")


@pytest.mark.parametrize("stage", STAGES)
def test_killed_inside_a_task_and_resumed(stage: str, tmp_path: Path) -> None:
    rows = [
        {**row, "customer": n // 2 if n % 20 < 2 else None, "label": n % 4}
        for n, row in enumerate(families(500))
    ]
    reference = curate(write(tmp_path / "reference", rows, SPLIT), workers=1).digest
    recipe = write(tmp_path / "killed", rows, SPLIT)
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
