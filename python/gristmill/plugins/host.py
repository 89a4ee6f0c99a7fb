"""Runs plugin operators on batches and trusts nothing they do.

Every call is checked against the declaration; a batch that raises is bisected down to the documents that
fail, which become rows of `HostResult.quarantined`; a budget of failures stops the run. Results do not depend
on where batches begin and end. Not here: what happens to a quarantined document, and edits' records, which
belong to the engine.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.errors import GristmillError
from gristmill.plugins.active import ActiveOperator
from gristmill.plugins.capture import captured_output, plugin_logger, short_traceback
from gristmill.plugins.columns import ARROW_TYPES, ContractError, LengthError, blank_rows, check_columns
from gristmill.plugins.lifecycle import cannot_open, close_operator, open_operator
from gristmill.plugins.operators import Output
from gristmill.plugins.work import Work, declared_outputs, prepare

SHOWN_FAILURES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Quarantined:
    """A document an operator failed on: row in the batch, exception's type, traceback without paths."""

    row: int
    error_type: str
    detail: str


@dataclass(kw_only=True, slots=True)
class OperatorStats:
    """What one operator did; times are wall clock and outside any digest."""

    num_calls: int = 0
    num_documents: int = 0
    num_failed: int = 0
    num_casts: int = 0
    num_captured_characters: int = 0
    input_bytes: int = 0
    output_bytes: int = 0
    elapsed_s: float = 0.0

    def add(self, other: OperatorStats) -> None:
        """Add another count to this one."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def documents_per_s(self) -> float:
        """Documents a second of wall clock; 0.0 before the first call."""
        return self.num_documents / self.elapsed_s if self.elapsed_s else 0.0


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
    work: Work
    stats: OperatorStats = field(default_factory=OperatorStats)


@dataclass(slots=True)
class _Pieces:
    """Results of one batch while it is bisected, in row order."""

    stats: OperatorStats
    columns: list[dict[str, pa.Array]] = field(default_factory=list)
    failures: list[Quarantined] = field(default_factory=list)
    num_wrong_lengths: int = 0


class PluginHost:
    """Runs the plugin steps of one recipe in one process.

    Use as a context manager: operators are opened on entry and closed on exit. One call at a time in a
    process, because stdout is captured by swapping it.

    Parameters
    ----------
    operators
        Signals, transforms and filters in any order.
    seed
        The run's seed, for `Context.rng`.
    threads
        How many threads an operator may use.
    max_failures, max_failure_fraction
        The error budget of each operator: the larger of the number and the share of documents seen so far.
    checks_input
        Compare a checksum of the input before and after each tier 2 call; about 1 ms for 4 MiB.

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

    def __init__(
        self,
        operators: Sequence[ActiveOperator],
        *,
        seed: int = 0,
        threads: int = 1,
        max_failures: int = 100,
        max_failure_fraction: float = 0.001,
        checks_input: bool = True,
    ) -> None:
        self._operators = list(operators)
        self._seed = seed
        self._threads = threads
        self._max_failures = max_failures
        self._max_failure_fraction = max_failure_fraction
        self._checks_input = checks_input
        self._opened: dict[str, _Opened] = {}
        self._scratch: Path | None = None

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
        """Counts since the host was entered, by step."""
        return {step: opened.stats for step, opened in self._opened.items()}

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
            GM-PLUGIN-012 (broken contract), -013 (`on_error = "fail"`), -014 (budget), -017 (no column).
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
        inputs = batch.select(list(operator.inputs))
        stats = OperatorStats(num_documents=batch.num_rows, input_bytes=inputs.nbytes)
        opened.stats.num_documents += (
            batch.num_rows
        )  # the budget is a share of all documents seen, these included
        pieces = _Pieces(stats)
        started = time.perf_counter()
        try:
            self._bisect(opened, inputs, 0, pieces)
        finally:
            stats.elapsed_s = time.perf_counter() - started
            opened.stats.num_documents -= batch.num_rows
            opened.stats.add(stats)
        if pieces.num_wrong_lengths and not pieces.failures:
            raise _broken(
                operator, "it is right on each document alone and wrong on a batch: it is not row-wise"
            )
        columns = _assemble(opened, pieces)
        stats.output_bytes = sum(column.nbytes for column in columns.values())
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
                    "%.0f documents/s in Python; an expression (`expr`) or a batch (`%s`) is faster",
                    opened.stats.documents_per_s,
                    "apply" if operator.kind == "transform" else "compute",
                )
            close_operator(operator)
        self._opened = {}
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def _open(self, operator: ActiveOperator) -> _Opened:
        assert self._scratch is not None
        scratch = self._scratch / f"{len(self._opened):03}"
        scratch.mkdir()
        open_operator(operator, scratch, seed=self._seed, threads=self._threads)
        try:
            with captured_output(operator.use):
                work = prepare(operator)
        except (KeyboardInterrupt, MemoryError):
            raise
        except BaseException as error:
            close_operator(operator)
            raise cannot_open(operator, error) from error
        return _Opened(operator, dict(declared_outputs(operator)), work)

    def _bisect(self, opened: _Opened, batch: pa.RecordBatch, first_row: int, pieces: _Pieces) -> None:
        """Run a batch; if it raises, its halves, down to the document."""
        if batch.num_rows == 0:
            return
        try:
            columns, bad = self._call(opened, batch, pieces.stats)
        except (KeyboardInterrupt, MemoryError):
            raise
        except ContractError as error:
            if not isinstance(error, LengthError) or batch.num_rows == 1 or opened.operator.scope == "batch":
                raise _broken(opened.operator, str(error)) from error
            pieces.num_wrong_lengths += 1
        except BaseException as error:  # noqa: BLE001  # see below
            # Everything else is the document's failure: SystemExit from a careless library, and panics of
            # native code, which do not derive from Exception.
            failure = type(error).__name__, short_traceback(error)
            # A plugin may raise one and the same object again: its frames must not pile up, nor keep the batch.
            error.__traceback__ = None
            if batch.num_rows == 1 or opened.operator.scope == "batch":
                self._fail(opened, batch, first_row, [failure] * batch.num_rows, pieces)
                return
        else:
            for row, problem in sorted(bad.items()):
                self._count_failure(
                    opened,
                    Quarantined(row=first_row + row, error_type="ContractViolation", detail=problem),
                    pieces,
                )
            pieces.columns.append({name: blank_rows(column, sorted(bad)) for name, column in columns.items()})
            return
        middle = batch.num_rows // 2
        self._bisect(opened, batch.slice(0, middle), first_row, pieces)
        self._bisect(opened, batch.slice(middle), first_row + middle, pieces)

    def _call(
        self, opened: _Opened, batch: pa.RecordBatch, stats: OperatorStats
    ) -> tuple[dict[str, pa.Array], dict[int, str]]:
        checks_input = self._checks_input and opened.operator.tier == 2
        before = _checksum(batch) if checks_input else 0
        stats.num_calls += 1
        with captured_output(opened.operator.use) as captured:
            try:
                returned = opened.work(batch)
            finally:
                if checks_input and _checksum(batch) != before:
                    raise ContractError("it changed its input")
        stats.num_captured_characters += captured.num_characters
        columns, bad, num_casts = check_columns(returned, opened.outputs, batch.num_rows)
        stats.num_casts += num_casts
        return columns, bad

    def _fail(
        self,
        opened: _Opened,
        batch: pa.RecordBatch,
        first_row: int,
        failures: list[tuple[str, str]],
        pieces: _Pieces,
    ) -> None:
        for row, (error_type, detail) in enumerate(failures):
            self._count_failure(
                opened, Quarantined(row=first_row + row, error_type=error_type, detail=detail), pieces
            )
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
        num_failed = opened.stats.num_failed + pieces.stats.num_failed
        budget = max(self._max_failures, int(self._max_failure_fraction * opened.stats.num_documents))
        if num_failed > budget:
            first = tuple(item.detail.splitlines()[0] for item in pieces.failures[:SHOWN_FAILURES])
            raise GristmillError(
                "GM-PLUGIN-014",
                f"`{operator.use}` failed on {num_failed} of {opened.stats.num_documents} documents, "
                f"{budget} are allowed",
                hint=f"mend the plugin; try it with `gristmill plugin test {operator.use.partition('.')[0]}`",
                context=("among the failures:", *first),
            )


def _assemble(opened: _Opened, pieces: _Pieces) -> dict[str, pa.Array]:
    columns = {}
    for name, output in opened.outputs.items():
        parts = [piece[name] for piece in pieces.columns] or [pa.nulls(0, ARROW_TYPES[output.type])]
        columns[name] = parts[0] if len(parts) == 1 else pa.concat_arrays(parts)
    return columns


def _keep_old(made: pa.Array, old: pa.Array) -> pa.Array:
    return pc.coalesce(made, old.cast(made.type))


def _checksum(batch: pa.RecordBatch) -> int:
    """Return a checksum of a batch's buffers, only as a guard against a plugin that writes into its input."""
    checksum = 1
    for column in batch.columns:
        for buffer in column.buffers():
            if buffer is not None:
                checksum = zlib.adler32(buffer, checksum)
    return checksum


def _broken(operator: ActiveOperator, problem: str) -> GristmillError:
    return GristmillError(
        "GM-PLUGIN-012",
        f"`{operator.use}` broke the contract: {problem}",
        hint=f"run `gristmill plugin test {operator.use.partition('.')[0]}`",
    )
