"""Error pages of files and disks."""

from __future__ import annotations

from gristmill.errors import ErrorPage, ExitCode

CODES = {
    "GM-IO-001": ErrorPage(
        title="the operating system refused an operation on a file",
        explanation="A file could not be opened, read, written or synced; the message names the operation, the file "
        "and the reason. Committed tasks are kept.",
        remedy="mend the reason, then run the same command again",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-IO-002": ErrorPage(
        title="the disk is full",
        explanation="A file could not grow. The task that wrote it committed nothing; all earlier ones are kept. "
        "`gristmill plan` prints how much disk a run needs.",
        remedy="free some space, then run the same command again",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-IO-003": ErrorPage(
        title="a file is damaged",
        explanation="A committed file is missing, shorter, longer or different from what its manifest says. Every file "
        "carries a digest that is checked before its first use, so damage never flows into a result.",
        remedy="remove the file; the same command makes it again from what is committed",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-IO-004": ErrorPage(
        title="a table could not be encoded or decoded",
        explanation="Arrow or Parquet refused a file of the run. Its digest was right, so this is a fault of "
        "gristmill or of a library.",
        remedy="report it with the message",
        exit_code=ExitCode.BUG,
    ),
}
