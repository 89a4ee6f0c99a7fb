"""kill -9, damaged files and full disks in every stage of dedup: the same bytes in the end, or an error with names."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support import prose

from gristmill.curate.run import curate
from gristmill.curate.verify import verify_run
from gristmill.errors import GristmillError

STAGES = ("exact", "lsh", "verify", "settle")
NUM_DOCUMENTS = 600

# Several ranges a stage, and so little memory that every pass spills: what production has, in small.
SMALL = """
import gristmill.curate.plan as plan
plan.RANGE_BYTES = 64 << 10
plan.Plan.sort_memory_bytes = property(lambda self: 16 << 10)
"""

KILLED = (
    SMALL
    + """
import os, sys, threading, time
from gristmill.curate.run import curate

recipe, stage, num_done, delay_s = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])


def die():
    time.sleep(delay_s)
    os.kill(os.getpid(), 9)


def count(event):
    if event["stage"] == stage and event["done"] == num_done:
        if delay_s:
            threading.Thread(target=die, daemon=True).start()
        else:
            os.kill(os.getpid(), 9)


curate(recipe, workers=1, on_event=count)
"""
)

LIMITED = (
    SMALL
    + """
import resource, sys
from gristmill.cli.main import main
from gristmill.curate.stages import StageRunner

recipe, stage, max_file_bytes = sys.argv[1], sys.argv[2], int(sys.argv[3])
report = StageRunner._report


def limited(self, name, *numbers):
    if name == stage:
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, resource.RLIM_INFINITY))
    # Also the log cannot grow then, which is not what this is about.
    if name != stage:
        report(self, name, *numbers)


StageRunner._report = limited
sys.exit(main(["curate", recipe, "--workers", "1"]))
"""
)


def write(folder: Path) -> Path:
    """Write documents with copies and near copies in three files, and a recipe; return the recipe's path."""
    folder.mkdir()
    texts = [prose(number) for number in range(NUM_DOCUMENTS)]
    for number in range(0, NUM_DOCUMENTS, 6):
        texts[number] = texts[number + 1] if number % 12 else texts[number + 2] + " One more sentence."
    for part in range(3):
        rows = (json.dumps({"text": text}) for text in texts[part::3])
        (folder / f"part-{part}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    path = folder / "recipe.toml"
    path.write_text(
        '[run]\noutput = "run"\npartition_bytes = 60000\n[[source]]\nname = "a"\npaths = ["part-*.jsonl"]\n'
        '[[step]]\nuse = "exact_dedup"\n[[step]]\nuse = "minhash_dedup"\n',
        encoding="utf-8",
    )
    return path


def run_python(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of a run that nothing happened to, with the usual memory and ranges."""
    run = curate(write(tmp_path_factory.mktemp("reference") / "a"), workers=1)
    numbers = run.manifest["dedup"]
    assert isinstance(numbers, dict)
    assert numbers["exact_removed"] >= 50
    assert numbers["near_removed"] >= 40
    return run.digest.partition(":")[2]


def finish_as_usual(recipe: Path, reference: str) -> None:
    """Finish the run in the usual way and compare."""
    run = curate(recipe, workers=1)
    assert run.digest.partition(":")[2] == reference
    assert verify_run(run.path).ok


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("num_done", "delay_s"), [(0, 0.0), (0, 0.004), (1, 0.0), (1, 0.002)])
def test_killed_in_a_stage_of_dedup_and_resumed(
    stage: str, num_done: int, delay_s: float, reference: str, tmp_path: Path
) -> None:
    recipe = write(tmp_path / "a")
    done = run_python(KILLED, recipe, stage, num_done, delay_s)
    assert done.returncode == -9 or (delay_s and done.returncode == 0), done.stderr
    # First with the same small memory and ranges, so that what was committed is used, then as usual.
    again = run_python(
        SMALL + "import sys\nfrom gristmill.curate.run import curate\ncurate(sys.argv[1], workers=2)", recipe
    )
    assert again.returncode == 0, again.stderr
    finish_as_usual(recipe, reference)


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_in_a_stage_of_dedup(stage: str, reference: str, tmp_path: Path) -> None:
    recipe = write(tmp_path / "a")
    done = run_python(LIMITED, recipe, stage, 256)
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert "code: GM-IO-00" in done.stderr
    assert "Traceback" not in done.stderr
    assert stage in done.stderr, "the message names a file of the stage"
    run_folder = tmp_path / "a" / "run"
    assert not (run_folder / "manifest.json").exists()
    assert not list((run_folder / "work" / "scratch").iterdir()), "scratch files are removed"
    finish_as_usual(recipe, reference)


FILES = (
    ("map", "exact", "exact"),
    ("map", "bands", "lsh"),
    ("decide", "verdict", "exact"),
    ("exact", "removals", "lsh"),
    ("lsh", "buckets", "verify"),
    ("verify", "edges", "settle"),
    ("settle", "removals", "tokenise"),
    ("settle", "clusters", "tokenise"),
)


def committed(run_folder: Path, stage: str, name: str) -> Path:
    """Return a committed file of the first task of a stage that has something to damage."""
    for path in sorted((run_folder / "work" / "manifests").glob(f"{stage}-*.json")):
        artefact = json.loads(path.read_text())["outputs"][name]
        if artefact["bytes"]:
            return run_folder / "work" / "data" / str(artefact["file"])
    raise AssertionError(f"{stage} left no {name}")


def stopped_before(recipe: Path, stage: str) -> Path:
    """Run until a stage begins, and return the run folder."""

    class StopError(Exception):
        pass

    def stop(event: object) -> None:
        assert isinstance(event, dict)
        if event["stage"] == stage:
            raise StopError

    with pytest.raises(StopError):
        curate(recipe, workers=1, on_event=stop)
    return recipe.parent / "run"


@pytest.mark.parametrize(("stage", "name", "reader"), FILES)
def test_a_flipped_bit_in_a_file_between_passes_is_named(
    stage: str, name: str, reader: str, reference: str, tmp_path: Path
) -> None:
    recipe = write(tmp_path / "a")
    damaged = committed(stopped_before(recipe, reader), stage, name)
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 0x10
    damaged.write_bytes(content)
    with pytest.raises(GristmillError) as caught:
        curate(recipe, workers=1)
    assert caught.value.code in ("GM-IO-003", "GM-DEDUP-003")
    assert damaged.name in str(caught.value)
    assert stage in damaged.name
    assert caught.value.hint is not None
    # What the hint says.
    damaged.unlink()
    finish_as_usual(recipe, reference)


@pytest.mark.parametrize(("stage", "name", "reader"), FILES)
def test_a_truncated_file_between_passes_is_made_again(
    stage: str, name: str, reader: str, reference: str, tmp_path: Path
) -> None:
    recipe = write(tmp_path / "a")
    damaged = committed(stopped_before(recipe, reader), stage, name)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    finish_as_usual(recipe, reference)
