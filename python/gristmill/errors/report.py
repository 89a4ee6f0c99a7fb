"""Error pages of the report: a run folder that cannot be read or contradicts itself."""

from __future__ import annotations

from gristmill.errors import ErrorPage, ExitCode

CODES = {
    "GM-REPORT-001": ErrorPage(
        title="not a finished run folder",
        explanation="A report reads `manifest.json`, which a run writes last. The folder has none, or it "
        "cannot be read, so the run has not finished or the path is not a run folder.",
        remedy="finish the run with `gristmill run RECIPE`, then give the folder named under `[run] output`",
        exit_code=ExitCode.USAGE,
    ),
    "GM-REPORT-002": ErrorPage(
        title="a file of the run is missing or unreadable",
        explanation="The manifest lists a file that is not there or does not open. Something removed or "
        "damaged it after the run, so figures would be wrong and no report is written.",
        remedy="`gristmill verify RUN` names every file that is missing or changed; `gristmill run RECIPE` "
        "makes it again",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-REPORT-003": ErrorPage(
        title="rejects and manifest disagree",
        explanation="The rows in `rejects/` do not add up to the counts in `manifest.json`. Every dropped "
        "document is one row there, so one of the two was changed after the run.",
        remedy="run `gristmill verify RUN` to see which file changed",
        exit_code=ExitCode.GATE,
    ),
    "GM-REPORT-004": ErrorPage(
        title="the report cannot be written",
        explanation="The output path is a folder, its parent does not exist, or the disk refuses.",
        remedy="choose another path with `--output`",
        exit_code=ExitCode.USAGE,
    ),
}
