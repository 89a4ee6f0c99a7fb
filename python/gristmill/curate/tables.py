"""Steps, duplicates and tokens of tables in memory: the engine of a run for whoever has an Arrow table.

Every function takes any Arrow producer (pyarrow, polars, DuckDB, `datasets`) with a string column `text`, returns
pyarrow, keeps rows and their order, and releases the interpreter. For more than fits into memory, use a recipe.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import pyarrow as pa
import pyarrow.compute as pc

from gristmill import _native
from gristmill.curate.compile import engine_step
from gristmill.curate.inputs import expand
from gristmill.curate.tokens import tokenizer_file
from gristmill.errors import GristmillError
from gristmill.recipe import BuiltinStep, PluginStep, SemanticDedup, parse_recipe, toml_value

ArrowTable = object
"""Any object with `__arrow_c_stream__` or `__arrow_c_array__`."""


def read(
    paths: str | Path | Sequence[str | Path],
    *,
    text: str = "text",
    id: str | None = None,  # noqa: A002 - the recipe's word
) -> Iterator[pa.RecordBatch]:
    r"""Yield the records of files as record batches: JSON Lines (plain, `.gz`, `.zst`) and Parquet.

    Columns: `path` (utf8), `row` (uint64, from 0), `id` (utf8), `text` (large_utf8), `metadata` (utf8: a JSON object
    of the other fields) and `unreadable` (utf8: why a record has no text, else null). Every record is a row. Memory:
    one batch, at most 16 MiB of text or 8,192 rows.

    Parameters
    ----------
    paths
        Files or globs; matches of a glob are sorted.
    text
        Field that holds the text.
    id
        Field that holds an identifier.

    Raises
    ------
    GristmillError
        ``GM-READ-*`` when a file cannot be read to its end.

    Examples
    --------
    >>> import gristmill, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.jsonl"
    >>> _ = path.write_text('{"text": "one"}\nnot json\n')
    >>> next(gristmill.read(path)).column("unreadable").to_pylist()
    [None, 'invalid_json']
    """
    patterns = [paths] if isinstance(paths, (str, Path)) else list(paths)
    session = _native.Session()
    for pattern in patterns:
        for path in expand(Path(pattern).absolute()) or [Path(pattern)]:
            table = _native.FileTable(path, text, id, session)
            while (batch := table.next_batch(session)) is not None:
                names = pa.array([str(path)] * batch.num_rows, pa.utf8())
                yield pa.record_batch(
                    [names, *batch.columns], names=["path", *(field.name for field in batch.schema)]
                )


def clean(table: ArrowTable, **parts: bool) -> pa.Table:
    r"""Return the table with its texts repaired, as the step `clean` does, and a column `clean.num_changes`.

    Parameters
    ----------
    table
        Any Arrow producer with a string column `text`; null texts stay null.
    **parts
        Parts of the step to switch: `nfc`, `mojibake`, `controls`, `zero_width`, `newlines`, `whitespace`,
        `lowercase`.

    Examples
    --------
    >>> import gristmill, pyarrow as pa
    >>> gristmill.clean(pa.table({"text": ["cafÃ©  \r\n"]})).column("text").to_pylist()
    ['café\n']
    """
    whole = with_text(table)
    step: dict[str, object] = {"use": "clean", **parts}
    [compiled] = _compile([step])
    texts, columns = _run_steps(whole, [compiled], edits=True)
    return _with_columns(whole.set_column(whole.schema.get_field_index("text"), "text", texts), columns)


def signals(table: ArrowTable, rules: Sequence[str | Mapping[str, object]]) -> pa.Table:
    """Return the signals of rules, and which rows they would keep.

    Columns: `id` (where the table has one), one for each value (`gopher_quality.num_words`), and for each rule
    `<rule>.keep` (bool) and `<rule>.reason` (utf8: the first threshold that the row fails, null where it is kept).
    All rules read the text as it is in the table, from one segmentation; rules that edit, such as `c4_quality`, count
    what they would remove but remove nothing here.

    Parameters
    ----------
    table
        Any Arrow producer with a string column `text`; all columns are null for a null text.
    rules
        Names of built-in rules, or tables as in a recipe: ``{"use": "gopher_quality", "min_words": 20}``.

    Examples
    --------
    >>> import gristmill, pyarrow as pa
    >>> found = gristmill.signals(pa.table({"text": ["Too short."]}), ["gopher_quality"])
    >>> found.column("gopher_quality.num_words").to_pylist(), found.column("gopher_quality.reason").to_pylist()
    ([2], ['min_words'])
    """
    whole = with_text(table)
    compiled = _compile([rule if isinstance(rule, Mapping) else {"use": rule} for rule in rules])
    result = pa.table({"id": whole.column("id")}) if "id" in whole.column_names else None
    _, found = _run_steps(whole, compiled, edits=False)
    columns: dict[str, pa.ChunkedArray] = {}
    for step in compiled:
        names = [f"{step.step.name}.{column}" for column in step.step.made_columns()]
        columns.update({name: pa.chunked_array([found.column(name)]) for name in names})
        columns.update(_judge(step, found))
    table_of_columns = pa.table(columns)
    return table_of_columns if result is None else _with_columns(result, table_of_columns)


def near_duplicates(
    table: ArrowTable,
    *,
    embedding: str | None = None,
    min_similarity: float | None = None,
    bands: int = 14,
    rows: int = 8,
    shingle_words: int = 5,
    blocking: Literal["hyperplanes", "all"] = "hyperplanes",
    memory_bytes: int = 256 << 20,
) -> pa.Table:
    """Return which rows are duplicates of which, confirmed by exact similarity: of word n-grams, or of embeddings.

    Columns: `id` (where the table has one), `cluster` (uint64: first row of the cluster, null outside any),
    `duplicate_of` (uint64: the row that stays in its place, null for survivors) and `similarity` (float32). The longest
    text of a group survives, the first among equals. A null text is like no other.

    With `embedding` the cosine of embeddings decides instead, and a null embedding is like no other; `text` may be
    missing then, so that the first row of a group survives.

    Parameters
    ----------
    table
        Any Arrow producer with a string column `text`.
    embedding
        Column of float lists (of any Arrow list type, 16, 32 or 64 bits) whose directions are compared.
    min_similarity
        Least similarity of a duplicate, in (0, 1]: Jaccard (by default 0.8), or cosine (by default 0.95).
    bands, rows, shingle_words
        As in the step `minhash_dedup`; nothing with `embedding`.
    blocking
        As in the step `semantic_dedup`, with its recall of 0.95; nothing without `embedding`.
    memory_bytes
        What sorting may use; the rest goes to a temporary folder.

    Raises
    ------
    GristmillError
        ``GM-RECIPE-091`` without the column; ``GM-DEDUP-007`` for an embedding that cannot be compared;
        ``GM-DEDUP-006`` for more than 200,000 rows of which all pairs are asked for.

    Examples
    --------
    >>> import gristmill, pyarrow as pa
    >>> vectors = pa.table({"v": [[1.0, 0.0], [0.0, 1.0], [2.0, 0.1], None]})
    >>> gristmill.near_duplicates(vectors, embedding="v").column("duplicate_of").to_pylist()
    [None, None, 0, None]
    >>> text = "one two three four five six seven eight nine ten"
    >>> gristmill.near_duplicates(pa.table({"text": [text, text, "other"]})).column("duplicate_of").to_pylist()
    [None, 0, None]
    """
    if embedding is not None:
        return _near_vectors(
            _arrow(table),
            embedding,
            min_similarity=0.95 if min_similarity is None else min_similarity,
            blocking=blocking,
            memory_bytes=memory_bytes,
        )
    whole = with_text(table)
    spec = {
        "minhash": {
            "bands": bands,
            "rows": rows,
            "seed": 1,
            "shingles": {"unit": "word", "size": shingle_words},
            "family": "gristmill",
        },
        "min_similarity": 0.8 if min_similarity is None else min_similarity,
        "memory_bytes": memory_bytes,
    }
    with tempfile.TemporaryDirectory(prefix="gristmill-near-") as folder:
        found = _native.near_duplicates(texts_of(whole), json.dumps(spec), folder, _native.Session())
    result = pa.Table.from_batches([found])
    return result.add_column(0, "id", whole.column("id")) if "id" in whole.column_names else result


def _near_vectors(
    whole: pa.Table,
    embedding: str,
    *,
    min_similarity: float,
    blocking: Literal["hyperplanes", "all"],
    memory_bytes: int,
) -> pa.Table:
    """Return duplicates by an embedding column; keys are checked as a recipe would."""
    if embedding not in whole.column_names:
        raise _no_column(whole, embedding, "`embedding` names the column of float lists")
    keys = {"use": "semantic_dedup", "embedding": embedding, "dimension": 1, "blocking": blocking}
    [step] = _parse([{**keys, "min_similarity": float(min_similarity)}])
    assert isinstance(step, SemanticDedup)
    bands = step.bands
    spec = {
        "dimension": None,
        "hyperplanes": None
        if bands is None
        else {"bands": bands.bands, "width": bands.width, "seed": step.seed},
        "min_similarity": step.min_similarity,
        "memory_bytes": memory_bytes,
    }
    if "text" in whole.column_names:
        lengths = pc.binary_length(texts_of(whole).cast(pa.large_binary()))
        ranks = pc.fill_null(lengths, 0).cast(pa.uint64())
    else:
        ranks = pa.array([0], pa.uint64()).take(pa.array([0] * whole.num_rows, pa.int64()))
    vectors = _one_chunk(whole.column(embedding))
    with tempfile.TemporaryDirectory(prefix="gristmill-near-") as folder:
        found = _native.near_vectors(vectors, ranks, json.dumps(spec), folder, _native.Session())
    result = pa.Table.from_batches([found])
    return result.add_column(0, "id", whole.column("id")) if "id" in whole.column_names else result


class Tokenizer:
    """Token ids exactly as the tokenizer's own library gives them, of known families several times faster.

    Parameters
    ----------
    path
        A `tokenizer.json`, a file of tiktoken's ranks, a Tekken file, a SentencePiece model, or a folder that holds
        one.
    mode
        ``"plain"``: text never becomes a control token; ``"hf"``: as `Tokenizer.encode` of the library does without
        special tokens.
    allow
        Control tokens that text may spell; only with ``"plain"``.
    only_library
        Use the library itself, as the reference.

    Raises
    ------
    GristmillError
        ``GM-TOKENS-001`` when the file is no tokenizer.

    Examples
    --------
    >>> Tokenizer("no/such/tokenizer.json")
    Traceback (most recent call last):
    gristmill.errors.GristmillError: no tokenizer at `no/such/tokenizer.json`
    """

    def __init__(
        self,
        path: str | Path,
        mode: str = "plain",
        *,
        allow: Iterable[str] = (),
        only_library: bool = False,
    ) -> None:
        file = tokenizer_file(Path(path))
        allowed = list(allow)
        special: object = {"allow": allowed} if allowed else mode
        self._session = _native.Session()
        self._native = _native.Tokenizer(file, json.dumps(special), self._session, only_library)

    @property
    def library_reason(self) -> str | None:
        """Why texts go through the `tokenizers` library; None on gristmill's own, faster path."""
        return self._native.library_reason

    @property
    def vocabulary_size(self) -> int:
        """One more than the largest id."""
        return self._native.vocabulary_size

    def encode_batch(self, texts: Iterable[str | None] | pa.Array) -> pa.Array:
        """Return the ids of each text as list<uint32>; null for a null text."""
        array = texts if isinstance(texts, pa.Array) else pa.array(list(texts), pa.large_utf8())
        return self._native.encode_batch(array.cast(pa.large_utf8()), self._session)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Compiled:
    """A built-in step ready to run."""

    step: BuiltinStep
    engine: Mapping[str, object]


def _parse(steps: Sequence[Mapping[str, object]]) -> tuple[BuiltinStep | PluginStep, ...]:
    """Check steps as a recipe would, with its messages."""
    lines = ["[[source]]", 'name = "table"', 'paths = ["table"]']
    for number, step in enumerate(steps):
        lines.append("[[step]]")
        named = {**step, "name": step.get("name", step["use"])}
        if any(other.get("name", other["use"]) == named["name"] for other in steps[:number]):
            named["name"] = f"{named['name']}_{number + 1}"
        lines += [f"{key} = {toml_value(value)}" for key, value in named.items()]
    return parse_recipe("\n".join(lines) + "\n", base=".").steps


def _compile(steps: Sequence[Mapping[str, object]]) -> list[_Compiled]:
    """Return steps ready to run."""
    compiled = []
    for parsed in _parse(steps):
        if isinstance(parsed, PluginStep) or parsed.is_dedup or parsed.is_choice:
            raise GristmillError(
                "GM-RECIPE-090",
                f"`{parsed.use}` is no built-in signal or correction",
                hint="use `near_duplicates` for duplicates, and a recipe for plugins",
            )
        if parsed.where:
            raise GristmillError(
                "GM-RECIPE-090",
                f"`where` of `{parsed.name}` needs a run: a table has no conditions",
                hint="filter the table first, or leave `where` out",
            )
        compiled.append(_Compiled(step=parsed, engine=engine_step(parsed, Path())))
    return compiled


def _run_steps(
    table: pa.Table, compiled: Sequence[_Compiled], *, edits: bool
) -> tuple[pa.Array, pa.RecordBatch]:
    steps = json.dumps([dict(step.engine) for step in compiled])
    wanted = dict.fromkeys(name for step in compiled for name in step.step.required_columns())
    read = {
        name: _one_chunk(table.column(name).cast(pa.large_utf8()))
        for name in wanted
        if name in table.column_names
    }
    columns = pa.record_batch(read) if read else None
    return _native.run_steps(texts_of(table), steps, edits, columns, _native.Session())


def _judge(compiled: _Compiled, found: pa.RecordBatch) -> dict[str, pa.ChunkedArray]:
    """Apply a rule's thresholds to its columns: the first that a row fails is the reason; null passes."""
    name = compiled.step.name
    thresholds = compiled.step.thresholds()
    # The opposite of what keeps; a null is neither.
    drops = {">=": pc.less, "<=": pc.greater, ">": pc.less_equal, "<": pc.greater_equal, "==": pc.not_equal}
    fails = []
    for threshold in thresholds:
        values = found.column(f"{name}.{threshold.column}")
        if pa.types.is_boolean(values.type):
            values = values.cast(pa.float64())
        fails.append(drops[threshold.keep](values, pa.scalar(threshold.threshold, pa.float64())))
    reason = pa.nulls(found.num_rows, pa.utf8())
    if fails:
        fields = [str(number) for number in range(len(fails))]
        which = pc.make_struct(*fails, field_names=fields)
        reason = pc.case_when(which, *(pa.scalar(threshold.rule) for threshold in thresholds))
    return {
        f"{name}.keep": pa.chunked_array([pc.is_null(reason)]),
        f"{name}.reason": pa.chunked_array([reason]),
    }


def _arrow(table: ArrowTable) -> pa.Table:
    if hasattr(table, "collect") and not hasattr(table, "__arrow_c_stream__"):
        raise GristmillError(
            "GM-RECIPE-092",
            f"a `{type(table).__name__}` has no rows yet",
            hint="give the table that `.collect()` returns",
        )
    try:
        # A dictionary of columns is a table, too; a list is not, even of columns.
        if isinstance(table, (list, tuple, str, bytes)):
            raise TypeError("it is a sequence")
        return pa.table(table)
    except (TypeError, ValueError) as error:
        raise GristmillError(
            "GM-RECIPE-092",
            f"a `{type(table).__name__}` is no table",
            hint='`pyarrow.table({"text": texts})` makes one of a list of texts',
            context=(str(error).partition("\n")[0],),
        ) from error


def with_text(table: ArrowTable) -> pa.Table:
    """Return a producer's rows as a table; GM-RECIPE-091 without a column `text`, GM-RECIPE-092 if it is none."""
    whole = _arrow(table)
    if "text" not in whole.column_names:
        raise _no_column(whole, "text", "rename the column that holds the documents to `text`")
    return whole


def _no_column(table: pa.Table, name: str, hint: str) -> GristmillError:
    return GristmillError(
        "GM-RECIPE-091",
        f"the table has no column `{name}`",
        hint=hint,
        context=(f"columns: {', '.join(f'`{known}`' for known in table.column_names)}",),
    )


def texts_of(table: pa.Table) -> pa.Array:
    """Return the column `text` as one array of large_utf8."""
    return _one_chunk(table.column("text").cast(pa.large_utf8()))


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    joined = column.combine_chunks()
    return cast(pa.Array, joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined)


def _with_columns(table: pa.Table, columns: pa.Table | pa.RecordBatch) -> pa.Table:
    for field in columns.schema:
        table = table.append_column(field, columns.column(field.name))
    return table
