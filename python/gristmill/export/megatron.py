r"""Megatron-LM's indexed dataset: `SPLIT.bin` with all ids, `SPLIT.idx` with where each sequence is.

The layout is that of `megatron/core/datasets/indexed_dataset.py` (Megatron-LM, core 0.16): little-endian; the index is
``MMIDIDX\0\0``, version 1 as uint64, one byte for the type of an id (4 is int32, 8 is uint16), the number of
sequences and of document boundaries as uint64, the length of each sequence in ids as int32, the byte where it starts as
int64, and the sequence with which each document begins as int64, with one more at the end. A row is one sequence.

Megatron has no place for anything else, so beside them lie `SPLIT.documents.parquet`, whose row *i* says which document
sequence *i* is, and, where a row has a mask, a second indexed dataset `SPLIT.mask` of the same sequences with one
uint8 an id: 1 where it is trained.

Memory: one batch. Time: one pass over the shards for each of the files.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.errors import GristmillError
from gristmill.export.columns import counting, lengths_of, raw_bytes, trained_tokens
from gristmill.export.source import SplitSource
from gristmill.export.tables import new_table, table_schema
from gristmill.export.target import OutputFile, Target

MAGIC = b"MMIDIDX\x00\x00"
VERSION = 1
UINT8, INT32, UINT16 = 1, 4, 8
"""Megatron's codes for the type of an id."""
TYPE_BYTES = {UINT8: 1, INT32: 4, UINT16: 2}
LARGEST_INT32 = (1 << 31) - 1
CHUNK = 1 << 20
"""Numbers of an index held at once."""
Progress = Callable[[int], None]


def write(source: SplitSource, target: Target, on_rows: Progress) -> None:
    """Write one split.

    Parameters
    ----------
    source
        The split.
    target
        Where to.
    on_rows
        Called with the number of rows done.

    Raises
    ------
    GristmillError
        ``GM-EXPORT-004`` when an id does not fit int32, ``GM-SHARDS-006`` when a mask does not fit its document.
    """
    if source.shards.metadata.vocabulary_size > LARGEST_INT32 + 1:
        raise GristmillError(
            "GM-EXPORT-004",
            f"a vocabulary of {source.shards.metadata.vocabulary_size} ids does not fit Megatron's int32",
        )
    name = source.name
    done = 0
    with target.create(f"{name}.bin") as file:
        for batch in source.batches():
            file.write(_ids(batch.column("tokens").flatten()))
            done += batch.num_rows
            on_rows(done)
    _write_index(source, target, f"{name}.idx", UINT16 if source.is_narrow else INT32)
    if source.num_masked:
        with target.create(f"{name}.mask.bin") as file:
            for batch in source.batches():
                file.write(
                    raw_bytes(trained_tokens(batch.column("mask"), lengths_of(batch.column("tokens"))))
                )
        _write_index(source, target, f"{name}.mask.idx", UINT8)
    _write_documents(source, target)


def _ids(tokens: pa.Array) -> pa.Buffer:
    # An id below 2^31 has the same bytes as uint32 and as int32.
    return raw_bytes(tokens)


def _write_index(source: SplitSource, target: Target, name: str, code: int) -> None:
    count = source.num_rows
    with target.create(name, rows=count) as file:
        file.write(MAGIC + struct.pack("<QBQQ", VERSION, code, count, count + 1))
        for lengths in _lengths(source):
            file.write(raw_bytes(lengths))
        start = 0
        for lengths in _lengths(source):
            num_bytes = pc.multiply(lengths.cast(pa.int64()), TYPE_BYTES[code])
            ends = pc.cumulative_sum(num_bytes, start=start)
            file.write(raw_bytes(pc.subtract(ends, num_bytes)))
            start = ends[-1].as_py()
        _write_counting(file, count + 1)


def _write_counting(file: OutputFile, count: int) -> None:
    for start in range(0, count, CHUNK):
        file.write(raw_bytes(counting(start, min(CHUNK, count - start))))


def _lengths(source: SplitSource) -> Iterator[pa.Array]:
    # From the mapped shards: of a column of lists only the offsets are touched.
    lengths = source.shards.lengths()
    for start in range(0, len(lengths), CHUNK):
        yield lengths.slice(start, CHUNK)


def _write_documents(source: SplitSource, target: Target) -> None:
    names = ["doc", "key", "id", "source"] + ["label"] * source.has_label
    schema = table_schema(source.paths()[0])
    schema = pa.schema([schema.field(name) for name in names], metadata=schema.metadata)
    with (
        target.create(f"{source.name}.documents.parquet", rows=source.num_rows) as file,
        new_table(file, schema) as writer,
    ):
        for batch in source.batches():
            writer.write_table(pa.Table.from_batches([batch.select(names)]).cast(schema))


def is_index(path: Path) -> bool:
    """Whether a file begins as an index does."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False
