"""Error pages of `gristmill export`."""

from __future__ import annotations

from gristmill.errors import ErrorPage, ExitCode

CODES = {
    "GM-EXPORT-001": ErrorPage(
        title="an export lies there already",
        explanation="The folder after `--output` holds an earlier export. It is not replaced unless that is asked for, "
        "because a training run may be reading it.",
        remedy="give `--overwrite`, or another folder with `--output`",
    ),
    "GM-EXPORT-002": ErrorPage(
        title="the output is something else",
        explanation="The path after `--output` is a file, a link, or a folder with files that no export made: it has "
        "no `export.json`. Such things are never replaced, with `--overwrite` or without.",
        remedy="choose another folder with `--output`",
    ),
    "GM-EXPORT-003": ErrorPage(
        title="the shards hold another number of documents or tokens than the manifest says",
        explanation="Both are counted before anything is written, so that an export never lacks what the run's report "
        "promises.",
        remedy="`gristmill verify RUN` says what is wrong; `gristmill curate RECIPE` makes damaged files again",
        exit_code=ExitCode.GATE,
    ),
    "GM-EXPORT-004": ErrorPage(
        title="the format has no room for it",
        explanation="Megatron's ids are at most int32, and the offsets within an MDS shard 32 bits wide. A vocabulary "
        "or a single document is larger than that.",
        remedy="use another format; Parquet has no such limits",
    ),
    "GM-EXPORT-005": ErrorPage(
        title="an option that does not exist for this format",
        explanation="Formats are `megatron`, `mds` and `parquet`. Compression and shard size are options of `mds` "
        "alone; each split is named once.",
        remedy="see `gristmill export --help`",
    ),
    "GM-EXPORT-006": ErrorPage(
        title="another export writes the same folder",
        explanation="A living process holds the lock of the folder under construction. The lock ends with its process.",
        remedy="wait for it to end, or choose another folder with `--output`",
    ),
    "GM-EXPORT-007": ErrorPage(
        title="the split holds no document",
        explanation="Megatron and Streaming cannot open an empty data set, so none is written.",
        remedy="leave the split out, or raise its share in `[split]` and curate again",
    ),
}
