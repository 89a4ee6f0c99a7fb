"""Exports that are killed, or find the disk full: the folder is there whole or not at all, and the same command ends in
the same bytes."""

from __future__ import annotations

import json
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support import prose

import gristmill
from gristmill.curate.run import curate
from gristmill.curate.verify import verify_run

FORMATS = ("megatron", "mds", "parquet")
STARTER = Path(gristmill.__file__).parent / "cli/starter/tokenizer.json"
NUM_DOCUMENTS = 3_000
RECIPE = """
[run]
output = "{name}"
[[source]]
name = "pages"
paths = ["{name}.jsonl"]
[tokens]
tokenizer = "{tokenizer}"
"""
DRIVER = """
import os, sys
from pathlib import Path
from gristmill.export import run
left = int(sys.argv[4])
rename = Path.rename
def renamed(path, target):
    global left
    done = rename(path, target)
    left -= 1
    left or os.kill(os.getpid(), 9)
    return done
Path.rename = renamed
run.export(sys.argv[1], format=sys.argv[2], output=sys.argv[3], overwrite=True)
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two finished runs, `old` and `new`, of other documents."""
    folder = tmp_path_factory.mktemp("exported")
    for name, first in (("old", 0), ("new", 50_000)):
        lines = (json.dumps({"text": prose(first + number)}) + "\n" for number in range(NUM_DOCUMENTS))
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
        recipe = folder / f"{name}.toml"
        recipe.write_text(RECIPE.format(name=name, tokenizer=STARTER), encoding="utf-8")
        curate(recipe, workers=1)
    return folder


def words(run: Path, format_: str, output: Path, *more: str) -> list[str]:
    program = str(Path(sys.executable).parent / "gristmill")
    return [program, "export", str(run), "--format", format_, "--output", str(output), "--quiet", *more]


def files(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder; hidden ones, too."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def exported(run: Path, format_: str, output: Path) -> dict[str, bytes]:
    """Return what an undisturbed export writes."""
    subprocess.run(words(run, format_, output), check=True, stdout=subprocess.DEVNULL)
    return files(output)


def beside(output: Path) -> set[str]:
    return {path.name for path in output.parent.iterdir()}


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("max_file_bytes", [2_000, 150_000])
def test_a_file_that_cannot_grow_is_a_clear_error_and_leaves_nothing(
    format_: str, max_file_bytes: int, runs: Path, tmp_path: Path
) -> None:
    reference = exported(runs / "old", format_, tmp_path / "reference")
    assert max(map(len, reference.values())) > 150_000
    (tmp_path / "place").mkdir()
    output = tmp_path / "place" / "out"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))

    command = words(runs / "old", format_, output)
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=False)
    assert done.returncode == 3, done.stderr
    assert "code: GM-IO-001" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert beside(output) == set()
    assert verify_run(runs / "old").ok
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert files(output) == reference
    assert beside(output) == {"out"}


@pytest.mark.parametrize("format_", FORMATS)
def test_a_full_disk_leaves_the_older_export(format_: str, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    output = tmp_path / "place" / "out"
    old = exported(runs / "old", format_, output)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    command = words(runs / "new", format_, output, "--overwrite")
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=False)
    assert done.returncode == 3, done.stderr
    assert files(output) == old
    assert beside(output) == {"out"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert files(output) == exported(runs / "new", format_, tmp_path / "reference") != old


@pytest.mark.parametrize("format_", FORMATS)
def test_killed_at_any_moment_the_folder_is_the_old_export_or_the_new_one(
    format_: str, runs: Path, tmp_path: Path
) -> None:
    started = time.monotonic()
    new = exported(runs / "new", format_, tmp_path / "reference")
    duration_s = time.monotonic() - started
    (tmp_path / "place").mkdir()
    output = tmp_path / "place" / "out"
    old = exported(runs / "old", format_, output)
    command = words(runs / "new", format_, output, "--overwrite")
    moments = random.Random(FORMATS.index(format_))
    killed = 0
    for _ in range(5):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            process.wait(timeout=duration_s * moments.uniform(0.3, 1.0))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
        assert files(output) in (old, new)
    assert killed
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert files(output) == new
    assert beside(output) == {"out"}


@pytest.mark.parametrize("format_", FORMATS)
def test_killed_while_it_writes_and_resumed(format_: str, runs: Path, tmp_path: Path) -> None:
    reference = exported(runs / "old", format_, tmp_path / "reference")
    (tmp_path / "place").mkdir()
    output = tmp_path / "place" / "out"
    partial = output.with_name(".out.partial")
    process = subprocess.Popen(words(runs / "old", format_, output), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    # A file of the export is there before the folder gets its name.
    while not any(path.name != ".lock" for path in partial.glob("*")) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    if output.exists():
        assert files(output) == reference
        shutil.rmtree(output)
    subprocess.run(words(runs / "old", format_, output), check=True, stdout=subprocess.DEVNULL)
    assert files(output) == reference
    assert beside(output) == {"out"}


@pytest.mark.parametrize("renames", [1, 2])
def test_killed_while_one_export_replaces_another(renames: int, runs: Path, tmp_path: Path) -> None:
    new = exported(runs / "new", "mds", tmp_path / "reference")
    (tmp_path / "place").mkdir()
    output = tmp_path / "place" / "out"
    old = exported(runs / "old", "mds", output)
    arguments = [str(runs / "new"), "mds", str(output), str(renames)]
    done = subprocess.run([sys.executable, "-c", DRIVER, *arguments], check=False)
    assert done.returncode == -signal.SIGKILL
    # The old one was put aside, the new one perhaps not yet in its place.
    assert output.exists() == (renames == 2)
    # Whatever comes next finds one of the two, even if it fails: a name that is taken is refused.
    refused = subprocess.run(words(runs / "old", "mds", output), capture_output=True, text=True, check=False)
    assert "GM-EXPORT-001" in refused.stderr
    assert files(output) == (new if renames == 2 else old)
    subprocess.run(words(runs / "new", "mds", output, "--overwrite"), check=True, stdout=subprocess.DEVNULL)
    assert files(output) == new
    assert beside(output) == {"out"}
