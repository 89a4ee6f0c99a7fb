"""The author's test kit: `assert_contract`, documents made to break things, golden values and speed.

Use it from pytest in a plugin's own tests; `gristmill plugin test` runs the same checks. Needs hypothesis
only for `documents`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from gristmill.plugins.active import activate, inputs_of
from gristmill.plugins.contract import (
    Check,
    check_operator,
    check_reader,
    engine_batch,
    registered_for,
    run_once,
)
from gristmill.plugins.contract_other import check_other
from gristmill.plugins.deciders import GROUP, REASON, GroupDecider
from gristmill.plugins.host import HostResult, PluginHost
from gristmill.plugins.kinds import OF_DOCUMENTS
from gristmill.plugins.manager import PluginManager
from gristmill.plugins.operators import Operator
from gristmill.plugins.reading import read_file

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = [
    "Check",
    "OneOperatorHost",
    "OperatorReport",
    "Speed",
    "assert_contract",
    "assert_reader_contract",
    "batches",
    "bench",
    "decide",
    "documents",
    "engine_batch",
    "measure",
    "nasty_documents",
    "read",
    "run",
    "test_plugin",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorReport:
    """What `test_plugin` found for one operator.

    `documents_per_s` and `megabytes_per_s` (of input text, 10**6 bytes) are None where not measured; `skipped` says
    why checks were left out, empty if none were.
    """

    operator: str
    kind: str
    checks: tuple[Check, ...]
    documents_per_s: float | None
    megabytes_per_s: float | None = None
    skipped: str = ""

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)


def nasty_documents() -> list[str]:
    """Return documents that break careless code: empty, huge, odd line ends, odd scripts, broken markup.

    Examples
    --------
    >>> "" in nasty_documents()
    True
    """
    return [
        "",
        " ",
        "\n",
        "\r\n\r\n",
        "word",
        "no space " * 3 + "\x00 after a NUL",
        "lines\r\nof\rall\nkinds\u2028of\u2029ends\x0b\x0c\x85",
        "a\u0301e\u0323\u0308 combining " + "\u0301" * 200,
        "\u202eright to left\u202c שלום עולם مرحبا بالعالم",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \U0001f600\ufe0f",
        "\u0410\u0440\u0440l\u0435 \u0440\u0430\u0443 in Cyrillic look-alikes",
        "<p><b>broken</i> markup &amp &#xZZ; <![CDATA[",
        "日本語の文章。句読点、空白なし。" * 20,
        "\ufeffbyte order mark",
        "\u00ad\u200b\u2060invisible\u200c",
        "1,234.56 -0 1e309 NaN inf 0x1F",
        "(" * 500 + ")" * 500,
        "\\d+[a-z]{3}(?P<x>.*)$",
        '"quotes" \u201ccurly\u201d \u00abguillemets\u00bb \'',
        "The quick brown fox jumps over the lazy dog. " * 50,
        "word " * 100_000,
        "x" * 4_000_000,
    ]


def documents() -> SearchStrategy[list[str]]:
    """Return a hypothesis strategy for small lists of documents, without lone surrogates.

    Examples
    --------
    >>> documents()  # doctest: +ELLIPSIS
    lists(...)
    """
    from hypothesis import strategies

    text = strategies.text(strategies.characters(codec="utf-8"), max_size=400)
    return strategies.lists(text, min_size=2, max_size=20)


def batches(operator: type[Operator]) -> SearchStrategy[pa.RecordBatch]:
    """Return a hypothesis strategy for small batches with the operator's inputs, as the engine or a reader gives them.

    Examples
    --------
    >>> from gristmill.plugins.api import Signal, col
    >>> class NumBytes(Signal):
    ...     name, version, outputs = "num_bytes", 1, {"num_bytes": "uint32"}
    ...     def expr(self):
    ...         return col("text").str.len_bytes()
    >>> batches(NumBytes)  # doctest: +ELLIPSIS
    lists(...)
    """
    inputs = inputs_of(operator)
    return documents().map(lambda texts: engine_batch(texts, inputs))


class OneOperatorHost:
    """A host with one operator opened: `run(batch)` is what a run would make of it. Use as a context manager.

    Parameters
    ----------
    operator
        A signal, transform, filter, extractor or decider.
    config
        Recipe keys of the step.
    seed
        The run's seed.
    """

    def __init__(
        self, operator: type[Operator], config: Mapping[str, object] | None = None, *, seed: int = 7
    ) -> None:
        self.operator = activate(registered_for(operator), config or {})
        # Every document may fail: the test looks at the failures.
        self._host = PluginHost([self.operator], seed=seed, max_failures=2**31)

    def __enter__(self) -> Self:
        self._host.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._host.__exit__(kind, error, trace)

    def run(self, batch: pa.RecordBatch | Sequence[str]) -> HostResult:
        """Return what the operator makes of a batch, or of documents with plausible other columns."""
        if not isinstance(batch, pa.RecordBatch):
            batch = engine_batch(batch, self.operator.inputs)
        return self._host.run(self.operator, batch)


def assert_contract(
    operator: type[Operator],
    config: Mapping[str, object] | None = None,
    *,
    texts: Sequence[str] | None = None,
    other_process: bool = True,
) -> None:
    """Raise AssertionError with every broken promise of an operator; for readers see `assert_reader_contract`.

    Sections, callbacks and commands have a shorter list: that the class is complete, and what can be seen without a
    run or a training.

    Checked: the class is complete; declared columns and types; nulls; finite values; no document of
    `nasty_documents` fails; the input is not changed; nothing is printed; a second call, single rows, other
    order and another process with another hash seed give the same values.

    Parameters
    ----------
    operator
        The class.
    config
        Recipe keys of the step, as in a recipe.
    texts
        Further documents, beside the nasty ones.
    other_process
        False saves the second interpreter, about a second.

    Examples
    --------
    >>> from gristmill.plugins.api import Signal, col
    >>> class NumBytes(Signal):
    ...     name, version, outputs = "num_bytes", 1, {"num_bytes": "uint32"}
    ...     def expr(self):
    ...         return col("text").str.len_bytes()
    >>> assert_contract(NumBytes, other_process=False)
    """
    if operator.kind in OF_DOCUMENTS:
        given = [*nasty_documents(), *(texts or ())]
        _assert(operator, check_operator(operator, given, config=config, other_process=other_process))
    else:
        _assert(operator, check_other(operator, config=config)[0])


def assert_reader_contract(
    operator: type[Operator], path: Path, config: Mapping[str, object] | None = None
) -> None:
    """Raise AssertionError unless a reader gives documents from a file, and the same ones again."""
    _assert(operator, check_reader(operator, path, config=config))


def run(
    operator: type[Operator], texts: Sequence[str], config: Mapping[str, object] | None = None
) -> dict[str, list[object]]:
    """Return what an operator gives for these documents, as lists: its columns, or ``text`` for a transform.

    For golden tests. A document that fails is an AssertionError.

    Examples
    --------
    >>> from gristmill.plugins.api import Transform, col
    >>> class Upper(Transform):
    ...     name, version = "upper", 1
    ...     def expr(self):
    ...         return col("text").str.to_uppercase()
    >>> run(Upper, ["a"])
    {'text': ['A']}
    """
    active = activate(registered_for(operator), config or {})
    result = run_once(active, engine_batch(texts, active.inputs))
    assert not result.quarantined, result.quarantined[0].detail
    columns: dict[str, list[object]] = {name: column.to_pylist() for name, column in result.columns.items()}
    if result.new_text is not None:
        columns["text"] = result.new_text.to_pylist()
    return columns


def decide(
    operator: type[GroupDecider],
    rows: Sequence[Mapping[str, object]],
    config: Mapping[str, object] | None = None,
) -> list[str | None]:
    """Return the reason that a decider gives each document: None for one that stays.

    For golden tests. A group that fails is an AssertionError.

    Parameters
    ----------
    operator
        The class.
    rows
        Documents in input order, each with its ``group`` and the operator's inputs.
    config
        Recipe keys of the step.

    Examples
    --------
    >>> from gristmill.plugins.api import GroupDecider, col, lit, when
    >>> class First(GroupDecider):
    ...     name, version, reasons = "first", 1, {"later": "another of its group comes first"}
    ...     def expr(self):
    ...         return when(col("group").cum_count().over("group") > 1).then(lit("later"))
    >>> decide(First, [{"group": "a"}, {"group": "b"}, {"group": "a"}])
    [None, None, 'later']
    """
    active = activate(registered_for(operator), config or {})
    order = sorted(range(len(rows)), key=lambda row: str(rows[row][GROUP]))
    columns = {name: pa.array([rows[row][name] for row in order]) for name in active.inputs}
    result = run_once(active, pa.record_batch(columns))
    assert not result.quarantined, result.quarantined[0].detail
    found: list[str | None] = [None] * len(rows)
    for row, reason in zip(order, result.columns[REASON].to_pylist(), strict=True):
        found[row] = reason
    return found


def read(
    operator: type[Operator], path: Path, config: Mapping[str, object] | None = None
) -> list[dict[str, object]]:
    """Return the documents a reader gives for a file, one dictionary each, after the host's checks."""
    active = activate(registered_for(operator), config or {})
    rows: list[dict[str, object]] = []
    for batch in read_file(active, path):
        rows += batch.to_pylist()
    return rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """How fast an operator is through the host; `megabytes_per_s` counts input text in 10**6 bytes."""

    documents_per_s: float
    megabytes_per_s: float


def bench(
    operator: type[Operator], config: Mapping[str, object] | None = None, *, min_elapsed_s: float = 0.5
) -> float:
    """Return documents a second through the host, on 2,048 English documents of some 700 bytes.

    Host checks included; one process; polars uses its own threads.
    """
    return measure(operator, config, min_elapsed_s=min_elapsed_s).documents_per_s


def measure(
    operator: type[Operator], config: Mapping[str, object] | None = None, *, min_elapsed_s: float = 0.5
) -> Speed:
    """Return documents and megabytes a second, as `bench` measures them."""
    active = activate(registered_for(operator), config or {})
    sentence = "The parties agree that Section {} of the agreement, signed on {} May, stays in force. "
    texts = ["".join(sentence.format(row % 40 + part, part + 1) for part in range(8)) for row in range(2048)]
    batch = engine_batch(texts, active.inputs)
    num_documents = 0
    with PluginHost([active], max_failures=batch.num_rows, audits=False) as host:
        host.run(active, batch)
        started = time.perf_counter()
        while (elapsed_s := time.perf_counter() - started) < min_elapsed_s:
            host.run(active, batch)
            num_documents += batch.num_rows
    documents_per_s = num_documents / elapsed_s
    bytes_each = sum(len(text.encode()) for text in texts) / len(texts)
    return Speed(documents_per_s=documents_per_s, megabytes_per_s=documents_per_s * bytes_each / 1e6)


def test_plugin(
    namespace: str,
    *,
    plugins_dir: Path | None = None,  # noqa: PT028  # no test
    file: Path | None = None,  # noqa: PT028  # no test
) -> list[OperatorReport]:
    """Load a plugin and check every operator it registers.

    Operators run with their default configuration; one whose configuration has required fields fails its
    check "definition" and is tested from the plugin's own tests instead.

    Parameters
    ----------
    namespace
        The plugin's name.
    plugins_dir
        A folder of single-file plugins.
    file
        A sample file for the plugin's readers; without one only their definition is checked.

    Raises
    ------
    GristmillError
        GM-PLUGIN-001 to -007 if the plugin cannot be loaded.
    """
    manager = PluginManager.load([namespace], plugins_dir=plugins_dir)
    reports = []
    for full_name, registered in manager.operators.items():
        speed, skipped = None, ""
        checks = [Check(name="definition", passed=True)]  # registration has checked it
        if registered.kind == "reader":
            if file is None:
                skipped = "readers need a file: --file PATH"
            else:
                checks += check_reader(registered.operator, file, namespace=namespace)
        elif registered.kind in OF_DOCUMENTS:
            checks = check_operator(registered.operator, nasty_documents(), namespace=namespace)
            if all(check.passed for check in checks):
                speed = measure(registered.operator)
        else:
            checks, skipped = check_other(registered.operator, namespace=namespace)
        reports.append(
            OperatorReport(
                operator=full_name,
                kind=registered.kind,
                checks=tuple(checks),
                documents_per_s=None if speed is None else speed.documents_per_s,
                megabytes_per_s=None if speed is None else speed.megabytes_per_s,
                skipped=skipped,
            )
        )
    return reports


# pytest would take an imported `test_plugin` for a test of the importing module.
vars(test_plugin)["__test__"] = False


def _assert(operator: type[Operator], checks: Sequence[Check]) -> None:
    broken = [f"{check.name}: {check.detail}" for check in checks if not check.passed]
    if broken:
        raise AssertionError(f"`{operator.__name__}` breaks the contract\n" + "\n".join(broken))
