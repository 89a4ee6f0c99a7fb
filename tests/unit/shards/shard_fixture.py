"""Writes small finished runs by pyarrow alone: token shards and a manifest, laid out as curation does it."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

SOURCES = ("web", "books")


@dataclass(frozen=True)
class Made:
    """A document to write; `mask` as in the format, untrained first."""

    tokens: Sequence[int]
    source: str = "web"
    mask: Sequence[int] | None = None
    id: str | None = None
    label: int | None = None


def made_documents(num_documents: int, *, num_ids: int = 64, longest: int = 60, seed: int = 3) -> list[Made]:
    """Return documents of made-up tokens that follow a pattern, so that a model can learn it."""
    chance = random.Random(seed)
    documents = []
    for number in range(num_documents):
        length = chance.randint(2, longest)
        start, stride = chance.randrange(num_ids), chance.choice((1, 3))
        tokens = [(start + stride * place) % num_ids for place in range(length)]
        documents.append(Made(tokens=tokens, source=SOURCES[number % 2], id=f"d{number}"))
    return documents


def schema(
    *, is_narrow: bool = True, split: str = "train", has_labels: bool = False, **metadata: str
) -> pa.Schema:
    """Return the schema of a token shard."""
    token = pa.uint16() if is_narrow else pa.uint32()
    entries = {
        "format_version": "1",
        "tokenizer_digest": "blake3:00",
        "tokenizer_mode": "plain",
        "end_of_text": "[0]",
        "vocabulary_size": "64",
        "split": split,
        "lineage": "ab" * 16,
    } | metadata
    return pa.schema(
        [
            pa.field("doc", pa.uint64(), nullable=False),
            pa.field("key", pa.binary(16), nullable=False),
            pa.field("id", pa.string()),
            pa.field("source", pa.dictionary(pa.int16(), pa.string()), nullable=False),
            pa.field("tokens", pa.list_(pa.field("item", token, nullable=False)), nullable=False),
            pa.field("mask", pa.list_(pa.field("item", pa.uint32(), nullable=False))),
            *([pa.field("label", pa.int32())] if has_labels else []),
        ],
        metadata={f"gristmill.{key}": value for key, value in entries.items()},
    )


def write_shard(path: Path, documents: Sequence[Made], shape: pa.Schema, *, first: int, rows: int) -> None:
    """Write one Arrow file with record batches of `rows` documents."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, shape) as writer:
        for start in range(0, len(documents), rows):
            part = documents[start : start + rows]
            numbers = range(first + start, first + start + len(part))
            columns = [
                pa.array([(number % 2) << 40 | number for number in numbers], pa.uint64()),
                pa.array([hashlib.md5(str(number).encode()).digest() for number in numbers], pa.binary(16)),
                pa.array([document.id for document in part], pa.string()),
                pa.DictionaryArray.from_arrays(
                    pa.array([SOURCES.index(document.source) for document in part], pa.int16()), list(SOURCES)
                ),
                pa.array([list(document.tokens) for document in part], shape.field("tokens").type),
                pa.array([document.mask for document in part], shape.field("mask").type),
            ]
            if "label" in shape.names:
                columns.append(pa.array([document.label for document in part], pa.int32()))
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=shape))


def write_run(
    folder: Path,
    train: Sequence[Made],
    validation: Sequence[Made] = (),
    *,
    num_shards: int = 2,
    rows: int = 7,
    is_narrow: bool = True,
    label_names: Sequence[str] = (),
    **metadata: str,
) -> Path:
    """Write a finished run with these splits, with labels where they have names, and return its folder."""
    files = []
    for split, documents in (("train", train), ("validation", validation)):
        if split == "validation" and not documents:
            continue
        size = -(-len(documents) // num_shards)
        for number in range(num_shards):
            path = folder / f"tokens/{split}/shard-{number:05d}.arrow"
            part = documents[number * size : (number + 1) * size]
            shape = schema(is_narrow=is_narrow, split=split, has_labels=bool(label_names), **metadata)
            write_shard(path, part, shape, first=number * size + (split == "validation") * 10_000, rows=rows)
            content = path.read_bytes()
            files.append(
                {
                    "path": path.relative_to(folder).as_posix(),
                    "bytes": len(content),
                    "rows": len(part),
                    "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
                }
            )
    manifest = {
        "schema_version": 1,
        "plan": "cd" * 16,
        "counts": {"by_source": {name: {} for name in SOURCES}},
        "files": files,
        "split": {
            "documents": {
                name: len(rows) for name, rows in (("train", train), ("validation", validation)) if rows
            },
            "proof": {"pairs": 0},
        },
    }
    if label_names:
        manifest["supervised"] = {"label": {"field": "class", "names": list(label_names)}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
