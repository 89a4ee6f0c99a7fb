"""Exports hold what the shards hold, whole or not at all, in the same bytes each time."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shard_fixture import SOURCES, Made, made_documents, schema, write_run
from small_readers import read_mds, read_megatron

import gristmill
from gristmill.errors import GristmillError
from gristmill.export import FORMATS
from gristmill.export.columns import list_bytes, trained_tokens
from gristmill.shards import open_shards

LENGTHS = (0, 1, 255, 256, 65_535, 65_536)
"""Around where Streaming's length of an array gets wider."""


def code_of(error: pytest.ExceptionInfo[GristmillError]) -> str:
    return error.value.code


def awkward_documents(*, with_masks: bool = True) -> list[Made]:
    documents = made_documents(40)
    documents += [Made(tokens=[7] * length, source="books", id=f"é{length}") for length in LENGTHS]
    documents += [Made(tokens=[1, 2], id=None), Made(tokens=[3], id="")]
    if with_masks:
        documents += [
            Made(tokens=[1, 2, 3, 4], mask=[1, 2, 1]),
            Made(tokens=[5, 6], mask=[0, 2]),
            Made(tokens=[5, 6], mask=[2]),
            Made(tokens=[5, 6, 7], mask=[0, 1, 0, 1, 1]),
        ]
    return documents


def trained(document: Made) -> list[int]:
    runs = [0, len(document.tokens)] if document.mask is None else document.mask
    return [place % 2 for place, run in enumerate(runs) for _ in range(run)]


@pytest.fixture(params=[True, False], ids=["uint16", "uint32"])
def is_narrow(request: pytest.FixtureRequest) -> bool:
    return request.param


def test_megatron_holds_every_document(tmp_path: Path, is_narrow: bool) -> None:
    documents = awkward_documents()
    run = write_run(tmp_path / "run", documents, num_shards=3, is_narrow=is_narrow)
    done = gristmill.export(run, format="megatron", output=tmp_path / "out")
    assert done.num_documents == len(documents)
    assert done.num_tokens == sum(len(document.tokens) for document in documents)
    assert read_megatron(tmp_path / "out/train") == [list(document.tokens) for document in documents]
    assert read_megatron(tmp_path / "out/train.mask") == [trained(document) for document in documents]
    rows = pq.read_table(tmp_path / "out/train.documents.parquet").to_pylist()
    for row, document in zip(rows, open_shards(run), strict=True):
        assert row == {
            "doc": document.doc,
            "key": document.key,
            "id": document.id,
            "source": document.source,
        }
    code = (tmp_path / "out/train.idx").read_bytes()[17]
    assert code == (8 if is_narrow else 4)


def test_megatron_without_masks_has_no_mask_files(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", awkward_documents(with_masks=False))
    gristmill.export(run, format="megatron", output=tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "export.json",
        "train.bin",
        "train.documents.parquet",
        "train.idx",
    ]


@pytest.mark.parametrize("compression", [None, "zstd"])
@pytest.mark.parametrize("shard_bytes", [None, 3000])
def test_mds_holds_every_document(
    tmp_path: Path, is_narrow: bool, compression: None, shard_bytes: int | None
) -> None:
    documents = awkward_documents()
    run = write_run(tmp_path / "run", documents, num_shards=3, is_narrow=is_narrow)
    gristmill.export(
        run, format="mds", output=tmp_path / "out", compression=compression, shard_bytes=shard_bytes
    )
    samples = read_mds(tmp_path / "out/train")
    assert len(samples) == len(documents)
    for sample, made, document in zip(samples, documents, open_shards(run), strict=True):
        assert sample == {
            "doc": document.doc,
            "id": made.id or "",
            "key": document.key,
            "mask": [0, len(made.tokens)] if made.mask is None else list(made.mask),
            "source": made.source,
            "tokens": list(made.tokens),
        }
    index = json.loads((tmp_path / "out/train/index.json").read_bytes())
    for shard in index["shards"]:
        assert shard["raw_data"]["bytes"] <= (shard_bytes or 1 << 26) or shard["samples"] == 1
        stored = shard["zip_data"] or shard["raw_data"]
        content = (tmp_path / "out/train" / stored["basename"]).read_bytes()
        assert stored["hashes"] == {"sha256": hashlib.sha256(content).hexdigest()}
        assert (shard["zip_data"] is not None) == (compression is not None)
    assert (len(index["shards"]) > 3) == (shard_bytes is not None)


def test_parquet_holds_every_document_with_types_and_metadata(tmp_path: Path, is_narrow: bool) -> None:
    documents = awkward_documents()
    run = write_run(tmp_path / "run", documents, num_shards=3, is_narrow=is_narrow)
    gristmill.export(run, format="parquet", output=tmp_path / "out")
    files = sorted((tmp_path / "out").glob("*.parquet"))
    assert [file.name for file in files] == [f"train-{number:05d}-of-00003.parquet" for number in range(3)]
    for file, shard in zip(files, open_shards(run).manifest.files, strict=True):
        with pa.OSFile(str(run / shard.path)) as opened:
            table = pa.ipc.open_file(opened).read_all()
        found = pq.read_table(file)
        text = found.schema.field("source").type
        assert text == pa.string()
        assert found.schema.metadata == table.schema.metadata
        expected = table.set_column(3, table.field("source").with_type(text), table["source"].cast(text))
        assert found.to_pylist() == expected.to_pylist()
        assert [str(field.type).replace("element", "item") for field in found.schema] == [
            str(field.type).replace("element", "item") for field in expected.schema
        ]
        assert pl.read_parquet(file).rows() == pl.DataFrame(expected).rows()


def test_parquet_row_groups_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gristmill.export.tables.ROW_GROUP_ROWS", 10)
    run = write_run(tmp_path / "run", made_documents(60), num_shards=1, rows=7)
    gristmill.export(run, format="parquet", output=tmp_path / "out")
    [file] = (tmp_path / "out").glob("*.parquet")
    groups = pq.ParquetFile(file).metadata
    assert [groups.row_group(number).num_rows for number in range(groups.num_row_groups)] == [
        14,
        14,
        14,
        14,
        4,
    ]


def with_labels(folder: Path, labels: list[int | None]) -> Path:
    """Write a run whose only shard has a column `label`."""
    run = write_run(folder, made_documents(len(labels)), num_shards=1, rows=100)
    path = run / "tokens/train/shard-00000.arrow"
    with pa.OSFile(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
    table = table.append_column("label", pa.array(labels, pa.int32()))
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    manifest = json.loads((run / "manifest.json").read_text())
    content = path.read_bytes()
    manifest["files"][0].update(
        bytes=len(content), digest=f"sha256:{hashlib.sha256(content).hexdigest()}", rows=len(labels)
    )
    (run / "manifest.json").write_text(json.dumps(manifest))
    return run


def test_labels_travel(tmp_path: Path) -> None:
    labels = [3, None, 0, -1]
    run = with_labels(tmp_path / "run", labels)
    for format_ in FORMATS:
        gristmill.export(run, format=format_, output=tmp_path / format_)
    assert pq.read_table(tmp_path / "megatron/train.documents.parquet")["label"].to_pylist() == labels
    assert pq.read_table(tmp_path / "parquet/train-00000-of-00001.parquet")["label"].to_pylist() == labels
    assert [sample["label"] for sample in read_mds(tmp_path / "mds/train")] == [3, -100, 0, -1]


def test_several_splits(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", made_documents(9), made_documents(4, seed=9))
    for format_ in FORMATS:
        done = gristmill.export(
            run, format=format_, output=tmp_path / format_, splits=("train", "validation")
        )
        assert {name: split["documents"] for name, split in done.manifest["splits"].items()} == {
            "train": 9,
            "validation": 4,
        }
    assert len(read_megatron(tmp_path / "megatron/validation")) == 4
    assert len(read_mds(tmp_path / "mds/validation")) == 4


@pytest.mark.parametrize("format_", FORMATS)
def test_the_manifest_lists_every_file_with_its_digest(tmp_path: Path, format_: str) -> None:
    run = write_run(tmp_path / "run", awkward_documents())
    events = []
    done = gristmill.export(run, format=format_, output=tmp_path / "out", on_event=events.append)
    found = {
        path.relative_to(tmp_path / "out").as_posix()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert {str(file["path"]) for file in done.manifest["files"]} == found - {"export.json"}
    for file in done.manifest["files"]:
        content = (tmp_path / "out" / file["path"]).read_bytes()
        assert (file["bytes"], file["digest"]) == (
            len(content),
            f"sha256:{hashlib.sha256(content).hexdigest()}",
        )
    assert json.loads((tmp_path / "out/export.json").read_bytes()) == done.manifest
    manifest = hashlib.sha256((run / "manifest.json").read_bytes()).hexdigest()
    assert done.manifest["run"]["manifest"] == f"sha256:{manifest}"
    assert events[-1] == {"stage": "train", "done": 52, "total": 52, "message": "rows"}
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("format_", FORMATS)
def test_the_same_run_gives_the_same_bytes(tmp_path: Path, format_: str) -> None:
    documents = awkward_documents()
    digests = {
        # Batches and shards are cut elsewhere; for all but Parquet, whose files are the shards, that is no matter.
        gristmill.export(
            write_run(tmp_path / f"run{number}", documents, num_shards=shards, rows=rows),
            format=format_,
            output=tmp_path / f"out{number}",
        ).manifest["files"][0]["digest"]
        for number, (shards, rows) in enumerate(
            [(1, 50), (1, 50)] if format_ == "parquet" else [(1, 50), (3, 7)]
        )
    }
    assert len(digests) == 1


def test_an_export_is_replaced_only_when_asked(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", made_documents(5))
    out = tmp_path / "deep/out"
    gristmill.export(run, format="mds", output=out)
    with pytest.raises(GristmillError) as error:
        gristmill.export(run, format="megatron", output=out)
    assert code_of(error) == "GM-EXPORT-001"
    assert (out / "train/index.json").is_file()
    gristmill.export(run, format="megatron", output=out, overwrite=True)
    assert not (out / "train").exists()
    assert (out / "train.idx").is_file()
    assert [path.name for path in out.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_export_is_never_replaced(tmp_path: Path, kind: str) -> None:
    run = write_run(tmp_path / "run", made_documents(5))
    out = tmp_path / "out"
    if kind == "file":
        out.write_text("mine")
    elif kind == "folder":
        out.mkdir()
        (out / "thesis.txt").write_text("mine")
    else:
        out.symlink_to(run)
    with pytest.raises(GristmillError) as error:
        gristmill.export(run, format="parquet", output=out, overwrite=True)
    assert code_of(error) == "GM-EXPORT-002"
    assert (run / "manifest.json").is_file()


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    run = write_run(tmp_path / "run", made_documents(5))
    gristmill.export(run, format="parquet", output=tmp_path / "out")
    assert (tmp_path / "out/export.json").is_file()


@pytest.mark.parametrize("format_", FORMATS)
def test_a_failure_leaves_nothing(tmp_path: Path, format_: str) -> None:
    documents = [*made_documents(5), Made(tokens=[1, 2, 3], mask=[1, 1])]
    run = write_run(tmp_path / "run", documents)

    def fail(event: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gristmill.export(run, format=format_, output=tmp_path / "out", on_event=fail)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    if format_ == "megatron":
        with pytest.raises(GristmillError) as error:
            gristmill.export(run, format=format_, output=tmp_path / "out")
        assert code_of(error) == "GM-SHARDS-006"
        assert [path.name for path in tmp_path.iterdir()] == ["run"]


KILLED = """
import sys, time, gristmill
def stop(event):
    print("writing", flush=True)
    time.sleep(600)
gristmill.export(sys.argv[1], format="mds", output=sys.argv[2], on_event=stop)
"""


def test_a_killed_export_is_done_again_and_a_living_one_is_not_disturbed(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", made_documents(50))
    out = tmp_path / "out"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(run), str(out)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "writing\n"
        with pytest.raises(GristmillError) as error:
            gristmill.export(run, format="mds", output=out)
        assert code_of(error) == "GM-EXPORT-006"
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert not out.exists()
    assert (tmp_path / ".out.partial").is_dir()
    gristmill.export(run, format="mds", output=out)
    assert len(read_mds(out / "train")) == 50
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "run"]


def set_counts(run: Path, **numbers: int) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["counts"]["tokens"] = {"train": numbers}
    (run / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("change", [{"documents": 1}, {"tokens": 1}])
def test_counts_other_than_the_manifest_says(tmp_path: Path, change: dict[str, int]) -> None:
    documents = made_documents(5)
    numbers = {"documents": 5, "tokens": sum(len(document.tokens) for document in documents)}
    run = write_run(tmp_path / "run", documents)
    set_counts(run, **numbers)
    gristmill.export(run, format="parquet", output=tmp_path / "right")
    set_counts(run, **{name: number + change.get(name, 0) for name, number in numbers.items()})
    with pytest.raises(GristmillError) as error:
        gristmill.export(run, format="parquet", output=tmp_path / "out")
    assert code_of(error) == "GM-EXPORT-003"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options",
    [
        {"format": "tfrecord"},
        {"format": "mds", "splits": ()},
        {"format": "mds", "splits": "train"},
        {"format": "mds", "splits": ("train", "train")},
        {"format": "mds", "compression": "gzip"},
        {"format": "mds", "shard_bytes": 0},
        {"format": "mds", "shard_bytes": 1 << 32},
        {"format": "megatron", "compression": "zstd"},
        {"format": "parquet", "shard_bytes": 1000},
    ],
)
def test_options_that_make_no_sense(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(GristmillError) as error:
        gristmill.export(tmp_path, output=tmp_path / "out", **options)
    assert code_of(error) == "GM-EXPORT-005"


def test_nothing_to_export(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [], num_shards=1)
    with pytest.raises(GristmillError) as error:
        gristmill.export(run, format="megatron", output=tmp_path / "out")
    assert code_of(error) == "GM-EXPORT-007"


def test_ids_beyond_int32(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", made_documents(3), is_narrow=False, vocabulary_size=str((1 << 31) + 1))
    with pytest.raises(GristmillError) as error:
        gristmill.export(run, format="megatron", output=tmp_path / "out")
    assert code_of(error) == "GM-EXPORT-004"


def test_a_damaged_shard_is_noticed_before_anything_is_written(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", made_documents(9))
    path = run / "tokens/train/shard-00001.arrow"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(GristmillError) as error:
        gristmill.export(run, format="mds", output=tmp_path / "out")
    assert code_of(error) == "GM-SHARDS-004"
    assert not (tmp_path / "out").exists()


def test_bytes_of_sliced_lists() -> None:
    lists = pa.array([[9], [1, 2], [], [3]], pa.list_(pa.uint16()))
    assert list_bytes(lists.slice(1)).to_pylist() == [b"\x01\x00\x02\x00", b"", b"\x03\x00"]


@pytest.mark.parametrize("mask", [[1, 1], [4], [0, 2, 2], []])
def test_a_mask_that_does_not_fit(mask: list[int]) -> None:
    # The second document's mask makes up for the first one's in all; each is checked by itself.
    masks = pa.array([mask, [0, 6 - sum(mask)]], pa.list_(pa.uint32()))
    with pytest.raises(GristmillError) as error:
        trained_tokens(masks, pa.array([3, 3], pa.int32()))
    assert code_of(error) == "GM-SHARDS-006"


MEASURED = """
import sys, gristmill
from pathlib import Path
def peak():
    # Not `ru_maxrss`, which begins with the memory of the process that started this one.
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
gristmill.export(sys.argv[1], format="parquet", output=sys.argv[2] + "-warm")
before = peak()
options = {"shard_bytes": 8 << 20} if sys.argv[4] == "mds" else {}
gristmill.export(sys.argv[3], format=sys.argv[4], output=sys.argv[2], **options)
print(peak() - before)
"""


@pytest.mark.parametrize("format_", FORMATS)
def test_memory_does_not_grow_with_the_run(tmp_path: Path, format_: str) -> None:
    """Sixty batches of 2 MiB; what is held is one row group or one shard, and a few copies of a batch."""
    small = write_run(tmp_path / "small", made_documents(5))
    run = write_run(tmp_path / "run", [Made(tokens=[1])], num_shards=1)
    path = run / "tokens/train/shard-00000.arrow"
    shape = schema()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, shape) as writer:
        for number in range(60):
            state = hashlib.shake_128(bytes([number])).digest(1 << 21)
            values = pa.Array.from_buffers(pa.uint16(), 1 << 20, [None, pa.py_buffer(state)])
            offsets = pa.array(range(0, (1 << 20) + 1, 1 << 10), pa.int32())
            rows = len(offsets) - 1
            columns = [
                pa.array(range(rows), pa.uint64()),
                pa.array([bytes(16)] * rows, pa.binary(16)),
                pa.nulls(rows, pa.string()),
                pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int16()), list(SOURCES)),
                pa.ListArray.from_arrays(offsets, values, type=shape.field("tokens").type),
                pa.nulls(rows, shape.field("mask").type),
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=shape))
    manifest = json.loads((run / "manifest.json").read_text())
    content = path.read_bytes()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    manifest["files"][0].update(rows=60 * 1024, bytes=len(content), digest=digest)
    (run / "manifest.json").write_text(json.dumps(manifest))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(small), str(tmp_path / "out"), str(run), format_],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 96 * 1024


def test_rows_of_one_document_are_one_document(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", made_documents(10), num_shards=1, rows=3)
    path = run / "tokens/train/shard-00000.arrow"
    with pa.OSFile(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
    # A long document's rows follow each other, here over the ends of batches.
    docs = pa.chunked_array([pa.array([5, 5, 5]), pa.array([5, 6, 7]), pa.array([8, 8, 9]), pa.array([9])])
    table = table.set_column(0, table.field("doc"), docs.cast(pa.uint64()))
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    manifest = json.loads((run / "manifest.json").read_text())
    content = path.read_bytes()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    manifest["files"][0].update(bytes=len(content), digest=digest)
    manifest["counts"]["tokens"] = {"train": {"documents": 5}}
    (run / "manifest.json").write_text(json.dumps(manifest))
    done = gristmill.export(run, format="megatron", output=tmp_path / "out")
    assert (done.num_documents, done.manifest["splits"]["train"]["rows"]) == (5, 10)
    assert len(read_megatron(tmp_path / "out/train")) == 10
