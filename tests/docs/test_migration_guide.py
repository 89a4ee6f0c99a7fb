"""The Python blocks of the guide for users of other deduplication tools run as they stand and give what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "coming-from-other-dedup-tools.md"


@pytest.fixture(scope="module")
def names() -> dict[str, object]:
    found = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(found) == 6
    values: dict[str, object] = {}
    exec("\n".join(found), values)
    return values


def test_the_longest_stays(names) -> None:
    assert names["kept"].column("id").to_pylist() == ["second", "fourth"]
    assert names["duplicate_of"] == {"first": "fourth", "third": "fourth"}
    assert names["first_of_cluster"] == [0, 1]


def test_bands_and_recall(names) -> None:
    chance = names["chance_of_meeting"]
    assert names["at_threshold"] == pytest.approx(0.92, abs=0.005)
    assert names["careful"] == 26
    assert chance(0.8, 20, 13) == pytest.approx(0.68, abs=0.005)
    assert chance(0.85, 20, 13) == pytest.approx(0.92, abs=0.005)


def test_normalised_copies(names) -> None:
    assert names["as_they_are"] == [None, None, None]
    assert names["as_in_datatrove"] == [None, 0, 0]


def test_a_chain_loses_its_middle_only(names) -> None:
    assert names["strict"].column("duplicate_of").to_pylist() == [None, 0, None]
    assert names["strict"].column("cluster").to_pylist() == [0, 0, 0]
    assert names["strict"].column("similarity").to_pylist()[1] == pytest.approx(0.88, abs=0.005)
    assert names["spared"] == [2]
