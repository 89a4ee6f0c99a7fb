"""What rules share is what counting document by document gives, and the nearest documents are the nearest."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.report.overlap import NEAREST_SHOWN, find_overlap
from gristmill.report.thresholds import Threshold

RULES = [
    Threshold(step="s", rule="low", column="x", keep=">=", threshold=3.0),
    Threshold(step="s", rule="high", column="y", keep="<=", threshold=1.0),
    Threshold(
        step="t", rule="web_only", column="y", keep="<", threshold=0.5, conditions=(("source", ("web",)),)
    ),
]
VALUE = st.none() | st.sampled_from([0.0, 0.5, 1.0, 1.5, 3.0, 4.0])
ROWS = st.lists(st.tuples(VALUE, VALUE, st.sampled_from(["web", "books"])), max_size=30)


def fails(rule: Threshold, x: float | None, y: float | None, source: str) -> bool:
    """Judge one document, slowly."""
    value = {"x": x, "y": y}[rule.column]
    if value is None or any(source not in allowed for _, allowed in rule.conditions):
        return False
    return not {">=": value >= rule.threshold, "<=": value <= rule.threshold, "<": value < rule.threshold}[
        rule.keep
    ]


def frame(rows: list[tuple[float | None, float | None, str]], first: int) -> pl.DataFrame:
    """Return a batch of signals."""
    numbers = range(first, first + len(rows))
    return pl.DataFrame(
        {
            "doc": pl.Series(numbers, dtype=pl.UInt64),
            "id": [f"d{number}" for number in numbers],
            "source": pl.Series([row[2] for row in rows], dtype=pl.Utf8),
            "x": pl.Series([row[0] for row in rows], dtype=pl.Float64),
            "y": pl.Series([row[1] for row in rows], dtype=pl.Float64),
        }
    )


@given(rows=ROWS, cut=st.integers(0, 30))
@settings(max_examples=60, deadline=None)
def test_counts_and_neighbours(rows: list[tuple[float | None, float | None, str]], cut: int) -> None:
    cut = min(cut, len(rows))
    found = find_overlap([frame(rows[:cut], 0), frame(rows[cut:], cut)], RULES)
    failed = [[fails(rule, *row) for rule in RULES] for row in rows]
    everyone = range(len(RULES))
    assert found.both == [[sum(row[i] and row[j] for row in failed) for j in everyone] for i in everyone]
    assert found.alone == [sum(row[i] and sum(row) == 1 for row in failed) for i in everyone]
    assert found.first == [sum(row[i] and not any(row[:i]) for row in failed) for i in everyone]
    for source in ("web", "books"):
        here = [row for row, (_, _, place) in zip(failed, rows, strict=True) if place == source]
        assert found.documents_by_source.get(source, 0) == len(here)
        assert list(found.by_source.get(source, [0] * len(RULES))) == [
            sum(row[i] for row in here) for i in everyone
        ]
    for i, rule in enumerate(RULES):
        value = {"x": 0, "y": 1}[rule.column]
        for chosen, documents in (
            (lambda row, i=i: row[i] and sum(row) == 1, found.would_return[i]),
            (lambda row: not any(row), found.would_leave[i]),
        ):
            near = sorted(
                (abs(row[value] - rule.threshold), number)  # type: ignore[operator]
                for number, row in enumerate(rows)
                if chosen(failed[number]) and row[value] is not None
            )
            assert [document.doc for document in documents] == [number for _, number in near[:NEAREST_SHOWN]]


def test_no_documents_share_nothing() -> None:
    found = find_overlap([], RULES)
    assert found.first == [0, 0, 0]
    assert found.by_source == {}


@pytest.mark.parametrize("rows", [[], [(None, None, "web")]])
def test_nulls_pass(rows: list[tuple[float | None, float | None, str]]) -> None:
    assert sum(find_overlap([frame(rows, 0)], RULES).alone) == 0
