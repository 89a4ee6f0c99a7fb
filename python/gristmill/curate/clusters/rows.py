"""The members of all clusters of a run, cluster by cluster, from its published tables; `work/` is not needed.

`documents/` names the cluster of each kept document. A removed one belongs to the cluster of the kept document that it
duplicates, since a removal is a verified pair, and pairs are what clusters are made of. So clusters are a join of two
narrow tables on 128-bit keys. It is done in ranges of the keys: keys are hashes, so equal ranges hold equal shares.

Memory: one batch, and the rows of one range or of the largest cluster, some 1,000 bytes each while they are joined.
Disk, where there is more than one range: some 250 bytes a member in the folder for temporary files. Texts are never
read.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import polars as pl
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from gristmill.curate.lookup import files_of
from gristmill.errors import GristmillError

BATCH_ROWS = 1 << 14
"""Rows of a table that are read at a time."""
FLUSH_ROWS = 1 << 16
"""Rows in memory before they go to the files of their ranges."""
ROWS_A_RANGE = 100_000
"""Members that are joined and added up at a time."""
MAX_RANGES = 4096
KEPT, REMOVED = "kept", "removed"

KEPT_COLUMNS = ("key", "doc", "id", "source", "cluster")
REMOVED_COLUMNS = ("key", "doc", "id", "source", "step", "duplicate_of", "similarity", "shared_bands")
_KEPT_SCHEMA = {
    "key": pl.Binary,
    "doc": pl.UInt64,
    "id": pl.String,
    "source": pl.String,
    "cluster": pl.Binary,
}
_REMOVED_SCHEMA = {
    "key": pl.Binary,
    "doc": pl.UInt64,
    "id": pl.String,
    "source": pl.String,
    "step": pl.String,
    "duplicate_of": pl.Binary,
    "similarity": pl.Float32,
    "shared_bands": pl.UInt16,
}
MEMBER_SCHEMA = {
    "cluster": pl.Binary,
    "key": pl.Binary,
    "doc": pl.UInt64,
    "id": pl.String,
    "source": pl.String,
    "fate": pl.String,
    "step": pl.String,
    "duplicate_of": pl.Binary,
    "similarity": pl.Float32,
    "shared_bands": pl.UInt16,
    "survivor_source": pl.String,
    "num_removed": pl.UInt32,
}
"""Columns of a member. `step`, `duplicate_of`, `similarity`, `shared_bands` and `survivor_source` (the source of the
document that it duplicates) are null for kept ones, `num_removed` (how many were removed for it) for removed ones."""


def clusters_by_range(
    run_folder: Path, manifest: Mapping[str, object], *, rows_a_range: int = ROWS_A_RANGE
) -> Iterator[pl.DataFrame]:
    """Yield all members, each cluster whole in one frame; by cluster, kept ones first, by key.

    Parameters
    ----------
    run_folder, manifest
        A finished run.
    rows_a_range
        Members in memory at a time, about.

    Raises
    ------
    GristmillError
        ``GM-CLUSTERS-003`` when a table cannot be read.
    """
    num_ranges = max(1, min(MAX_RANGES, -(-_num_members(manifest) // rows_a_range)))
    with tempfile.TemporaryDirectory(prefix="gristmill-clusters-") as name:
        scratch = Path(name)
        kept = RangeFiles(scratch / "kept", _KEPT_SCHEMA, by="key", num_ranges=num_ranges)
        for frame in read_table(run_folder, manifest, "documents", KEPT_COLUMNS):
            kept.add(frame.filter(pl.col("cluster").is_not_null()))
        removed = RangeFiles(scratch / "removed", _REMOVED_SCHEMA, by="duplicate_of", num_ranges=num_ranges)
        for frame in read_table(run_folder, manifest, "rejects", REMOVED_COLUMNS):
            removed.add(frame.filter(pl.col("duplicate_of").is_not_null()))
        members = RangeFiles(scratch / "members", MEMBER_SCHEMA, by="cluster", num_ranges=num_ranges)
        for number in range(num_ranges):
            members.add(join(kept.take(number), removed.take(number)))
        for number in range(num_ranges):
            frame = members.take(number)
            if frame.height:
                yield frame.sort("cluster", "fate", "key")


def join(kept: pl.DataFrame, removed: pl.DataFrame) -> pl.DataFrame:
    """Return kept and removed documents as members; columns as in `MEMBER_SCHEMA`, no order.

    A survivor that is not among `kept` (it is not of this run) stands for its own cluster.
    """
    # One row a key, so that a run that was damaged counts each removal once all the same.
    survivors = kept.unique("key", keep="first", maintain_order=True).select(
        pl.col("key").alias("duplicate_of"), "cluster", pl.col("source").alias("survivor_source")
    )
    placed = removed.join(survivors, on="duplicate_of", how="left").with_columns(
        pl.coalesce("cluster", "duplicate_of").alias("cluster"),
        pl.lit(REMOVED).alias("fate"),
        pl.lit(None, pl.UInt32).alias("num_removed"),
    )
    numbers = removed.group_by("duplicate_of").agg(pl.len().cast(pl.UInt32).alias("num_removed"))
    stayed = kept.join(numbers, left_on="key", right_on="duplicate_of", how="left").with_columns(
        pl.col("num_removed").fill_null(0), pl.lit(KEPT).alias("fate")
    )
    nothing = {name: kind for name, kind in MEMBER_SCHEMA.items() if name not in stayed.columns}
    stayed = stayed.with_columns(pl.lit(None, kind).alias(name) for name, kind in nothing.items())
    return pl.concat([stayed.select(list(MEMBER_SCHEMA)), placed.select(list(MEMBER_SCHEMA))])


def read_table(
    run_folder: Path, manifest: Mapping[str, object], table: str, columns: Sequence[str]
) -> Iterator[pl.DataFrame]:
    """Yield columns of a table of a run, a batch at a time.

    Raises
    ------
    GristmillError
        ``GM-CLUSTERS-003`` when a file cannot be read.
    """
    for path in files_of(run_folder, manifest, f"{table}/"):
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(columns)):
                    frame = pl.from_arrow(batch)
                    assert isinstance(frame, pl.DataFrame)
                    yield frame.select(columns)
            pa.default_memory_pool().release_unused()
        except (OSError, pa.ArrowException, pl.exceptions.ColumnNotFoundError) as error:
            raise GristmillError(
                "GM-CLUSTERS-003",
                f"`{path}` cannot be read: {error}",
                hint=f"`gristmill verify {run_folder}` says more",
            ) from error


def _num_members(manifest: Mapping[str, object]) -> int:
    """Return how many members there are: as the manifest says, else at most."""
    stated = cast("Mapping[str, object] | None", manifest.get("dedup")) or {}
    counts = cast(Mapping[str, object], manifest["counts"])
    return cast(int, stated.get("clustered", counts["documents_in"]))


class RangeFiles:
    """Rows by ranges of a column of keys: in memory where there is one range, else in one file a range.

    Parameters
    ----------
    folder
        Not there yet, or empty.
    schema
        Of the rows.
    by
        The column; at least two bytes, never null.
    num_ranges
        How many ranges, at most 65,536.
    """

    def __init__(
        self, folder: Path, schema: Mapping[str, type[pl.DataType]], *, by: str, num_ranges: int
    ) -> None:
        self._folder = folder
        self._schema = dict(schema)
        self._by = by
        self._num_ranges = num_ranges
        self._waiting: list[pl.DataFrame] = []
        self._num_waiting = 0
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, frame: pl.DataFrame) -> None:
        """Add rows."""
        if not frame.height:
            return
        kinds = [pl.col(name).cast(kind) for name, kind in self._schema.items()]
        self._waiting.append(frame.select(kinds))
        self._num_waiting += frame.height
        if self._num_ranges > 1 and self._num_waiting >= FLUSH_ROWS:
            self._flush()

    def take(self, number: int) -> pl.DataFrame:
        """Return the rows of a range and forget them."""
        if self._num_ranges > 1:
            self._flush()
            return self._load(number)
        rows, self._waiting = self._waiting, []
        return pl.concat([pl.DataFrame(schema=self._schema), *rows])

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:05}.arrow"

    def _flush(self) -> None:
        """Append rows to the files of their ranges. Files are opened for one flush each: there may be thousands."""
        if not self._waiting:
            return
        first_bytes = pl.col(self._by).bin.head(2).bin.reinterpret(dtype=pl.UInt16, endianness="big")
        ranges = (first_bytes.cast(pl.UInt32) * self._num_ranges // 65_536).alias("range")
        joined = pl.concat(self._waiting).with_columns(ranges)
        self._waiting, self._num_waiting = [], 0
        for (number,), part in joined.partition_by("range", as_dict=True, include_key=False).items():
            table = part.to_arrow(compat_level=pl.CompatLevel.oldest())
            with (
                self._path(int(str(number))).open("ab") as file,
                pa.ipc.new_stream(file, table.schema) as writer,
            ):
                writer.write_table(table)

    def _load(self, number: int) -> pl.DataFrame:
        path = self._path(number)
        frames = [pl.DataFrame(schema=self._schema)]
        if path.is_file():
            with pa.OSFile(str(path)) as file:
                # One stream for each flush.
                while file.tell() < file.size():
                    with pa.ipc.open_stream(file) as reader:
                        frame = pl.from_arrow(reader.read_all())
                        assert isinstance(frame, pl.DataFrame)
                        frames.append(frame)
            path.unlink()
        return pl.concat(frames)
