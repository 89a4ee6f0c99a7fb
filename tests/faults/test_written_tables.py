"""Faults aimed at tables about decisions: `decisions/`, `diff --write`, `what-if --write`.

A table is there whole or not at all, whatever happens; an older one of that name stays until the new one is whole.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from tests.support import WORDS

from gristmill.cli.main import main
from gristmill.curate.folder import RunFolder
from gristmill.curate.run import CuratedRun, curate
from gristmill.curate.verify import verify_run

NUM_DOCUMENTS = 4_000
RECIPE = """
[run]
output = "{run}"
partition_bytes = 200_000

[[source]]
name = "first"
paths = ["first.jsonl"]

[[source]]
name = "second"
paths = ["second.jsonl"]

[[step]]
use = "gopher_quality"
min_stop_words = false
min_words = {min_words}
"""


def write_recipe(folder: Path, run: str, min_words: int) -> Path:
    path = folder / f"{run}.toml"
    path.write_text(RECIPE.format(run=run, min_words=min_words), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with inputs and two finished runs, `low` and `high`, with other thresholds."""
    folder = tmp_path_factory.mktemp("written")
    numbers = random.Random(5)
    for name in ("first", "second"):
        texts = [
            " ".join(numbers.choices(WORDS, k=numbers.randint(4, 40))) for _ in range(NUM_DOCUMENTS // 2)
        ]
        lines = [json.dumps({"text": text}) + "\n" for text in texts]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    curate(write_recipe(folder, "low", 10), workers=1)
    curate(write_recipe(folder, "high", 25), workers=1)
    return folder


def command(*words: str) -> list[str]:
    return [str(Path(sys.executable).parent / "gristmill"), *words]


def run_limited(words: list[str], max_file_bytes: int) -> subprocess.CompletedProcess[str]:
    """Run a command with a limit on the size of any file that it writes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))

    return subprocess.run(words, capture_output=True, text=True, preexec_fn=limit, check=False)


def diff_words(corpus: Path, target: Path) -> list[str]:
    return command("diff", str(corpus / "low"), str(corpus / "high"), "--write", str(target), "--quiet")


def what_if_words(corpus: Path, target: Path) -> list[str]:
    setting = "gopher_quality.min_words=25"
    return command(
        "what-if",
        str(corpus / "low.toml"),
        "--set",
        setting,
        "--write",
        str(target),
        "--quiet",
        "--threads",
        "1",
    )


VERBS = pytest.mark.parametrize("words_of", [diff_words, what_if_words])
WordsOf = Callable[[Path, Path], list[str]]


def left_behind(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@VERBS
def test_a_killed_command_leaves_the_old_table_or_the_new_one(
    words_of: WordsOf, corpus: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole.parquet"
    started = time.monotonic()
    subprocess.run(words_of(corpus, whole), check=True, stdout=subprocess.DEVNULL)
    duration_s = time.monotonic() - started
    reference = whole.read_bytes()
    assert pq.read_metadata(whole).num_rows > NUM_DOCUMENTS // 4
    target = tmp_path / "changes.parquet"
    target.write_bytes(b"an older table")
    moments = random.Random(1)
    killed = 0
    for _ in range(8):
        process = subprocess.Popen(words_of(corpus, target), stdout=subprocess.DEVNULL)
        try:
            process.wait(timeout=duration_s * moments.uniform(0.3, 1.1))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
        assert target.read_bytes() in (b"an older table", reference)
    assert killed
    subprocess.run(words_of(corpus, target), check=True, stdout=subprocess.DEVNULL)
    assert target.read_bytes() == reference


@VERBS
@pytest.mark.parametrize("max_file_bytes", [0, 4_000, 30_000])
def test_a_file_that_cannot_grow_is_a_clear_error_and_leaves_nothing(
    words_of: WordsOf, max_file_bytes: int, corpus: Path, tmp_path: Path
) -> None:
    target = tmp_path / "changes.parquet"
    target.write_bytes(b"an older table")
    done = run_limited(words_of(corpus, target), max_file_bytes)
    assert done.returncode in (2, 3), done.stderr
    assert any(f"code: {code}" in done.stderr for code in ("GM-IO-001", "GM-IO-002", "GM-DIFF-002")), (
        done.stderr
    )
    assert "Traceback" not in done.stderr
    assert target.read_bytes() == b"an older table"
    assert left_behind(tmp_path) == {"changes.parquet"}
    target.unlink()
    subprocess.run(words_of(corpus, target), check=True, stdout=subprocess.DEVNULL)
    assert pq.read_metadata(target).num_rows > NUM_DOCUMENTS // 4


@pytest.fixture
def copy(corpus: Path, tmp_path: Path) -> Path:
    """Return a copy of the corpus whose files may be damaged: nothing in it is linked."""
    shutil.copytree(corpus, tmp_path / "copy")
    return tmp_path / "copy"


def damage(path: Path, *, share: float) -> None:
    """Cut a file, or, for a share of 1, flip a bit in its middle."""
    content = bytearray(path.read_bytes())
    if share == 1:
        content[len(content) // 2] ^= 8
    path.write_bytes(content[: int(len(content) * share)])


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
@pytest.mark.parametrize(
    ("words_of", "table"),
    [
        (diff_words, "documents"),
        (diff_words, "rejects"),
        (what_if_words, "signals"),
        (what_if_words, "decisions"),
    ],
)
def test_a_cut_table_of_the_run_is_named_and_nothing_is_written(
    words_of: WordsOf, table: str, share: float, copy: Path, tmp_path: Path
) -> None:
    path = copy / "low" / table / "part-00001.parquet"
    damage(path, share=share)
    target = tmp_path / "changes.parquet"
    done = subprocess.run(words_of(copy, target), capture_output=True, text=True, check=False)
    assert done.returncode in (1, 2, 3), done.stderr
    assert f"{table}/part-00001.parquet" in done.stderr
    assert "Traceback" not in done.stderr
    assert not target.exists()
    assert left_behind(tmp_path) == {"copy"}


@pytest.mark.parametrize("table", ["decisions", "signals"])
@pytest.mark.parametrize("share", [0.5, 1])
def test_a_damaged_table_fails_verification(table: str, share: float, copy: Path) -> None:
    damage(copy / "low" / table / "part-00000.parquet", share=share)
    report = verify_run(copy / "low")
    assert not report.ok
    assert f"`{table}/part-00000.parquet` is damaged" in report.checks[0].detail


def decisions_of(run: CuratedRun) -> list[bytes]:
    return [path.read_bytes() for path in sorted((run.path / "decisions").iterdir())]


def test_decisions_that_cannot_grow_leave_the_finished_run_and_resume(
    tmp_path: Path,
) -> None:
    numbers = random.Random(6)
    for name, num_documents in (("first", 100), ("second", 30_000)):
        lines = [json.dumps({"text": "w " * numbers.randint(4, 40)}) + "\n" for _ in range(num_documents)]
        (tmp_path / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    recipe = write_recipe(tmp_path, "run", 10)
    before = decisions_of(curate(recipe, workers=1))
    write_recipe(tmp_path, "run", 25)
    # More than plan, recipe, events and manifests; less than the verdicts of the second file.
    limit = max(path.stat().st_size for path in (tmp_path / "run").iterdir() if path.is_file()) + 8_192
    verdicts = [path.stat().st_size for path in (tmp_path / "run" / "work" / "data").glob("decide-*.bin")]
    assert max(verdicts) == 60_000 > limit
    done = run_limited(command("curate", str(recipe), "--workers", "1", "--quiet"), limit)
    assert done.returncode == 3, done.stderr
    assert "code: GM-IO-001" in done.stderr
    assert "Traceback" not in done.stderr
    # The finished run of the earlier threshold is still there, and still whole.
    finished = CuratedRun(path=tmp_path / "run", manifest={}, digest="")
    assert verify_run(finished.path).ok
    assert decisions_of(finished) == before
    run = curate(recipe, workers=1)
    assert decisions_of(run) != before
    other = curate(write_recipe(tmp_path, "other", 25), workers=1)
    assert decisions_of(run) == decisions_of(other)


def test_killed_while_deciding_again_and_resumed(corpus: Path, copy: Path) -> None:
    driver = (
        "import os, sys\nfrom gristmill.curate.run import curate\nleft = int(sys.argv[2])\n"
        "def count(event):\n    global left\n    left -= event['stage'] == 'decide'\n"
        "    left or os.kill(os.getpid(), 9)\n"
        "curate(sys.argv[1], workers=1, on_event=count)\n"
    )
    (copy / "low.toml").write_text(RECIPE.format(run="low", min_words=25), encoding="utf-8")
    for events in (1, 2, 3):
        done = subprocess.run(
            [sys.executable, "-c", driver, str(copy / "low.toml"), str(events)], check=False
        )
        assert done.returncode in (-signal.SIGKILL, 0)
        # Until the new run is finished the tables are those of the old one, and proven.
        assert verify_run(copy / "low").ok
    run = curate(copy / "low.toml", workers=1)
    assert verify_run(run.path).ok
    assert decisions_of(run) == decisions_of(CuratedRun(path=corpus / "high", manifest={}, digest=""))


def test_damaged_decisions_in_work_are_made_again(copy: Path) -> None:
    folder = RunFolder(copy / "low")
    reference = decisions_of(curate(copy / "low.toml", workers=1))
    [path, *_] = sorted(folder.data.glob("decide-*decisions*"))
    damage(path, share=0.5)
    shutil.rmtree(copy / "low" / "decisions")
    run = curate(copy / "low.toml", workers=1)
    assert run.num_run >= 1
    assert decisions_of(run) == reference
    assert main(["verify", str(run.path), "--quiet"]) == 0
    failed = pl.read_parquet(copy / "low" / "decisions")
    assert failed.height == NUM_DOCUMENTS
