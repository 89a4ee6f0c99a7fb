"""Looks twice: a few documents of a batch are given to an operator again, each alone, and must give the same.

What a document gives must not depend on its neighbours, on chance, or on what came before. Three documents of the
first batch of a task and of every 64th are looked at again, which costs calls, not passes: below a hundredth of the
time for batches of some hundred documents. Not here: the thorough check before a run, `gristmill plugin test`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import pyarrow as pa

EVERY_BATCHES = 64
NUM_ROWS = 3
FLOAT_TOLERANCE = {"float": 1e-5, "double": 1e-9}
"""Relative difference that is taken for rounding, by Arrow type: sums over a batch may be added up in another order."""


def is_due(num_batches: int) -> bool:
    """Say whether a batch is looked at again, by how many batches came before it.

    Examples
    --------
    >>> [number for number in range(130) if is_due(number)]
    [0, 64, 128]
    """
    return num_batches % EVERY_BATCHES == 0


def rows_to_repeat(num_rows: int) -> list[int]:
    """Return which rows are given again: the first, the last and one at a third, where a reversal has another.

    None of one row, which has no neighbours.

    Examples
    --------
    >>> rows_to_repeat(9), rows_to_repeat(2), rows_to_repeat(1)
    ([0, 3, 8], [0, 1], [])
    """
    return sorted({0, num_rows // NUM_ROWS, num_rows - 1}) if num_rows > 1 else []


def difference(
    columns: Mapping[str, pa.Array],
    row: int,
    alone: Mapping[str, pa.Array],
    is_transform: bool,
    row_alone: int = 0,
) -> str | None:
    """Return how a document's values differ from those it gave alone, or in its group alone, in words, or None.

    Examples
    --------
    >>> difference({"x": pa.array([1, 2])}, 1, {"x": pa.array([3])}, is_transform=False)
    'output `x` is `2` among its neighbours and `3` alone'
    """
    for name, column in columns.items():
        among, by_itself = column[row].as_py(), alone[name][row_alone].as_py()
        if not _is_same(among, by_itself, FLOAT_TOLERANCE.get(str(column.type), 0.0)):
            if is_transform:
                return "the text is another among its neighbours than alone"
            return (
                f"output `{name}` is `{_short(among)}` among its neighbours and `{_short(by_itself)}` alone"
            )
    return None


def _is_same(first: object, second: object, tolerance: float) -> bool:
    if isinstance(first, float) and isinstance(second, float):
        both_nan = math.isnan(first) and math.isnan(second)
        return both_nan or math.isclose(first, second, rel_tol=tolerance, abs_tol=tolerance)
    return first == second


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
