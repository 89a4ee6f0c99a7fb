"""Reads the records of a source that has an extractor, and makes their texts: what the engine is fed instead of files.

JSON Lines go through gristmill's own reader (decompression, limits and reasons as for every source), Parquet through
pyarrow, because its columns may be bytes; a plugin's reader gives the raw text as its `text`. Not here: which sources
have an extractor (`gristmill.curate`), checks of what it returns (`host`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill import _native
from gristmill.errors import GristmillError
from gristmill.plugins.active import ActiveOperator
from gristmill.plugins.host import PluginHost
from gristmill.plugins.reading import BATCH_TEXT_BYTES, read_file

REASON, DETAIL = "gristmill.reason", "gristmill.detail"
"""Columns that tell the engine why a row has no text; they go no further than its row in `rejects/`."""
PARQUET_ROWS = 512
"""Rows of a Parquet file in memory at once, less where they are long."""


def records(
    path: Path,
    *,
    text: str,
    id: str | None,  # noqa: A002 - the recipe's word
    format: str | None,  # noqa: A002 - the recipe's word
    keeps_raw: bool,
    session: _native.Session,
) -> Iterator[pa.RecordBatch]:
    """Yield the records of a JSON Lines or Parquet file: `raw`, `id`, why there is no `raw`, and all other fields.

    Parameters
    ----------
    path
        The file.
    text
        Field that holds the markup or bytes.
    id
        Field that holds an identifier.
    format
        ``"jsonl"``, ``"parquet"`` or None: the suffix decides.
    keeps_raw
        Whether the field travels along under its own name, too.
    session
        For interrupting.

    Raises
    ------
    GristmillError
        ``GM-READ-*`` when the file cannot be read to its end.
    """
    is_parquet = format == "parquet" or (format is None and path.name.lower().endswith(".parquet"))
    found = _parquet(path, text, id) if is_parquet else _lines(path, text, id, session)
    for batch in found:
        yield _with(batch, {text: batch.column("raw")}) if keeps_raw else batch


def raw_of_reader(operator: ActiveOperator, path: Path, *, keeps_raw: str | None) -> Iterator[pa.RecordBatch]:
    """Yield what a plugin's reader gives, its `text` as `raw`, and again under the name `keeps_raw` if one is given."""
    for batch in read_file(operator, path):
        names = ["raw" if name == "text" else name for name in batch.schema.names]
        renamed = pa.record_batch(batch.columns, names=names)
        yield renamed if keeps_raw is None else _with(renamed, {keeps_raw: batch.column("text")})


def extracted(
    host: PluginHost, operator: ActiveOperator, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Yield the batches with `text` in place of `raw`; where there is none, with the reason and its details.

    Parameters
    ----------
    host
        Opened, with the extractor among its operators.
    operator
        The extractor.
    batches
        Of `records` or `raw_of_reader`.
    """
    for batch in batches:
        raw = batch.column("raw")
        names = batch.schema.names
        reasons = batch.column(REASON) if REASON in names else pa.nulls(batch.num_rows, pa.large_utf8())
        details = batch.column(DETAIL) if DETAIL in names else pa.nulls(batch.num_rows, pa.large_utf8())
        present = pc.indices_nonzero(raw.is_valid())
        result = host.run(operator, pa.record_batch({"raw": raw.take(present)}))
        rows: list[int] = present.to_pylist()
        texts: list[str | None] = [None] * batch.num_rows
        for row, value in zip(rows, result.columns["text"].to_pylist(), strict=True):
            texts[row] = value
        why: list[str | None] = reasons.to_pylist()
        more: list[str | None] = details.to_pylist()
        for failure in result.quarantined:
            why[rows[failure.row]] = failure.error_type
            more[rows[failure.row]] = f"`{operator.use}`: {failure.detail}"
        for row, value in enumerate(texts):
            if value is None and why[row] is None:
                why[row] = "no_text" if raw[row].is_valid else "text_is_null"
        others = {name: batch.column(name) for name in names if name not in ("raw", "text", REASON, DETAIL)}
        yield pa.record_batch(
            {
                "text": pa.array(texts, pa.large_utf8()),
                **others,
                REASON: pa.array(why, pa.large_utf8()),
                DETAIL: pa.array(more, pa.large_utf8()),
            }
        )


def _lines(path: Path, text: str, id_field: str | None, session: _native.Session) -> Iterator[pa.RecordBatch]:
    table = _native.FileTable(path, text, id_field, session)
    while (batch := table.next_batch(session)) is not None:
        columns = {"raw": batch.column("text"), "id": batch.column("id"), REASON: batch.column("unreadable")}
        yield pa.record_batch({**columns, **_fields(batch.column("metadata").to_pylist(), list(columns))})


def _fields(objects: Sequence[str | None], taken: Sequence[str]) -> dict[str, pa.Array]:
    """Return the other fields of JSON records as columns: texts, numbers and booleans as they are, others as JSON."""
    rows = [json.loads(written) if written else {} for written in objects]
    names = sorted({name for row in rows for name in row} - {*taken, "text"})
    return {name: _column([row.get(name) for row in rows]) for name in names}


def _column(values: list[object]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    types = {
        frozenset({bool}): pa.bool_(),
        frozenset({int}): pa.int64(),
        frozenset({float}): pa.float64(),
        frozenset({int, float}): pa.float64(),
    }
    if frozenset(kinds) in types:
        try:
            return pa.array(values, types[frozenset(kinds)])
        except (OverflowError, pa.ArrowInvalid):
            pass  # whole numbers beyond 64 bits stay as they are written
    written = [
        value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for value in values
    ]
    return pa.array(written, pa.large_utf8())


def _parquet(path: Path, text: str, id_field: str | None) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if text not in names:
                raise GristmillError(
                    "GM-READ-008",
                    f"`{path.name}` has no column `{text}`",
                    hint="`text` of the source names the column with the markup",
                    context=(f"columns: {', '.join(f'`{name}`' for name in names)}",),
                )
            for batch in file.iter_batches(batch_size=PARQUET_ROWS):
                yield from _parquet_slices(batch, text, id_field)
    except (pa.ArrowException, OSError) as error:
        raise GristmillError("GM-READ-007", f"`{path.name}` cannot be read: {error}") from error


def _parquet_slices(batch: pa.RecordBatch, text: str, id_field: str | None) -> Iterator[pa.RecordBatch]:
    raw = batch.column(text)
    kind = raw.type
    if pa.types.is_dictionary(kind):
        raw = raw.cast(kind.value_type)
        kind = raw.type
    is_bytes = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    if not (is_bytes or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise GristmillError("GM-READ-009", f"the column `{text}` is {kind}, neither text nor bytes")
    columns: dict[str, pa.Array] = {"raw": raw.cast(pa.large_binary() if is_bytes else pa.large_utf8())}
    if id_field is not None and id_field in batch.schema.names:
        columns["id"] = batch.column(id_field)
    others = [name for name in batch.schema.names if name not in (text, id_field, "text", "raw")]
    whole = pa.record_batch({**columns, **{name: batch.column(name) for name in others}})
    parts = max(1, -(-raw.nbytes // BATCH_TEXT_BYTES))
    size = max(1, -(-whole.num_rows // parts))
    for start in range(0, whole.num_rows, size):
        yield whole.slice(start, size)


def _with(batch: pa.RecordBatch, more: dict[str, pa.Array]) -> pa.RecordBatch:
    columns = {name: batch.column(name) for name in batch.schema.names}
    return pa.record_batch({**columns, **more})
