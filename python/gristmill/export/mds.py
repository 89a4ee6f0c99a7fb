"""MosaicML Streaming: `SPLIT/index.json` and `SPLIT/shard.00000.mds`, or `.mds.zstd`.

The layout is that of `streaming/base/format/mds` (mosaicml-streaming 0.13, version 2): a shard is the number of samples
and the offsets of all of them as uint32, the shard's configuration as JSON, and the samples; a sample is the sizes of
its columns of no fixed size as uint32, and then its columns, sorted by name. Columns here: `doc` uint64, `id` str
(empty where the document has none), `key` bytes, `label` int32 and `mask` ndarray:uint32 where the shards have any,
`source` str, `tokens` ndarray:uint16 or ndarray:uint32. A mask is then written for every document: `[0, n]` is all
trained.

Memory: one shard, 64 MiB unless `shard_bytes` says otherwise, twice with compression, and some copies of one batch.
"""

from __future__ import annotations

import hashlib
import json
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.errors import GristmillError
from gristmill.export.columns import (
    explicit_masks,
    joined,
    lengths_of,
    list_bytes,
    raw_bytes,
    text_bytes,
    value_bytes,
)
from gristmill.export.source import SplitSource
from gristmill.export.target import Target

VERSION = 2
SHARD_BYTES = 1 << 26
HASH = "sha256"
ZSTD_LEVEL = 3
NO_LABEL = -100
"""Stands for a null label: what torch's cross-entropy leaves out."""
OFFSET_BYTES = 4
LARGEST_SHARD = (1 << 32) - 1
Progress = Callable[[int], None]
_FIXED = {"doc": ("uint64", 8), "label": ("int32", 4)}
_CODES = ((1 << 8, 0, 1), (1 << 16, 1, 2), (1 << 32, 2, 4))
"""For the length of an array: below what, Streaming's code of its width, its width in bytes."""


def write(
    source: SplitSource,
    target: Target,
    on_rows: Progress,
    *,
    shard_bytes: int = SHARD_BYTES,
    is_compressed: bool = False,
) -> None:
    """Write one split; see `gristmill.export.megatron.write`.

    Parameters
    ----------
    source, target, on_rows
        As there.
    shard_bytes
        Where a shard is cut. A longer document gets a shard of its own.
    is_compressed
        Whether shards are compressed with zstd.

    Raises
    ------
    GristmillError
        ``GM-EXPORT-004`` when a document does not fit a shard.
    """
    configuration = _configuration(source, shard_bytes, is_compressed=is_compressed)
    writer = _Writer(source, target, configuration, shard_bytes)
    done = 0
    for batch in source.batches():
        writer.add(_samples(batch, source))
        done += batch.num_rows
        on_rows(done)
    writer.finish()


def _configuration(source: SplitSource, shard_bytes: int, *, is_compressed: bool) -> dict[str, object]:
    tokens = "ndarray:uint16" if source.is_narrow else "ndarray:uint32"
    encodings = {"doc": "uint64", "id": "str", "key": "bytes", "source": "str", "tokens": tokens}
    if source.has_label:
        encodings["label"] = "int32"
    if source.num_masked:
        encodings["mask"] = "ndarray:uint32"
    names = sorted(encodings)
    return {
        "version": VERSION,
        "format": "mds",
        "compression": f"zstd:{ZSTD_LEVEL}" if is_compressed else None,
        "hashes": [HASH],
        "size_limit": shard_bytes,
        "column_names": names,
        "column_encodings": [encodings[name] for name in names],
        "column_sizes": [_FIXED[name][1] if name in _FIXED else None for name in names],
    }


def _samples(batch: pa.RecordBatch, source: SplitSource) -> pa.Array:
    """Return the samples of a batch as large_binary."""
    lengths = lengths_of(batch.column("tokens"))
    columns = {
        "doc": value_bytes(batch.column("doc")),
        "id": text_bytes(batch.column("id")),
        "key": batch.column("key").cast(pa.large_binary()),
        "source": text_bytes(batch.column("source")),
        "tokens": _array_bytes(batch.column("tokens")),
    }
    if source.has_label:
        columns["label"] = value_bytes(pc.fill_null(batch.column("label"), NO_LABEL))
    if source.num_masked:
        columns["mask"] = _array_bytes(explicit_masks(batch.column("mask"), lengths))
    names = sorted(columns)
    sizes = [
        value_bytes(pc.binary_length(columns[name]).cast(pa.uint32())) for name in names if name not in _FIXED
    ]
    return joined([*sizes, *(columns[name] for name in names)])


def _array_bytes(lists: pa.Array) -> pa.Array:
    """Return each list as Streaming writes an array of one dimension: width of its length, length, values."""
    lengths = lengths_of(lists)
    digits = value_bytes(lengths)
    heads: pa.Array | None = None
    for below, code, width in reversed(_CODES):
        head = joined(
            [
                pa.repeat(pa.scalar(bytes([1 << 2 | code]), pa.large_binary()), len(lists)),
                pc.binary_slice(digits, 0, width),
            ]
        )
        heads = head if heads is None else pc.if_else(pc.less(lengths.cast(pa.int64()), below), head, heads)
    assert heads is not None, "there are widths"
    return joined([heads, list_bytes(lists)])


class _Writer:
    """Gathers samples until a shard is full."""

    def __init__(
        self, source: SplitSource, target: Target, configuration: Mapping[str, object], shard_bytes: int
    ) -> None:
        self._source = source
        self._target = target
        self._configuration = configuration
        self._head = json.dumps(configuration, sort_keys=True).encode()
        self._shard_bytes = shard_bytes
        self._shards: list[dict[str, object]] = []
        self._start()

    def _start(self) -> None:
        self._data: list[pa.Buffer] = []
        self._sizes: list[pa.Array] = []
        # As Streaming counts: the number of samples, one offset more than there are samples, and the configuration.
        self._num_bytes = 2 * OFFSET_BYTES + len(self._head)

    def add(self, samples: pa.Array) -> None:
        """Take samples, and write all shards that they fill."""
        sizes = pc.binary_length(samples)
        needed = pc.cumulative_sum(pc.add(sizes, OFFSET_BYTES))
        at, before = 0, 0
        while at < len(samples):
            room = self._shard_bytes - self._num_bytes
            count = bisect_right(_Numbers(needed), before + room, lo=at) - at
            if not count and not self._sizes:
                count = 1
            if count:
                self._take(samples.slice(at, count), sizes.slice(at, count))
                at += count
                after = needed[at - 1].as_py()
                self._num_bytes += after - before
                before = after
            if at < len(samples):
                self._flush()

    def _take(self, samples: pa.Array, sizes: pa.Array) -> None:
        offsets = samples.buffers()[1]
        ends = pa.Array.from_buffers(pa.int64(), len(samples) + 1, [None, offsets], offset=samples.offset)
        first, last = ends[0].as_py(), ends[-1].as_py()
        self._data.append(samples.buffers()[2].slice(first, last - first))
        self._sizes.append(sizes)

    def finish(self) -> None:
        """Write the last shard and the index."""
        if self._sizes:
            self._flush()
        index = json.dumps({"version": VERSION, "shards": self._shards}, sort_keys=True)
        with self._target.create(f"{self._source.name}/index.json") as file:
            file.write(index.encode())

    def _flush(self) -> None:
        sizes = pa.concat_arrays(self._sizes)
        start = OFFSET_BYTES * (len(sizes) + 2) + len(self._head)
        ends = pc.cumulative_sum(sizes, start=start)
        if ends[-1].as_py() > LARGEST_SHARD:
            raise GristmillError(
                "GM-EXPORT-004",
                f"a shard of {ends[-1].as_py()} bytes does not fit MDS, whose offsets are 32 bits wide",
                hint="give a smaller `--shard-bytes`",
            )
        offsets = pa.concat_arrays([pa.array([start], pa.int64()), ends]).cast(pa.uint32())
        pieces = [struct.pack("<I", len(sizes)), raw_bytes(offsets), self._head, *self._data]
        raw_name = f"shard.{len(self._shards):05d}.mds"
        raw_hash = hashlib.sha256()
        for piece in pieces:
            raw_hash.update(piece)
        entry: dict[str, object] = {
            "samples": len(sizes),
            "raw_data": {
                "basename": raw_name,
                "bytes": ends[-1].as_py(),
                "hashes": {HASH: raw_hash.hexdigest()},
            },
            "zip_data": None,
        }
        is_compressed = self._configuration["compression"] is not None
        name = f"{raw_name}.zstd" if is_compressed else raw_name
        with self._target.create(f"{self._source.name}/{name}", rows=len(sizes)) as file:
            for piece in _compressed(pieces) if is_compressed else pieces:
                file.write(piece)
        if is_compressed:
            digest = file.digest.partition(":")[2]
            entry["zip_data"] = {"basename": name, "bytes": file.num_bytes, "hashes": {HASH: digest}}
        self._shards.append(entry | dict(self._configuration))
        self._start()


class _Numbers:
    """A column of numbers as a sequence that `bisect` can search."""

    def __init__(self, values: pa.Array) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, place: int) -> int:
        number: int = self._values[place].as_py()
        return number


def _compressed(pieces: list[bytes | pa.Buffer]) -> Iterator[pa.Buffer]:
    # In one go, because then the frame says how long the content is, which Streaming's reader needs.
    codec = pa.Codec("zstd", compression_level=ZSTD_LEVEL)
    yield codec.compress(b"".join(memoryview(piece) for piece in pieces))
