"""Error pages of planning: input files, and columns that steps read."""

from __future__ import annotations

from gristmill.errors import ErrorPage

CODES = {
    "GM-PLAN-004": ErrorPage(
        title="a column is not there when it is needed",
        explanation="A condition or the survivor policy reads a column `<step>.<output>`. Columns of a step are known "
        "only after it, and only those that it makes.",
        remedy="move the step that makes the column before the one that reads it; `gristmill plan` shows the order",
    ),
    "GM-PLAN-005": ErrorPage(
        title="a column cannot be used in a condition",
        explanation="Conditions compare fields of the input and columns of steps. Identifiers and the text itself are "
        "neither.",
        remedy="use a field of the input, a column of a step, `raw_bytes` or `text_bytes`",
    ),
    "GM-PLAN-006": ErrorPage(
        title="a column has two types",
        explanation="A field of the input is read as one type: that which `columns` of a source declares, or that of "
        "the values it is compared with. Two sources, or two conditions, ask for different ones.",
        remedy="compare the column with values of one type, and declare it alike in all sources",
    ),
    "GM-PLAN-101": ErrorPage(
        title="no file matches a pattern",
        explanation="A pattern of a source's `paths` finds nothing. A source without files would look like a success "
        "with less data. Relative patterns start at the recipe's folder, not at the current one.",
        remedy="correct `paths` of the source that the message names",
    ),
    "GM-PLAN-102": ErrorPage(
        title="two files of a source have the same name",
        explanation="Below the fixed part of their patterns, two files of one source have the same relative name. Keys "
        "of documents are made from it, so they would not be unique.",
        remedy="make two sources of them, or use one pattern that holds both folders",
    ),
    "GM-PLAN-103": ErrorPage(
        title="too many input files",
        explanation="A document's number has 24 bits for its file, so a run has at most 16,777,216 files.",
        remedy="join small files, or make several runs",
    ),
    "GM-PLAN-104": ErrorPage(
        title="`survivor` names an unknown source",
        explanation="`survivor = { sources = [...] }` lists sources of the recipe, the most trusted first. One of them "
        "is not in the recipe.",
        remedy="use names of `[[source]]` tables",
    ),
    "GM-PLAN-105": ErrorPage(
        title="a threshold is not a number",
        explanation="A plugin's operator declares a threshold whose value is not a number. Thresholds are compared "
        "with columns by the engine, so nothing else can stand there.",
        remedy="mend the operator; `gristmill plugin test PLUGIN` checks its definition",
    ),
    "GM-PLAN-106": ErrorPage(
        title="a file's name does not tell its format",
        explanation="Without `format`, the suffix decides how a file is read: `.jsonl`, `.ndjson` and `.json`, alone "
        "or followed by `.gz`, `.zst` or `.zstd`, and `.parquet`. A file of the source has another one, so no reader "
        "would take it.",
        remedy='set `format` of the source to `"jsonl"`, `"parquet"` or a plugin\'s reader, or narrow `paths`',
    ),
    "GM-PLAN-107": ErrorPage(
        title="a list of a rule is not there",
        explanation="A step names a file or folder of words, domains or addresses that is not there or cannot be read. "
        "Relative paths start at the recipe's folder.",
        remedy="correct the key that the message names",
    ),
    "GM-PLAN-108": ErrorPage(
        title="a list of a rule has changed during the run",
        explanation="A file of words, domains or addresses that a step computes with has another content than when the "
        "run was planned. Half of the documents would be judged by one list, half by the other.",
        remedy="run the same command again: it plans with the new content and computes the step again",
    ),
}
