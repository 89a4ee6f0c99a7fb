"""What thresholds share: which documents fail two of them, which fail one alone, and whose values are nearest to one.

One pass over the threshold columns of `signals/`; memory is one batch, a square of counts and a few rows a threshold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from gristmill.report.thresholds import Threshold, failing_masks

NEAREST_SHOWN = 3
"""Documents a threshold and side."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NearDocument:
    """A document whose value is close to a threshold."""

    doc: int
    id: str | None
    source: str
    value: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlap:
    """What a run's thresholds share.

    Parameters
    ----------
    both
        Documents that fail both the threshold of the row and that of the column; on the diagonal, that fail it at all.
    first
        Documents that fail it first, in recipe order.
    alone
        Documents that fail no other.
    by_source
        For each source, by name: documents of the source that fail each threshold.
    documents_by_source
        Readable documents of each source.
    would_return
        For each threshold, the nearest documents that fail no other: what loosening it brings back first.
    would_leave
        For each threshold, the nearest documents that pass them all: what tightening it drops first.
    """

    both: Sequence[Sequence[int]]
    first: Sequence[int]
    alone: Sequence[int]
    by_source: dict[str, Sequence[int]]
    documents_by_source: dict[str, int]
    would_return: Sequence[Sequence[NearDocument]]
    would_leave: Sequence[Sequence[NearDocument]]


def find_overlap(frames: Iterable[pl.DataFrame], thresholds: Sequence[Threshold]) -> Overlap:
    """Return what the thresholds share over the documents of `frames`.

    Parameters
    ----------
    frames
        Batches with `doc`, `id`, `source` and the columns that the thresholds read.
    thresholds
        In recipe order.

    Examples
    --------
    >>> rules = [
    ...     Threshold(step="s", rule="low", column="x", keep=">=", threshold=3.0),
    ...     Threshold(step="s", rule="high", column="y", keep="<=", threshold=1.0),
    ... ]
    >>> frame = pl.DataFrame(
    ...     {"doc": [0, 1, 2], "id": ["a", "b", "c"], "source": ["web"] * 3, "x": [1.0, 2.0, 9.0], "y": [2.0, 0.5, 0.0]}
    ... )
    >>> found = find_overlap([frame], rules)
    >>> found.both, found.first, found.alone
    ([[2, 1], [1, 1]], [2, 0], [1, 0])
    >>> [document.id for document in found.would_return[0]], [document.id for document in found.would_leave[1]]
    (['b'], ['c'])
    """
    number = len(thresholds)
    both = np.zeros((number, number), dtype=np.int64)
    first = np.zeros(number, dtype=np.int64)
    alone = np.zeros(number, dtype=np.int64)
    by_source: dict[str, np.ndarray] = {}
    documents: dict[str, int] = {}
    returning: list[list[NearDocument]] = [[] for _ in thresholds]
    leaving: list[list[NearDocument]] = [[] for _ in thresholds]
    for frame in frames:
        # Rows are documents, columns thresholds. float32 counts exactly up to 2**24, more than a batch has rows.
        fails = failing_masks(frame, thresholds).to_numpy().astype(np.float32).reshape(len(frame), number)
        num_failed = fails.sum(axis=1)
        both += (fails.T @ fails).astype(np.int64)
        is_dropped = num_failed > 0
        first += np.bincount(fails[is_dropped].argmax(axis=1), minlength=number)
        is_alone = (num_failed == 1)[:, None] & (fails > 0)
        alone += is_alone.sum(axis=0)
        sources = frame["source"].cast(pl.Utf8).to_numpy()
        for source in np.unique(sources):
            rows = fails[sources == source]
            documents[str(source)] = documents.get(str(source), 0) + len(rows)
            by_source[str(source)] = by_source.get(str(source), np.zeros(number, np.int64)) + rows.sum(
                axis=0
            ).astype(np.int64)
        for place, threshold in enumerate(thresholds):
            _merge(returning[place], frame, threshold, is_alone[:, place])
            _merge(leaving[place], frame, threshold, ~is_dropped)
    return Overlap(
        both=both.tolist(),
        first=first.tolist(),
        alone=alone.tolist(),
        by_source={source: by_source[source].tolist() for source in sorted(by_source)},
        documents_by_source=dict(sorted(documents.items())),
        would_return=returning,
        would_leave=leaving,
    )


def _merge(nearest: list[NearDocument], frame: pl.DataFrame, threshold: Threshold, rows: np.ndarray) -> None:
    """Put the nearest of the chosen rows among the nearest so far."""
    if not rows.any():
        return
    value = pl.col(threshold.column).cast(pl.Float64)
    chosen = (
        frame.filter(pl.Series(rows))
        .select("doc", "id", "source", value.alias("value"))
        .drop_nulls("value")
        .sort((pl.col("value") - threshold.threshold).abs(), "doc")
        .head(NEAREST_SHOWN)
    )
    nearest += [
        NearDocument(
            doc=row["doc"],
            id=None if row["id"] is None else str(row["id"]),
            source=str(row["source"]),
            value=row["value"],
        )
        for row in chosen.rows(named=True)
    ]
    nearest.sort(key=lambda document: (abs(document.value - threshold.threshold), document.doc))
    del nearest[NEAREST_SHOWN:]
