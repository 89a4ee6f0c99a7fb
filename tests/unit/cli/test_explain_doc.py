"""`explain doc`: why a document was dropped, by how much, and what would have kept it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.cli.edit_context import edits_in_context
from gristmill.cli.judged import COMPARE, keeping
from gristmill.cli.main import main
from gristmill.cli.story_lines import measured
from gristmill.curate.lookup import Wanted, find_rows, searches

RECIPE = """
[[step]]
use = "gopher_quality"
min_words = 50

[[step]]
use = "c4_quality"

[[step]]
use = "toy.weight"
name = "heavy"
max = 3.5
"""


def threshold(
    column: str, keep: str, limit: float, rule: str | None = None, **where: object
) -> dict[str, object]:
    step = column.partition(".")[0]
    return {
        "step": step,
        "rule": rule or column.partition(".")[2],
        "column": column,
        "keep": keep,
        "threshold": limit,
        "where": [{"column": name, "any_of": [value]} for name, value in where.items()],
    }


THRESHOLDS = [
    threshold("gopher_quality.num_words", ">=", 50, "min_words"),
    threshold("gopher_quality.hash_ratio", "<=", 0.1),
    threshold("gopher_quality.mean_word_length", ">=", 3.0, "min_mean_word_length"),
    threshold("c4_quality.num_sentences", ">=", 5, lang="en"),
    threshold("c4_quality.has_curly_bracket", "==", 0),
    threshold("heavy.grams", "<=", 3.5),
    threshold("sieve.keep", "==", 1),
]
COLUMNS = {
    "gopher_quality.num_words": pa.array([60, 70, 12, 61], pa.uint32()),
    "gopher_quality.hash_ratio": [0.0, 0.0, 0.366197, 0.0],
    "gopher_quality.mean_word_length": [4.0, 4.0, None, 4.0],
    "lang": ["en", "en", "de", "en"],
    "c4_quality.num_sentences": pa.array([9, 9, 1, 9], pa.uint32()),
    "c4_quality.num_lines_removed": pa.array([0, 0, 7, 0], pa.uint32()),
    "c4_quality.has_curly_bracket": [False, False, True, False],
    "heavy.grams": pa.array([1.0, 1.0, 4.25, 1.0], pa.float32()),
    "sieve.keep": [True, True, False, True],
}


@pytest.fixture
def judged_run(finished_run: Path) -> Path:
    """Return the small run with thresholds, signals for them and a recipe."""
    file = finished_run / "signals/part-00000.parquet"
    table = pq.read_table(file).select(["doc", "key", "id", "source"])
    for name, values in COLUMNS.items():
        table = table.append_column(name, pa.array(values) if isinstance(values, list) else values)
    pq.write_table(table, file)
    manifest = json.loads((finished_run / "manifest.json").read_text())
    (finished_run / "manifest.json").write_text(json.dumps({**manifest, "thresholds": THRESHOLDS}))
    (finished_run / "recipe.toml").write_text(RECIPE)
    operators = [
        {"step": "gopher_quality", "use": "gopher_quality"},
        {"step": "c4_quality", "use": "c4_quality"},
        {"step": "heavy", "use": "toy.weight"},
        {"step": "sieve", "use": "toy.sieve"},
    ]
    plan = {
        "sources": [{"engine": {"id": "id"}, "reader": None}],
        "operators": operators,
        "steps": [{"name": "clean"}],
        "dedup": ["exact_dedup", "minhash_dedup", {}, 0.8],
        "files": [{"path": "/data/a.jsonl"}],
    }
    (finished_run / "plan.json").write_text(json.dumps(plan))
    return finished_run


def tell(run: Path, name: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["explain", "doc", name, "--run", str(run)]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def story(run: Path, name: str, capsys: pytest.CaptureFixture[str]) -> dict:
    assert main(["explain", "doc", name, "--run", str(run), "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out)["documents"]
    return found


def test_every_threshold_with_its_outcome(judged_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judgements = story(judged_run, "2", capsys)["judgements"]
    assert [(one["rule"], one["outcome"]) for one in judgements] == [
        ("min_words", "failed"),
        ("hash_ratio", "failed"),
        ("min_mean_word_length", "null"),
        ("num_sentences", "outside"),
        ("has_curly_bracket", "failed"),
        ("grams", "failed"),
        ("keep", "failed"),
    ]
    assert [one["rule"] for one in judgements if one["is_reason"]] == ["min_words"]
    assert judgements[3]["outside_because"] == "`lang` is `de`, the step is for `en`"
    assert [one["outcome"] for one in story(judged_run, "0", capsys)["judgements"]] == ["passed"] * 7


def test_what_would_have_kept_it(judged_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    to_keep = story(judged_run, "2", capsys)["to_keep"]
    assert to_keep["recipe_lines"] == {
        "gopher_quality": ["min_words = 12", "max_hash_ratio = 0.3662"],
        "c4_quality": ["drop_curly_bracket = false"],
        # The recipe has the short form of the key, so that is what it has to change.
        "heavy": ["max = 4.25"],
    }
    assert to_keep["were"]["gopher_quality"] == {"min_words": 50, "max_hash_ratio": 0.1}
    assert to_keep["cannot_change"] == ["sieve.keep"]
    assert to_keep["measured_after_edits_of"] == ["c4_quality"]
    assert to_keep["not_compared_by"] == ["exact_dedup", "minhash_dedup"]
    assert to_keep["what_if"].endswith(
        " --set gopher_quality.min_words=12 --set gopher_quality.max_hash_ratio=0.3662"
        " --set c4_quality.drop_curly_bracket=false --set heavy.max=4.25"
    )


def test_the_story_in_words(judged_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tell(judged_run, "2", capsys)
    assert "because 12 of at least 50 words\n" in text
    assert "gopher_quality would have dropped it too: hash_ratio is 0.366197, wanted at most 0.1\n" in text
    assert "see `gristmill explain rule gopher_quality.min_words`" in text
    assert "min_words = 12    # was 50" in text
    assert "`sieve.keep` is decided by the operator's own code" in text
    assert "after its own edits, here 7 lines" in text
    assert "6 thresholds asked, in this order; 5 failed" in text
    [dropped] = [line for line in text.splitlines() if line.lstrip().startswith("DROPPED")]
    assert dropped.split() == [
        "DROPPED",
        "gopher_quality.num_words",
        "12",
        "at",
        "least",
        "50",
        "38",
        "short",
    ]
    assert "not asked by `c4_quality`: `lang` is `de`, the step is for `en`" in text


def test_limits_are_the_runs_own(judged_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (judged_run / "recipe.toml").write_text(RECIPE.replace("50", "5"))
    assert story(judged_run, "2", capsys)["judgements"][0]["threshold"] == 50


def test_a_near_duplicate_and_what_keeps_it(judged_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = story(judged_run, str(1 << 40), capsys)
    assert found["to_keep"]["recipe_lines"] == {"minhash_dedup": ["min_similarity = 0.8751"]}
    assert found["to_keep"]["were"] == {"minhash_dedup": {"min_similarity": 0.8}}
    assert found["duplicate_of"]["first_difference"]["character"] == len("a kept text")
    assert found["explained_by"] == "minhash_dedup"
    assert "the texts part at character 11" in tell(judged_run, str(1 << 40), capsys)
    kept = story(judged_run, "0", capsys)
    assert kept["num_duplicates_removed"] == 1
    assert kept["duplicates_removed"][0]["doc"] == 1 << 40
    assert "1 duplicate of it removed:" in tell(judged_run, "0", capsys)


@pytest.mark.parametrize("rule", ["near_duplicate", "exact_duplicate"])
def test_equal_texts_are_kept_by_no_threshold(
    rule: str, judged_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = judged_run / "rejects/part-00000.parquet"
    table = pq.read_table(file)
    for name, values in (
        ("similarity", pa.array([None, 1.0], pa.float32())),
        ("rule", pa.array(["min_words", rule])),
        ("excerpt", pa.array(["short", "a kept text"])),
    ):
        table = table.set_column(table.column_names.index(name), name, values)
    pq.write_table(table, file)
    found = story(judged_run, str(1 << 40), capsys)
    assert found["to_keep"]["recipe_lines"] == {}
    assert found["to_keep"]["cannot_change"] == [f"minhash_dedup.{rule}"]
    text = tell(judged_run, str(1 << 40), capsys)
    assert "no `min_similarity` does" in text
    assert "the first 11 characters of both are the same" in text


def test_a_quarantined_document(judged_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = judged_run / "rejects/part-00000.parquet"
    table = pq.read_table(file)
    changed = {
        "doc": pa.array([7, 1 << 40], pa.uint64()),
        "kind": pa.array(["quarantined", "dropped"]),
        "step": pa.array(["read", "minhash_dedup"]),
        "rule": pa.array(["invalid_json", "near_duplicate"]),
        "value": pa.array([None, None], pa.float64()),
        "threshold": pa.array([None, None], pa.float64()),
        "detail": pa.array(["expected `,` at byte 17\nof the line", None]),
    }
    for name, values in changed.items():
        table = table.set_column(table.column_names.index(name), name, values)
    pq.write_table(table, file)
    text = tell(judged_run, "7", capsys)
    assert "quarantined by read: invalid_json\n  expected `,` at byte 17\n  of the line\n" in text
    assert "in /data/a.jsonl; rows count from 0" in text
    assert "threshold" not in text
    assert "explain rule" not in text


def test_the_beginning_of_a_key(judged_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "document 2 " in tell(judged_run, "02020", capsys)
    file = judged_run / "documents/part-00000.parquet"
    table = pq.read_table(file)
    keys = pa.array([bytes.fromhex("02020" + "f" * 27), b"\1" * 16], pa.binary(16))
    pq.write_table(table.set_column(1, "key", keys), file)
    assert main(["explain", "doc", "02020", "--run", str(judged_run)]) == 2
    shown = capsys.readouterr().err
    assert "GM-EXPLAIN-001" in shown
    assert "02020" + "f" * 27 in shown
    assert "document 2 " in tell(judged_run, "020202", capsys)


def test_an_id_that_looks_like_a_key(judged_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = judged_run / "documents/part-00000.parquet"
    table = pq.read_table(file)
    pq.write_table(table.set_column(2, "id", pa.array(["0202", None])), file)
    assert "document 0 " in tell(judged_run, "0202", capsys)
    assert [one.column for one in searches("ab")] == ["id"]


def test_row_groups_that_cannot_match_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"doc": pa.array(range(100), pa.uint64()), "text": ["x"] * 100})
    pq.write_table(table, path, row_group_size=10)
    metadata = pq.ParquetFile(path).metadata
    wanted = Wanted.equal("doc", 42)
    assert [wanted.may_be_in(metadata.row_group(n).column(0).statistics) for n in range(10)].count(True) == 1
    assert [row["doc"] for row in find_rows([path], wanted)] == [42]


def test_an_unfinished_run_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "events.jsonl").write_text('{"stage": "map", "done": 2, "total": 5}\n')
    assert main(["explain", "doc", "1", "--run", str(tmp_path)]) == 2
    assert "is `map`, 2 of 5 done" in capsys.readouterr().err


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([">=", "<=", ">", "<"]))
def test_a_proposed_threshold_keeps(value: float, keep: str) -> None:
    if abs(value) < 1e300:
        assert COMPARE[keep](value, keeping(value, keep))


@given(st.integers(0, 2**32), st.sampled_from([">=", "<=", ">", "<"]))
def test_a_proposed_count_keeps(value: int, keep: str) -> None:
    proposed = keeping(value, keep)
    assert isinstance(proposed, int)
    assert COMPARE[keep](value, proposed)


def test_counts_have_units() -> None:
    judged = {
        "column": "c4_quality.num_lines_kept",
        "step": "c4_quality",
        "value": 2,
        "keep": ">",
        "threshold": 2.0,
    }
    assert measured(judged) == "2 of more than 2 lines kept"


def edit(step: str, sequence: int, start: int, before: str, after: str, part: str = "") -> dict[str, object]:
    end = start + len(before.encode())
    return {
        "step": step,
        "part": part,
        "sequence": sequence,
        "start": start,
        "end": end,
        "before": before,
        "after": after,
    }


def test_edits_of_several_parts_in_their_contexts() -> None:
    # "é  b[1]" -> (spaces) "é b[1]" -> (citations) "é b"
    rows = [edit("cite", 0, 4, "[1]", ""), edit("clean", 0, 2, "  ", " ", "whitespace")]
    first, second = edits_in_context("é b", rows, step_order=["clean", "cite"])
    assert (first.step, first.left, first.right) == ("clean", "é", "b[1]")
    assert (second.step, second.left, second.right) == ("cite", "é b", "")


def test_edits_that_do_not_fit_the_text_have_no_context() -> None:
    [found] = edits_in_context("abc", [edit("s", 0, 1, "x", "y")], step_order=["s"])
    assert (found.left, found.before, found.after) == (None, "x", "y")


@given(st.text(max_size=60), st.data())
def test_undoing_edits_gives_what_was_read(original: str, data: st.DataObject) -> None:
    """Cut an arbitrary text at arbitrary places, and find around each cut what stood there."""
    pieces = data.draw(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4), st.text(max_size=4))))
    rows, read, left_over = [], "", ""
    for sequence, (untouched, before, after) in enumerate(pieces):
        read += untouched
        left_over += untouched
        rows.append(edit("s", sequence, len(read.encode()), before, after))
        read += before
        left_over += after
    read += original
    left_over += original
    for row, found in zip(rows, edits_in_context(left_over, rows, step_order=["s"]), strict=True):
        start, end = row["start"], row["end"]
        assert found.left == read.encode()[:start].decode()[-24:]
        assert found.right == read.encode()[end:].decode()[:24]
