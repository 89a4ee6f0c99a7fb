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
def test_signals_in_polars_and_duckdb() -> None:
    found = blocks("signals-in-your-own-tools.md")
    assert len(found) == 3
    names: dict[str, object] = {}
    exec("\n".join(found), names)
    assert names["dropped"].rows() == [("menu", "num_stop_words"), ("code", "min_mean_word_length")]  # type: ignore[attr-defined]
    assert sum(count for _, count in names["by_reason"]) == 3  # type: ignore[attr-defined]
