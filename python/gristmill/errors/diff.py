"""Error pages of `gristmill diff`."""

from __future__ import annotations

from gristmill.errors import ErrorPage

CODES = {
    "GM-DIFF-001": ErrorPage(
        title="a table of a run cannot be read",
        explanation="The manifest of one of the two runs lists a file that is not there or does not open, so the runs "
        "cannot be compared.",
        remedy="`gristmill verify RUN` names every file that is missing or changed; `gristmill curate RECIPE` makes it "
        "again",
    ),
    "GM-DIFF-002": ErrorPage(
        title="the differing documents cannot be written",
        explanation="The path after `--write` is a folder, its parent does not exist, or the disk refuses.",
        remedy="give the path of a new `.parquet` file in a folder that exists",
    ),
}
