"""Golden digests of exports. Those of Parquet and zstd hold for one version of pyarrow, which writes both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest
from tests.golden.test_shard_bytes import SHARDS, run_of

from gristmill.export.run import export

PYARROW = "26.0.1"
GOLDEN: Mapping[str, Mapping[str, str]] = {
    "megatron masked": {
        "train.bin": "2d95b499a2aeeae4",
        "train.idx": "b83319ea93c435d9",
        "train.mask.bin": "e446997ccf13afb3",
        "train.mask.idx": "e88daaf0e8a34d01",
    },
    "mds masked": {"train/index.json": "44f40ae69c0fb07f", "train/shard.00000.mds": "93c0ba51bf57fbf1"},
    "parquet masked": {
        "train.documents.parquet": "4baf20d20e7ed4be",
        "train-00000-of-00001.parquet": "c485a63ddfb9f8b0",
        "train/index.json": "1caa57a94e60fa9f",
        "train/shard.00000.mds.zstd": "256d72cefc4830ae",
    },
    "megatron uint32": {"train.bin": "8ce49fa811c14afa", "train.idx": "f08761fa62d73bce"},
    "mds uint32": {"train/index.json": "ce0e162de1130334", "train/shard.00000.mds": "1eb2a2a8c059db1c"},
    "parquet uint32": {
        "train.documents.parquet": "aa36a3361e549a51",
        "train-00000-of-00001.parquet": "9cc69130f988662d",
        "train/index.json": "577e4cbf7e907164",
        "train/shard.00000.mds.zstd": "fb696dcaf8d48372",
    },
}


def digests(folder: Path, shard: str, **options: object) -> dict[str, str]:
    run = run_of(SHARDS / f"{shard}.arrow", folder / "run")
    done = export(run, output=folder / "out", **options)
    return {file["path"]: file["digest"].removeprefix("sha256:")[:16] for file in done.manifest["files"]}


@pytest.mark.parametrize("shard", ["masked", "uint32"])
def test_megatron(tmp_path: Path, shard: str) -> None:
    found = digests(tmp_path, shard, format="megatron")
    parquet = found.pop("train.documents.parquet")
    assert found == GOLDEN[f"megatron {shard}"]
    if pa.__version__ == PYARROW:
        assert parquet == GOLDEN[f"parquet {shard}"]["train.documents.parquet"]


@pytest.mark.parametrize("shard", ["masked", "uint32"])
def test_mds(tmp_path: Path, shard: str) -> None:
    assert digests(tmp_path, shard, format="mds") == GOLDEN[f"mds {shard}"]


@pytest.mark.skipif(pa.__version__ != PYARROW, reason=f"these digests are for pyarrow {PYARROW}")
@pytest.mark.parametrize("shard", ["masked", "uint32"])
def test_parquet_and_zstd(tmp_path: Path, shard: str) -> None:
    found = digests(tmp_path, shard, format="parquet")
    (tmp_path / "packed").mkdir()
    packed = digests(tmp_path / "packed", shard, format="mds", compression="zstd")
    expected = dict(GOLDEN[f"parquet {shard}"])
    del expected["train.documents.parquet"]
    assert found | packed == expected
