"""`gristmill export` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.integration.masked_run import masked_run

from gristmill.cli.export import FORMATS
from gristmill.cli.main import main
from gristmill.export import FORMATS as LIBRARY_FORMATS


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return masked_run(tmp_path_factory.mktemp("export-verb") / "run")


def test_the_verb_offers_every_format() -> None:
    assert FORMATS == LIBRARY_FORMATS


def test_what_it_says(run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [
        "--format",
        "mds",
        "--output",
        str(tmp_path / "out"),
        "--split",
        "train",
        "--split",
        "validation",
    ]
    assert main(["export", str(run_folder), *options, "--shard-bytes", "2KiB"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("train: 47 documents, ")
    assert lines[0].endswith(", 4 rows with a mask")
    assert lines[1].startswith("validation: 5 documents, ")
    assert lines[2].startswith(f"{tmp_path / 'out'}: ")


def test_json(run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "export",
        str(run_folder),
        "--format",
        "megatron",
        "--output",
        str(tmp_path / "out"),
        "--json",
    ]
    assert main(arguments) == 0
    streams = capsys.readouterr()
    found = json.loads(streams.out)
    assert found["schema_version"] == 1
    assert found["manifest"]["splits"]["train"]["documents"] == 47
    assert streams.err == ""
    assert main(arguments) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "GM-EXPORT-001"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--format", "tfrecord"], "GM-CLI-001"),
        (["--format", "mds", "--shard-bytes", "many"], "GM-CLI-001"),
        (["--format", "parquet", "--compression", "zstd"], "GM-EXPORT-005"),
        (["--format", "parquet", "--split", "test"], "GM-SHARDS-003"),
    ],
)
def test_what_it_refuses(
    run_folder: Path, tmp_path: Path, options: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(run_folder), "--output", str(tmp_path / "out"), *options]) == 2
    assert f"code: {code}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
