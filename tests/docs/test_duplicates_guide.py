"""The Python block of the guide to duplicates runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "look-at-duplicates.md"


def test_clusters_in_python() -> None:
    [block] = re.findall(
        r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    names: dict[str, object] = {}
    exec(block, names)
    largest = names["largest"]
    assert (largest.size, largest.kept) == (3, 1)  # type: ignore[attr-defined]
    assert sum(largest.removed.values()) == 2  # type: ignore[attr-defined]
    assert len(names["clusters"].sizes) == 1  # type: ignore[attr-defined]
