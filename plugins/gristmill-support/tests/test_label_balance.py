"""The script that reads a run folder counts labels in `metadata` and in columns."""

import importlib.util
import json
from pathlib import Path

import polars as pl
import pytest


def load_tool() -> object:
    path = Path(__file__).parent.parent / "tools" / "label_balance.py"
    spec = importlib.util.spec_from_file_location("label_balance", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("is_column", [False, True])
def test_labels_are_counted(tmp_path: Path, is_column: bool) -> None:
    labels = ["a", "a", "a", "b", None]
    (tmp_path / "documents").mkdir()
    column = (
        {"label": labels}
        if is_column
        else {"metadata": [json.dumps({"label": label} if label else {}) for label in labels]}
    )
    pl.DataFrame(column).write_parquet(tmp_path / "documents" / "part-00000.parquet")
    counted = load_tool().count_labels(tmp_path, "label")
    assert dict(counted.rows()) == {"a": 3, "b": 1, None: 1}
    assert counted["documents"].to_list() == [3, 1, 1]


def test_relative_entropy() -> None:
    tool = load_tool()
    assert tool.relative_entropy([5]) == 1.0
    assert tool.relative_entropy([2, 2, 2]) == pytest.approx(1.0)
    assert tool.relative_entropy([9, 1]) == pytest.approx(0.469, abs=1e-3)
