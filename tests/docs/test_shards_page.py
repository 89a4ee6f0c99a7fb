"""The blocks of the page about shards run as they stand in a run folder: pyarrow, polars, datasets, DuckDB, gristmill."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support import write_corpus

from gristmill.curate.run import curate
from gristmill.shards import Document, open_shards

PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "shards.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def block(marker: str) -> str:
    """Return the one block of the page in which a text stands."""
    [found] = [text for text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")) if marker in text]
    return found


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards-page")
    return curate(write_corpus(folder), workers=1).path


@pytest.fixture
def documents(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Document]:
    monkeypatch.chdir(run_folder)
    return list(open_shards(run_folder))


def names_after(marker: str) -> dict[str, object]:
    names: dict[str, object] = {}
    exec(block(marker), names)
    return names


def tokens_by_source(documents: list[Document]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for document in documents:
        counts[document.source] = counts.get(document.source, 0) + len(document.tokens)
    return counts


def test_pyarrow(documents: list[Document], capsys: pytest.CaptureFixture[str]) -> None:
    table = names_after("pa.memory_map")["table"]
    assert table["tokens"].to_pylist() == [document.tokens.to_pylist() for document in documents]  # type: ignore[index]
    assert capsys.readouterr().out == f"{len(documents)} b'[0]' {documents[0].tokens.to_pylist()}\n"


def test_polars(documents: list[Document]) -> None:
    frame = names_after("pl.scan_ipc")["frame"].collect()  # type: ignore[attr-defined]
    assert frame["tokens"].to_list() == [document.tokens.to_pylist() for document in documents]
    assert frame["source"].cast(str).to_list() == [document.source for document in documents]
    assert frame["key"].to_list() == [document.key for document in documents]


@pytest.mark.filterwarnings("ignore")
def test_datasets(documents: list[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    dataset = names_after("load_dataset")["dataset"]
    assert len(dataset) == len(documents)  # type: ignore[arg-type]
    for row, document in zip(dataset, documents, strict=True):  # type: ignore[call-overload]
        assert row == {
            "doc": document.doc,
            "key": document.key,
            "id": document.id,
            "source": document.source,
            "tokens": document.tokens.to_pylist(),
            "mask": None,
        }


def test_duckdb(documents: list[Document]) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    shards = names_after("import duckdb")["shards"]
    found = duckdb.sql("select source, sum(len(tokens)) from shards group by source").fetchall()
    assert shards is not None
    assert {name: int(number) for name, number in found} == tokens_by_source(documents)


def test_gristmill(
    documents: list[Document], run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/demo").symlink_to(run_folder)
    monkeypatch.chdir(tmp_path)
    shards = names_after("open_shards")["shards"]
    assert shards.num_tokens == sum(tokens_by_source(documents).values())  # type: ignore[attr-defined]
