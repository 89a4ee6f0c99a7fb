"""Keeps a plugin's prints away from stdout and turns its exceptions into text without paths or addresses.

`sys.stdout` and `sys.stderr` are wrapped once and stay wrapped: the wrapper asks a context variable whose call it
is in, so that several threads are told apart. A thread that an operator started is told by not having been there
when a call in the main thread began. Not seen: native code that writes to file descriptor 1; that needs a process of
its own.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TextIO, cast
from weakref import WeakKeyDictionary

LOGGED_CHARACTERS = 2000
TRACEBACK_CHARACTERS = 4000
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
_OWN_MODULES = (
    *(
        f"gristmill.plugins.{name}"
        for name in ("host", "work", "reading", "guard", "isolated", "child", "lifecycle")
    ),
    "contextlib",
)


class Captured:
    """What an operator wrote during one call: how much, and the beginning of it."""

    def __init__(self, operator: str) -> None:
        self.operator = operator
        self.stdout = _Sink()
        self.stderr = _Sink()
        # Only of a call in the main thread can it be said who starts the threads that begin meanwhile.
        is_main = threading.current_thread() is threading.main_thread()
        self.threads_before = set(threading.enumerate()) if is_main else None

    @property
    def num_characters(self) -> int:
        """Characters written to both streams."""
        return self.stdout.num_characters + self.stderr.num_characters

    def log(self) -> None:
        """Write the beginning of both streams to the operator's logger."""
        for name, sink in (("stdout", self.stdout), ("stderr", self.stderr)):
            log_output(self.operator, name, sink.kept)


class _Sink(io.TextIOBase):
    """Takes what is written, counts it, and keeps the beginning: a flood must not fill the memory."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self) -> None:
        self.num_characters = 0
        self._parts: list[str] = []
        self._num_kept = 0
        self.buffer = _Bytes(self)

    @property
    def kept(self) -> str:
        """The beginning of what was written."""
        return "".join(self._parts)

    def write(self, text: str, /) -> int:
        """Take text."""
        self.num_characters += len(text)
        room = LOGGED_CHARACTERS - self._num_kept
        if room > 0:
            self._parts.append(text[:room])
            self._num_kept += len(self._parts[-1])
        return len(text)

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True


class _Bytes(io.RawIOBase):
    """The binary side of a sink: `sys.stdout.buffer`."""

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink

    def write(self, data: object, /) -> int:
        """Take bytes."""
        raw = bytes(cast(bytes, data))
        self._sink.write(raw.decode("utf-8", "replace"))
        return len(raw)

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True


_call: ContextVar[Captured | None] = ContextVar("gristmill_plugin_call", default=None)
_lock = threading.Lock()
_open_calls: list[Captured] = []
_left_threads: WeakKeyDictionary[threading.Thread, Captured] = WeakKeyDictionary()
"""Threads that outlived the call they were started in: what they print is kept from stdout, and not logged."""


class _Routed:
    """Stands for `sys.stdout` or `sys.stderr` for good, and sends each write to whom it belongs."""

    def __init__(self, name: str, stream: TextIO) -> None:
        self._name = name
        self._stream = stream

    def _target(self) -> TextIO:
        captured = _call.get() or _foreign_thread()
        return self._stream if captured is None else cast(TextIO, getattr(captured, self._name))

    def __getattr__(self, name: str) -> object:
        return getattr(self._target(), name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._target())

    def write(self, text: str) -> int:
        """Write to the operator's log inside a call, to the stream outside."""
        return self._target().write(text)


def _foreign_thread() -> Captured | None:
    """Return the call during which this thread was started, if it was in one."""
    if not _open_calls and not _left_threads:
        return None
    thread = threading.current_thread()
    if thread is threading.main_thread():
        return None
    with _lock:
        going_on = next((call for call in _open_calls if _started_in(thread, call)), None)
        return going_on or _left_threads.get(thread)


def _started_in(thread: threading.Thread, call: Captured) -> bool:
    return call.threads_before is not None and thread not in call.threads_before


def _install() -> dict[str, _Routed]:
    """Wrap both streams unless they are, and return the wrappers."""
    routed = {}
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, _Routed):
            routed[name] = stream
        elif stream is not None:
            routed[name] = _Routed(name, stream)
            setattr(sys, name, routed[name])
    return routed


def note_threads(captured: Captured) -> None:
    """Log threads that go on after their call, each once."""
    left = [thread for thread in threading.enumerate() if _started_in(thread, captured)]
    started_here = [thread for thread in left if thread not in _left_threads]
    for thread in started_here:
        _left_threads[thread] = captured
    if started_here:
        plugin_logger(captured.operator).warning("leaves %d threads running behind a call", len(started_here))


def plugin_logger(operator: str) -> logging.Logger:
    """Return the logger of an operator: ``gristmill.plugin.<full name>``."""
    return logging.getLogger(f"gristmill.plugin.{operator}")


def log_output(operator: str, name: str, text: str) -> None:
    """Write what an operator printed to its logger, at most 2,000 characters."""
    if text.strip():
        plugin_logger(operator).warning("%s: %s", name, text.strip()[:LOGGED_CHARACTERS])


@contextlib.contextmanager
def captured_output(operator: str) -> Iterator[Captured]:
    """Redirect what is printed inside to the operator's logger, at most 2,000 characters a call.

    Safe from several threads: each call gets what its own thread, and threads that began meanwhile, print.

    Examples
    --------
    >>> with captured_output("demo.x") as captured:
    ...     print("hello")
    >>> captured.num_characters
    6
    """
    captured = Captured(operator)
    with _lock:
        routed = _install()
        _open_calls.append(captured)
    token = _call.set(captured)
    try:
        yield captured
    finally:
        _call.reset(token)
        with _lock:
            _open_calls.remove(captured)
            for name, stream in routed.items():
                setattr(sys, name, stream)  # in case the operator put another in its place
        captured.log()


def short_traceback(error: BaseException) -> str:
    """Return type, message and frames of an exception, the same on every machine.

    Module names stand in for paths, memory addresses are blotted out, and the host's own frames are left
    away, because the text is stored with the quarantined document.

    Examples
    --------
    >>> try:
    ...     int("x")
    ... except ValueError as error:
    ...     print(short_traceback(error).splitlines()[0])
    ValueError: invalid literal for int() with base 10: 'x'
    """
    lines = [f"{type(error).__name__}: {error}".rstrip(": ")]
    for frame, line_number in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__", "?"))
        if not module.startswith(_OWN_MODULES):
            lines.append(f"  at {module}.{frame.f_code.co_name}, line {line_number}")
    return _ADDRESS.sub("0x...", "\n".join(lines))[:TRACEBACK_CHARACTERS]
