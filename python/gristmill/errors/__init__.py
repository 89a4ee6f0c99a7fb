"""The one exception that users see, and the pages that explain its codes.

Every mistake a user can make, and every fault a machine can have, arrives as a `GristmillError` with a code that
never changes. The pages live in one module an area (`read`, `dedup`, ...), each with a table named `CODES`; a test
checks that every code raised anywhere has a page. Not here: printing (that is `gristmill.cli`).
"""

from __future__ import annotations

import errno
import importlib
import pkgutil
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process says when it ends. The numbers are part of the interface."""

    DONE = 0
    GATE = 1
    """A budget or a check said no: quarantine, removal, or `verify` found something."""
    USAGE = 2
    """Usage, recipe or environment: nothing was started."""
    PARTIAL = 3
    """Failed part-way; state is saved and the same command resumes."""
    BUG = 70
    """A fault of gristmill itself."""
    INTERRUPTED = 130
    """Interrupted by the user; state is saved."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorPage:
    """What `gristmill explain error CODE` shows.

    Parameters
    ----------
    title
        What happened, in a few words, lower case.
    explanation
        Why it happens and what it means for the data, in full sentences.
    remedy
        What to do, as a command or a recipe line where there is one.
    exit_code
        How the process ends when this error reaches the top.
    """

    title: str
    explanation: str
    remedy: str
    exit_code: ExitCode = ExitCode.USAGE


class GristmillError(Exception):
    """A fault with a stable code, a message and, where there is a next step, a hint.

    Parameters
    ----------
    code
        For example ``GM-READ-003``; never changes its meaning.
    message
        What happened and on what, values in backticks, lower case, no full stop.
    hint
        The next step, as a command or a recipe line.
    context
        Further lines, shown indented below the message.

    Examples
    --------
    >>> error = GristmillError("GM-READ-003", "`a.zst` ends inside a frame", hint="copy the file again")
    >>> str(error)
    '`a.zst` ends inside a frame'
    >>> error.code
    'GM-READ-003'
    """

    def __init__(
        self, code: str, message: str, *, hint: str | None = None, context: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.context = tuple(context)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.code, self.message, self.hint, self.context)

    @property
    def exit_code(self) -> ExitCode:
        """How the process ends when this error reaches the top; 70 for a code without a page."""
        page = catalogue().get(self.code)
        return page.exit_code if page else ExitCode.BUG

    def render(self) -> str:
        """Return the message as the command line shows it, without colour.

        Examples
        --------
        >>> print(GristmillError("GM-X-001", "no `a`", hint="add `a`", context=("in recipe.toml",)).render())
        error: no `a`
          in recipe.toml
        <BLANKLINE>
        hint: add `a`
        code: GM-X-001
        """
        lines = [f"error: {self.message}", *(f"  {line}" for line in self.context)]
        if self.hint:
            lines += ["", f"hint: {self.hint}"]
        return "\n".join([*lines, f"code: {self.code}"])


def from_os_error(error: OSError) -> GristmillError:
    """Return what the operating system refused as an error with a code.

    Examples
    --------
    >>> import errno
    >>> from_os_error(OSError(errno.ENOSPC, "No space left on device", "run/plan.json")).code
    'GM-IO-002'
    >>> str(from_os_error(PermissionError(errno.EACCES, "Permission denied", "run")))
    'Permission denied: `run`'
    """
    reason = error.strerror or str(error)
    message = f"{reason}: `{error.filename}`" if error.filename else reason
    if error.errno == errno.ENOSPC:
        hint = "free some space and run the same command again; finished tasks are kept"
        return GristmillError("GM-IO-002", message, hint=hint)
    return GristmillError("GM-IO-001", message)


def _rebuild(code: str, message: str, hint: str | None, context: tuple[str, ...]) -> GristmillError:
    return GristmillError(code, message, hint=hint, context=context)


def catalogue() -> dict[str, ErrorPage]:
    """Return every error page by code, sorted by code. Cost: imports the area modules, a few milliseconds.

    Examples
    --------
    >>> "GM-RUN-001" in catalogue()
    True
    """
    pages: dict[str, ErrorPage] = {}
    for module in pkgutil.iter_modules(__path__):
        pages.update(importlib.import_module(f"{__name__}.{module.name}").CODES)
    return dict(sorted(pages.items()))
