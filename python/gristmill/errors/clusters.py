"""Error pages of `gristmill clusters`."""

from __future__ import annotations

from gristmill.errors import ErrorPage

CODES = {
    "GM-CLUSTERS-001": ErrorPage(
        title="several documents of that name, in different clusters",
        explanation="An id need not be unique, and a key may be cut short. `--key` shows one cluster, so it has to "
        "name documents of one.",
        remedy="give one of the keys that the message lists",
    ),
    "GM-CLUSTERS-002": ErrorPage(
        title="the members cannot be written",
        explanation="The path after `--write` is a folder, its parent does not exist, or the disk refuses.",
        remedy="give the path of a new `.parquet` file in a folder that exists",
    ),
    "GM-CLUSTERS-003": ErrorPage(
        title="a table of the run cannot be read",
        explanation="The manifest of the run lists a file of `documents/` or `rejects/` that is not there or does not "
        "open, so its clusters cannot be told.",
        remedy="`gristmill verify RUN` names every file that is missing or changed; `gristmill curate RECIPE` makes it "
        "again",
    ),
    "GM-CLUSTERS-004": ErrorPage(
        title="a number that makes no sense",
        explanation="A cluster has at least two documents, and fewer than no cluster or member cannot be shown.",
        remedy="use `--min-size 2` or more, and `--top 0` and `--show 0` or more",
    ),
}
