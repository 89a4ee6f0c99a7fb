"""The programs that exports are for read them: megatron-core, mosaicml-streaming, and `datasets` for Parquet.

`make dev` installs the first two without their dependencies; `GRISTMILL_READERS_PYTHON` names another interpreter that has
them. Where they are not installed the tests are skipped, visibly.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from tests.integration.masked_run import masked_run

from gristmill.export.run import export
from gristmill.shards import Shards, open_shards

PYTHON = os.environ.get("GRISTMILL_READERS_PYTHON", sys.executable)
READERS = Path(__file__).parent / "readers"


@cache
def is_installed(module: str) -> bool:
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([PYTHON, "-c", code], check=False).returncode == 0


def needs(module: str, package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        not is_installed(module), reason=f"{package} is not installed; see docs/guides/export-shards.md"
    )


def read_with(script: str, folder: Path, scratch: Path) -> dict:
    scratch.mkdir()
    environment = {**os.environ, "TORCH_CPP_LOG_LEVEL": "ERROR"}
    done = subprocess.run(
        [PYTHON, "-W", "ignore", str(READERS / script), str(folder), str(scratch)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def mask_of(document) -> list[int]:
    return [0, len(document.tokens)] if document.mask is None else document.mask.to_pylist()


@needs("megatron.core", "megatron-core")
@pytest.mark.parametrize("is_narrow", [True, False])
def test_megatron_core_reads_and_writes_the_same(tmp_path: Path, is_narrow: bool) -> None:
    run = masked_run(tmp_path / "run", is_narrow=is_narrow)
    export(run, format="megatron", output=tmp_path / "out")
    found = read_with("with_megatron.py", tmp_path / "out", tmp_path / "scratch")
    shards = open_shards(run)
    tokens, mask = found["train"], found["train.mask"]
    assert tokens["sequences"] == [document.tokens.to_pylist() for document in shards]
    assert tokens["documents"] == mask["documents"] == list(range(len(shards) + 1))
    assert tokens["dtype"] == ("uint16" if is_narrow else "int32")
    assert mask["sequences"] == [
        [place % 2 for place, run in enumerate(mask_of(document)) for _ in range(run)] for document in shards
    ]
    assert tokens["same_bytes"]
    assert mask["same_bytes"]


def samples_of(shards: Shards) -> list[dict[str, object]]:
    return [
        {
            "doc": document.doc,
            "id": document.id or "",
            "key": document.key.hex(),
            "mask": mask_of(document),
            "source": document.source,
            "tokens": document.tokens.to_pylist(),
        }
        for document in shards
    ]


@needs("streaming", "mosaicml-streaming")
@pytest.mark.parametrize("compression", [None, "zstd"])
@pytest.mark.parametrize("shard_bytes", [None, 4000])
def test_mosaicml_streaming_reads_and_writes_the_same(
    tmp_path: Path, compression: None, shard_bytes: int | None
) -> None:
    run = masked_run(tmp_path / "run")
    export(run, format="mds", output=tmp_path / "out", compression=compression, shard_bytes=shard_bytes)
    found = read_with("with_streaming.py", tmp_path / "out", tmp_path / "scratch")
    expected = samples_of(open_shards(run))
    assert found["samples"] == expected
    assert found["same_index"]
    if compression is None:
        assert found["local"] == expected
        assert found["same_bytes"]


@needs("streaming", "mosaicml-streaming")
def test_mosaicml_streaming_reads_a_document_without_tokens(tmp_path: Path) -> None:
    # Its own writer refuses one; its reader does not.
    run = masked_run(tmp_path / "run", with_empty=True)
    export(run, format="mds", output=tmp_path / "out")
    found = read_with("with_streaming.py", tmp_path / "out", tmp_path / "scratch")
    assert found["samples"] == found["local"] == samples_of(open_shards(run))


@pytest.mark.filterwarnings("ignore")
def test_datasets_reads_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    run = masked_run(tmp_path / "run")
    export(run, format="parquet", output=tmp_path / "out", splits=("train", "validation"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    cache = str(tmp_path / "cache")
    # The folder as it is: splits are known by the names of the files, and `export.json` is left alone.
    found = datasets.load_dataset(str(tmp_path / "out"), cache_dir=cache)
    assert set(found) == {"train", "validation"}
    for split, rows in found.items():
        for row, document in zip(rows, open_shards(run, split), strict=True):
            assert row == {
                "doc": document.doc,
                "key": document.key,
                "id": document.id,
                "source": document.source,
                "tokens": document.tokens.to_pylist(),
                "mask": None if document.mask is None else document.mask.to_pylist(),
            }


def test_polars_and_duckdb_read_parquet(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    run = masked_run(tmp_path / "run")
    export(run, format="parquet", output=tmp_path / "out")
    shards = open_shards(run)
    pattern = str(tmp_path / "out/train-*.parquet")
    frame = pl.scan_parquet(pattern).select("doc", "tokens").collect()
    assert frame.rows() == [(document.doc, document.tokens.to_pylist()) for document in shards]
    counted = duckdb.sql(f"select count(*), sum(len(tokens)) from '{pattern}'").fetchall()
    assert counted == [(len(shards), shards.num_tokens)]
    metadata = pq.read_schema(tmp_path / "out/train-00000-of-00002.parquet").metadata
    assert json.loads(metadata[b"gristmill.end_of_text"]) == list(shards.metadata.end_of_text)
