"""Error pages of running a plan: tasks, commits, gates, resume."""

from __future__ import annotations

from gristmill.errors import ErrorPage, ExitCode

CODES = {
    "GM-RUN-001": ErrorPage(
        title="another run holds this folder",
        explanation="A live gristmill process works on the same run folder. Two drivers would race for the same files.",
        remedy="wait for it to end, or choose another folder with --output",
        exit_code=ExitCode.USAGE,
    ),
}
