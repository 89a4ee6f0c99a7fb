from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from shard_fixture import SOURCES, Made, made_documents, schema, write_run, write_shard

from gristmill.errors import GristmillError
from gristmill.shards import digest_file, open_shards


def code_of(error: pytest.ExceptionInfo[GristmillError]) -> str:
    return error.value.code


def rewrite_manifest(folder: Path, change) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize("is_narrow", [True, False])
def test_documents_come_back_in_order_across_batches_and_shards(tmp_path: Path, is_narrow: bool) -> None:
    documents = made_documents(23)
    documents[5] = Made(tokens=[1, 2, 3, 4], source="books", mask=[1, 2, 1], id=None)
    shards = open_shards(write_run(tmp_path, documents, num_shards=3, rows=4, is_narrow=is_narrow))

    assert len(shards) == 23
    assert shards.sources == SOURCES
    assert shards.num_tokens == sum(len(document.tokens) for document in documents)
    for index, (found, made) in enumerate(zip(shards, documents, strict=True)):
        assert found.index == index
        assert found.tokens.to_pylist() == list(made.tokens)
        assert found.tokens.type == (pa.uint16() if is_narrow else pa.uint32())
        assert found.source == made.source
        assert found.id == made.id
        assert (None if found.mask is None else found.mask.to_pylist()) == made.mask
        assert found.doc == (index % 2) << 40 | index
        assert found.key == hashlib.md5(str(index).encode()).digest()
    assert shards.lengths().to_pylist() == [len(document.tokens) for document in documents]
    assert [shards.sources[i] for i in shards.source_indices().to_pylist()] == [d.source for d in documents]


def test_the_schema_metadata_is_parsed(tmp_path: Path) -> None:
    shards = open_shards(write_run(tmp_path, made_documents(3), end_of_text="[2, 7]"))
    assert shards.metadata.end_of_text == (2, 7)
    assert shards.metadata.vocabulary_size == 64
    assert shards.metadata.split == "train"
    assert shards.metadata.lineage == "ab" * 16


@pytest.mark.parametrize("index", [-1, 3])
def test_a_position_outside_is_an_index_error(tmp_path: Path, index: int) -> None:
    shards = open_shards(write_run(tmp_path, made_documents(3)))
    with pytest.raises(IndexError):
        shards.doc(index)


def test_a_split_without_documents_is_empty_not_an_error(tmp_path: Path) -> None:
    shards = open_shards(write_run(tmp_path, [], num_shards=1))
    assert len(shards) == 0
    assert shards.lengths().to_pylist() == []


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(GristmillError) as error:
        open_shards(tmp_path)
    assert code_of(error) == "GM-SHARDS-001"


@pytest.mark.parametrize("content", ["{", "[]", '{"schema_version": 1}', '{"schema_version": 2}'])
def test_an_unusable_manifest(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(GristmillError) as error:
        open_shards(tmp_path)
    assert code_of(error) == "GM-SHARDS-002"


def test_a_split_that_is_not_there(tmp_path: Path) -> None:
    write_run(tmp_path, made_documents(3))
    with pytest.raises(GristmillError) as error:
        open_shards(tmp_path, "validation")
    assert code_of(error) == "GM-SHARDS-003"


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8])


@pytest.mark.parametrize("damage", [flip_a_byte, cut_short, Path.unlink])
def test_damage_is_noticed_when_opening(tmp_path: Path, damage) -> None:
    write_run(tmp_path, made_documents(9))
    damage(tmp_path / "tokens/train/shard-00001.arrow")
    with pytest.raises(GristmillError) as error:
        open_shards(tmp_path)
    assert code_of(error) == "GM-SHARDS-004"


def test_a_row_count_other_than_the_manifest_says(tmp_path: Path) -> None:
    write_run(tmp_path, made_documents(9))
    rewrite_manifest(tmp_path, lambda manifest: manifest["files"][0].update(rows=1))
    with pytest.raises(GristmillError) as error:
        open_shards(tmp_path)
    assert code_of(error) == "GM-SHARDS-004"


def test_a_digest_of_an_unknown_kind(tmp_path: Path) -> None:
    write_run(tmp_path, made_documents(9))
    rewrite_manifest(tmp_path, lambda manifest: manifest["files"][0].update(digest="md9:00"))
    with pytest.raises(GristmillError) as error:
        open_shards(tmp_path)
    assert code_of(error) == "GM-SHARDS-007"


def replace_shard(folder: Path, shape: pa.Schema) -> None:
    path = folder / "tokens/train/shard-00001.arrow"
    write_shard(path, made_documents(2), shape, first=4, rows=7)

    def change(manifest) -> None:
        manifest["files"][1].update(bytes=path.stat().st_size, rows=2, digest=digest_file(path))

    rewrite_manifest(folder, change)


@pytest.mark.parametrize(
    "shape",
    [
        schema(format_version="2"),
        schema(lineage="00"),
        schema(vocabulary_size="many"),
        schema(tokenizer_digest="blake3:ff"),
        pa.schema(list(schema())),
        schema().set(0, pa.field("doc", pa.uint64())).set(3, pa.field("origin", schema().field(3).type)),
    ],
)
def test_a_shard_of_another_layout(tmp_path: Path, shape: pa.Schema) -> None:
    write_run(tmp_path, made_documents(4))
    if shape.names[3] == "origin":
        path = tmp_path / "tokens/train/shard-00001.arrow"
        table = pa.ipc.open_file(pa.py_buffer(path.read_bytes())).read_all().drop_columns(["source"])
        content = table.schema.with_metadata(schema().metadata)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, content) as writer:
            writer.write_table(table.cast(content))
        rewrite_manifest(
            tmp_path,
            lambda manifest: manifest["files"][1].update(bytes=path.stat().st_size, digest=digest_file(path)),
        )
    else:
        replace_shard(tmp_path, shape)
    with pytest.raises(GristmillError) as error:
        open_shards(tmp_path)
    assert code_of(error) == "GM-SHARDS-005"


def test_reading_shards_imports_no_training_library() -> None:
    program = (
        "import sys, gristmill.shards; "
        "print([name for name in ('torch', 'transformers', 'peft') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_blake3_digests_come_from_the_compiled_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gristmill

    class Native:
        class Session:
            pass

        @staticmethod
        def digest_file(path: Path, session: object) -> tuple[int, str]:
            assert isinstance(session, Native.Session)
            return 3, f"blake3:{path.name}"

    monkeypatch.setitem(sys.modules, "gristmill._native", Native)
    monkeypatch.setattr(gristmill, "_native", Native, raising=False)
    assert digest_file(tmp_path / "shard", "blake3") == "blake3:shard"


def test_blake3_without_the_compiled_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gristmill

    monkeypatch.setitem(sys.modules, "gristmill._native", None)
    monkeypatch.delattr(gristmill, "_native", raising=False)
    with pytest.raises(GristmillError) as error:
        digest_file(tmp_path / "shard", "blake3")
    assert code_of(error) == "GM-SHARDS-007"
