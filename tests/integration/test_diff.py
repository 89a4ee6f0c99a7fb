"""`diff` of real runs: other thresholds, other inputs, equal runs; and its count against a plain join."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from tests.support import RECIPE, documents, prose, write_corpus

import gristmill
from gristmill.cli.main import main
from gristmill.curate.diff import diff_runs, rows
from gristmill.curate.run import CuratedRun
from gristmill.errors import GristmillError

STRICT = RECIPE.replace(
    'where = { lang = "en" }', 'where = { lang = "en" }\nmin_mean_word_length = 4.12\nmin_stop_words = false'
).replace('use = "clean"', 'use = "clean"\nlowercase = true')


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[CuratedRun, CuratedRun]:
    """Return two runs over nearly the same corpus: one document more, other thresholds, another edit."""
    folder = tmp_path_factory.mktemp("diff")
    first = gristmill.curate(write_corpus(folder), workers=1)
    lines = [json.dumps(row, ensure_ascii=False) for row in documents()[:12]]
    lines += [json.dumps({"id": "new", "text": prose(77), "lang": "en"}), "no json"]
    (folder / "first.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "strict.toml").write_text(STRICT, encoding="utf-8")
    second = gristmill.curate(folder / "strict.toml", workers=1, output=folder / "other")
    return first, second


def fates(run: CuratedRun) -> dict[bytes, tuple[str, str | None, str | None]]:
    """Return what became of each document, the slow and obvious way."""
    kept = run.documents().select("key", "text").collect()
    gone = run.rejects().select("key", "kind", "step", "rule").collect()
    return {key: ("kept", None, text) for key, text in kept.rows()} | {
        key: (kind, f"{step}.{rule}", None) for key, kind, step, rule in gone.rows()
    }


def test_cells_agree_with_a_plain_comparison(runs: tuple[CuratedRun, CuratedRun]) -> None:
    a, b = (fates(run) for run in runs)
    absent = ("absent", None, None)
    expected = Counter((a.get(key, absent)[:2], b.get(key, absent)[:2]) for key in a.keys() | b.keys())
    found = diff_runs(runs[0].path, runs[1].path)
    counted: Counter[tuple[object, object]] = Counter()
    for cell in found.cells:
        counted[(cell.fate_a, cell.reason_a), (cell.fate_b, cell.reason_b)] += cell.documents
    assert counted == expected
    assert sum(found.counts.values()) == len(a.keys() | b.keys())
    changed_text = sum(
        a[key][2] != b[key][2] for key in a.keys() & b.keys() if a[key][0] == b[key][0] == "kept"
    )
    assert changed_text > 0
    assert found.counts["other_text"] == changed_text
    assert found.counts["only_in_b"] == 2
    assert found.counts["kept_in_a"] > 0


def test_changes_of_recipe_and_input(runs: tuple[CuratedRun, CuratedRun]) -> None:
    found = diff_runs(runs[0].path, runs[1].path)
    named = {change.name: (change.a, change.b) for change in found.changes}
    assert named["step gopher_quality: min_mean_word_length"] == (3.0, 4.12)
    assert named["step clean: lowercase"] == (False, True)
    assert "step gopher_quality: min_stop_words" in named
    assert [change.name for change in found.changes if change.where == "input"] == ["first: first.jsonl"]
    assert not any(change.name.startswith("[run] output") for change in found.changes)


def test_sums_by_source(runs: tuple[CuratedRun, CuratedRun]) -> None:
    found = diff_runs(runs[0].path, runs[1].path)
    for run, sources in zip(runs, found.sources, strict=True):
        stated = run.counts["by_source"]
        assert list(sources) == ["first", "second"]
        for name, counts in sources.items():
            assert counts["documents_in"] == stated[name]["documents_in"]
            assert counts["kept"] == stated[name]["kept"]
        kept = run.documents().select("text", "num_tokens").collect()
        assert sum(one["text_bytes"] for one in sources.values()) == kept["text"].str.len_bytes().sum()
        assert sum(one["tokens"] for one in sources.values()) == kept["num_tokens"].sum()


def test_many_ranges_and_flushes_give_the_same(
    runs: tuple[CuratedRun, CuratedRun], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = diff_runs(runs[0].path, runs[1].path, write=tmp_path / "whole.parquet")
    monkeypatch.setattr(rows, "FLUSH_ROWS", 2)
    monkeypatch.setattr(rows, "BATCH_ROWS", 1)
    cut = diff_runs(runs[0].path, runs[1].path, rows_a_range=3, write=tmp_path / "cut.parquet")
    assert cut == whole
    assert pl.read_parquet(tmp_path / "cut.parquet").equals(pl.read_parquet(tmp_path / "whole.parquet"))


def test_the_file_of_differing_documents(runs: tuple[CuratedRun, CuratedRun], tmp_path: Path) -> None:
    path = tmp_path / "differing.parquet"
    found = diff_runs(runs[0].path, runs[1].path, write=path)
    table = pl.read_parquet(path)
    assert table.height == found.num_differing == found.num_written
    assert dict(table.group_by("difference").len().rows()) == {
        name: number for name, number in found.counts.items() if name != "same"
    }
    assert table["key"].to_list() == sorted(table["key"].to_list())
    for row in table.filter(pl.col("difference") == "kept_in_a").to_dicts():
        assert (row["fate_a"], row["same_text"]) == ("kept", None)
        assert row["reason_b"].startswith("gopher_quality.")
        assert row["value_b"] < row["threshold_b"]
    assert (
        table.filter(difference="other_text")["same_text"].to_list() == [False] * found.counts["other_text"]
    )
    assert [entry.name for entry in tmp_path.iterdir()] == ["differing.parquet"]


def test_examples_say_where_texts_part(runs: tuple[CuratedRun, CuratedRun]) -> None:
    [cell] = [cell for cell in diff_runs(runs[0].path, runs[1].path).cells if cell.difference == "other_text"]
    assert len(cell.examples) == min(3, cell.documents)
    for example in cell.examples:
        part = example["first_difference"]
        assert part["this"][:20].lower() == part["other"][:20]
        assert part["this"] != part["other"]


def test_the_other_way_round(runs: tuple[CuratedRun, CuratedRun]) -> None:
    there, back = diff_runs(runs[0].path, runs[1].path), diff_runs(runs[1].path, runs[0].path)
    mirror = {
        "only_in_a": "only_in_b",
        "only_in_b": "only_in_a",
        "kept_in_a": "kept_in_b",
        "kept_in_b": "kept_in_a",
    }
    assert back.counts == {mirror.get(name, name): number for name, number in there.counts.items()}
    assert back.sources == there.sources[::-1]


def test_the_command(
    runs: tuple[CuratedRun, CuratedRun], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    a, b = (str(run.path) for run in runs)
    assert main(["diff", a, b]) == 0
    text = capsys.readouterr().out
    assert "step gopher_quality: min_mean_word_length: 3.0 -> 4.12" in text
    assert "first: first.jsonl: other content" in text
    assert "kept -> dropped by gopher_quality.min_mean_word_length" in text
    assert re.search(r"B: [0-9.]+, threshold 4.12\n", text)
    assert (
        main(["diff", a, b, "--exit-code", "--show", "0", "--json", "--write", str(tmp_path / "d.parquet")])
        == 1
    )
    found = json.loads(capsys.readouterr().out)
    assert found["is_different"] is True
    assert found["num_written"] == sum(number for name, number in found["counts"].items() if name != "same")
    assert all(cell["examples"] == [] for cell in found["reasons"])


def test_equal_runs_are_the_same(
    runs: tuple[CuratedRun, CuratedRun], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(runs[0].path, copy)
    assert main(["diff", str(runs[0].path), str(copy), "--exit-code"]) == 0
    assert "the same: equal manifests, 20 documents in" in capsys.readouterr().out
    # Another manifest with the same documents is no difference either, and is found out by comparing them.
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert main(["diff", str(runs[0].path), str(copy), "--exit-code"]) == 0
    assert "no document differs" in capsys.readouterr().out


def test_runs_without_a_document_in_common(
    runs: tuple[CuratedRun, CuratedRun], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    recipe = write_corpus(
        tmp_path, recipe=RECIPE.replace('name = "first"', 'name = "one"').replace('"second"', '"two"')
    )
    other = gristmill.curate(recipe, workers=1)
    assert main(["diff", str(runs[0].path), str(other.path)]) == 0
    text = capsys.readouterr().out
    assert "no document is in both inputs" in text
    assert 'source first: only in A (["first.jsonl"])' in text


def test_what_cannot_be_compared(
    runs: tuple[CuratedRun, CuratedRun], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    a, b = (str(run.path) for run in runs)
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    (unfinished / "events.jsonl").write_text('{"stage": "map", "done": 1, "total": 2}\n')
    assert main(["diff", a, str(unfinished)]) == 2
    shown = capsys.readouterr().err
    assert "GM-RUN-002" in shown
    assert "is `map`, 1 of 2 done" in shown
    assert main(["diff", a, b, "--write", str(tmp_path)]) == 2
    assert "GM-DIFF-002" in capsys.readouterr().err
    assert main(["diff", a, b, "--write", str(tmp_path / "none/x.parquet")]) == 2
    assert "GM-DIFF-002" in capsys.readouterr().err
    damaged = tmp_path / "damaged"
    shutil.copytree(b, damaged)
    (damaged / "rejects/part-00000.parquet").unlink()
    with pytest.raises(GristmillError) as caught:
        diff_runs(a, damaged, write=tmp_path / "half.parquet")
    assert caught.value.code == "GM-DIFF-001"
    assert not list(tmp_path.glob("*half*"))
