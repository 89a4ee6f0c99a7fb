"""Calls an operator in this process: prints captured, a timer for Python code, and global state put back.

A signal raises in the operator when its deadline is over, which needs the main thread, and Python code: native code
that hangs is not reached. What this process cannot be protected from (a crash, memory) needs `isolated`.
"""

from __future__ import annotations

import builtins
import contextlib
import os
import signal
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Self

import pyarrow as pa

from gristmill.plugins.active import ActiveOperator
from gristmill.plugins.calls import CallFailed, OperatorStats, deadline_exceeded
from gristmill.plugins.capture import captured_output, note_threads, plugin_logger, short_traceback
from gristmill.plugins.columns import ContractError
from gristmill.plugins.lifecycle import close_operator
from gristmill.plugins.work import Work

AGAIN_S = 1.0
"""An operator that swallows the deadline's exception gets it again after this time."""


class InProcess:
    """Makes the calls of an operator that lives in this process.

    Parameters
    ----------
    operator
        The operator, opened.
    work
        How it is called.
    checks_input
        Whether to compare a checksum of the input before and after each call.
    """

    def __init__(self, operator: ActiveOperator, work: Work, *, checks_input: bool) -> None:
        self._operator = operator
        self._work = work
        self._checks_input = checks_input

    def call(self, batch: pa.RecordBatch, deadline_s: float, stats: OperatorStats) -> object:
        """Return what the operator returned for a batch, unchecked, and count the call."""
        before = checksum(batch) if self._checks_input else 0
        stats.num_calls += 1
        with captured_output(self._operator.use) as captured, state_kept(self._operator.use):
            try:
                return _timed(self._work, batch, deadline_s)
            finally:
                stats.num_captured_characters += captured.num_characters
                note_threads(captured)
                if self._checks_input and checksum(batch) != before:
                    raise ContractError("it changed its input")

    def close(self) -> None:
        """Close the operator; a failure is logged."""
        with state_kept(self._operator.use):
            close_operator(self._operator)


def _timed(work: Work, batch: pa.RecordBatch, deadline_s: float) -> object:
    """Call the operator, and tell its failures from what is meant for the run."""
    with _Watch(deadline_s) as watch:
        try:
            try:
                returned = work(batch)
            finally:
                watch.is_armed = False
                _builtins_back()
        except (MemoryError, ContractError):
            raise
        except BaseException as error:
            if watch.is_interrupted and isinstance(error, KeyboardInterrupt):
                raise
            if watch.is_late:
                raise deadline_exceeded(deadline_s) from None
            # Everything else is the document's failure: SystemExit from a careless library, a KeyboardInterrupt
            # that no user sent, and panics of native code, which do not derive from Exception.
            failure = CallFailed(type(error).__name__, short_traceback(error))
            # An operator may raise one and the same object again: its frames must not pile up, nor keep the batch.
            error.__traceback__ = None
            raise failure from None
        if watch.is_late:
            raise deadline_exceeded(deadline_s)
        if watch.is_interrupted:
            raise KeyboardInterrupt  # the operator swallowed it
    return returned


class _LateError(BaseException):
    """Raised in the operator by the timer. No Exception, so that a careless `except` lets it pass."""


class _Watch:
    """A timer, and an ear for Ctrl-C, while an operator runs in the main thread; nothing in other threads."""

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._undo: list[Callable[[], object]] = []
        self.is_armed = True
        self.is_late = False
        self.is_interrupted = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._listen()
            self._set_timer()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_armed = False
        for undo in reversed(self._undo):
            undo()

    def _listen(self) -> None:
        previous = signal.getsignal(signal.SIGINT)
        if not callable(previous):
            return  # Ctrl-C raises nothing here

        def interrupted(number: int, frame: FrameType | None) -> None:
            self.is_interrupted = True
            previous(number, frame)

        signal.signal(signal.SIGINT, interrupted)
        self._undo.append(lambda: signal.signal(signal.SIGINT, previous))

    def _set_timer(self) -> None:
        left_s, interval_s = signal.getitimer(signal.ITIMER_REAL)
        if left_s and left_s <= self._deadline_s:
            return  # a nearer alarm of someone else's comes first
        started = time.monotonic()
        previous = signal.signal(signal.SIGALRM, self._alarm)
        signal.setitimer(signal.ITIMER_REAL, self._deadline_s, AGAIN_S)

        def restore() -> None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
            if left_s:
                rest_s = max(0.001, left_s - (time.monotonic() - started))
                signal.setitimer(signal.ITIMER_REAL, rest_s, interval_s)

        self._undo.append(restore)

    def _alarm(self, _number: int, _frame: FrameType | None) -> None:
        if self.is_armed:
            self.is_late = True
            raise _LateError


_state_lock = threading.Lock()
_num_inside = 0
_kept: tuple[str | None, dict[bytes, bytes], dict[str, object]] | None = None
_changed_builtins: set[str] = set()


@contextlib.contextmanager
def state_kept(operator: str) -> Iterator[None]:
    """Put back the working folder, the environment and the builtins if an operator changes them, with a warning.

    What there was before the first of the calls that are going on is what is put back.

    Examples
    --------
    >>> before = os.getcwd()
    >>> with state_kept("demo.x"):
    ...     os.chdir("/")
    >>> os.getcwd() == before
    True
    """
    global _num_inside, _kept  # noqa: PLW0603  # the state of a process is global
    with _state_lock:
        if _num_inside == 0:
            _kept = (_working_folder(), dict(os.environb), builtins.__dict__.copy())
        _num_inside += 1
    try:
        yield
    finally:
        _builtins_back()
        with _state_lock:
            _num_inside -= 1
            assert _kept is not None
            for changed in _put_back(*_kept[:2]):
                plugin_logger(operator).warning("changes %s; it was put back", changed)


def _put_back(folder: str | None, environment: dict[bytes, bytes]) -> Iterator[str]:
    if folder is not None and _working_folder() != folder:
        with contextlib.suppress(OSError):
            os.chdir(folder)
        yield "the working folder"
    if dict(os.environb) != environment:
        for variable in set(os.environb) - set(environment):
            del os.environb[variable]
        for variable, value in environment.items():
            if os.environb.get(variable) != value:
                os.environb[variable] = value
        yield "the environment"
    if _changed_builtins:
        yield f"the builtin `{min(_changed_builtins)}`"
        _changed_builtins.clear()


def _builtins_back() -> None:
    """Put back what an operator changed, before any code of ours runs on it: so nothing here uses a builtin."""
    now = builtins.__dict__
    if _kept is None or now == _kept[2]:
        return
    names = _kept[2]
    changed = {name for name in now if name not in names or now[name] is not names[name]}
    changed |= names.keys() - now.keys()
    changed.discard("_")  # what an interactive session printed last
    for name in changed:
        if name in names:
            now[name] = names[name]
        else:
            del now[name]
    _changed_builtins.update(changed)


def _working_folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109  # a string to compare, microseconds a call
    except OSError:
        return None


def checksum(batch: pa.RecordBatch) -> int:
    """Return a checksum of a batch's buffers, only as a guard against a plugin that writes into its input."""
    checksum = 1
    for column in batch.columns:
        for buffer in column.buffers():
            if buffer is not None:
                checksum = zlib.adler32(buffer, checksum)
    return checksum
