"""Error pages of `substring_dedup`."""

from __future__ import annotations

from gristmill.errors import ErrorPage

CODES = {
    "GM-SUBSTRING-001": ErrorPage(
        title="the texts do not fit the memory of the search for repeated passages",
        explanation=(
            "`substring_dedup` holds the texts of all documents that pass, with a suffix array over them: 5.5 bytes "
            "for each byte of text, 40 a document, and 4 for each distinct repeated passage of the least length. With "
            "`min_words` it holds 13 bytes a word instead. That is more than `scratch_memory`. A search in blocks "
            "would miss what repeats from block to block, so nothing is cut instead. The message says what it takes "
            "at least; how many passages are repeated is known only later, so it may be more."
        ),
        remedy='raise `scratch_memory`, use `min_words`, or put `exact_dedup` with `unit = "paragraph"` before it, '
        "which finds repeated paragraphs in any memory and leaves less text",
    ),
    "GM-SUBSTRING-002": ErrorPage(
        title="more text than a suffix array holds",
        explanation=(
            "Positions in the texts of one search for repeated passages take 31 bits: the documents that pass may have "
            "2 GiB of text together, whatever the memory."
        ),
        remedy='divide the corpus into several runs, or put `exact_dedup` with `unit = "paragraph"` before it',
    ),
}
