"""Python blocks of guides run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(name: str) -> list[str]:
    """Return the Python blocks of a guide."""
    return _BLOCK.findall((GUIDES / name).read_text(encoding="utf-8"))


@pytest.mark.filterwarnings("ignore")
def test_load_shards_for_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "unit/shards"))
    from shard_fixture import made_documents, write_run

    write_run(tmp_path / "runs/demo", made_documents(800))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"rank": 1, "world_size": 2}
    found = blocks("load-shards-for-training.md")
    assert len(found) == 9
    for block in found:
        exec(block.replace('"cuda"', '"cpu"').replace("pin_memory=True", ""), names)
        if "DataLoader(" in block:
            names["used"] = names["batch"]
        if "read_ahead(" in block:
            names["batch"] = names["used"]
    assert names["state"].rows == names["used"]["global_rows"] > 0  # type: ignore[attr-defined,index]
    assert names["loader"].next_batch().num_rows == 8  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore")
def test_signals_in_polars_and_duckdb() -> None:
    found = blocks("signals-in-your-own-tools.md")
    assert len(found) == 3
    names: dict[str, object] = {}
    exec("\n".join(found), names)
    assert names["dropped"].rows() == [("menu", "num_stop_words"), ("code", "min_mean_word_length")]  # type: ignore[attr-defined]
    assert sum(count for _, count in names["by_reason"]) == 3  # type: ignore[attr-defined]
