"""Golden bytes of shards, and that what the page about them promises of their bytes is so.

The files in `shards/` are what the version that made them wrote. They must stay readable; if the same inputs give other
bytes now, raise the version of the stage `shards`, add the new files and keep the old ones.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pyarrow as pa
import pytest
from tests.support import write_corpus

from gristmill.curate.run import curate
from gristmill.shards import open_shards
from gristmill.shards.digest import digest_file

SHARDS = Path(__file__).parent / "shards"
WIDE_ID = 70_000
DOCUMENTS = 20
RECIPE = """
[run]
output = "run"
seed = 7

[[source]]
name = "first"
paths = ["first.jsonl"]
id = "id"

[[source]]
name = "second"
paths = ["second.jsonl.gz"]

[tokens]
tokenizer = "tokenizer.json"
"""


def written(folder: Path, width: str) -> Path:
    """Return the shard of a run of the twenty documents; for 32 bits a word of the vocabulary has a large id."""
    recipe = write_corpus(folder, recipe=RECIPE)
    if width == "uint32":
        path = folder / "tokenizer.json"
        tokenizer = json.loads(path.read_text(encoding="utf-8"))
        tokenizer["model"]["vocab"]["mill"] = WIDE_ID
        path.write_text(json.dumps(tokenizer), encoding="utf-8")
    return curate(recipe, workers=1).path / "tokens/train/shard-00000.arrow"


@pytest.mark.parametrize("width", ["uint16", "uint32"])
def test_a_run_writes_the_golden_bytes(tmp_path: Path, width: str) -> None:
    assert written(tmp_path, width).read_bytes() == (SHARDS / f"{width}.arrow").read_bytes()


def run_of(shard: Path, folder: Path) -> Path:
    """Return a run folder whose one shard is a copy of a file."""
    path = folder / "tokens/train/shard-00000.arrow"
    path.parent.mkdir(parents=True)
    path.write_bytes(shard.read_bytes())
    with pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped) as reader:
        rows = sum(reader.get_batch(number).num_rows for number in range(reader.num_record_batches))
    entry = {
        "path": "tokens/train/shard-00000.arrow",
        "bytes": path.stat().st_size,
        "rows": rows,
        "digest": digest_file(path),
    }
    counts = {"by_source": {"first": {}, "second": {}}}
    manifest = {"schema_version": 1, "plan": "00", "counts": counts, "files": [entry]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize("width", ["uint16", "uint32"])
def test_golden_files_stay_readable(tmp_path: Path, width: str) -> None:
    shards = open_shards(run_of(SHARDS / f"{width}.arrow", tmp_path))
    assert len(shards) == DOCUMENTS
    assert shards.sources == ("first", "second")
    assert shards.metadata.end_of_text == (0,)
    documents = {document.doc: document for document in shards}
    assert documents[0].tokens.type == (pa.uint16() if width == "uint16" else pa.uint32())
    assert max(token for document in shards for token in document.tokens.to_pylist()) == (
        34 if width == "uint16" else WIDE_ID
    )
    assert documents[0].id == "good-0"
    assert documents[1 << 40].id is None
    assert all(document.mask is None for document in shards)
    # The empty document is its end-of-text id.
    assert documents[(1 << 40) + 6].tokens.to_pylist() == [0]


def test_a_golden_file_with_masks_stays_readable(tmp_path: Path) -> None:
    shards = open_shards(run_of(SHARDS / "masked.arrow", tmp_path))
    assert [
        (document.tokens.to_pylist(), None if document.mask is None else document.mask.to_pylist())
        for document in shards
    ] == [
        ([5, 6, 7, 8, 0], [2, 2, 1]),
        ([9, 0], None),
        ([5, 0], [0, 2]),
        ([], [0]),
    ]


@pytest.mark.parametrize("width", ["uint16", "uint32"])
def test_the_bytes_are_as_the_page_says(width: str) -> None:
    path = SHARDS / f"{width}.arrow"
    content = path.read_bytes()
    assert content[:64] == b"ARROW1" + bytes(58)
    assert content[-6:] == b"ARROW1"
    (footer_bytes,) = struct.unpack("<i", content[-10:-6])
    assert content[: -10 - footer_bytes].endswith(b"\xff\xff\xff\xff\0\0\0\0")
    with pa.memory_map(str(path)) as mapped:
        start = mapped.read_buffer(1).address
        reader = pa.ipc.open_file(mapped)
        batch = reader.get_batch(0)
        buffers = [
            buffer for column in batch.columns for buffer in column.buffers() if buffer and buffer.size
        ]
        assert len(buffers) >= 9
        for buffer in buffers:
            assert (buffer.address - start) % 64 == 0
            assert start <= buffer.address < start + len(content)
        for name in ("doc", "key", "source", "tokens"):
            assert batch.column(name).buffers()[0] is None
        assert batch.column("tokens").offsets[0].as_py() == 0
        assert batch.column("mask").null_count == batch.num_rows
