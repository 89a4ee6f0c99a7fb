"""How each tier is called: one function a tier that takes a batch and gives what the operator returned.

Not here: checks, bisecting, counting (`host`, `columns`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import pyarrow as pa

from gristmill.plugins.active import ActiveOperator
from gristmill.plugins.columns import ARROW_TYPES, ContractError
from gristmill.plugins.deciders import GROUP, REASON
from gristmill.plugins.groups import group_starts
from gristmill.plugins.operators import Output

Work = Callable[[pa.RecordBatch], object]
TEXT_OUTPUT: Mapping[str, Output] = {"text": Output(type="utf8")}
"""What a transform promises."""
ONE_COLUMN = {"transform": "text", "extractor": "text", "decider": REASON}
"""Kinds whose work on a batch returns one column alone, and what the host calls it."""


def declared_outputs(operator: ActiveOperator) -> Mapping[str, Output]:
    """Return the columns an operator must give: its outputs, or the new text of a transform."""
    return TEXT_OUTPUT if operator.kind == "transform" else operator.outputs


def prepare(operator: ActiveOperator) -> Work:
    """Return the function that runs an opened operator on a batch; expressions are built here, once."""
    method = cast(Callable[..., Any], getattr(operator.instance, operator.method))
    outputs = declared_outputs(operator)
    if operator.tier == 1:
        return _expression_work(method(), outputs)
    if operator.tier == 3 and operator.kind == "decider":
        return _group_work(method, [name for name in operator.inputs if name != GROUP])
    if operator.tier == 3:
        return _document_work(method, operator.inputs, outputs)
    if operator.kind in ONE_COLUMN:
        return lambda batch: {ONE_COLUMN[operator.kind]: method(batch)}
    return method


def _expression_work(returned: object, outputs: Mapping[str, Output]) -> Work:
    import polars as pl

    several = isinstance(returned, Sequence) and not isinstance(returned, str)
    expressions = list(cast(Sequence[pl.Expr], returned)) if several else [cast(pl.Expr, returned)]
    if not all(isinstance(expression, pl.Expr) for expression in expressions):
        raise ContractError("its expression is no polars expression")
    if len(outputs) == 1 and len(expressions) == 1:
        expressions = [expressions[0].alias(next(iter(outputs)))]

    def work(batch: pa.RecordBatch) -> dict[str, pa.Array]:
        frame = cast(pl.DataFrame, pl.from_arrow(batch)).select(expressions)
        # The oldest layout is plain large strings, not string views: what the rest of the engine expects.
        return {name: frame[name].to_arrow(compat_level=pl.CompatLevel.oldest()) for name in frame.columns}

    return work


def _document_work(
    method: Callable[..., Any], inputs: tuple[str, ...], outputs: Mapping[str, Output]
) -> Work:
    names = list(outputs)

    def one(values: tuple[object, ...]) -> tuple[object, ...]:
        returned = method(*values)
        if not isinstance(returned, Mapping):
            if len(names) != 1:
                raise ContractError(f"returned a {type(returned).__name__}, not a mapping of its outputs")
            return (returned,)
        if set(returned) != set(names):
            raise ContractError(f"returned {sorted(map(str, returned))} for the outputs {sorted(names)}")
        return tuple(returned[name] for name in names)

    def work(batch: pa.RecordBatch) -> dict[str, pa.Array]:
        columns = [batch.column(name).to_pylist() for name in inputs]
        rows = [one(values) for values in zip(*columns, strict=True)]
        return {
            name: pa.array([row[index] for row in rows], ARROW_TYPES[output.type])
            for index, (name, output) in enumerate(outputs.items())
        }

    return work


def _group_work(method: Callable[..., Any], inputs: Sequence[str]) -> Work:
    """Call a method with the values of one group after the other, a list a column."""

    def work(batch: pa.RecordBatch) -> dict[str, pa.Array]:
        starts = group_starts(batch.column(GROUP))
        columns = [batch.column(name).to_pylist() for name in inputs]
        reasons: list[object] = []
        for start, end in zip(starts, [*starts[1:], batch.num_rows], strict=True):
            returned = list(method(*(column[start:end] for column in columns)))
            if len(returned) != end - start:
                raise ContractError(
                    f"returned {len(returned)} reasons for a group of {end - start} documents"
                )
            reasons += returned
        return {REASON: pa.array(reasons, pa.large_utf8())}

    return work
