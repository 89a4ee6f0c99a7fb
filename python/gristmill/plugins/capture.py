"""Keeps a plugin's prints away from stdout and turns its exceptions into text without paths or addresses.

Capturing swaps `sys.stdout` and `sys.stderr` for the process: run one operator at a time in a process, as the
workers do. Writing to file descriptor 1 from native code is not seen.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import traceback
from collections.abc import Iterator

LOGGED_CHARACTERS = 2000
TRACEBACK_CHARACTERS = 4000
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
_OWN_MODULES = ("gristmill.plugins.host", "gristmill.plugins.work", "gristmill.plugins.reading", "contextlib")


class Captured:
    """How much an operator wrote during one call."""

    def __init__(self) -> None:
        self.num_characters = 0


def plugin_logger(operator: str) -> logging.Logger:
    """Return the logger of an operator: ``gristmill.plugin.<full name>``."""
    return logging.getLogger(f"gristmill.plugin.{operator}")


@contextlib.contextmanager
def captured_output(operator: str) -> Iterator[Captured]:
    """Redirect what is printed inside to the operator's logger, at most 2,000 characters a call.

    Examples
    --------
    >>> with captured_output("demo.x") as captured:
    ...     print("hello")
    >>> captured.num_characters
    6
    """
    captured = Captured()
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield captured
    finally:
        for name, stream in (("stdout", out), ("stderr", err)):
            text = stream.getvalue()
            captured.num_characters += len(text)
            if text.strip():
                plugin_logger(operator).warning("%s: %s", name, text.strip()[:LOGGED_CHARACTERS])


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
