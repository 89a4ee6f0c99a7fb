"""What to say of a folder whose run did not end: how far it got."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gristmill.errors import GristmillError

NO_FINISHED_RUN = ("GM-RUN-002", "GM-REPORT-001")
"""Codes that say so."""


@contextmanager
def unfinished_run(run_folder: Path) -> Iterator[None]:
    """Add the last stage that the run noted to an error that says there is no finished run.

    Parameters
    ----------
    run_folder
        The folder that is looked at.

    Raises
    ------
    GristmillError
        ``GM-RUN-002`` or ``GM-REPORT-001`` with more in its hint; all others as they are.
    """
    try:
        yield
    except GristmillError as error:
        stage = last_stage(run_folder) if error.code in NO_FINISHED_RUN else None
        if stage is None:
            raise
        hint = f"{error.hint}; {stage}" if error.hint else stage
        raise GristmillError(error.code, error.message, hint=hint, context=error.context) from error


def last_stage(run_folder: Path) -> str | None:
    r"""Return which stage the last line of `events.jsonl` is of, in words, or None where no line says it.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "events.jsonl").write_text('{"stage": "map", "done": 3, "total": 5}\n{"stage": "de')
    >>> last_stage(folder)
    'the last stage in `events.jsonl` is `map`, 3 of 5 done'
    """
    try:
        lines = (run_folder / "events.jsonl").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    # A run that was killed may have left half a line.
    for line in reversed(lines):
        try:
            event = json.loads(line)
            return f"the last stage in `events.jsonl` is `{event['stage']}`, {event['done']} of {event['total']} done"
        except (ValueError, KeyError, TypeError):
            continue
    return None
