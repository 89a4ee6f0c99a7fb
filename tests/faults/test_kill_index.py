"""kill -9 at any moment of runs that share an index, and two of them at once: nothing is added twice, lost or mixed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.deliveries import three_deliveries

from gristmill.curate.dedup_index import read_segments
from gristmill.curate.run import curate, open_run
from gristmill.curate.verify import verify_run
from gristmill.errors import GristmillError

DRIVER = """
import os, sys
from gristmill.curate.dedup_index import append
from gristmill.curate.run import curate
from gristmill.errors import GristmillError

recipe, workers, kill_after = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
seen = 0


def passes_by(function):
    def called(*arguments, **keywords):
        count()
        return function(*arguments, **keywords)
    return called


def count(event=None):
    global seen
    seen += 1
    if seen == kill_after:
        os.kill(os.getpid(), 9)


# Events of stages, and every step of adding a segment.
for name in ("_place", "sync_folder", "load_json", "_remove_all_but"):
    setattr(append, name, passes_by(getattr(append, name)))
append._native = type("Native", (), {
    "put_if_absent": staticmethod(passes_by(append._native.put_if_absent)), "Session": append._native.Session,
})
try:
    curate(recipe, workers=workers, on_event=count)
except GristmillError as error:
    print(error.code)
    sys.exit(3)
"""


def start(recipe: Path, workers: int = 1, *, kill_after: int = 0) -> subprocess.Popen[str]:
    """Start a run in a process group of its own; it may kill itself after so many events and steps."""
    command = [sys.executable, "-c", DRIVER, str(recipe), str(workers), str(kill_after)]
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, text=True)


def reference(folder: Path, seed: int) -> tuple[list[str], list[str]]:
    """Return the digests of three undisturbed runs, and of their segments."""
    folder.mkdir()
    digests = [curate(recipe, workers=1).digest for recipe in three_deliveries(folder, seed)]
    return digests, [segment.digest for segment in read_segments(folder / "index")]


def test_killed_at_every_step_of_the_way_and_resumed(tmp_path: Path) -> None:
    digests, segments = reference(tmp_path / "reference", 20)
    (tmp_path / "killed").mkdir()
    recipes = three_deliveries(tmp_path / "killed", 20)
    killed = 0
    for recipe in recipes[:2]:
        # Each attempt gets at least one event or step further than the one before it.
        for steps in range(1, 80):
            process = start(recipe, kill_after=steps)
            process.communicate(timeout=60)
            if process.returncode == 0:
                break
            assert process.returncode == -signal.SIGKILL
            killed += 1
    assert killed >= 30
    curate(recipes[2], workers=1)
    assert [open_run(recipe.parent / "run").digest for recipe in recipes] == digests
    assert [segment.digest for segment in read_segments(tmp_path / "killed" / "index")] == segments


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_random_moments_and_resumed(workers: int, tmp_path: Path) -> None:
    digests, segments = reference(tmp_path / "reference", 21)
    (tmp_path / "killed").mkdir()
    moments = random.Random(workers)
    recipes = three_deliveries(tmp_path / "killed", 21)
    for recipe in recipes:
        for _ in range(4):
            process = start(recipe, workers)
            try:
                process.communicate(timeout=moments.uniform(0.3, 2.5))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        assert verify_run(curate(recipe, workers=workers).path).ok
    assert [open_run(recipe.parent / "run").digest for recipe in recipes] == digests
    assert [segment.digest for segment in read_segments(tmp_path / "killed" / "index")] == segments


def test_several_runs_at_once_add_one_segment_each(tmp_path: Path) -> None:
    recipes = three_deliveries(tmp_path, 22)
    waiting = list(recipes)
    refused = 0
    deadline = time.monotonic() + 120
    while waiting:
        assert time.monotonic() < deadline
        processes = [(recipe, start(recipe)) for recipe in waiting]
        waiting = []
        for recipe, process in processes:
            shown, _ = process.communicate(timeout=60)
            if process.returncode == 3:
                assert shown == "GM-INDEX-002\n"
                assert not (recipe.parent / "run" / "manifest.json").exists()
                refused += 1
                waiting.append(recipe)
            else:
                assert process.returncode == 0
    segments = read_segments(tmp_path / "index")
    assert len(segments) == 3
    runs = [open_run(recipe.parent / "run") for recipe in recipes]
    assert sorted(run.manifest["index"]["number"] for run in runs) == [1, 2, 3]  # type: ignore[index]
    assert all(verify_run(run.path).ok for run in runs)
    # No text was kept twice.
    texts = [text for run in runs for text in run.documents().collect()["text"]]
    assert len(texts) == len(set(texts)) == sum(segment.num_documents for segment in segments)
    assert refused <= 3


def test_an_index_on_a_folder_that_cannot_be_written_leaves_the_run_unfinished(tmp_path: Path) -> None:
    [recipe, *_] = three_deliveries(tmp_path, 23)
    # A file where the index should be: no privilege gets past that.
    (tmp_path / "index").write_text("no folder", encoding="utf-8")
    with pytest.raises(GristmillError) as caught:
        curate(recipe, workers=1)
    assert caught.value.code == "GM-IO-001"
    assert not (recipe.parent / "run" / "manifest.json").exists()
    (tmp_path / "index").unlink()
    run = curate(recipe, workers=1)
    assert run.num_run == 0
    assert len(read_segments(tmp_path / "index")) == 1
