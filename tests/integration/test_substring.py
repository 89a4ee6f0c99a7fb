"""`substring_dedup` through `curate`: planted passages, against a slow version in Python that looks everywhere."""

from __future__ import annotations

import itertools
import json
import random
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.support import prose

from gristmill.curate.rule_examples import run_cleaning
from gristmill.curate.run import CuratedRun, curate
from gristmill.curate.verify import verify_run
from gristmill.errors import GristmillError

LENGTH = 120
PASSAGE = "»Die Mühle am Fluß« – 磨坊在河边 – steht seit achthundert Jahren, und ihre Steine mahlen langsam, aber sie mahlen. 🙂"
LICENCE = (
    "Permission is hereby granted, free of charge, to any person obtaining a copy of this text:\n"
    "to use it,\nto copy it,\nto keep it for good,\n"
)

RECIPE = """
[run]
output = "run"
partition_bytes = 3000
[[source]]
name = "web"
paths = ["web-*.jsonl"]
id = "id"
[[source]]
name = "books"
paths = ["books.jsonl"]
id = "id"
[[step]]
use = "clean"
[[step]]
use = "substring_dedup"
{keys}
"""


def documents() -> dict[str, list[dict[str, str]]]:
    """Return documents by file: the passage and the licence in both sources, copies, periodic text, short ones."""
    first = prose(1)
    texts = {
        "web-0": [first, PASSAGE + " " + prose(2), prose(3) + LICENCE, "short", "-" * 700, prose(4)],
        "web-1": [prose(5) + PASSAGE, first, LICENCE + prose(6) + LICENCE, "ab" * 200 + prose(7)],
        "books": [prose(8)[:50] + PASSAGE + LICENCE + prose(8)[50:], PASSAGE + LICENCE, "ü" * 300, "-" * 400],
    }
    return {
        file: [{"id": f"{file}-{number}", "text": text} for number, text in enumerate(found)]
        for file, found in texts.items()
    }


def write(folder: Path, files: Mapping[str, Sequence[Mapping[str, str]]], keys: str) -> Path:
    """Write files and a recipe; return the recipe's path."""
    for file, rows in files.items():
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{file}.jsonl").write_text("".join(lines), encoding="utf-8")
    path = folder / "recipe.toml"
    path.write_text(RECIPE.format(keys=keys), encoding="utf-8")
    return path


def in_order(files: Mapping[str, Sequence[Mapping[str, str]]]) -> list[Mapping[str, str]]:
    """Return documents in input order: sources as the recipe names them, files by name."""
    return [row for file in ("web-0", "web-1", "books") for row in files.get(file, ())]


def table(run: CuratedRun, name: str) -> list[dict[str, object]]:
    """Return a table of a run as rows."""
    paths = sorted((run.path / name).glob("part-*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def without_repetitions(texts: Sequence[str], length: int) -> list[str]:
    """Return texts without repeated passages, the slow way."""
    standing: set[bytes] = set()
    return [without_standing(text, length, standing) for text in texts]


def without_standing(text: str, length: int, standing: set[bytes]) -> str:
    """Return a text without the windows that stand, and add its own."""
    data = text.encode()
    edges = [len(text[:place].encode()) for place in range(len(text) + 1)]
    windows = {edge: data[edge : edge + length] for edge in edges if edge + length <= len(data)}
    end_of = {start: max(edge for edge in edges if edge <= start + length) for start in windows}
    kept: list[bytes] = []
    run = here = 0  # since the last cut, `run` to `here` is kept
    while here < len(data):
        unit = next(edge for edge in edges if edge > here)
        completed = [start for start in windows if run <= start <= here and end_of[start] == unit]
        hits = [start for start in [here, *completed] if windows.get(start) in standing]
        if not hits:
            standing.update(windows[start] for start in completed)
            here = unit
            continue
        end = end_of[hits[0]]
        for start in edges:
            if hits[0] < start <= end and windows.get(start) in standing:
                end = max(end, end_of[start])
        kept.append(data[run:here])
        here = run = end
    return b"".join([*kept, data[run:]]).decode()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> CuratedRun:
    """Return a run over the planted passages."""
    folder = tmp_path_factory.mktemp("substring")
    return curate(write(folder, documents(), f"min_bytes = {LENGTH}"), workers=1)


def test_texts_are_what_the_slow_version_leaves(run: CuratedRun) -> None:
    rows = in_order(documents())
    cleaned = run_cleaning([row["text"] for row in rows])
    expected = dict(zip([row["id"] for row in rows], without_repetitions(cleaned, LENGTH), strict=True))
    kept = {str(row["id"]): row["text"] for row in table(run, "documents")}
    gone = {str(row["id"]) for row in table(run, "rejects")}
    assert kept == {name: text for name, text in expected.items() if text.strip()}
    assert gone == {"web-1-1", "books-1"} | {name for name, text in expected.items() if not text.strip()}
    assert kept["web-0-4"] == "-" * LENGTH
    assert PASSAGE in str(kept["web-0-1"])
    assert PASSAGE not in str(kept["web-1-0"])


def test_edits_rebuild_the_texts_and_what_went_stands(run: CuratedRun) -> None:
    kept = {row["doc"]: str(row["text"]) for row in table(run, "documents")}
    rows = in_order(documents())
    cleaned = run_cleaning([row["text"] for row in rows])
    originals: dict[object, str] = {row["id"]: text for row, text in zip(rows, cleaned, strict=True)}
    names = {row["doc"]: row["id"] for row in table(run, "documents")}
    edits = [row for row in table(run, "edits") if row["step"] == "substring_dedup"]
    assert edits
    rebuilt = {doc: text.encode() for doc, text in kept.items()}
    for row in edits:
        before = str(row["before"]).encode()
        start = row["start"]
        assert isinstance(start, int)
        text = rebuilt[row["doc"]]
        rebuilt[row["doc"]] = text[:start] + before + text[start:]
        assert any(str(row["before"]) in other for other in kept.values())
    assert {names[doc]: text.decode() for doc, text in rebuilt.items()} == {
        names[doc]: originals[names[doc]] for doc in kept
    }


def test_the_run_verifies_and_counts(run: CuratedRun) -> None:
    assert verify_run(run.path).ok
    dropped = [row for row in table(run, "rejects") if row["step"] == "substring_dedup"]
    assert {row["rule"] for row in dropped} == {"nothing_left"}


def test_the_guide_finds_where_a_passage_stays(
    run: CuratedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = Path(__file__).parents[2] / "docs" / "guides" / "remove-repeated-passages.md"
    [block] = re.findall(
        r"^```python\n(.*?)^```", guide.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    write(tmp_path, documents(), f"min_bytes = {LENGTH}")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(block, names)
    assert names["run"].digest == run.digest  # type: ignore[attr-defined]
    assert names["stays"].height >= 1  # type: ignore[attr-defined]


def test_same_bytes_for_any_workers(run: CuratedRun, tmp_path: Path) -> None:
    recipe = write(tmp_path, documents(), f"min_bytes = {LENGTH}")
    assert curate(recipe, workers=2).digest == run.digest


def test_partitions_do_not_show(run: CuratedRun, tmp_path: Path) -> None:
    recipe = write(tmp_path, documents(), f"min_bytes = {LENGTH}")
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("= 3000", "= 1000000"), encoding="utf-8")
    whole = curate(recipe, workers=1)
    texts = [(row["id"], row["text"]) for row in table(run, "documents")]
    assert [(row["id"], row["text"]) for row in table(whole, "documents")] == texts


def test_whole_lines_and_words_left(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "text": "heading\n" + LICENCE + "the end"},
        {"id": "b", "text": "other heading " + LICENCE + "of b"},
        {"id": "c", "text": LICENCE + "two words"},
    ]
    keys = "min_bytes = 100\nwhole_lines = true\nmin_words_left = 3"
    done = curate(write(tmp_path, {"web-0": rows, "books": [{"id": "d", "text": "a book"}]}, keys), workers=1)
    lines = LICENCE.split("\n", 1)
    kept = {row["id"]: row["text"] for row in table(done, "documents")}
    assert kept == {"a": rows[0]["text"], "b": f"other heading {lines[0]}\nof b", "d": "a book"}
    [reject] = table(done, "rejects")
    assert (reject["id"], reject["rule"], reject["value"], reject["threshold"]) == (
        "c",
        "too_little_left",
        2,
        3,
    )


def test_too_little_memory_stops_with_figures_and_the_next_run_goes_on(tmp_path: Path) -> None:
    recipe = write(tmp_path, documents(), f"min_bytes = {LENGTH}")
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(text.replace("[run]", '[run]\nscratch_memory = "1MiB"'), encoding="utf-8")
    with pytest.raises(GristmillError) as caught:
        curate(recipe, workers=1)
    assert caught.value.code == "GM-SUBSTRING-001"
    assert "scratch_memory" in str(caught.value.hint)
    recipe.write_text(text, encoding="utf-8")
    assert curate(recipe, workers=1).num_reused > 0


def test_random_texts_of_few_pieces(tmp_path: Path) -> None:
    chance = random.Random(11)
    pieces = [prose(number, words=12) for number in range(4)] + ["é" * 30, "中文" * 12, "x", "\n\n", "-" * 45]
    for trial in range(4):
        folder = tmp_path / str(trial)
        folder.mkdir()
        counter = itertools.count()
        files = {
            file: [
                {"id": str(next(counter)), "text": "".join(chance.choices(pieces, k=chance.randrange(1, 6)))}
                for _ in range(4)
            ]
            for file in ("web-0", "web-1", "books")
        }
        done = curate(write(folder, files, "min_bytes = 50"), workers=1)
        rows = in_order(files)
        cleaned = run_cleaning([row["text"] for row in rows])
        expected = without_repetitions(cleaned, 50)
        kept = {row["id"]: row["text"] for row in table(done, "documents")}
        assert kept == {
            row["id"]: text
            for row, before, text in zip(rows, cleaned, expected, strict=True)
            if text.strip() or text == before
        }


DRIVER = """
import os, sys
from gristmill.curate.run import curate

seen = 0


def count(event):
    global seen
    seen += event["stage"] in ("decide", "substring", "cut")
    if seen == int(sys.argv[2]):
        os.kill(os.getpid(), 9)


curate(sys.argv[1], workers=1, on_event=count)
"""


def test_killed_around_the_cut_and_resumed(run: CuratedRun, tmp_path: Path) -> None:
    recipe = write(tmp_path, documents(), f"min_bytes = {LENGTH}")
    killed = 0
    for events in range(1, 40):
        command = [sys.executable, "-c", DRIVER, str(recipe), str(events)]
        if subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0:
            break
        killed += 1
    assert killed >= 5
    finished = curate(recipe, workers=1)
    assert finished.digest == run.digest
    assert verify_run(finished.path).ok
