"""What the tests of killed runs share: kill -9 after each task or inside one, then the same command, then the same bytes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.faults.test_kill_resume import start

from gristmill.curate.run import curate
from gristmill.curate.verify import verify_run


def kill_after_every_task(recipe: Path, reference: str, *, workers: int, resumed_by: int, least: int) -> None:
    """Kill a run after one task, resume it until two, and so on; at least `least` kills must have hit it."""
    killed = 0
    for events in range(1, 60):
        if start(recipe, workers, kill_after_events=events).wait(timeout=120) == 0:
            break
        killed += 1
    assert killed >= least
    _same_bytes(recipe, reference, workers=resumed_by)


def kill_inside(recipe: Path, reference: str, stage: str) -> None:
    """Kill a run while a task of the stage writes, and resume it."""
    data = recipe.parent / "run" / "work" / "data"
    process = start(recipe, 2)
    deadline = time.monotonic() + 120
    # A file of the stage is there before its task commits.
    while not any(data.glob(f"{stage}-*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (recipe.parent / "run" / "manifest.json").exists()
    _same_bytes(recipe, reference, workers=2)


def _same_bytes(recipe: Path, reference: str, *, workers: int) -> None:
    finished = curate(recipe, workers=workers)
    assert finished.digest == reference
    assert verify_run(finished.path).ok
