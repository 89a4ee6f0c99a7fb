"""Checks of what an operator returned: columns, lengths, types, nulls, finiteness.

Two kinds of fault: a `ContractError` is the operator's own (wrong columns, wrong type) and stops the run; a
bad value is one row's and becomes that document's failure. Not here: calling operators (`host`).
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.plugins.operators import Output

ARROW_TYPES: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint32": pa.uint32(),
    "uint64": pa.uint64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "utf8": pa.large_utf8(),
}

POLARS_NAMES = {
    "bool": "Boolean",
    "int32": "Int32",
    "int64": "Int64",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "float32": "Float32",
    "float64": "Float64",
    "utf8": "String",
}
"""What a type is called in an expression."""


class ContractError(Exception):
    """The operator returned something other than it declared."""


class LengthError(ContractError):
    """The operator returned another number of rows than it was given."""


def to_array(value: object) -> pa.Array:
    """Return any Arrow producer, or numpy array, as one Arrow array.

    Examples
    --------
    >>> to_array(pa.chunked_array([[1], [2]])).to_pylist()
    [1, 2]
    """
    if isinstance(value, pa.Array):
        return value
    if hasattr(value, "__arrow_c_stream__"):
        value = pa.chunked_array(value)
    if isinstance(value, pa.ChunkedArray):
        return (
            value.chunk(0)
            if value.num_chunks == 1
            else pa.concat_arrays(value.chunks or [pa.nulls(0, value.type)])
        )
    if hasattr(value, "__arrow_c_array__") or hasattr(value, "__array__"):
        return pa.array(value)
    raise ContractError(f"returned a {type(value).__name__}, which is no Arrow array")


def check_column(
    name: str, value: object, output: Output, num_rows: int
) -> tuple[pa.Array, dict[int, str], bool]:
    """Return the column in its declared type, what is wrong by row, and whether it had to be cast.

    Raises
    ------
    ContractError
        For a wrong length or a type that is not the declared one and cannot be cast to it without loss.

    Examples
    --------
    >>> column, bad, was_cast = check_column("x", pa.array([1.0, float("nan")]), Output(type="float64"), 2)
    >>> bad
    {1: 'output `x` is `nan`, which is not finite'}
    """
    array = to_array(value)
    if len(array) != num_rows:
        raise LengthError(f"output `{name}` has {len(array)} rows for {num_rows} documents")
    array, was_cast = _cast(name, array, ARROW_TYPES[output.type])
    bad: dict[int, str] = {}
    if output.type in ("float32", "float64") and output.non_finite != "keep":
        is_finite = pc.is_finite(array)
        if pc.all(is_finite).as_py() is False:
            if output.non_finite == "refuse":
                for row in pc.indices_nonzero(pc.invert(is_finite)).to_pylist():
                    bad[row] = f"output `{name}` is `{array[row].as_py()}`, which is not finite"
            array = pc.if_else(is_finite, array, pa.scalar(None, array.type))
    if not output.nullable and output.non_finite != "null" and array.null_count:
        for row in pc.indices_nonzero(array.is_null()).to_pylist():
            bad.setdefault(row, f"output `{name}` is null and is not declared nullable")
    return array, bad, was_cast


def check_columns(
    returned: object, outputs: Mapping[str, Output], num_rows: int
) -> tuple[dict[str, pa.Array], dict[int, str], int]:
    """Return all columns in declared order and type, what is wrong by row, and the number of casts."""
    if not isinstance(returned, Mapping):
        raise ContractError(f"returned a {type(returned).__name__}, not a mapping from output to column")
    missing = [name for name in outputs if name not in returned]
    extra = sorted(str(name) for name in returned if name not in outputs)
    if missing or extra:
        parts = [f"lacks {', '.join(f'`{name}`' for name in missing)}"] if missing else []
        parts += [f"has undeclared {', '.join(f'`{name}`' for name in extra)}"] if extra else []
        raise ContractError(f"its result {' and '.join(parts)}")
    columns: dict[str, pa.Array] = {}
    bad: dict[int, str] = {}
    num_casts = 0
    for name, output in outputs.items():
        columns[name], problems, was_cast = check_column(name, returned[name], output, num_rows)
        num_casts += was_cast
        for row, problem in problems.items():
            bad.setdefault(row, problem)
    return columns, bad, num_casts


def part_of(batch: pa.RecordBatch, start: int, num_rows: int) -> pa.RecordBatch:
    """Return some rows as a batch of their own, not as a view.

    Views are a trap: the `offsets` of a sliced list column do not fit its `flatten()`, nor its buffers the rows. An
    author who tries whole batches only would not notice.

    Examples
    --------
    >>> lists = pa.record_batch({"x": [[1], [2, 3]]})
    >>> part_of(lists, 1, 1).column("x").offsets.to_pylist()
    [0, 2]
    """
    return batch.take(pa.array(range(start, start + num_rows), pa.int64()))


def without_offsets(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch, or a copy if it is a view of some rows of another."""
    is_view = any(column.offset for column in batch.columns)
    return part_of(batch, 0, batch.num_rows) if is_view else batch


def blank_rows(array: pa.Array, rows: list[int]) -> pa.Array:
    """Return the array with these rows null.

    Examples
    --------
    >>> blank_rows(pa.array([1, 2]), [0]).to_pylist()
    [None, 2]
    """
    if not rows:
        return array
    mask = pc.is_in(pa.array(range(len(array)), pa.int64()), pa.array(rows, pa.int64()))
    return pc.if_else(mask, pa.scalar(None, array.type), array)


def _cast(name: str, array: pa.Array, target: pa.DataType) -> tuple[pa.Array, bool]:
    if array.type == target:
        if pa.types.is_large_string(target):
            array.validate(full=True)
        return array, False
    if not _is_lossless(array.type, target):
        found = next((known for known, kind in ARROW_TYPES.items() if kind == array.type), str(array.type))
        declared = next(known for known, kind in ARROW_TYPES.items() if kind == target)
        hint = f"; cast it with `.cast({POLARS_NAMES[declared]})`" if pa.types.is_floating(array.type) else ""
        raise ContractError(f"output `{name}` is declared {declared} and is {found}{hint}")
    # Integers are checked value by value: one too large is an error of its row, found by bisecting.
    return array.cast(target, safe=True), True


def _is_lossless(source: pa.DataType, target: pa.DataType) -> bool:
    if pa.types.is_null(source):
        return True
    if pa.types.is_integer(source):
        exact_bits = {pa.float32(): 16, pa.float64(): 32}
        return bool(pa.types.is_integer(target) or source.bit_width <= exact_bits.get(target, 0))
    if pa.types.is_floating(source):
        return bool(pa.types.is_floating(target) and source.bit_width <= target.bit_width)
    if pa.types.is_dictionary(source):
        return bool(source.value_type == target) or _is_lossless(source.value_type, target)
    is_text = (
        pa.types.is_string(source) or pa.types.is_string_view(source) or pa.types.is_large_string(source)
    )
    return bool(is_text and pa.types.is_large_string(target))
