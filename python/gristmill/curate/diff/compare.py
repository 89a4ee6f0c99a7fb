"""Compares the documents of two runs, range by range of their keys, and adds up what differs.

What is kept in memory: one range of rows, one row for each pair of reasons, and the examples. Not here: reading the
runs (`rows`), what they were asked to do (`recipes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.curate.diff.rows import load

ABSENT = "absent"
"""What is said of a document that is not among a run's inputs."""
KEPT = "kept"

ONLY_A, ONLY_B = "only_in_a", "only_in_b"
KEPT_A, KEPT_B = "kept_in_a", "kept_in_b"
OTHER_REASON, OTHER_TEXT = "other_reason", "other_text"
OTHER_SPLIT, OTHER_METADATA = "other_split", "other_metadata"
SAME = "same"
DIFFERENCES = (ONLY_A, ONLY_B, KEPT_A, KEPT_B, OTHER_REASON, OTHER_TEXT, OTHER_SPLIT, OTHER_METADATA)
"""How a document can differ; the first that holds."""

WRITTEN = pa.schema(
    {
        "key": pa.binary(16),
        "doc_a": pa.uint64(),
        "doc_b": pa.uint64(),
        "id": pa.large_utf8(),
        "source": pa.large_utf8(),
        "difference": pa.large_utf8(),
        "fate_a": pa.large_utf8(),
        "reason_a": pa.large_utf8(),
        "value_a": pa.float64(),
        "threshold_a": pa.float64(),
        "fate_b": pa.large_utf8(),
        "reason_b": pa.large_utf8(),
        "value_b": pa.float64(),
        "threshold_b": pa.float64(),
        "same_text": pa.bool_(),
        "split_a": pa.large_utf8(),
        "split_b": pa.large_utf8(),
    }
)
"""Columns of the file of differing documents, in the order of keys. `same_text` is null unless both runs keep it."""

_CELL = ["difference", "fate_a", "reason_a", "fate_b", "reason_b"]


class SourceCounts(TypedDict):
    """What one run has of one source; bytes and tokens are those of kept documents."""

    documents_in: int
    kept: int
    text_bytes: int
    tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """Documents that became the same two things.

    Parameters
    ----------
    difference
        One of `DIFFERENCES`, or ``same``.
    fate_a, fate_b
        ``kept``, ``dropped``, ``quarantined`` or ``absent``.
    reason_a, reason_b
        ``<step>.<rule>``; None for kept and absent ones.
    documents
        How many.
    examples
        The first by key, with the columns of `WRITTEN`; keys as hexadecimal digits.
    """

    difference: str
    fate_a: str
    reason_a: str | None
    fate_b: str
    reason_b: str | None
    documents: int
    examples: tuple[dict[str, object], ...]


@dataclass(kw_only=True, slots=True)
class Tally:
    """What comparing adds up, range by range."""

    num_examples: int
    cells: dict[tuple[object, ...], int] = field(default_factory=dict)
    examples: dict[tuple[object, ...], list[dict[str, object]]] = field(default_factory=dict)
    sources: tuple[dict[str, SourceCounts], dict[str, SourceCounts]] = field(default_factory=lambda: ({}, {}))
    by_source: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, frame: pl.DataFrame) -> None:
        """Add the joined rows of one range, sorted by key."""
        counts = frame.group_by(_CELL).agg(pl.len())
        for *cell, number in counts.rows():
            self.cells[tuple(cell)] = self.cells.get(tuple(cell), 0) + number
        for source, difference, number in frame.group_by("source", "difference").agg(pl.len()).rows():
            named = self.by_source.setdefault(source, {})
            named[difference] = named.get(difference, 0) + number
        differing = frame.filter(pl.col("difference") != SAME)
        if self.num_examples:
            first = differing.group_by(_CELL, maintain_order=True).head(self.num_examples)
            for row in first.select(WRITTEN.names).to_dicts():
                found = self.examples.setdefault(tuple(row[name] for name in _CELL), [])
                if len(found) < self.num_examples:
                    found.append({**row, "key": row["key"].hex()})
        for side, totals in zip(("a", "b"), self.sources, strict=True):
            self._add_sources(frame.filter(pl.col(f"fate_{side}") != ABSENT), side, totals)

    def _add_sources(self, frame: pl.DataFrame, side: str, totals: dict[str, SourceCounts]) -> None:
        sums = frame.group_by("source").agg(
            pl.len(),
            (pl.col(f"fate_{side}") == KEPT).sum(),
            pl.col(f"text_bytes_{side}").sum(),
            pl.col(f"num_tokens_{side}").sum(),
        )
        for source, documents, kept, num_bytes, tokens in sums.rows():
            old = totals.get(source, SourceCounts(documents_in=0, kept=0, text_bytes=0, tokens=0))
            totals[source] = SourceCounts(
                documents_in=old["documents_in"] + documents,
                kept=old["kept"] + kept,
                text_bytes=old["text_bytes"] + num_bytes,
                tokens=old["tokens"] + tokens,
            )

    def table(self) -> list[Cell]:
        """Return all cells, differing ones first, most documents first."""
        found = [
            Cell(
                difference=str(difference),
                fate_a=str(fate_a),
                reason_a=_text(reason_a),
                fate_b=str(fate_b),
                reason_b=_text(reason_b),
                documents=number,
                examples=tuple(self.examples.get((difference, fate_a, reason_a, fate_b, reason_b), ())),
            )
            for (difference, fate_a, reason_a, fate_b, reason_b), number in self.cells.items()
        ]
        order = [*DIFFERENCES, SAME]
        found.sort(
            key=lambda cell: (
                cell.difference == SAME,
                -cell.documents,
                order.index(cell.difference),
                str(cell),
            )
        )
        return found


def compare(
    ranges: Sequence[tuple[Path, Path]], *, num_examples: int, writer: pq.ParquetWriter | None
) -> Tally:
    """Join the rows of two runs and return what differs.

    Parameters
    ----------
    ranges
        The files of each range of keys, of A and of B.
    num_examples
        Examples to keep of each cell.
    writer
        Takes the rows that differ, with the schema `WRITTEN`.
    """
    tally = Tally(num_examples=num_examples)
    for path_a, path_b in ranges:
        joined = join(load(path_a), load(path_b))
        tally.add(joined)
        if writer is not None:
            differing = joined.filter(pl.col("difference") != SAME).select(WRITTEN.names)
            writer.write_table(differing.to_arrow().cast(WRITTEN))
    return tally


def join(a: pl.DataFrame, b: pl.DataFrame) -> pl.DataFrame:
    """Return one row a key of either run, by key, with the columns of both and how they differ."""
    both = a.rename({name: f"{name}_a" for name in a.columns if name != "key"}).join(
        b.rename({name: f"{name}_b" for name in b.columns if name != "key"}),
        on="key",
        how="full",
        coalesce=True,
    )
    are_kept = (pl.col("fate_a") == KEPT) & (pl.col("fate_b") == KEPT)
    digests = ("text_digest", "text_digest_2")
    same_text = pl.all_horizontal(pl.col(f"{name}_a") == pl.col(f"{name}_b") for name in digests)
    return (
        both.with_columns(pl.col("fate_a", "fate_b").fill_null(ABSENT))
        .with_columns(
            pl.coalesce("id_a", "id_b").alias("id"),
            pl.coalesce("source_a", "source_b").alias("source"),
            pl.when(are_kept).then(same_text).alias("same_text"),
        )
        .with_columns(_difference(are_kept).alias("difference"))
        .sort("key")
    )


def _difference(are_kept: pl.Expr) -> pl.Expr:
    a, b = pl.col("fate_a"), pl.col("fate_b")
    same_reason = (a == b) & pl.col("reason_a").eq_missing(pl.col("reason_b"))
    return (
        pl.when(b == ABSENT)
        .then(pl.lit(ONLY_A))
        .when(a == ABSENT)
        .then(pl.lit(ONLY_B))
        .when((a == KEPT) & (b != KEPT))
        .then(pl.lit(KEPT_A))
        .when((b == KEPT) & (a != KEPT))
        .then(pl.lit(KEPT_B))
        .when(~are_kept & ~same_reason)
        .then(pl.lit(OTHER_REASON))
        .when(are_kept & ~pl.col("same_text"))
        .then(pl.lit(OTHER_TEXT))
        .when(are_kept & (pl.col("split_a") != pl.col("split_b")))
        .then(pl.lit(OTHER_SPLIT))
        .when(are_kept & ~pl.col("metadata_digest_a").eq_missing(pl.col("metadata_digest_b")))
        .then(pl.lit(OTHER_METADATA))
        .otherwise(pl.lit(SAME))
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
