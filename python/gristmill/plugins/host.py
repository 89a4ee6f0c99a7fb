"""Runs plugin operators on batches and trusts nothing they do.

Every call is checked against the declaration; a batch that fails (an exception, a dead process, no time left) is
bisected down to the documents that fail, which become rows of `HostResult.quarantined`; a budget of failures stops
the run. Results do not depend on where batches begin and end. Not here: how a call is made and contained (`guard`,
`isolated`), what happens to a quarantined document, and edits' records, which belong to the engine.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.errors import GristmillError
from gristmill.plugins import audit
from gristmill.plugins.active import ActiveOperator
from gristmill.plugins.calls import DEADLINE_EXCEEDED, Caller, CallFailed, OperatorStats
from gristmill.plugins.capture import captured_output, plugin_logger, short_traceback
from gristmill.plugins.columns import (
    ARROW_TYPES,
    ContractError,
    LengthError,
    blank_rows,
    check_columns,
    part_of,
    without_offsets,
)
from gristmill.plugins.deciders import GROUP, REASON, GroupDecider
from gristmill.plugins.groups import check_reasons, group_starts
from gristmill.plugins.guard import InProcess, state_kept
from gristmill.plugins.isolated import Isolated, Registry
from gristmill.plugins.lifecycle import cannot_open, close_operator, open_operator
from gristmill.plugins.operators import Output
from gristmill.plugins.work import Work, declared_outputs, prepare

__all__ = ["HostResult", "OperatorStats", "PluginHost", "Quarantined"]

SHOWN_FAILURES = 3
RESTARTS_PER_FAILURE = 32
"""Starts of a process that one failing document may cost: bisecting 8,192 documents takes 14."""
SHORTER = 0.75
"""Time that a part gets after its whole was too slow, against the whole's. Finding one document that hangs then takes
four deadlines and its own, where halves of equal slowness still come through after a few cuts."""
LEAST_PART_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Quarantined:
    """A document an operator failed on: row in the batch, exception's type, traceback without paths."""

    row: int
    error_type: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HostResult:
    """What one operator made of one batch.

    Parameters
    ----------
    columns
        The declared outputs in declared type, one value a row; null where the document failed. Empty for
        transforms.
    new_text
        A transform's text, large_utf8, the old text where the document failed; None for other kinds.
    quarantined
        Failed rows in order; empty when the step says ``on_error = "null"``.
    stats
        Counts of this call only.
    """

    columns: dict[str, pa.Array]
    new_text: pa.Array | None
    quarantined: list[Quarantined]
    stats: OperatorStats


@dataclass(slots=True)
class _Opened:
    """An operator in use."""

    operator: ActiveOperator
    outputs: dict[str, Output]
    caller: Caller
    turn: contextlib.AbstractContextManager[object]
    """Entered for each batch: a lock, unless the operator says that it needs none."""
    stats: OperatorStats = field(default_factory=OperatorStats)
    num_batches: int = 0


@dataclass(slots=True)
class _Pieces:
    """Results of one batch while it is bisected, in row order."""

    stats: OperatorStats
    columns: list[dict[str, pa.Array]] = field(default_factory=list)
    failures: list[Quarantined] = field(default_factory=list)
    num_wrong_lengths: int = 0


class PluginHost:
    """Runs the plugin steps of one recipe in one process.

    Use as a context manager: operators are opened on entry and closed on exit. `run` may be called from several
    threads: an operator that does not say ``thread_safe = True`` then gets one batch at a time, others run at once.
    Deadlines of operators in this process hold in the main thread only.

    Parameters
    ----------
    operators
        Signals, transforms, filters and deciders in any order.
    seed
        The run's seed, for `Context.rng`.
    threads
        How many threads an operator may use.
    max_failures, max_failure_fraction
        The error budget of each operator: the larger of the number and the share of documents seen so far.
    checks_input
        Compare a checksum of the input before and after each tier 2 call; about 1 ms for 4 MiB.
    audits
        Give some documents to each operator twice (`audit`).
    registry
        Where a process of an operator's own finds it; None: it imports the class.

    Raises
    ------
    GristmillError
        GM-PLUGIN-018 on entry if an operator cannot be opened.

    Examples
    --------
    >>> with PluginHost([]) as host:
    ...     host.stats
    {}
    """

    def __init__(  # keywords, each with a default
        self,
        operators: Sequence[ActiveOperator],
        *,
        seed: int = 0,
        threads: int = 1,
        max_failures: int = 100,
        max_failure_fraction: float = 0.001,
        checks_input: bool = True,
        audits: bool = True,
        registry: Registry | None = None,
    ) -> None:
        self._operators = list(operators)
        self._seed = seed
        self._threads = threads
        self._max_failures = max_failures
        self._max_failure_fraction = max_failure_fraction
        self._checks_input = checks_input
        self._audits = audits
        self._registry = registry
        self._opened: dict[str, _Opened] = {}
        self._scratch: Path | None = None
        self._counting = threading.Lock()

    def __enter__(self) -> Self:
        self._scratch = Path(tempfile.mkdtemp(prefix="gristmill-plugins-"))
        try:
            for operator in self._operators:
                self._opened[operator.step] = self._open(operator)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def stats(self) -> dict[str, OperatorStats]:
        """Counts since the host was entered, by step; a copy."""
        with self._counting:
            return {step: dataclasses.replace(opened.stats) for step, opened in self._opened.items()}

    def run(self, operator: ActiveOperator, batch: pa.RecordBatch) -> HostResult:
        """Return what an operator makes of a batch.

        Parameters
        ----------
        operator
            One of those the host was made with.
        batch
            At least the operator's `inputs`; `text` as large_utf8 without nulls. Other columns are not shown
            to it.

        Raises
        ------
        GristmillError
            GM-PLUGIN-012 (broken contract), -013 (`on_error = "fail"`), -014 (budget), -017 (no column), -019 (other
            results alone), -020 (a process that dies again and again).
        """
        opened = self._opened[operator.step]
        names = batch.schema.names
        missing = [name for name in operator.inputs if name not in names]
        if missing:
            raise GristmillError(
                "GM-PLUGIN-017",
                f"`{operator.use}` reads column `{missing[0]}`, which is not there",
                context=(f"columns: {', '.join(f'`{name}`' for name in names)}",),
            )
        inputs = without_offsets(batch.select(list(operator.inputs)))
        stats = OperatorStats(num_documents=batch.num_rows, input_bytes=inputs.nbytes)
        pieces = _Pieces(stats)
        with opened.turn:
            with self._counting:
                number, opened.num_batches = opened.num_batches, opened.num_batches + 1
            started = time.perf_counter()
            try:
                self._bisect(opened, inputs, 0, pieces, operator.containment.deadline_s)
            finally:
                stats.elapsed_s = time.perf_counter() - started
                with self._counting:
                    opened.stats.add(stats)
            if pieces.num_wrong_lengths and not pieces.failures:
                raise _broken(
                    operator, "it is right on each document alone and wrong on a batch: it is not row-wise"
                )
            columns = _assemble(opened, pieces)
            if self._audits and audit.is_due(number):
                self._look_twice(opened, inputs, columns, {failure.row for failure in pieces.failures})
        stats.output_bytes = sum(column.nbytes for column in columns.values())
        with self._counting:
            opened.stats.output_bytes += stats.output_bytes
        new_text = None
        if operator.kind == "transform":
            made = columns.pop("text")
            new_text = made.fill_null("") if batch.num_rows == 0 else _keep_old(made, batch.column("text"))
        quarantined = pieces.failures if operator.on_error == "quarantine" else []
        return HostResult(columns=columns, new_text=new_text, quarantined=quarantined, stats=stats)

    def close(self) -> None:
        """Close every operator and remove the scratch folder; an operator that fails to close is logged."""
        for opened in self._opened.values():
            operator = opened.operator
            if operator.tier == 3 and opened.stats.num_documents:
                plugin_logger(operator.use).info(
                    "%.0f documents/s, one by one in Python; %s is faster",
                    opened.stats.documents_per_s,
                    faster_tier(operator.kind),
                )
            opened.caller.close()
        self._opened = {}
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def _open(self, operator: ActiveOperator) -> _Opened:
        assert self._scratch is not None
        scratch = self._scratch / f"{len(self._opened):03}"
        scratch.mkdir()
        caller: Caller
        if operator.containment.isolation == "process":
            caller = Isolated(
                operator,
                scratch,
                seed=self._seed,
                threads=self._threads,
                registry=self._registry,
            )
        else:
            work = self._open_here(operator, scratch)
            caller = InProcess(operator, work, checks_input=self._checks_input and operator.tier == 2)
        is_free = operator.instance.thread_safe and operator.containment.isolation == "none"
        turn = contextlib.nullcontext() if is_free else threading.Lock()
        return _Opened(operator, dict(declared_outputs(operator)), caller, turn)

    def _open_here(self, operator: ActiveOperator, scratch: Path) -> Work:
        with state_kept(operator.use):
            open_operator(operator, scratch, seed=self._seed, threads=self._threads)
            try:
                with captured_output(operator.use):
                    return prepare(operator)
            except (KeyboardInterrupt, MemoryError):
                raise
            except BaseException as error:
                close_operator(operator)
                raise cannot_open(operator, error) from error

    def _bisect(
        self, opened: _Opened, batch: pa.RecordBatch, first_row: int, pieces: _Pieces, deadline_s: float
    ) -> None:
        """Run a batch; if it fails, its halves, down to the document, or to the group where these are decided about."""
        if batch.num_rows == 0:
            return
        middle = _middle(opened.operator, batch)
        is_last = middle is None
        if is_last:
            # However slow its neighbours were, alone it has all the time.
            deadline_s = opened.operator.containment.deadline_s
        try:
            columns, bad = _call(opened, batch, deadline_s, pieces.stats)
        except ContractError as error:
            if not isinstance(error, LengthError) or is_last:
                raise _broken(opened.operator, str(error)) from error
            pieces.num_wrong_lengths += 1
        except CallFailed as failure:
            self._check_restarts(opened, pieces, failure)
            if is_last:
                self._fail(opened, batch, first_row, failure, pieces)
                return
            if failure.error_type == DEADLINE_EXCEEDED:
                deadline_s = min(deadline_s, max(deadline_s * SHORTER, LEAST_PART_S))
        else:
            for row, problem in sorted(bad.items()):
                self._count_failure(
                    opened,
                    Quarantined(row=first_row + row, error_type="ContractViolation", detail=problem),
                    pieces,
                )
            pieces.columns.append({name: blank_rows(column, sorted(bad)) for name, column in columns.items()})
            return
        assert middle is not None
        self._bisect(opened, part_of(batch, 0, middle), first_row, pieces, deadline_s)
        self._bisect(
            opened, part_of(batch, middle, batch.num_rows - middle), first_row + middle, pieces, deadline_s
        )

    def _look_twice(
        self, opened: _Opened, inputs: pa.RecordBatch, columns: dict[str, pa.Array], failed: set[int]
    ) -> None:
        """Give a few documents, or groups, again, each alone, and compare."""
        operator = opened.operator
        if operator.scope == "batch" or not operator.deterministic:
            return
        parts = [part for part in _parts_to_repeat(operator, inputs) if part[0] not in failed]
        looked = OperatorStats()
        started = time.perf_counter()
        try:
            for row, num_rows in parts:
                try:
                    alone, bad = _call(
                        opened, part_of(inputs, row, num_rows), operator.containment.deadline_s, looked
                    )
                except (CallFailed, ContractError) as error:
                    problem: str | None = f"it fails alone: {str(error).splitlines()[0]}"
                else:
                    is_transform = operator.kind == "transform"
                    found = (
                        audit.difference(columns, row + other, alone, is_transform, other)
                        for other in range(num_rows)
                    )
                    problem = bad.get(0) or next(filter(None, found), None)
                if problem is not None:
                    other_fault = (
                        ""
                        if operator.scope == "group"
                        else ' or `scope = "batch"` (it depends on its neighbours)'
                    )
                    raise GristmillError(
                        "GM-PLUGIN-019",
                        f"`{operator.use}` gives a document other results when it is called again: {problem}",
                        hint="mend the operator, or declare `deterministic = False` (it depends on chance)"
                        + other_fault,
                    )
        finally:
            with self._counting:
                opened.stats.num_audited += sum(num_rows for _, num_rows in parts)
                opened.stats.num_captured_characters += looked.num_captured_characters
                opened.stats.num_restarts += looked.num_restarts
                opened.stats.audit_s += time.perf_counter() - started

    def _check_restarts(self, opened: _Opened, pieces: _Pieces, failure: CallFailed) -> None:
        """Stop where a process dies again and again and no document can be blamed."""
        with self._counting:
            num_restarts = opened.stats.num_restarts + pieces.stats.num_restarts
            num_failed = opened.stats.num_failed + pieces.stats.num_failed
        if num_restarts > RESTARTS_PER_FAILURE * (1 + num_failed):
            raise GristmillError(
                "GM-PLUGIN-020",
                f"the process of `{opened.operator.use}` was started again {num_restarts} times, and {num_failed} "
                "documents were found to fail",
                context=tuple(failure.detail.splitlines()[:1]),
            )

    def _fail(
        self, opened: _Opened, batch: pa.RecordBatch, first_row: int, failure: CallFailed, pieces: _Pieces
    ) -> None:
        for row in range(batch.num_rows):
            failed = Quarantined(row=first_row + row, error_type=failure.error_type, detail=failure.detail)
            self._count_failure(opened, failed, pieces)
        pieces.columns.append(
            {
                name: pa.nulls(batch.num_rows, ARROW_TYPES[output.type])
                for name, output in opened.outputs.items()
            }
        )

    def _count_failure(self, opened: _Opened, failure: Quarantined, pieces: _Pieces) -> None:
        operator = opened.operator
        pieces.failures.append(failure)
        pieces.stats.num_failed += 1
        lines = tuple(failure.detail.splitlines())
        if operator.on_error == "fail":
            raise GristmillError(
                "GM-PLUGIN-013", f"`{operator.use}` failed on row {failure.row} of a batch", context=lines
            )
        with self._counting:
            num_failed = opened.stats.num_failed + pieces.stats.num_failed
            # The budget is a share of all documents seen, those of this batch included.
            num_documents = opened.stats.num_documents + pieces.stats.num_documents
        budget = max(self._max_failures, int(self._max_failure_fraction * num_documents))
        if num_failed > budget:
            first = tuple(item.detail.splitlines()[0] for item in pieces.failures[:SHOWN_FAILURES])
            raise GristmillError(
                "GM-PLUGIN-014",
                f"`{operator.use}` failed on {num_failed} of {num_documents} documents, {budget} are allowed",
                hint=f"mend the plugin; try it with `{_test_command(operator)}`",
                context=("among the failures:", *first),
            )


def _middle(operator: ActiveOperator, batch: pa.RecordBatch) -> int | None:
    """Return the row to halve a batch at, or None for one that cannot be: a document, or a group, is never divided."""
    if operator.scope == "group":
        starts = group_starts(batch.column(GROUP))
        return starts[len(starts) // 2] if len(starts) > 1 else None
    return None if batch.num_rows == 1 or operator.scope == "batch" else batch.num_rows // 2


def _parts_to_repeat(operator: ActiveOperator, inputs: pa.RecordBatch) -> list[tuple[int, int]]:
    """Return what is given again: first row and number of rows of each part."""
    if operator.scope != "group":
        return [(row, 1) for row in audit.rows_to_repeat(inputs.num_rows)]
    starts = [*group_starts(inputs.column(GROUP)), inputs.num_rows]
    numbers = audit.rows_to_repeat(len(starts) - 1)
    return [(starts[number], starts[number + 1] - starts[number]) for number in numbers]


def faster_tier(kind: str) -> str:
    """Return what to write instead of a function for each document.

    Examples
    --------
    >>> faster_tier("signal")
    'an expression (`expr`) or a batch (`compute`)'
    """
    batch = {"transform": "apply", "decider": "decide"}.get(kind, "compute")
    return f"an expression (`expr`) or a batch (`{batch}`)"


def _call(
    opened: _Opened, batch: pa.RecordBatch, deadline_s: float, stats: OperatorStats
) -> tuple[dict[str, pa.Array], dict[int, str]]:
    """Call an operator and check what it returns; also what is wrong by row."""
    returned = opened.caller.call(batch, deadline_s, stats)
    try:
        columns, bad, num_casts = check_columns(returned, opened.outputs, batch.num_rows)
        if isinstance(opened.operator.instance, GroupDecider):
            check_reasons(columns[REASON], opened.operator.instance.reasons)
    except ContractError:
        raise
    except Exception as error:  # noqa: BLE001  # what an operator returned may break in any way
        # A number too large for its type, text that is not UTF-8, an array that breaks while it is looked at.
        raise CallFailed(type(error).__name__, short_traceback(error)) from None
    stats.num_casts += num_casts
    return columns, bad


def _assemble(opened: _Opened, pieces: _Pieces) -> dict[str, pa.Array]:
    columns = {}
    for name, output in opened.outputs.items():
        parts = [piece[name] for piece in pieces.columns] or [pa.nulls(0, ARROW_TYPES[output.type])]
        columns[name] = parts[0] if len(parts) == 1 else pa.concat_arrays(parts)
    return columns


def _keep_old(made: pa.Array, old: pa.Array) -> pa.Array:
    return pc.coalesce(made, old.cast(made.type))


def _broken(operator: ActiveOperator, problem: str) -> GristmillError:
    return GristmillError(
        "GM-PLUGIN-012",
        f"`{operator.use}` broke the contract: {problem}",
        hint=f"run `{_test_command(operator)}`",
    )


def _test_command(operator: ActiveOperator) -> str:
    # A plugin without a package is a single file.
    folder = " --plugins-dir DIR" if operator.distribution is None else ""
    return f"gristmill plugin test {operator.use.partition('.')[0]}{folder}"
