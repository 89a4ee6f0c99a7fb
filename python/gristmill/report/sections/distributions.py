"""Kept against dropped: by length of text, by language tag and by source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from gristmill.report.blocks import Bars, Block, Histogram
from gristmill.report.folder import RunFolder, count, mapping
from gristmill.report.streams import ROWS_OF_NUMBERS, batches

LABELS_SHOWN = 24
LANGUAGE_COLUMNS = ("lang", "language")
NO_TAG = "(no tag)"
SERIES = ("kept", "dropped")


def build(run: RunFolder) -> Sequence[Block]:
    """Return the three charts. Cost: one pass over `signals/` and over the document numbers of `rejects/`."""
    if not count(run.counts, "documents_in"):
        return []
    language = next((name for name in LANGUAGE_COLUMNS if name in run.signal_columns), None)
    lengths: Counter[tuple[int, bool]] = Counter()
    languages: Counter[tuple[str, bool]] = Counter()
    for frame in _with_fate(run, ["text_bytes", *([language] if language else [])]):
        exponent = pl.Series(_EDGES).search_sorted(frame["text_bytes"].cast(pl.UInt64), side="right")
        binned = frame.with_columns(pl.Series("bin", exponent))
        for place, is_dropped, number in binned.group_by("bin", "is_dropped").len().iter_rows():
            lengths[place, is_dropped] += number
        if language:
            tagged = frame.with_columns(pl.col(language).cast(pl.String).fill_null(NO_TAG))
            for tag, is_dropped, number in tagged.group_by(language, "is_dropped").len().iter_rows():
                languages[tag, is_dropped] += number
    blocks: list[Block] = []
    if lengths:
        blocks.append(_length_histogram(lengths))
    if languages:
        blocks.append(
            _bars(
                "Documents by language tag",
                "tag",
                languages,
                "The tag is the input's own column, not a detector's.",
            )
        )
    sources: Counter[tuple[str, bool]] = Counter()
    for source in run.sources:
        record = mapping(mapping(run.counts.get("by_source"))[source])
        sources[source, False] = count(record, "kept")
        sources[source, True] = count(record, "dropped")
    blocks.append(
        _bars("Documents by source", "source", sources, "Quarantined documents are not counted here.")
    )
    return blocks


_EDGES = [2**power for power in range(41)]


def _bin_label(place: int) -> str:
    """Return the range of bin `place`: bytes from ``2**(place - 1)`` on, as a short size.

    Examples
    --------
    >>> _bin_label(0), _bin_label(1), _bin_label(12)
    ('0', '1 B', '2 KiB')
    """
    if place == 0:
        return "0"
    size = 2 ** (place - 1)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size} {unit}"
        size //= 1024
    return f"{size} GiB"


def _length_histogram(lengths: Counter[tuple[int, bool]]) -> Histogram:
    first = min(place for place, _ in lengths)
    last = max(place for place, _ in lengths)
    places = range(first, last + 1)
    return Histogram(
        caption="Documents by length of text",
        axis="length of text; each bar begins at its label",
        series=SERIES,
        labels=[_bin_label(place) for place in places],
        values=[[lengths[place, False], lengths[place, True]] for place in places],
        note="Length after edits. Records that could not be read have none.",
    )


def _bars(caption: str, axis: str, counts: Counter[tuple[str, bool]], note: str) -> Bars:
    names = {name for name, _ in counts}
    ordered = sorted(names, key=lambda name: (-counts[name, False] - counts[name, True], name))
    shown, rest = ordered[:LABELS_SHOWN], ordered[LABELS_SHOWN:]
    values = [[counts[name, False], counts[name, True]] for name in shown]
    if rest:
        shown = [*shown, f"({len(rest)} others)"]
        values.append([sum(counts[name, fate] for name in rest) for fate in (False, True)])
    return Bars(caption=caption, axis=axis, series=SERIES, labels=shown, values=values, note=note)


def _with_fate(run: RunFolder, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield batches of signals with `is_dropped`. Memory: 8 bytes a rejected document of one part.

    A part of `signals/` covers a range of document numbers; only the files of `rejects/` that reach into it
    are read.
    """
    rejects = [(path, _document_range(path)) for path in run.files("rejects")]
    for path in run.files("signals"):
        low, high = _document_range(path)
        if low > high:
            continue
        overlapping = [file for file, (first, last) in rejects if first <= high and last >= low]
        numbers = [
            frame.filter(pl.col("doc").is_between(low, high))["doc"]
            for frame in batches(overlapping, ["doc"], rows=ROWS_OF_NUMBERS)
        ]
        dropped = pl.concat(numbers) if numbers else pl.Series("doc", [], dtype=pl.UInt64)
        for frame in batches([path], ["doc", *columns], rows=ROWS_OF_NUMBERS):
            yield frame.with_columns(pl.col("doc").is_in(dropped.implode()).alias("is_dropped"))


def _document_range(path: Path) -> tuple[int, int]:
    """Return the smallest and largest document number of a file, from its footer; low > high if empty."""
    low, high = 2**64 - 1, -1
    with pq.ParquetFile(path) as file:
        place = file.schema_arrow.names.index("doc")
        for group in range(file.metadata.num_row_groups):
            statistics = file.metadata.row_group(group).column(place).statistics
            if statistics is None or not statistics.has_min_max:
                return 0, 2**64 - 1
            low, high = min(low, statistics.min), max(high, statistics.max)
    return low, high
