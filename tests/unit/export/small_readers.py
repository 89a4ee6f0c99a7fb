"""Readers of Megatron's and Streaming's layouts, written from their descriptions alone: no code is shared with writers."""

from __future__ import annotations

import json
import struct
from itertools import pairwise
from pathlib import Path

import pyarrow as pa

MEGATRON_TYPES = {1: "B", 4: "i", 8: "H"}
ARRAY_TYPES = {"uint16": "H", "uint32": "I"}


def read_megatron(prefix: Path) -> list[list[int]]:
    """Return the sequences of an indexed dataset; one document each is expected."""
    index = prefix.with_name(prefix.name + ".idx").read_bytes()
    data = prefix.with_name(prefix.name + ".bin").read_bytes()
    magic, version, code, num_sequences, num_boundaries = struct.unpack_from("<9sQBQQ", index)
    assert (magic, version) == (b"MMIDIDX\x00\x00", 1)
    at = struct.calcsize("<9sQBQQ")
    lengths = struct.unpack_from(f"<{num_sequences}i", index, at)
    at += 4 * num_sequences
    pointers = struct.unpack_from(f"<{num_sequences}q", index, at)
    at += 8 * num_sequences
    boundaries = struct.unpack_from(f"<{num_boundaries}q", index, at)
    assert at + 8 * num_boundaries == len(index)
    assert boundaries == tuple(range(num_sequences + 1))
    letter = MEGATRON_TYPES[code]
    assert sum(lengths) * struct.calcsize(letter) == len(data)
    return [
        list(struct.unpack_from(f"<{length}{letter}", data, pointer))
        for length, pointer in zip(lengths, pointers, strict=True)
    ]


def read_mds(folder: Path) -> list[dict[str, object]]:
    """Return the samples of an MDS folder, shard by shard."""
    index = json.loads((folder / "index.json").read_bytes())
    assert index["version"] == 2
    samples = []
    for shard in index["shards"]:
        if shard["zip_data"]:
            packed = (folder / shard["zip_data"]["basename"]).read_bytes()
            assert len(packed) == shard["zip_data"]["bytes"]
            content = pa.Codec("zstd").decompress(packed, shard["raw_data"]["bytes"], asbytes=True)
        else:
            content = (folder / shard["raw_data"]["basename"]).read_bytes()
        assert len(content) == shard["raw_data"]["bytes"]
        (count,) = struct.unpack_from("<I", content)
        assert count == shard["samples"]
        offsets = struct.unpack_from(f"<{count + 1}I", content, 4)
        head = json.loads(content[4 * (count + 2) : offsets[0]])
        assert head == {
            key: value for key, value in shard.items() if key not in ("samples", "raw_data", "zip_data")
        }
        assert offsets[-1] == len(content)
        samples += [_sample(content[start:end], shard) for start, end in pairwise(offsets)]
    return samples


def _sample(data: bytes, shard: dict[str, list]) -> dict[str, object]:
    sizes, at = [], 0
    for size in shard["column_sizes"]:
        if size is None:
            sizes.append(struct.unpack_from("<I", data, at)[0])
            at += 4
        else:
            sizes.append(size)
    sample = {}
    for name, encoding, size in zip(shard["column_names"], shard["column_encodings"], sizes, strict=True):
        sample[name] = _value(encoding, data[at : at + size])
        at += size
    assert at == len(data)
    return sample


def _value(encoding: str, data: bytes) -> object:
    if encoding == "bytes":
        return data
    if encoding == "str":
        return data.decode()
    if encoding in ("uint64", "int32"):
        return struct.unpack({"uint64": "<Q", "int32": "<i"}[encoding], data)[0]
    letter = ARRAY_TYPES[encoding.removeprefix("ndarray:")]
    num_dimensions, code = divmod(data[0], 4)
    assert num_dimensions == 1
    width = 1 << code
    length = int.from_bytes(data[1 : 1 + width], "little")
    values = data[1 + width :]
    assert len(values) == length * struct.calcsize(letter)
    return list(struct.unpack(f"<{length}{letter}", values))
