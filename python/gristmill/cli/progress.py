"""Progress of long work: a bar on a terminal, a plain line each 30 s elsewhere, nothing when asked for none."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self, TextIO

from gristmill.cli.printer import Printer
from gristmill.report.visible import visible

LINE_INTERVAL_S = 30.0
BAR_WIDTH = 24
REDRAW_INTERVAL_S = 0.1


class Progress:
    """Shows events of the form ``{"stage", "done", "total", "message"}``; a context manager.

    Parameters
    ----------
    stream
        Where to.
    is_terminal
        Whether a line can be drawn over.
    is_silent
        Show nothing.
    clock
        Seconds that only grow.

    Examples
    --------
    >>> import sys
    >>> with Progress(sys.stdout, is_terminal=False) as progress:
    ...     progress({"stage": "map", "done": 1, "total": 4, "message": ""})
    ...     progress.say_line()
    map: 1 of 4
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        is_terminal: bool,
        is_silent: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._is_terminal = is_terminal
        self._is_silent = is_silent
        self._clock = clock
        self._lock = threading.Lock()
        self._latest: Mapping[str, object] | None = None
        self._drawn_at = float("-inf")
        self._is_open_line = False
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @classmethod
    def for_printer(cls, printer: Printer) -> Progress:
        """Return the progress that a printer's options and the environment ask for."""
        return cls(
            printer.stderr,
            is_terminal=printer.stderr.isatty(),
            is_silent=printer.is_quiet or printer.as_json or bool(os.environ.get("GRISTMILL_NO_PROGRESS")),
        )

    def __enter__(self) -> Self:
        """Begin; without a terminal, a thread says the latest state each 30 s, however long a task takes."""
        if not (self._is_silent or self._is_terminal):
            self._thread = threading.Thread(target=self._say_lines, name="progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End: leave the cursor on a new line."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self._close_line()

    def __call__(self, event: Mapping[str, object]) -> None:
        """Take an event."""
        with self._lock:
            is_new_stage = self._latest is None or self._latest.get("stage") != event.get("stage")
            if is_new_stage and self._is_terminal:
                self._close_line()
            self._latest = event
            if self._is_silent or not self._is_terminal:
                return
            is_done = event.get("done") == event.get("total")
            if is_new_stage or is_done or self._clock() - self._drawn_at >= REDRAW_INTERVAL_S:
                self._draw(event)

    def say_line(self) -> None:
        """Print the latest state as a plain line, if there is one."""
        with self._lock:
            if self._latest is not None and not self._is_silent:
                print(visible(_line(self._latest)), file=self._stream, flush=True)

    def _say_lines(self) -> None:
        while not self._ended.wait(LINE_INTERVAL_S):
            self.say_line()

    def _draw(self, event: Mapping[str, object]) -> None:
        self._drawn_at = self._clock()
        done, total = _number(event.get("done")), _number(event.get("total"))
        filled = round(BAR_WIDTH * min(1.0, done / total)) if total else 0
        bar = "#" * filled + "-" * (BAR_WIDTH - filled)
        text = (
            f"{event.get('stage', '')!s:<10} [{bar}] {done:,}/{total:,} {event.get('message') or ''}".rstrip()
        )
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(f"\r\x1b[2K{visible(text)[:width]}")
        self._stream.flush()
        self._is_open_line = True

    def _close_line(self) -> None:
        if self._is_open_line:
            self._stream.write("\n")
            self._stream.flush()
            self._is_open_line = False


def _line(event: Mapping[str, object]) -> str:
    text = f"{event.get('stage', '')}: {_number(event.get('done')):,} of {_number(event.get('total')):,}"
    return f"{text}, {event['message']}" if event.get("message") else text


def _number(value: object) -> int:
    return int(value) if isinstance(value, (int, float)) else 0
