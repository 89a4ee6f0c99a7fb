"""Error pages of reading input files.

What is wrong with a single record (invalid JSON, no text, too large) is no error: the record goes to quarantine,
and `rejects/` names the reason. These pages are about files that cannot be used at all.
"""

from __future__ import annotations

from gristmill.errors import ErrorPage, ExitCode

CODES = {
    "GM-READ-001": ErrorPage(
        title="an input file cannot be opened",
        explanation=(
            "The file does not exist any more, is a folder, or may not be read by this user. Input files "
            "must stay where they are from `plan` until the run is done."
        ),
        remedy="check the path and its permissions, then run the same command again",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-READ-002": ErrorPage(
        title="the system failed to deliver an input file",
        explanation=(
            "Reading stopped with an error of the operating system, for example of a disk or a network "
            "share. Nothing read from the file is used, because its rest is unknown."
        ),
        remedy="check the disk or share, then run the same command again: finished tasks are kept",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-READ-003": ErrorPage(
        title="a compressed file ends too early",
        explanation=(
            "A .gz or .zst file ends inside a member or frame: it was cut, usually by a broken copy or a "
            "writer that is still at work. Some tools read such files without a word and lose the rest; "
            "gristmill refuses, because a short success cannot be told from a whole one later."
        ),
        remedy="fetch the file again, compare its size with the origin, then run the same command again",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-READ-004": ErrorPage(
        title="a compressed file is damaged",
        explanation=(
            "The stream does not decompress, its checksum does not match, or bytes that are no frame stand "
            "behind the last one. All members of a .gz and all frames of a .zst file are read, so anything "
            "else is damage. The same error comes when a file has the suffix of a format that it is not in."
        ),
        remedy="test it with `zstd -t FILE` or `gzip -t FILE` and fetch it again",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-READ-005": ErrorPage(
        title="a .zst file needs too large a window",
        explanation=(
            "A zstd frame may ask the reader for up to 2 GiB of memory. More than 128 MiB is refused, so "
            "that a single file cannot exhaust the memory of a worker. Only `zstd --long=28` and above, or "
            "`--ultra` with such a window, write files like this."
        ),
        remedy="compress it again: `zstd -d --long=31 FILE.zst -o FILE && zstd -19 --long=27 FILE`",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-READ-006": ErrorPage(
        title="the suffix names no known format",
        explanation=(
            "Without `format` in the source, the name decides: .jsonl, .ndjson or .json, alone or followed "
            "by .gz or .zst, and .parquet."
        ),
        remedy='set `format = "jsonl"` or `format = "parquet"` in the source, or narrow its `paths`',
        exit_code=ExitCode.USAGE,
    ),
    "GM-READ-007": ErrorPage(
        title="a file is not readable as Parquet",
        explanation=(
            "The footer or a page is damaged (page checksums are verified where the file has them), or the "
            "file uses a codec or a column type that is not built in. Codecs: none, snappy and zstd. "
            "Column types that cannot be kept as metadata: durations, intervals and unions."
        ),
        remedy="fetch the file again, or write it anew with snappy or zstd and plain column types",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-READ-008": ErrorPage(
        title="a Parquet file has no text column",
        explanation=(
            "The column that the source names as `text` (by default that very name) is not in the file. In "
            "JSON Lines a missing field concerns one record, which goes to quarantine; here it concerns "
            "all of them."
        ),
        remedy='name the column in the source, for example `text = "content"`',
        exit_code=ExitCode.USAGE,
    ),
    "GM-READ-009": ErrorPage(
        title="the text column of a Parquet file holds no text",
        explanation="The column named as text is neither of strings nor of bytes that could be UTF-8.",
        remedy='name a column of strings in the source, for example `text = "content"`',
        exit_code=ExitCode.USAGE,
    ),
    "GM-READ-010": ErrorPage(
        title="the Parquet decoder gave up",
        explanation=(
            "The decoder stopped with a failure of its own instead of an error, which damaged files can "
            "cause. It was caught: nothing read from the file is used, and the process goes on."
        ),
        remedy="fetch the file again or leave it out of `paths`; report it if other tools read it",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-READ-011": ErrorPage(
        title="a source cannot be read as asked",
        explanation=(
            "The settings contradict each other: a field is both text and id, the text is extracted as a "
            "column too, a column is asked for twice, or a limit is zero."
        ),
        remedy="correct the source in the recipe; the message names the field",
        exit_code=ExitCode.USAGE,
    ),
    "GM-READ-012": ErrorPage(
        title="the embedding column of a Parquet file holds no lists of floats",
        explanation=(
            "`semantic_dedup` reads lists of 16-, 32- or 64-bit floats, of fixed or of any length. Integers, strings "
            "and nested lists are not taken for an embedding, since a wrong column would be compared without a word."
        ),
        remedy='name the right column, `embedding = "..."`, or cast the list to floats',
        exit_code=ExitCode.USAGE,
    ),
}
