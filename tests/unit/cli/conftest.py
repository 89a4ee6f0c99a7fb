"""A small finished run, written by hand: what the looking verbs need."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

KEYS = [bytes([number]) * 16 for number in range(4)]
HOSTILE = "bad\x1b[31m text\u202e\nsecond line"


def _write_tables(root: Path) -> None:
    key = pa.binary(16)
    tables = {
        "documents/part-00000.parquet": pa.table(
            {
                "doc": pa.array([0, 1], pa.uint64()),
                "key": pa.array(KEYS[:2], key),
                "id": ["first", None],
                "source": ["web", "web"],
                "split": ["train", "train"],
                "text": pa.array(["a kept text", HOSTILE], pa.large_utf8()),
                "metadata": ["{}", None],
                "cluster": pa.array([KEYS[0], None], key),
                "num_tokens": pa.array([3, 5], pa.uint32()),
            }
        ),
        "rejects/part-00000.parquet": pa.table(
            {
                "doc": pa.array([2, 1 << 40], pa.uint64()),
                "key": pa.array(KEYS[2:], key),
                "id": ["same", "same"],
                "source": ["web", "web"],
                "step": ["gopher_quality", "minhash_dedup"],
                "kind": ["dropped", "dropped"],
                "rule": ["min_words", "near_duplicate"],
                "reason": ["min_words", "near_duplicate"],
                "value": [12.0, None],
                "threshold": [50.0, None],
                "duplicate_of": pa.array([None, KEYS[0]], key),
                "similarity": pa.array([None, 0.875], pa.float32()),
                "shared_bands": pa.array([None, 9], pa.uint16()),
                "detail": pa.array([None, None], pa.utf8()),
                "excerpt": ["short", "a kept text again"],
            }
        ),
        "edits/part-00000.parquet": pa.table(
            {
                "doc": pa.array([0], pa.uint64()),
                "key": pa.array(KEYS[:1], key),
                "step": ["clean"],
                "part": ["whitespace"],
                "sequence": pa.array([0], pa.uint32()),
                "start": pa.array([1], pa.uint32()),
                "end": pa.array([3], pa.uint32()),
                "before": ["\u00a0 "],
                "after": [" "],
            }
        ),
        "signals/part-00000.parquet": pa.table(
            {
                "doc": pa.array([0, 1, 2, 1 << 40], pa.uint64()),
                "key": pa.array(KEYS, key),
                "id": ["first", None, "same", "same"],
                "source": ["web"] * 4,
                "gopher_quality.num_words": pa.array([60, 70, 12, 61], pa.uint32()),
            }
        ),
    }
    for name, table in tables.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, root / name)


def _write_shard(root: Path) -> None:
    path = root / "tokens/train/shard-00000.arrow"
    path.parent.mkdir(parents=True)
    schema = pa.schema(
        {"doc": pa.uint64(), "tokens": pa.list_(pa.uint16())}, metadata={"gristmill.format_version": "1"}
    )
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.record_batch([[1, 0], [[1, 2, 3, 4, 0], [5, 6, 0]]], schema=schema))


@pytest.fixture
def finished_run(tmp_path: Path) -> Path:
    """Return the folder of a run of four documents: two kept, one dropped, one near duplicate."""
    root = tmp_path / "run"
    _write_tables(root)
    _write_shard(root)
    files = sorted(path for path in root.rglob("*") if path.is_file())
    names = [path.relative_to(root).as_posix() for path in files]
    dropped = {"gopher_quality.min_words": 1, "minhash_dedup.near_duplicate": 1}
    web = {"documents_in": 4, "kept": 2, "quarantined": 0, "dropped": dropped}
    manifest = {
        "schema_version": 1,
        "plan": "ab" * 32,
        "lineage": {"fingerprint": "cd" * 32},
        "inputs": [{"source": "web", "path": name, "documents": 3} for name in ("a.jsonl", "b.jsonl")],
        "counts": {
            "documents_in": 4,
            "kept": 2,
            "dropped": 2,
            "quarantined": 0,
            "by_source": {"web": web},
            "tokens": {"train": {"documents": 2, "tokens": 8}},
        },
        "files": [
            {"path": name, "bytes": path.stat().st_size, "rows": 2, "digest": "blake3:00"}
            for name, path in zip(names, files, strict=True)
        ],
    }
    (root / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return root
