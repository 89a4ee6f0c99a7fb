"""The section on duplicates says what the rows of the run say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl

from gristmill.report.build import collect_report, write_report


def blocks_of(run: Path) -> list[dict[str, Any]]:
    report: Any = collect_report(run)
    return next((entry["blocks"] for entry in report["sections"] if entry["name"] == "duplicates"), [])


def captioned(blocks: list[dict[str, Any]], caption: str) -> dict[str, Any]:
    return next(block for block in blocks if str(block.get("caption", "")).startswith(caption))


def duplicates(run: Path) -> pl.DataFrame:
    table = pl.read_parquet(sorted((run / "rejects").glob("*.parquet")))
    return table.filter(pl.col("duplicate_of").is_not_null())


def test_the_largest_cluster(hostile_run: Path) -> None:
    rows = duplicates(hostile_run)
    steps = dict(rows.group_by("step").len().rows())
    [row] = captioned(blocks_of(hostile_run), "Largest clusters")["rows"]
    assert row[1:5] == [rows.height + 1, 1, steps["exact_dedup"], steps["minhash_dedup"]]
    low = rows["similarity"].min()
    assert isinstance(low, float)
    assert row[5] == round(low, 4)
    assert row[7]


def test_the_histogram_holds_every_similarity(hostile_run: Path) -> None:
    rows = duplicates(hostile_run)
    histogram = captioned(blocks_of(hostile_run), "How similar")
    assert sum(sum(values) for values in histogram["values"]) == rows["similarity"].drop_nulls().len() > 0
    for label, values in zip(histogram["labels"][:-1], histogram["values"], strict=False):
        low = float(label)
        width = float(histogram["labels"][1]) - float(histogram["labels"][0])
        inside = (rows["similarity"] >= low - 1e-6) & (rows["similarity"] < low + width - 1e-6)
        assert sum(values) == inside.sum()


def test_sources_of_both(hostile_run: Path) -> None:
    rows = duplicates(hostile_run)
    table = captioned(blocks_of(hostile_run), "From which sources")["rows"]
    assert sum(row[3] for row in table) == rows.height
    assert {row[2] for row in table} == {"web"}


def test_a_run_without_dedup_has_no_such_section(hostile_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(hostile_run, tmp_path / "run")
    manifest = json.loads((run / "manifest.json").read_bytes())
    for source in manifest["counts"]["by_source"].values():
        source["dropped"] = {
            name: number for name, number in source["dropped"].items() if "duplicate" not in name
        }
    (run / "manifest.json").write_text(json.dumps(manifest))
    assert blocks_of(run) == []
    manifest["dedup"] = {"clusters": 0, "capped": 7}
    manifest["files"] = []
    manifest["counts"] |= {"dropped": 0, "quarantined": 0}
    (run / "manifest.json").write_text(json.dumps(manifest))
    [facts] = blocks_of(run)
    assert {item["label"]: item["value"] for item in facts["items"]} == {"capped": 7, "clusters": 0}


def test_markdown_has_the_tables(hostile_run: Path, tmp_path: Path) -> None:
    text = write_report(hostile_run, format="md", output=tmp_path / "a.md").read_text(encoding="utf-8")
    for caption in ("Largest clusters", "How similar removed documents are", "From which sources"):
        assert f"**{caption}" in text
