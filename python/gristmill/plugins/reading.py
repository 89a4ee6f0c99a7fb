"""Runs a plugin reader and trusts nothing it yields: columns, types and sizes are checked batch by batch.

Small batches are put together, so that a reader may yield one document at a time: what comes after costs by
the batch.

Not here: decompression, budgets of bytes and identities of documents, which belong to the engine.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pyarrow as pa

from gristmill.errors import GristmillError
from gristmill.plugins.active import ActiveOperator
from gristmill.plugins.capture import captured_output, short_traceback
from gristmill.plugins.lifecycle import close_operator, open_operator
from gristmill.plugins.operators import Reader

BATCH_ROWS = 8192
BATCH_TEXT_BYTES = 16 * 2**20


def read_file(
    operator: ActiveOperator, path: Path, *, seed: int = 0, threads: int = 1
) -> Iterator[pa.RecordBatch]:
    """Yield the documents of a file as batches with `text` first, as large_utf8.

    A null text is passed on: the engine quarantines that row. An `id` becomes large_utf8. Every other column
    keeps its type, and all batches of a file have the same columns. Batches hold at most 8,192 rows and,
    unless a single document is longer, 16 MiB of text; smaller ones are put together up to that. When the
    reader fails, the documents before the fault come out first. Memory: one batch of the reader, and the
    batches that wait to be put together, at most 8,192 rows and 16 MiB with all their columns.

    Raises
    ------
    GristmillError
        GM-PLUGIN-018 if the reader cannot be opened, GM-PLUGIN-015 if it raises or yields something else than
        documents.
    """
    with tempfile.TemporaryDirectory(prefix="gristmill-reader-") as scratch:
        open_operator(operator, Path(scratch), seed=seed, threads=threads)
        try:
            yield from _coalesced(_checked(operator, path))
        finally:
            close_operator(operator)


def _checked(operator: ActiveOperator, path: Path) -> Iterator[pa.RecordBatch]:
    reader = cast(Reader, operator.instance)
    schema: pa.Schema | None = None
    num_rows = 0
    batches: Iterator[object] = iter(())
    started = False
    while True:
        try:
            with captured_output(operator.use):
                if not started:
                    batches, started = iter(reader.read(path)), True
                returned = next(batches)
        except StopIteration:
            return
        except (KeyboardInterrupt, MemoryError):
            raise
        except BaseException as error:
            raise _failed(operator, path, num_rows, short_traceback(error)) from error
        batch = _normalise(operator, path, num_rows, returned)
        if schema is not None and batch.schema != schema:
            problem = f"the columns change from {_names(schema)} to {_names(batch.schema)}"
            raise _failed(operator, path, num_rows, problem)
        schema = batch.schema
        num_rows += batch.num_rows
        yield batch


def _coalesced(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the same rows in order, in batches as large as the limits allow without cutting one to fill up."""
    waiting: list[pa.RecordBatch] = []
    num_rows = num_bytes = 0
    failure: GristmillError | None = None
    while True:
        try:
            batch = next(batches, None)
        except GristmillError as error:
            failure, batch = error, None
        # All columns count here, not only the text: they wait in memory too.
        batch_bytes = batch.nbytes if batch is not None else 0
        is_full = batch is None or num_rows + batch.num_rows > BATCH_ROWS
        if waiting and (is_full or num_bytes + batch_bytes > BATCH_TEXT_BYTES):
            yield from _together(waiting)
            waiting, num_rows, num_bytes = [], 0, 0
        if batch is None:
            break
        if batch.num_rows >= BATCH_ROWS or batch_bytes >= BATCH_TEXT_BYTES:
            yield from _slices(batch)
        elif batch.num_rows:
            waiting.append(batch)
            num_rows += batch.num_rows
            num_bytes += batch_bytes
    if failure is not None:
        raise failure


def _together(batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    if len(batches) == 1:
        return batches
    try:
        return cast("list[pa.RecordBatch]", pa.Table.from_batches(batches).combine_chunks().to_batches())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # Some types cannot be put together, such as dictionaries with more values than their index counts.
        return batches


def _normalise(operator: ActiveOperator, path: Path, num_rows: int, returned: object) -> pa.RecordBatch:
    if not isinstance(returned, pa.RecordBatch):
        if not hasattr(returned, "__arrow_c_array__"):
            raise _failed(
                operator, path, num_rows, f"it yielded a {type(returned).__name__}, not a record batch"
            )
        returned = pa.record_batch(returned)
    batch: pa.RecordBatch = returned
    names = batch.schema.names
    if "text" not in names or len(set(names)) != len(names):
        raise _failed(
            operator, path, num_rows, f"its columns are {_names(batch.schema)}; one `text` is needed"
        )
    columns: dict[str, pa.Array] = {}
    for name in ["text", *(name for name in names if name != "text")]:
        column = batch.column(name)
        try:
            if name in ("text", "id"):
                column = _as_text(column, is_id=name == "id")
            column.validate(full=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise _failed(operator, path, num_rows, f"column `{name}`: {error}") from error
        columns[name] = column
    return pa.record_batch(columns)


def _as_text(column: pa.Array, *, is_id: bool) -> pa.Array:
    kind = column.type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    if not (is_text or pa.types.is_null(kind) or (is_id and pa.types.is_integer(kind))):
        raise pa.ArrowTypeError(f"is {kind}, not text")
    return column if pa.types.is_large_string(kind) else column.cast(pa.large_utf8())


def _slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    text = batch.column("text")
    start = 0
    while start < batch.num_rows:
        num_rows = min(BATCH_ROWS, batch.num_rows - start)
        while num_rows > 1 and text.slice(start, num_rows).nbytes > BATCH_TEXT_BYTES:
            num_rows = (num_rows + 1) // 2
        yield batch.slice(start, num_rows)
        start += num_rows


def _failed(operator: ActiveOperator, path: Path, num_rows: int, problem: str) -> GristmillError:
    return GristmillError(
        "GM-PLUGIN-015",
        f"reader `{operator.use}` failed on `{path.name}` after {num_rows} documents",
        context=tuple(problem.splitlines()),
    )


def _names(schema: pa.Schema) -> str:
    return ", ".join(f"`{field.name}` {field.type}" for field in schema)
