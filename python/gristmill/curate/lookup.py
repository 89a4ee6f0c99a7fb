"""Finds single documents in the tables of a finished run. Not here: what a row means (`gristmill.cli.story`).

Tables are searched by one column at a time: only that column is read, and only in row groups whose statistics allow a
match; the whole row is read where it was found. So looking up a document by number costs a few reads, by key or id one
pass over a narrow column, whatever the texts weigh. Memory: one row group of the column, and the rows found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill.errors import GristmillError

KEY_BYTES = 16
SHORTEST_PREFIX = 4
"""Hexadecimal digits of a key that may stand for it."""
_HEX = re.compile(r"[0-9a-fA-F]+")

Row = dict[str, object]
Mask = Callable[[pa.Array], pa.Array]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which rows are looked for: those whose `column` lies from `low` to `high`, both included.

    Parameters
    ----------
    column
        Name of the column.
    low, high
        The bounds, as Python values of the column's type.
    """

    column: str
    low: int | str | bytes
    high: int | str | bytes

    @classmethod
    def equal(cls, column: str, value: int | str | bytes) -> Wanted:
        """Return the search for one value."""
        return cls(column=column, low=value, high=value)

    @classmethod
    def key_prefix(cls, digits: str) -> Wanted:
        """Return the search for keys whose hexadecimal digits begin so.

        Examples
        --------
        >>> Wanted.key_prefix("0a1").high.hex()
        '0a1fffffffffffffffffffffffffffff'
        """
        width = 2 * KEY_BYTES
        return cls(
            column="key",
            low=bytes.fromhex(digits.ljust(width, "0")),
            high=bytes.fromhex(digits.ljust(width, "f")),
        )

    def mask(self, values: pa.Array) -> pa.Array:
        """Return which values match; null never does."""
        if pa.types.is_fixed_size_binary(values.type):
            # Arrow compares binary of any width only.
            values = values.cast(pa.binary())
        low, high = (pa.scalar(bound, values.type) for bound in (self.low, self.high))
        found = pc.equal(values, low)
        if self.low != self.high:
            found = pc.and_(pc.greater_equal(values, low), pc.less_equal(values, high))
        return pc.fill_null(found, False)

    def may_be_in(self, statistics: pq.Statistics | None) -> bool:
        """Say whether a row group with such statistics can hold a match."""
        if statistics is None or not statistics.has_min_max:
            return True
        # Long strings are cut in statistics, upwards for the largest: bounds all the same.
        smallest, largest = statistics.min, statistics.max
        if type(smallest) is not type(self.low) or type(self.low) is not type(self.high):
            return True
        # All of one type, as was just found; a cast says so for three types with one order each.
        low, high = cast(bytes, self.low), cast(bytes, self.high)
        return bool(cast(bytes, smallest) <= high and cast(bytes, largest) >= low)


def searches(name: str) -> list[Wanted]:
    """Return what a name of a document can mean, in the order in which it is tried.

    A whole key, a document number, an id, the beginning of a key.

    Examples
    --------
    >>> [wanted.column for wanted in searches("1234")]
    ['doc', 'id', 'key']
    """
    found = []
    is_hex = _HEX.fullmatch(name) is not None
    if is_hex and len(name) == 2 * KEY_BYTES:
        found.append(Wanted.equal("key", bytes.fromhex(name)))
    if name.isascii() and name.isdigit() and int(name) < 1 << 64:
        found.append(Wanted.equal("doc", int(name)))
    found.append(Wanted.equal("id", name))
    if is_hex and SHORTEST_PREFIX <= len(name) < 2 * KEY_BYTES:
        found.append(Wanted.key_prefix(name.lower()))
    return found


def files_of(run_folder: Path, manifest: Mapping[str, object], prefix: str) -> list[Path]:
    """Return the files of a run whose names begin so, as the manifest lists them."""
    files = cast(Sequence[Mapping[str, object]], manifest["files"])
    return [run_folder / str(file["path"]) for file in files if str(file["path"]).startswith(prefix)]


def find_rows(
    paths: Sequence[Path], wanted: Wanted, *, columns: Sequence[str] | None = None, limit: int = 1000
) -> Iterator[Row]:
    """Yield the matching rows of Parquet files, in file order.

    Parameters
    ----------
    paths
        The files.
    wanted
        Which rows.
    columns
        Columns to return; all by default.
    limit
        Rows after which the search ends.

    Raises
    ------
    GristmillError
        ``GM-CLI-008`` when a file cannot be read.
    """
    num_found = 0
    for path in paths:
        try:
            with pq.ParquetFile(path) as file:
                for group in _groups(file, wanted):
                    values = file.read_row_group(group, columns=[wanted.column]).column(0)
                    matches = pc.indices_nonzero(wanted.mask(values.combine_chunks()))
                    if not len(matches):
                        continue
                    rows = file.read_row_group(group, columns=columns).take(matches).to_pylist()
                    for row in rows:
                        yield row
                        num_found += 1
                        if num_found == limit:
                            return
        except (OSError, pa.ArrowException) as error:
            raise GristmillError("GM-CLI-008", f"`{path}` cannot be read: {error}") from error


def _groups(file: pq.ParquetFile, wanted: Wanted) -> Iterator[int]:
    """Yield the row groups that can hold a match."""
    metadata = file.metadata
    position = file.schema_arrow.names.index(wanted.column)
    for group in range(metadata.num_row_groups):
        if wanted.may_be_in(metadata.row_group(group).column(position).statistics):
            yield group


def find_in_shards(paths: Sequence[Path], doc: int) -> Iterator[tuple[Path, int]]:
    """Yield (shard, row in it) where a document's tokens are. Maps the shards; reads one narrow column of each.

    Raises
    ------
    GristmillError
        ``GM-CLI-008`` when a shard cannot be read.
    """
    for path in paths:
        try:
            with pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped) as reader:
                first_row = 0
                for index in range(reader.num_record_batches):
                    batch = reader.get_batch(index)
                    numbers = batch.column("doc")
                    for row in pc.indices_nonzero(
                        pc.equal(numbers, pa.scalar(doc, numbers.type))
                    ).to_pylist():
                        yield path, first_row + row
                    first_row += batch.num_rows
        except (OSError, pa.ArrowException) as error:
            raise GristmillError("GM-CLI-008", f"`{path}` cannot be read: {error}") from error
