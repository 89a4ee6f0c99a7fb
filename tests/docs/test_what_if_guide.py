"""The Python block of the guide to `what-if` runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "what-if.md"


def test_what_rules_are_worth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [block] = re.findall(
        r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(block, names)
    worth = names["worth"]
    assert worth["gopher_quality.min_words"] == (2, 0)  # type: ignore[index]
    assert all(exclusive == 0 for _, exclusive in worth.values())  # type: ignore[attr-defined]
    assert names["comes_back"] == 1
