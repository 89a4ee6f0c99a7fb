"""The documents of one run as narrow rows, in files by ranges of the key, so that two runs meet range by range.

A row is what became of a document, with digests in place of its text. Keys are hashes, so equal ranges of them hold
equal shares of any corpus. Memory: one batch of texts and `FLUSH_ROWS` narrow rows. Disk: some 150 bytes a document.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from gristmill.curate.lookup import files_of
from gristmill.curate.run import CuratedRun
from gristmill.errors import GristmillError

BATCH_ROWS = 4096
"""Rows a batch where texts are read."""
FLUSH_ROWS = 1 << 16
"""Narrow rows in memory before they go to their files."""
SEEDS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)
"""Two 64-bit digests of a text: equal ones are taken for equal texts."""

SCHEMA = pa.schema(
    {
        "key": pa.large_binary(),
        "doc": pa.uint64(),
        "id": pa.large_utf8(),
        "source": pa.large_utf8(),
        "fate": pa.large_utf8(),
        "reason": pa.large_utf8(),
        "value": pa.float64(),
        "threshold": pa.float64(),
        "split": pa.large_utf8(),
        "text_digest": pa.uint64(),
        "text_digest_2": pa.uint64(),
        "metadata_digest": pa.uint64(),
        "text_bytes": pa.uint64(),
        "num_tokens": pa.uint64(),
    }
)


def spill(run: CuratedRun, folder: Path, *, num_ranges: int) -> list[Path]:
    """Write a run's documents, kept and rejected, into one file for each range of keys; return the files in order.

    Parameters
    ----------
    run
        A finished run.
    folder
        An empty folder.
    num_ranges
        How many files, at most 65,536.

    Raises
    ------
    GristmillError
        ``GM-DIFF-001`` when a table of the run cannot be read.
    """
    folder.mkdir(parents=True)
    paths = [folder / f"{number:05}.arrow" for number in range(num_ranges)]
    for path in paths:
        path.touch()
    waiting: list[pl.DataFrame] = []
    num_waiting = 0
    for frame in _rows(run):
        waiting.append(frame)
        num_waiting += frame.height
        if num_waiting >= FLUSH_ROWS:
            _flush(waiting, paths)
            waiting, num_waiting = [], 0
    _flush(waiting, paths)
    return paths


def load(path: Path) -> pl.DataFrame:
    """Return the rows of one range, by key."""
    tables = [SCHEMA.empty_table()]
    with pa.OSFile(str(path)) as file:
        # One stream for each flush.
        while file.tell() < file.size():
            with pa.ipc.open_stream(file) as reader:
                tables.append(reader.read_all())
    frame = pl.from_arrow(pa.concat_tables(tables))
    assert isinstance(frame, pl.DataFrame)
    return frame.sort("key")


def _flush(waiting: Sequence[pl.DataFrame], paths: Sequence[Path]) -> None:
    """Append rows to the files of their ranges. Files are opened for one flush each: there may be thousands."""
    if not waiting:
        return
    first_bytes = pl.col("key").bin.head(2).bin.reinterpret(dtype=pl.UInt16, endianness="big")
    ranges = (first_bytes.cast(pl.UInt32) * len(paths) // 65_536).alias("range")
    joined = pl.concat(waiting).with_columns(ranges)
    for (number,), part in joined.partition_by("range", as_dict=True, include_key=False).items():
        with paths[int(str(number))].open("ab") as file, pa.ipc.new_stream(file, SCHEMA) as writer:
            writer.write_table(part.to_arrow().cast(SCHEMA))


def _rows(run: CuratedRun) -> Iterator[pl.DataFrame]:
    kept = ["doc", "key", "id", "source", "split", "text", "metadata", "num_tokens"]
    text = pl.col("text")
    for frame in _batches(run, "documents", kept):
        yield _narrow(
            frame.with_columns(
                pl.lit("kept").alias("fate"),
                pl.lit(None, pl.String).alias("reason"),
                pl.lit(None, pl.Float64).alias("value"),
                pl.lit(None, pl.Float64).alias("threshold"),
                text.hash(SEEDS[0]).alias("text_digest"),
                text.hash(SEEDS[1]).alias("text_digest_2"),
                pl.col("metadata").hash(SEEDS[0]).alias("metadata_digest"),
                text.str.len_bytes().alias("text_bytes"),
            )
        )
    rejected = ["doc", "key", "id", "source", "kind", "step", "rule", "value", "threshold"]
    nothing = ("text_digest", "text_digest_2", "metadata_digest", "text_bytes", "num_tokens")
    for frame in _batches(run, "rejects", rejected):
        yield _narrow(
            frame.with_columns(
                pl.col("kind").alias("fate"),
                pl.format("{}.{}", "step", "rule").alias("reason"),
                pl.lit(None, pl.String).alias("split"),
                *(pl.lit(None, pl.UInt64).alias(name) for name in nothing),
            )
        )


def _narrow(frame: pl.DataFrame) -> pl.DataFrame:
    numbers = ("text_bytes", "num_tokens")
    return frame.select(pl.col(name).cast(pl.UInt64) if name in numbers else name for name in SCHEMA.names)


def _batches(run: CuratedRun, table: str, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    for path in files_of(run.path, run.manifest, f"{table}/"):
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(columns)):
                    position = batch.schema.names.index("key")
                    key = batch.column(position).cast(pa.binary())
                    frame = pl.from_arrow(batch.set_column(position, "key", key))
                    assert isinstance(frame, pl.DataFrame)
                    yield frame
            pa.default_memory_pool().release_unused()
        except (OSError, pa.ArrowException) as error:
            raise GristmillError(
                "GM-DIFF-001",
                f"`{path}` cannot be read: {error}",
                hint=f"`gristmill verify {run.path}` says more",
            ) from error
