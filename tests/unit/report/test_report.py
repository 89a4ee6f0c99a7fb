"""What a report says agrees with the rows of the run in every section; the same run gives the same bytes."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from fake_run import write_fake_run

from gristmill.errors import GristmillError, catalogue
from gristmill.report import streams
from gristmill.report.blocks import Note
from gristmill.report.build import collect_report, write_report
from gristmill.report.folder import RunFolder
from gristmill.report.sections import STANDARD, Section, collect
from gristmill.report.sections.duplicates import marked_differences
from gristmill.report.thresholds import Threshold, find_thresholds, reach

SECTIONS_WITH_BATCHES = ("funnel", "rules", "examples", "edits", "quarantine", "distributions", "duplicates")


def section(run: Path, name: str) -> list[dict[str, Any]]:
    """Return the blocks of one section as JSON."""
    report: Any = collect_report(run)
    return next(entry["blocks"] for entry in report["sections"] if entry["name"] == name)


def table(blocks: list[dict[str, Any]], caption: str) -> list[list[Any]]:
    return next(
        block["rows"]
        for block in blocks
        if block["block"] == "table" and block["caption"].startswith(caption)
    )


def rejects(run: Path) -> pl.DataFrame:
    return pl.read_parquet(sorted((run / "rejects").glob("*.parquet")))


def test_every_section_is_there_in_order(hostile_run: Path) -> None:
    report: Any = collect_report(hostile_run)
    # Its documents are plain texts, and its training has no records of documents.
    expected = [
        entry.name for entry in STANDARD if entry.name not in ("supervised", "plugins", "training-documents")
    ]
    assert [entry["name"] for entry in report["sections"]] == expected


def test_funnel_loses_exactly_the_rejects_and_ends_at_kept(hostile_run: Path) -> None:
    counts = json.loads((hostile_run / "manifest.json").read_bytes())["counts"]
    funnel = section(hostile_run, "funnel")[0]
    remaining = counts["documents_in"]
    for stage in funnel["stages"]:
        remaining -= sum(loss["documents"] for loss in stage["losses"])
        assert stage["documents"] == remaining
    assert remaining == counts["kept"]
    labels = [stage["label"] for stage in funnel["stages"]]
    steps = ["read", "gopher_quality", "c4_quality", "exact_dedup", "minhash_dedup"]
    assert labels == ["documents in", *(f"after {step}" for step in steps), "kept"]
    assert funnel["result"] == f"{sum(entry['tokens'] for entry in counts['tokens'].values()):,} tokens"


def test_rows_of_sources_add_up(hostile_run: Path) -> None:
    for row in table(section(hostile_run, "funnel"), "By source"):
        _, documents_in, *removed, kept, share, _ = row
        assert documents_in == sum(removed) + kept
        assert share == kept / documents_in


def test_rules_count_first_hits_all_failures_and_sole_failures(hostile_run: Path) -> None:
    rows = {
        row[1]: row
        for row in table(section(hostile_run, "rules"), "Rules")
        if row[0] in ("gopher_quality", "c4_quality")
    }
    signals = pl.read_parquet(sorted((hostile_run / "signals").glob("*.parquet")))
    words, length = pl.col("gopher_quality.num_words"), pl.col("gopher_quality.mean_word_length")
    few = (words < 50) & (pl.col("lang") == "en").fill_null(value=False)
    long, lorem = length > 6.0, pl.col("c4_quality.has_lorem_ipsum")
    first = rejects(hostile_run).group_by("rule").len()
    for rule, fails, others in (("num_words", few, long | lorem), ("mean_word_length", long, few | lorem)):
        assert rows[rule][3] == first.filter(pl.col("rule") == rule)["len"].item()
        assert rows[rule][5] == signals.filter(fails).height
        assert rows[rule][6] == signals.filter(fails & ~others).height
    english = signals.filter(pl.col("lang") == "en")
    assert rows["num_words"][7] == english.filter(words >= 50)["gopher_quality.num_words"].min()
    assert rows["num_words"][8] == english.filter(words < 50)["gopher_quality.num_words"].max()


def test_rules_without_a_plan_take_thresholds_from_the_rejects(tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "run")
    (run / "plan.json").unlink()
    rows = {row[1]: row for row in table(section(run, "rules"), "Rules")}
    below = rejects(run).filter(pl.col("rule") == "num_words")
    assert rows["num_words"][2] == "50"
    assert rows["num_words"][8] == below["value"].max()


def test_examples_are_the_smallest_keys_with_value_and_threshold(hostile_run: Path) -> None:
    block = next(
        b
        for b in section(hostile_run, "examples")
        if b.get("caption", "").startswith("gopher_quality · num_words")
    )
    expected = rejects(hostile_run).filter(pl.col("rule") == "num_words").sort("key").head(3)
    assert [item["title"] for item in block["items"]] == expected["id"].to_list()
    facts = {fact["label"]: fact["value"] for fact in block["items"][0]["facts"]}
    assert facts["value"] == expected["value"][0]
    assert facts["threshold"] == 50.0
    assert facts["key"] == expected["key"][0].hex()


def test_edits_show_what_was_there_and_what_is(hostile_run: Path) -> None:
    blocks = section(hostile_run, "edits")
    edits = pl.read_parquet(sorted((hostile_run / "edits").glob("*.parquet"))).filter(
        pl.col("part") == "mojibake"
    )
    row = next(row for row in table(blocks, "Edits") if row[1] == "mojibake")
    assert row[2] == edits.height
    assert row[3] == int(edits["before"].str.len_bytes().sum())
    pair = next(b for b in blocks if b.get("caption", "").startswith("clean · mojibake"))["items"][0]
    assert "".join(run["text"] for run in pair["left"]["runs"]) == "don\u00e2\u20ac\u2122t"
    assert [run["text"] for run in pair["right"]["runs"] if run["differs"]] == ["\u2019"]


def test_distributions_count_every_readable_document_once(hostile_run: Path) -> None:
    blocks = section(hostile_run, "distributions")
    counts = json.loads((hostile_run / "manifest.json").read_bytes())["counts"]
    assert [block["caption"].split()[2] for block in blocks] == ["length", "language", "source"]
    for block in blocks:
        assert sum(row[0] for row in block["values"]) == counts["kept"]
        assert sum(row[1] for row in block["values"]) == counts["dropped"]


def test_length_bins_hold_the_lengths_they_name(hostile_run: Path) -> None:
    histogram = section(hostile_run, "distributions")[0]
    lengths = pl.read_parquet(sorted((hostile_run / "signals").glob("*.parquet")))["text_bytes"]
    place = histogram["labels"].index("128 B")
    assert sum(histogram["values"][place]) == ((lengths >= 128) & (lengths < 256)).sum()


def test_duplicates_pair_the_removed_document_with_its_survivor(hostile_run: Path) -> None:
    blocks = section(hostile_run, "duplicates")
    near = next(b for b in blocks if b["block"] == "pairs" and b["caption"].startswith("minhash_dedup"))
    assert near["items"][0]["left"]["title"] == "kept: doc-3 (web)"
    lowest = rejects(hostile_run).filter(pl.col("step") == "minhash_dedup")["similarity"].min()
    shown = [fact["value"] for fact in near["items"][0]["facts"] if fact["label"] == "similarity"]
    assert shown == [pytest.approx(lowest)]
    assert table(blocks, "How many") == [[34, 1, 34]]


def test_differences_are_not_marked_where_a_text_was_cut() -> None:
    left, right = marked_differences("same words then more", "same words th", limit=13)
    assert not any(run.differs for run in (*left, *right))
    assert left[-1].text == "…"


def test_training_shows_first_last_and_best(hostile_run: Path) -> None:
    facts = {item["label"]: item["value"] for item in section(hostile_run, "training")[0]["items"]}
    assert facts["first validation loss"] == 3.41
    assert facts["last validation loss"] == pytest.approx(3.01)
    assert facts["tokens trained on"] == 40 * 1024


def test_the_split_shows_what_was_drawn_and_what_leaks(hostile_run: Path) -> None:
    blocks = section(hostile_run, "split")
    facts = {
        item["label"]: item["value"] for block in blocks for item in block.get("items", []) if "label" in item
    }
    assert facts["pairs across sides"] == 0
    assert facts["held-out documents compared"] == 3000
    words = json.dumps(blocks)
    assert "at most 0.100 %" in words
    assert "<b>customer</b>" in words


def test_a_run_without_training_has_no_training_section(tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "run", train=False)
    report: Any = collect_report(run)
    assert "training" not in [entry["name"] for entry in report["sections"]]


@pytest.mark.parametrize("format", ["html", "md", "json"])
def test_same_run_same_bytes_in_any_place_and_batch_size(
    hostile_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    format: str,  # noqa: A002
) -> None:
    first = write_report(hostile_run, format=format, output=tmp_path / "a").read_bytes()  # type: ignore[arg-type]
    moved = shutil.copytree(hostile_run, tmp_path / "moved")
    read = streams.batches

    def in_sevens(files: list[Path], columns: list[str], *, rows: int) -> Iterator[pl.DataFrame]:
        return read(files, columns, rows=min(rows, 7))

    for module in ("folder", *(f"sections.{name}" for name in SECTIONS_WITH_BATCHES)):
        monkeypatch.setattr(f"gristmill.report.{module}.batches", in_sevens)
    assert write_report(moved, format=format, output=tmp_path / "b").read_bytes() == first  # type: ignore[arg-type]


def test_smallest_does_not_depend_on_batches() -> None:
    chance = random.Random(3)
    frame = pl.DataFrame(
        {"group": [chance.choice("ab") for _ in range(200)], "key": chance.sample(range(10_000), 200)}
    )
    whole = streams.smallest([frame], ["group"], ["key"], limit=5)
    pieces = streams.smallest((frame[at : at + 9] for at in range(0, 200, 9)), ["group"], ["key"], limit=5)
    assert whole is not None
    assert pieces is not None
    assert whole.equals(pieces)
    assert (
        whole.filter(pl.col("group") == "a")["key"].to_list()
        == sorted(frame.filter(pl.col("group") == "a")["key"])[:5]
    )


def test_batches_hold_no_more_rows_than_asked(hostile_run: Path) -> None:
    files = RunFolder(hostile_run).files("documents")
    assert max(frame.height for frame in streams.batches(files, ["key", "text"], rows=16)) <= 16


def test_further_sections_join_by_being_appended(hostile_run: Path) -> None:
    extra = Section(name="extra", title="Extra", build=lambda run: [Note(text=str(len(run.sources)))])
    silent = Section(name="silent", title="Silent", build=lambda _: [])
    assert [entry.name for entry in collect(RunFolder(hostile_run), [silent, extra])] == ["extra"]


def test_thresholds_pass_null_and_documents_outside_where() -> None:
    frame = pl.DataFrame({"x": [1.0, None, 1.0, 9.0], "lang": ["en", "en", None, "en"]})
    rule = Threshold(
        step="s", rule="r", column="x", keep=">=", threshold=5.0, conditions=(("lang", ("en",)),)
    )
    assert [found.failing for found in reach([frame], [rule])] == [1]


@pytest.mark.parametrize("bad", [{"thresholds": [1]}, {"thresholds": [{"step": "s"}]}])
def test_a_plan_with_broken_thresholds_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="threshold"):
        find_thresholds(bad)


def _no_manifest(run: Path) -> None:
    (run / "manifest.json").unlink()


def _missing_file(run: Path) -> None:
    min((run / "rejects").glob("*.parquet")).unlink()


def _damaged_file(run: Path) -> None:
    sorted((run / "signals").glob("*.parquet"))[1].write_bytes(b"PAR1 no more")


def _fewer_rejects(run: Path) -> None:
    path = min((run / "rejects").glob("*.parquet"))
    pq.write_table(pq.read_table(path).slice(1), path)


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (_no_manifest, "GM-REPORT-001"),
        (_missing_file, "GM-REPORT-002"),
        (_damaged_file, "GM-REPORT-002"),
        (_fewer_rejects, "GM-REPORT-003"),
    ],
)
def test_a_damaged_run_is_refused_with_a_code(tmp_path: Path, damage: Any, code: str) -> None:
    run = write_fake_run(tmp_path / "run", num_documents=60)
    damage(run)
    with pytest.raises(GristmillError) as caught:
        write_report(run)
    assert caught.value.code == code
    assert code in catalogue()
    assert not (run / "report.html").exists()


def test_an_output_that_cannot_be_written_is_refused_and_leaves_nothing(
    hostile_run: Path, tmp_path: Path
) -> None:
    with pytest.raises(GristmillError) as caught:
        write_report(hostile_run, output=tmp_path / "no-such-folder" / "report.html")
    assert caught.value.code == "GM-REPORT-004"
    assert list(tmp_path.iterdir()) == []
