"""Error pages of running a plan: tasks, commits, gates, resume."""

from __future__ import annotations

from gristmill.errors import ErrorPage, ExitCode

CODES = {
    "GM-RUN-001": ErrorPage(
        title="another run holds this folder",
        explanation="A live gristmill process works on the same run folder. Two drivers would race for the same "
        "files. The hold ends with the process, however it ends, so no lock file has to be removed by hand.",
        remedy="wait for it to end, or choose another folder with `--output`",
        exit_code=ExitCode.USAGE,
    ),
    "GM-RUN-002": ErrorPage(
        title="there is no finished run in this folder",
        explanation="`manifest.json` is written last. Without it a run has not finished, and what lies in the folder "
        "is not a result.",
        remedy="run `gristmill curate RECIPE`; it continues where it stopped",
        exit_code=ExitCode.USAGE,
    ),
    "GM-RUN-003": ErrorPage(
        title="a worker process died again and again on one task",
        explanation="A worker that dies is replaced and its task is run again. After three deaths on the same task the "
        "run stops: a plugin crashes the interpreter, or the kernel ends the process for its memory.",
        remedy="run with `--workers 1` to see the fault; look for the out-of-memory killer in the kernel's log",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-RUN-004": ErrorPage(
        title="there is no such executor",
        explanation="Tasks run on this machine. Executors for clusters are not part of this version.",
        remedy="leave `--executor` out, or use `--executor local`",
        exit_code=ExitCode.USAGE,
    ),
    "GM-RUN-005": ErrorPage(
        title="the number of workers makes no sense",
        explanation="At least one worker has to do the work.",
        remedy="use `--workers 1` or more",
        exit_code=ExitCode.USAGE,
    ),
    "GM-RUN-010": ErrorPage(
        title="no document could be read",
        explanation="All input files are empty, or every record is unreadable. An empty result would look like a "
        "success, so the run stops. The reasons are counted below the message.",
        remedy="check `paths`, `text` and `format` of every `[[source]]`",
        exit_code=ExitCode.GATE,
    ),
    "GM-RUN-011": ErrorPage(
        title="too many documents are unreadable or failed",
        explanation="Above the larger of 100 documents and `max_quarantine_fraction` of all documents the run stops "
        "before it makes shards: so many broken records point to a broken input or plugin, not to noise. Every one of "
        "them is recorded, and what was read stays committed.",
        remedy="mend the input, or raise `max_quarantine_fraction` in `[run]`; the same command continues",
        exit_code=ExitCode.GATE,
    ),
    "GM-RUN-070": ErrorPage(
        title="a fault inside gristmill",
        explanation="A task met something that its code does not expect. Nothing of that task was committed.",
        remedy="report it with the lines below the message; a run without the last change to the recipe may pass",
        exit_code=ExitCode.BUG,
    ),
    "GM-RUN-071": ErrorPage(
        title="documents do not add up",
        explanation="Before a task commits, documents in must equal documents kept, dropped and quarantined. They did "
        "not, so nothing was committed. This is a fault of gristmill or of the disk, never of your data.",
        remedy="run the same command again; if it happens twice, report it with the counts in the message",
        exit_code=ExitCode.BUG,
    ),
    "GM-RUN-072": ErrorPage(
        title="what was handed to the engine does not fit",
        explanation="The engine checks every column, text and batch that comes from outside: number of rows, type, and "
        "a string column `text` from a reader. The plugin host checks the same before, so this points to a fault of "
        "gristmill or to code that goes around the host.",
        remedy="run `gristmill plugin test NAMESPACE`; if that passes, report it with the message",
        exit_code=ExitCode.BUG,
    ),
    "GM-RUN-130": ErrorPage(
        title="interrupted",
        explanation="The run was asked to stop and did. Committed tasks are kept.",
        remedy="the same command continues where this one stopped",
        exit_code=ExitCode.INTERRUPTED,
    ),
}
