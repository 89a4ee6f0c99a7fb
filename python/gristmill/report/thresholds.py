"""The thresholds of a plan, and how many documents fail each, alone or with others, from signal columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, kw_only=True, slots=True)
class Threshold:
    """A rule as data: a document passes when its `column` compares so with `threshold`; null passes."""

    step: str
    rule: str
    column: str
    keep: str
    """One of ``>= <= > < ==``."""
    threshold: float
    conditions: tuple[tuple[str, tuple[object, ...]], ...] = ()
    """Columns and their allowed values: documents outside pass."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """What a threshold does to the whole input, and how close values come to it.

    `failing` counts documents that fail it, `alone` those that fail no other threshold. `nearest_kept` and
    `nearest_failed` are the values closest to the threshold on either side.
    """

    failing: int
    alone: int
    nearest_kept: float | None
    nearest_failed: float | None


def find_thresholds(plan: object) -> list[Threshold]:
    """Return the first list named `thresholds` in the plan, wherever it stands, as `Threshold`s.

    Raises
    ------
    ValueError
        When an entry lacks a part or holds something else.

    Examples
    --------
    >>> rule = {"step": "s", "rule": "r", "column": "s.r", "keep": ">=", "threshold": 1}
    >>> find_thresholds({"decide": {"thresholds": [rule]}})[0].keep
    '>='
    """
    if isinstance(plan, Mapping):
        found = plan.get("thresholds")
        if isinstance(found, list):
            return [_threshold(entry) for entry in found]
        for value in plan.values():
            if thresholds := find_thresholds(value):
                return thresholds
    if isinstance(plan, list):
        for value in plan:
            if thresholds := find_thresholds(value):
                return thresholds
    return []


def _threshold(entry: object) -> Threshold:
    if not isinstance(entry, Mapping):
        raise ValueError(f"a threshold is an object, not `{entry!r}`")
    missing = {"step", "rule", "column", "keep", "threshold"} - set(entry)
    if missing or entry["keep"] not in (">=", "<=", ">", "<", "=="):
        raise ValueError(f"a threshold is incomplete: `{dict(entry)!r}`")
    where = entry.get("where") or []
    pairs = (
        where.items() if isinstance(where, Mapping) else ((item["column"], item["any_of"]) for item in where)
    )
    return Threshold(
        step=str(entry["step"]),
        rule=str(entry["rule"]),
        column=str(entry["column"]),
        keep=str(entry["keep"]),
        threshold=float(entry["threshold"]),
        conditions=tuple(
            (str(column), tuple(allowed) if isinstance(allowed, list) else (allowed,))
            for column, allowed in pairs
        ),
    )


def columns_read(thresholds: Iterable[Threshold]) -> list[str]:
    """Return the distinct columns that the thresholds and their conditions read, sorted."""
    return sorted(
        {name for item in thresholds for name in (item.column, *(name for name, _ in item.conditions))}
    )


def reach(frames: Iterable[pl.DataFrame], thresholds: Sequence[Threshold]) -> list[Reach]:
    """Return what each threshold does to the documents of `frames`. One pass, one batch in memory.

    Examples
    --------
    >>> rule = Threshold(step="s", rule="r", column="x", keep=">=", threshold=3.0)
    >>> reach([pl.DataFrame({"x": [1.0, 2.5, 3.5, None]})], [rule])
    [Reach(failing=2, alone=2, nearest_kept=3.5, nearest_failed=2.5)]
    """
    failing = [0] * len(thresholds)
    alone = [0] * len(thresholds)
    kept: list[float | None] = [None] * len(thresholds)
    failed: list[float | None] = [None] * len(thresholds)
    for frame in frames:
        fails = failing_masks(frame, thresholds)
        num_failed = (
            fails.select(pl.sum_horizontal(pl.all().cast(pl.UInt32)).alias("n"))["n"] if thresholds else None
        )
        for number, item in enumerate(thresholds):
            assert num_failed is not None
            mask = fails[str(number)]
            failing[number] += int(mask.sum())
            alone[number] += int((mask & (num_failed == 1)).sum())
            values = frame[item.column].cast(pl.Float64)
            met = frame.select(_conditions(item).alias("met"))["met"]
            kept[number] = _nearest(kept[number], values.filter(met & ~mask), item.threshold)
            failed[number] = _nearest(failed[number], values.filter(mask), item.threshold)
    return [
        Reach(failing=failing[n], alone=alone[n], nearest_kept=kept[n], nearest_failed=failed[n])
        for n in range(len(thresholds))
    ]


def failing_masks(frame: pl.DataFrame, thresholds: Sequence[Threshold]) -> pl.DataFrame:
    """Return which rows fail each threshold: a boolean column each, named by position, no nulls.

    Examples
    --------
    >>> rule = Threshold(step="s", rule="r", column="x", keep="<=", threshold=3.0)
    >>> failing_masks(pl.DataFrame({"x": [1.0, 9.0, None]}), [rule])["0"].to_list()
    [False, True, False]
    """
    return frame.select(_fails(item).alias(str(number)) for number, item in enumerate(thresholds))


def _fails(item: Threshold) -> pl.Expr:
    value = pl.col(item.column).cast(pl.Float64)
    passes = {
        ">=": value >= item.threshold,
        "<=": value <= item.threshold,
        ">": value > item.threshold,
        "<": value < item.threshold,
        "==": value == item.threshold,
    }[item.keep]
    return ~passes.fill_null(value=True) & _conditions(item)


def _conditions(item: Threshold) -> pl.Expr:
    met = pl.lit(value=True)
    for name, allowed in item.conditions:
        one = pl.lit(value=False)
        for value in allowed:
            one = one | (pl.col(name) == pl.lit(value)).fill_null(value=False)
        met = met & one
    return met & pl.col(item.column).is_not_null()


def _nearest(best: float | None, values: pl.Series, threshold: float) -> float | None:
    """Return the value closest to the threshold, the smaller one of two that are equally close."""
    below, above = values.filter(values <= threshold).max(), values.filter(values >= threshold).min()
    candidates = [value for value in (best, below, above) if isinstance(value, float)]
    return min(candidates, key=lambda value: (abs(value - threshold), value), default=None)
