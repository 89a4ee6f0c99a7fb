"""Parquet: `SPLIT-00000-of-00004.parquet`, one file for each shard, the columns and metadata of the shard.

`source` becomes plain text, which every reader understands (it is stored as a dictionary all the same); all else keeps
its type, so ids are uint16 or uint32. The names are those by which `datasets` tells splits apart.

Memory: one row group: what is gathered until there are 4,194,304 ids or 65,536 documents, and one batch more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.export.source import SplitSource, batches_of
from gristmill.export.target import OutputFile, Target

ROW_GROUP_TOKENS = 1 << 22
ROW_GROUP_ROWS = 1 << 16
ZSTD_LEVEL = 3
Progress = Callable[[int], None]


def write(source: SplitSource, target: Target, on_rows: Progress) -> None:
    """Write one split; see `gristmill.export.megatron.write`."""
    paths = source.paths()
    done = 0
    for number, (path, file) in enumerate(zip(paths, source.shards.manifest.files, strict=True)):
        name = f"{source.name}-{number:05d}-of-{len(paths):05d}.parquet"
        with (
            target.create(name, rows=file.num_documents) as output,
            new_table(output, table_schema(path)) as writer,
        ):
            for group in _groups(path):
                writer.write_table(group, row_group_size=max(1, group.num_rows))
                done += group.num_rows
                on_rows(done)


def new_table(file: OutputFile, schema: pa.Schema) -> pq.ParquetWriter:
    """Return a writer of Parquet as exports have it: zstd, format 2.6, dictionaries for what repeats."""
    return pq.ParquetWriter(
        file,
        schema,
        compression="zstd",
        compression_level=ZSTD_LEVEL,
        use_dictionary=[name for name in ("source", "tokens.list.element") if _root(name) in schema.names],
        write_statistics=[name for name in ("doc", "key", "id", "source", "label") if name in schema.names],
    )


def _root(column: str) -> str:
    return column.partition(".")[0]


def table_schema(path: Path) -> pa.Schema:
    """Return the schema of a shard with `source` as plain text."""
    with pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped) as reader:
        schema = reader.schema
    return schema.set(schema.get_field_index("source"), pa.field("source", pa.string(), nullable=False))


def _groups(path: Path) -> Iterator[pa.Table]:
    schema = table_schema(path)
    held: list[pa.RecordBatch] = []
    num_rows = num_tokens = 0
    for batch in batches_of(path):
        held.append(batch)
        num_rows += batch.num_rows
        num_tokens += len(batch.column("tokens").flatten())
        if num_rows >= ROW_GROUP_ROWS or num_tokens >= ROW_GROUP_TOKENS:
            yield pa.Table.from_batches(held).cast(schema)
            held, num_rows, num_tokens = [], 0, 0
    if held:
        yield pa.Table.from_batches(held).cast(schema)
