"""kill -9 at any moment: the same command continues and ends in the same bytes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support import RECIPE, write_corpus

from gristmill.curate.run import curate
from gristmill.curate.verify import verify_run

DRIVER = """
import os, sys
from gristmill.curate.run import curate

kill_after = int(sys.argv[3])
seen = 0


def count(event):
    global seen
    seen += 1
    if seen == kill_after:
        os.kill(os.getpid(), 9)


curate(sys.argv[1], workers=int(sys.argv[2]), on_event=count)
"""


def start(recipe: Path, workers: int, *, kill_after_events: int = 0) -> subprocess.Popen[bytes]:
    """Start a run in a process group of its own; it may kill itself after so many events."""
    command = [sys.executable, "-c", DRIVER, str(recipe), str(workers), str(kill_after_events)]
    return subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_every_step_of_the_way_and_resumed(workers: int, tmp_path: Path) -> None:
    for name in ("reference", "killed"):
        (tmp_path / name).mkdir()
    reference = curate(write_corpus(tmp_path / "reference"), workers=1).digest
    recipe = write_corpus(tmp_path / "killed")
    killed = 0
    # Each attempt gets at least one event further than the one before it, whatever it finds committed.
    for events in range(1, 60):
        if start(recipe, workers, kill_after_events=events).wait(timeout=60) == 0:
            break
        killed += 1
    assert killed >= 5
    finished = curate(recipe, workers=workers)
    assert finished.digest == reference
    assert verify_run(finished.path).ok


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_random_moments_and_resumed(workers: int, tmp_path: Path) -> None:
    for name in ("reference", "killed"):
        (tmp_path / name).mkdir()
        recipe = write_corpus(tmp_path / name)
        # Enough documents that most of the time is spent in native code.
        path = tmp_path / name / "first.jsonl"
        path.write_text(path.read_text(encoding="utf-8") * 200, encoding="utf-8")
    started = time.monotonic()
    assert start(tmp_path / "reference" / "recipe.toml", workers).wait(timeout=60) == 0
    duration_s = time.monotonic() - started
    reference = curate(tmp_path / "reference" / "recipe.toml", workers=1).digest
    moments = random.Random(workers)
    for _ in range(8):
        process = start(recipe, workers)
        try:
            process.wait(timeout=duration_s * moments.uniform(0.2, 0.8))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    finished = curate(recipe, workers=workers)
    assert finished.digest == reference
    assert verify_run(finished.path).ok


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    recipe = write_corpus(tmp_path, recipe=RECIPE)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "fragile.py").write_text(
        "import os, pathlib\n"
        "from gristmill.plugins.api import Signal, hookimpl\n"
        "gristmill_api = 1\n"
        "class Once(Signal):\n"
        '    """Kills its process the first time. One."""\n'
        "    name, version = 'once', 1\n"
        "    inputs, outputs = ('text',), {'one': 'float64'}\n"
        "    def compute(self, batch):\n"
        "        import pyarrow as pa\n"
        f"        flag = pathlib.Path({str(tmp_path / 'flag')!r})\n"
        "        if not flag.exists():\n"
        "            flag.touch()\n"
        "            os.kill(os.getpid(), 9)\n"
        "        return {'one': pa.array([1.0] * batch.num_rows)}\n"
        "@hookimpl\n"
        "def register_signals(register): register(Once)\n",
        encoding="utf-8",
    )
    recipe.write_text(
        RECIPE.replace("seed = 7", 'seed = 7\nplugins_dir = "plugins"').replace(
            '[[step]]\nuse = "exact_dedup"', '[[step]]\nuse = "fragile.once"\n\n[[step]]\nuse = "exact_dedup"'
        ),
        encoding="utf-8",
    )
    run = curate(recipe, workers=2)
    assert (tmp_path / "flag").exists()
    assert verify_run(run.path).ok
    assert run.signals().collect()["fragile.once.one"].to_list() == [1.0] * 20


def test_two_drivers_do_not_share_a_folder(tmp_path: Path) -> None:
    from gristmill.curate.folder import RunFolder
    from gristmill.errors import GristmillError

    recipe = write_corpus(tmp_path)
    folder = RunFolder(tmp_path / "run")
    folder.create()
    with folder.lock(), pytest.raises(GristmillError) as caught:
        curate(recipe, workers=1)
    assert caught.value.code == "GM-RUN-001"


def test_workers_end_with_their_driver(tmp_path: Path) -> None:
    recipe = write_corpus(tmp_path)
    process = start(recipe, 2)
    deadline = time.monotonic() + 20
    children: list[int] = []
    while not children and process.poll() is None and time.monotonic() < deadline:
        listing = subprocess.run(
            ["ps", "--ppid", str(process.pid), "-o", "pid="], check=False, capture_output=True, text=True
        )
        children = [int(pid) for pid in listing.stdout.split()]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    while any(Path(f"/proc/{pid}").exists() and "Z" not in _state(pid) for pid in children):
        assert time.monotonic() < deadline, "a worker outlived its driver"


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_is_quiet_and_the_run_resumes(workers: int, tmp_path: Path) -> None:
    recipe = write_corpus(tmp_path)
    # A larger corpus, so that there is something to interrupt.
    text = (tmp_path / "first.jsonl").read_text(encoding="utf-8")
    (tmp_path / "first.jsonl").write_text(text * 3000, encoding="utf-8")
    command = [
        str(Path(sys.executable).parent / "gristmill"),
        "curate",
        str(recipe),
        "--workers",
        str(workers),
    ]
    process = subprocess.Popen(
        command, start_new_session=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    deadline = time.monotonic() + 30
    while not (tmp_path / "run" / "plan.json").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, talk = process.communicate(timeout=30)
    assert process.returncode == 130, talk
    assert "Traceback" not in talk
    assert "code: GM-RUN-130" in talk or "code: GM-CLI-130" in talk
    assert verify_run(curate(recipe, workers=workers).path).ok


@pytest.mark.parametrize("blocking", ["all", "hyperplanes"])
def test_killed_while_comparing_embeddings_and_resumed(blocking: str, tmp_path: Path) -> None:
    step = f'[[step]]\nuse = "semantic_dedup"\nembedding = "vector"\ndimension = 4\nblocking = "{blocking}"\n'
    text = RECIPE.replace("[split]", f"{step}\n[split]")
    for name in ("reference", "killed"):
        (tmp_path / name).mkdir()
        write_corpus(tmp_path / name, recipe=text)
        path = tmp_path / name / "first.jsonl"
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for number, line in enumerate(lines):
            line["vector"] = [number % 5 + 1, 1.0, number % 3, 0.25]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    finished = curate(tmp_path / "reference" / "recipe.toml", workers=1)
    removed = {row["rule"] for row in finished.rejects().collect().to_dicts()}
    assert "semantic_duplicate" in removed
    recipe = tmp_path / "killed" / "recipe.toml"
    for events in range(1, 80, 2):
        if start(recipe, 1, kill_after_events=events).wait(timeout=60) == 0:
            break
    assert events > 10
    resumed = curate(recipe, workers=1)
    assert resumed.digest == finished.digest
    assert verify_run(resumed.path).ok
