"""Error pages of deduplication: removal budgets, clusters, scratch memory, files between passes."""

from __future__ import annotations

from gristmill.errors import ErrorPage, ExitCode

CODES = {
    "GM-DEDUP-001": ErrorPage(
        title="dedup would remove more of a source than its budget allows",
        explanation=(
            "After exact and near-duplicate search, the share of a source's documents that would go is larger than "
            "its `removal_budget`. The share counts documents that pass every threshold. Nothing was removed: the "
            "run stops between the decision and the first removal. A template that many documents share, an input "
            "listed twice, or a `min_similarity` that is too low are the usual causes."
        ),
        remedy="see what would go with `gristmill curate RECIPE --dry-run`; look for an input listed twice, raise "
        "`min_similarity`, or raise `removal_budget` of the source",
        exit_code=ExitCode.GATE,
    ),
    "GM-DEDUP-002": ErrorPage(
        title="too little scratch memory for dedup",
        explanation=(
            "The exact, lsh and settle passes hold one bit for each readable document, and a few kilobytes of "
            "buffers. The share of `scratch_memory` that one worker gets is smaller than that; the message says how "
            "much would do."
        ),
        remedy='raise `scratch_memory`, for example `scratch_memory = "2GiB"`, or run fewer workers',
    ),
    "GM-DEDUP-003": ErrorPage(
        title="a file between two dedup passes is damaged",
        explanation=(
            "A file of hashes, band keys, verdicts, rows, edges or removals has a length that its count contradicts, "
            "a record of an unknown kind, or a text that is not UTF-8. A disk fault or a hand-edited work folder is "
            "the likely cause: files are digested when they are committed."
        ),
        remedy="remove the named file and run the same command again: it makes the file anew",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-DEDUP-010": ErrorPage(
        title="one cluster of duplicates holds too many documents",
        explanation=(
            "The largest cluster holds more different texts than `max_cluster_fraction` of the documents that reach "
            "dedup, and more than 1,000. Real copies rarely hang together so; a template that many documents share, "
            "records that begin alike, or `verify = false` do it. Nothing was removed: the run stops between the "
            "decision and the first removal. The message names the first members."
        ),
        remedy="look at the members; set `verify = true`, raise `min_similarity`, or raise `max_cluster_fraction`",
        exit_code=ExitCode.GATE,
    ),
    "GM-DEDUP-004": ErrorPage(
        title="the description of a dedup pass contradicts itself",
        explanation=(
            "A partition number, a range, a source or an option that one pass names does not exist for it. The plan "
            "was edited by hand, or this is a fault of gristmill."
        ),
        remedy="make the plan again with `gristmill plan`; if that does not help, report it with the plan file",
        exit_code=ExitCode.BUG,
    ),
    "GM-DEDUP-006": ErrorPage(
        title="too many documents for comparing all pairs",
        explanation=(
            'With `blocking = "all"` every document is compared with every other one, so twice as many documents take '
            "four times as long. Above 200,000 documents that pass every threshold and have an embedding, the run "
            "stops before it compares any."
        ),
        remedy='set `blocking = "hyperplanes"` in `semantic_dedup`, with a `recall` as high as you need',
    ),
    "GM-DEDUP-007": ErrorPage(
        title="a table in memory holds a vector that cannot be compared",
        explanation=(
            "`gristmill.near_duplicates` with `embedding` compares lists of finite floats of one length that are not "
            "all zero. In a run such a document would be quarantined; a table has no quarantine, so the call is "
            "refused."
        ),
        remedy="give null for rows without an embedding, and mend or leave out the row that the message names",
    ),
}
