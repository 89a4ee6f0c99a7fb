"""What the run and the process of an isolated operator say to each other: framed messages, columns as Arrow streams.

A message is a header (lengths of the two parts that follow), a JSON object, and bytes. Neither side unpickles anything.
Not here: who reads and writes (`isolated`, `child`).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import cast

import pyarrow as pa

HEADER = struct.Struct("<4sIQ")
MAGIC = b"GMp1"
MAX_META_BYTES = 1 << 26

Meta = Mapping[str, object]


class ProtocolError(Exception):
    """The other side sent something that is no message."""


def pack(meta: Meta, body: bytes | memoryview = b"") -> list[memoryview]:
    """Return a message in pieces, so that a large body is not copied.

    Examples
    --------
    >>> b"".join(pack({"say": "hello"}, b"x"))[HEADER.size:]
    b'{"say": "hello"}x'
    """
    text = json.dumps(meta).encode()
    return [memoryview(HEADER.pack(MAGIC, len(text), len(body)) + text), memoryview(body)]


def lengths(header: bytes) -> tuple[int, int]:
    """Return how long the JSON and the body behind a header are."""
    magic, meta_bytes, body_bytes = HEADER.unpack(header)
    if magic != MAGIC or meta_bytes > MAX_META_BYTES:
        raise ProtocolError("not a message")
    return meta_bytes, body_bytes


def unpack_meta(text: bytes | memoryview) -> dict[str, object]:
    """Return the JSON part of a message."""
    try:
        meta = json.loads(bytes(text))
    except ValueError as error:
        raise ProtocolError("not JSON") from error
    if not isinstance(meta, dict):
        raise ProtocolError("not a JSON object")
    return meta


def batch_to_bytes(batch: pa.RecordBatch) -> memoryview:
    """Return a batch as an Arrow stream; of a slice, only its rows."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return memoryview(sink.getvalue())


def batch_from_bytes(body: memoryview) -> pa.RecordBatch:
    """Return the one batch of an Arrow stream, without copying its buffers."""
    return pa.ipc.open_stream(pa.py_buffer(body)).read_next_batch()


def columns_to_bytes(columns: Mapping[str, pa.Array]) -> tuple[list[tuple[str, int]], bytes]:
    """Return columns as one Arrow stream each, which need not be equally long, and the length of each stream."""
    streams = [batch_to_bytes(pa.record_batch({"": column})) for column in columns.values()]
    names = [(name, len(stream)) for name, stream in zip(columns, streams, strict=True)]
    return names, b"".join(streams)


def columns_from_bytes(names: object, body: memoryview) -> dict[str, pa.Array]:
    """Return the columns of a message, each checked down to its bytes.

    Raises
    ------
    ProtocolError
        When they are none.
    """
    columns: dict[str, pa.Array] = {}
    start = 0
    try:
        for name, num_bytes in cast(Sequence[tuple[str, int]], names):
            column = batch_from_bytes(body[start : start + num_bytes]).column(0)
            if not pa.types.is_large_string(column.type):  # those are checked with their type, row by row
                column.validate(full=True)
            columns[name] = column
            start += num_bytes
    except (pa.ArrowException, TypeError, ValueError, StopIteration) as error:
        raise ProtocolError(f"columns that cannot be read: {error}") from error
    return columns
