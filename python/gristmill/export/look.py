"""What a folder or file in the format of another training program holds, whoever wrote it. Reads headers only."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from gristmill.errors import GristmillError
from gristmill.export.target import MANIFEST_NAME

INDEX_HEAD = struct.Struct("<9sQBQQ")
INDEX_MAGIC = b"MMIDIDX\x00\x00"
INDEX_TYPES = {
    1: ("uint8", 1),
    2: ("int8", 1),
    3: ("int16", 2),
    4: ("int32", 4),
    5: ("int64", 8),
    6: ("float64", 8),
    7: ("float32", 4),
    8: ("uint16", 2),
}
"""Megatron's codes: name and bytes of an id."""


def look_at_export(path: Path) -> dict[str, object] | None:
    """Return what an export holds as JSON values, or None where this is none.

    Parameters
    ----------
    path
        A folder with an `export.json`, with an MDS `index.json`, or with Megatron indexes; or one such `.idx`.

    Raises
    ------
    GristmillError
        ``GM-CLI-008`` when it begins like one and cannot be read.
    """
    if path.is_file():
        return _megatron(path, [path]) if path.suffix == ".idx" else None
    if (path / MANIFEST_NAME).is_file():
        return {"kind": "export", "path": str(path), **_json(path / MANIFEST_NAME)}
    if (path / "index.json").is_file():
        index = _json(path / "index.json")
        if isinstance(index.get("shards"), list):
            return _mds(path, cast(Sequence[Mapping[str, object]], index["shards"]))
    indexes = sorted(path.glob("*.idx"))
    return _megatron(path, indexes) if indexes else None


def _json(path: Path) -> dict[str, object]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise GristmillError("GM-CLI-008", f"`{path}` cannot be read as JSON: {error}") from error
    if not isinstance(value, dict):
        raise GristmillError("GM-CLI-008", f"`{path}` holds no JSON object")
    return value


def _megatron(path: Path, indexes: Sequence[Path]) -> dict[str, object]:
    return {"kind": "megatron", "path": str(path), "indexes": {file.name: _index(file) for file in indexes}}


def _index(path: Path) -> dict[str, object]:
    with path.open("rb") as file:
        head = file.read(INDEX_HEAD.size)
    if len(head) < INDEX_HEAD.size or not head.startswith(INDEX_MAGIC):
        raise GristmillError("GM-CLI-008", f"`{path}` is no index of Megatron-LM")
    _, version, code, num_sequences, num_boundaries = INDEX_HEAD.unpack(head)
    name, width = INDEX_TYPES.get(code, ("unknown", 0))
    data = path.with_suffix(".bin")
    num_bytes = data.stat().st_size if data.is_file() else None
    return {
        "version": version,
        "type": name,
        "sequences": num_sequences,
        "documents": max(0, num_boundaries - 1),
        "tokens": num_bytes // width if num_bytes is not None and width else None,
        "bytes": num_bytes,
    }


def _mds(path: Path, shards: Sequence[Mapping[str, object]]) -> dict[str, object]:
    try:
        first = shards[0] if shards else {"column_names": [], "column_encodings": [], "compression": None}
        names, encodings = (cast(Sequence[str], first[key]) for key in ("column_names", "column_encodings"))
        return {
            "kind": "mds",
            "path": str(path),
            "shards": len(shards),
            "samples": sum(cast(int, shard["samples"]) for shard in shards),
            "bytes": sum(
                cast(Mapping[str, int], shard["zip_data"] or shard["raw_data"])["bytes"] for shard in shards
            ),
            "compression": first["compression"],
            "columns": dict(zip(names, encodings, strict=True)),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise GristmillError("GM-CLI-008", f"`{path}/index.json` is no index of MDS: {error!r}") from error
