"""Groups in a batch: where they begin, and whether what a decider said of them are reasons that it has."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.plugins.columns import ContractError


def group_starts(groups: pa.Array) -> list[int]:
    """Return the rows at which groups begin; equal values stand behind each other.

    Examples
    --------
    >>> group_starts(pa.array(["a", "a", "b"])), group_starts(pa.array([], pa.string()))
    ([0, 2], [])
    """
    if len(groups) == 0:
        return []
    differs = pc.not_equal(groups.slice(1), groups.slice(0, len(groups) - 1))
    starts: list[int] = (np.flatnonzero(differs.to_numpy(zero_copy_only=False)) + 1).tolist()
    return [0, *starts]


def check_reasons(column: pa.Array, reasons: Mapping[str, str]) -> None:
    """Refuse reasons that the class does not declare.

    Raises
    ------
    ContractError
        With the first of them.
    """
    for value in column.unique().to_pylist():
        if value is not None and value not in reasons:
            raise ContractError(f"gave the reason `{value[:40]}`, which is none of its `reasons`")
