"""Error pages of the split and of its proof."""

from __future__ import annotations

from gristmill.errors import ErrorPage, ExitCode

CODES = {
    "GM-SPLIT-001": ErrorPage(
        title="keys of `[split]` contradict each other or the sources",
        explanation="A key asks for something that no document can have, such as a `parent` by an `id` that no source "
        "names.",
        remedy="name the field in the source, or remove the key",
    ),
    "GM-SPLIT-002": ErrorPage(
        title="one group of the split holds too many documents",
        explanation="Documents that are similar, or that share a value of a column of `group_by`, stay on one side. "
        "One such group holds more than a fifth of the kept documents, and more than 1,000, so no share can be met. "
        "Similar documents of a large group have been compared by then. The usual cause is a placeholder in a "
        "column (`unknown`, `n/a`), or a template that makes up most of every document. Nothing was written.",
        remedy="empty values join nothing: clear the placeholder; cut the template with `exact_dedup` of paragraphs "
        "or `substring_dedup`; or group by another column",
        exit_code=ExitCode.GATE,
    ),
    "GM-SPLIT-003": ErrorPage(
        title="the earlier run of `previous` cannot be used",
        explanation="`previous` names a folder without a finished run, or one whose `documents/` are not complete. "
        "Sides are taken over from there by the keys of documents.",
        remedy="give the folder of a finished run, or remove `previous`",
    ),
    "GM-SPLIT-004": ErrorPage(
        title="too many different values to stratify by",
        explanation="Shares hold for every value of the column of `stratify`. With more than 65,536 values almost all "
        "have too few documents for that, and the column is rather an identifier.",
        remedy="name a column with few values, such as a class, in `stratify`",
    ),
    "GM-SPLIT-005": ErrorPage(
        title="the shards have no proof that the split does not leak",
        explanation="The run holds documents out, and either its manifest has no proof (it was made by an earlier "
        "version), or the proof found similar documents on two sides, as it may with `group_by` without `cluster`, or "
        "it is about other shards. A loss on documents that resemble trained ones says little about new ones.",
        remedy='curate again with `group_by = "cluster"`, or set `allow_unproven_split = true` in `[train]`',
        exit_code=ExitCode.GATE,
    ),
}
