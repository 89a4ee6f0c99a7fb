"""Which documents' texts are looked at, and what curation kept of them. Bounded, whatever the size of the run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill.shards import Document, Shards

SAMPLE = 64
"""Documents with the smallest keys, which are hashes, so that the sample is random and the same in every run."""
ROLES = {"human": "user", "gpt": "assistant", "function_call": "assistant", "observation": "tool"}
"""ShareGPT's names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """A turn as it was read; `content` is None where it is more than a text (calls, reasoning, parts)."""

    role: str
    content: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What `documents/` has of a document: its text, and its turns, None for one without."""

    text: str
    turns: tuple[Turn, ...] | None


def chosen_rows(shards: Shards) -> list[list[int]]:
    """Return the positions of the sampled documents: those with the smallest keys and the first of each source.

    Each comes with all its rows, where it was divided. Time: one pass over keys and sources.
    """
    smallest = np.zeros((0, 2), np.uint64)
    first: dict[int, int] = {}
    start = 0
    for batch in shards.record_batches(["key", "source"]):
        keys = batch.column("key")
        heads = np.frombuffer(keys.buffers()[1], ">u8")[2 * keys.offset :: 2][: len(keys)].astype(np.uint64)
        places = np.arange(start, start + len(keys), dtype=np.uint64)
        pairs = np.concatenate([smallest, np.stack([heads, places], axis=1)])
        smallest = pairs[np.argsort(pairs[:, 0], kind="stable")[:SAMPLE]]
        sources = batch.column("source").indices.to_numpy()
        for source in set(np.unique(sources).tolist()) - first.keys():
            first[source] = start + int(np.flatnonzero(sources == source)[0])
        start += len(keys)
    found: dict[int, list[int]] = {}
    for place in sorted({*smallest[:, 1].astype(int).tolist(), *first.values()}):
        doc = shards.doc(place).doc
        if doc not in found:
            found[doc] = _with_neighbours(shards, place, doc)
    return list(found.values())


def _with_neighbours(shards: Shards, place: int, doc: int) -> list[int]:
    low = high = place
    while low > 0 and shards.doc(low - 1).doc == doc:
        low -= 1
    while high + 1 < len(shards) and shards.doc(high + 1).doc == doc:
        high += 1
    return list(range(low, high + 1))


def kept_of(
    files: Sequence[Path], documents: Mapping[int, Document], sources: Mapping[str, Mapping[str, object]]
) -> dict[int, Kept]:
    """Return what `documents/` has of some documents, by number. Reads `doc`, and row groups with one of them."""
    wanted = pa.array(sorted(documents), pa.uint64())
    found: dict[int, Kept] = {}
    for path in files:
        with pq.ParquetFile(path) as file:
            has_metadata = "metadata" in file.schema_arrow.names
            columns = ["doc", "text", *(["metadata"] if has_metadata else [])]
            for group in range(file.metadata.num_row_groups):
                rows = pc.indices_nonzero(
                    pc.is_in(file.read_row_group(group, columns=["doc"]).column(0), value_set=wanted)
                )
                if not len(rows):
                    continue
                for row in file.read_row_group(group, columns=columns).take(rows).to_pylist():
                    source = sources.get(documents[row["doc"]].source, {})
                    found[row["doc"]] = Kept(text=str(row["text"]), turns=_turns(row.get("metadata"), source))
            if len(found) == len(wanted):
                break
    return found


def _turns(metadata: object, source: Mapping[str, object]) -> tuple[Turn, ...] | None:
    """Return the turns that a record holds, None where the source has none or they cannot be told."""
    if not isinstance(metadata, str) or not ({"messages", "prompt"} & source.keys()):
        return None
    record = json.loads(metadata)
    if "prompt" in source:
        return tuple(_instruction(record, source))
    messages = record.get(str(source["messages"]))
    if isinstance(messages, str):
        messages = json.loads(messages)
    if not isinstance(messages, list):
        return None
    return tuple(_turn(cast("Mapping[str, object]", message)) for message in messages)


def _instruction(record: Mapping[str, object], source: Mapping[str, object]) -> Iterator[Turn]:
    def said(name: str) -> str:
        value = record.get(str(source.get(name))) if source.get(name) else None
        return value if isinstance(value, str) else ""

    if said("system"):
        yield Turn(role="system", content=said("system"))
    prompt, more = said("prompt"), said("input")
    yield Turn(role="user", content=f"{prompt}\n\n{more}" if more else prompt)
    yield Turn(role="assistant", content=said("response"))


def _turn(message: Mapping[str, object]) -> Turn:
    role = str(message.get("role", message.get("from")))
    content = message.get("content", message.get("value"))
    plain = {"role", "content", "from", "value", "name", "weight"}
    further = {name for name, value in message.items() if name not in plain and value is not None}
    is_text = isinstance(content, str) and not further and role != "function_call"
    return Turn(role=ROLES.get(role, role), content=cast(str, content) if is_text else None)
