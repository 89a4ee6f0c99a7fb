"""Bounded passes over Parquet files: batches, grouped totals and the rows with the smallest keys.

Each function here keeps one batch and a result whose size depends on the number of groups, never on the
number of rows. Keys are 16 big-endian bytes, so that their order as binary is their order as numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.errors import GristmillError

ROWS_WITH_TEXT = 4_096
"""Rows a batch where texts or excerpts are read."""
ROWS_OF_NUMBERS = 65_536
"""Rows a batch where only fixed-width columns are read."""


def batches(files: Iterable[Path], columns: Sequence[str], *, rows: int) -> Iterator[pl.DataFrame]:
    """Yield the chosen columns of the files, in order, at most `rows` rows at a time.

    Raises
    ------
    GristmillError
        GM-REPORT-002 when a file cannot be read or lacks a column.
    """
    for path in files:
        try:
            with pq.ParquetFile(path) as file:
                missing = sorted(set(columns) - set(file.schema_arrow.names))
                if missing:
                    raise _unreadable(path, f"has no column `{missing[0]}`")
                for batch in file.iter_batches(batch_size=rows, columns=list(columns)):
                    frame = pl.from_arrow(batch)
                    assert isinstance(frame, pl.DataFrame)
                    yield frame.select(columns)
            pa.default_memory_pool().release_unused()
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(path, str(error)) from error


def column_names(files: Sequence[Path]) -> list[str]:
    """Return the column names of the first file, none when there is no file."""
    if not files:
        return []
    try:
        return list(pq.read_schema(files[0]).names)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(files[0], str(error)) from error


def totals(
    frames: Iterable[pl.DataFrame], by: Sequence[str], measures: Sequence[pl.Expr], merges: Sequence[pl.Expr]
) -> pl.DataFrame | None:
    """Return one row a group, sorted: `measures` over each batch, joined by `merges`; None without rows.

    Memory is one batch and one row a group. Measures must be exact under regrouping: counts, sums of
    integers, extremes.
    """
    state: pl.DataFrame | None = None
    for frame in frames:
        part = frame.group_by(by).agg(measures)
        state = part if state is None else pl.concat([state, part]).group_by(by).agg(merges)
    return None if state is None else state.sort(by)


def smallest(
    frames: Iterable[pl.DataFrame],
    by: Sequence[str],
    order: Sequence[str],
    *,
    limit: int,
    distinct: Sequence[str] = (),
) -> pl.DataFrame | None:
    """Return the first `limit` rows of each group in the order of `order`; None without rows.

    With `distinct`, only the first row of a group with the same values of those columns counts. The result
    does not depend on batch size or file order, as long as `order` tells the rows of a group apart: a row
    that was left out stood behind `limit` better ones, and still does when more rows are seen.

    Examples -------- >>> frames = [pl.DataFrame({"rule": ["a", "b"], "key": [4, 1]}), pl.DataFrame({"rule":
    ["a"], "key": [2]})] >>> found = smallest(frames, ["rule"], ["key"], limit=1) >>> found.rows() [('a', 2),
    ('b', 1)]
    """
    state: pl.DataFrame | None = None
    sort_by = [*by, *order]
    for frame in frames:
        joined = frame if state is None else pl.concat([state, frame])
        ordered = joined.sort(sort_by, nulls_last=True)
        if distinct:
            ordered = ordered.unique(subset=[*by, *distinct], keep="first", maintain_order=True)
        first = ordered.group_by(by, maintain_order=True).head(limit) if by else ordered.head(limit)
        state = first.select(frame.columns)
    return None if state is None else state.sort(sort_by, nulls_last=True)


def texts_of(files: Iterable[Path], docs: set[int], column: str, characters: int) -> dict[int, str]:
    """Return the first characters of the string `column` of the rows with those numbers in `doc`.

    Reads only row groups whose range of `doc` holds one of them; memory is one such group.
    """
    found: dict[int, str] = {}
    for path in files:
        try:
            with pq.ParquetFile(path) as file:
                place = file.schema_arrow.get_field_index("doc")
                for number in range(file.num_row_groups):
                    if not (docs - found.keys()):
                        return found
                    statistics = file.metadata.row_group(number).column(place).statistics
                    if statistics is not None and not any(
                        statistics.min <= doc <= statistics.max for doc in docs
                    ):
                        continue
                    frame = pl.from_arrow(file.read_row_group(number, columns=["doc", column]))
                    assert isinstance(frame, pl.DataFrame)
                    rows = frame.filter(pl.col("doc").is_in(list(docs)))
                    for doc, text in rows.select("doc", pl.col(column).str.slice(0, characters)).rows():
                        found[doc] = text or ""
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(path, str(error)) from error
    return found


def _unreadable(path: Path, reason: str) -> GristmillError:
    return GristmillError(
        "GM-REPORT-002",
        f"`{path}` cannot be used: {reason}",
        hint="run `gristmill verify` on the folder to see what changed",
    )
