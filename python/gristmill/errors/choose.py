"""Error pages of the steps that choose among documents."""

from __future__ import annotations

from gristmill.errors import ErrorPage, ExitCode

CODES = {
    "GM-CHOOSE-001": ErrorPage(
        title="shares do not fit the sources",
        explanation="`weights` of `mix` names every source of the recipe and no other, so that no source goes by a "
        "misspelt name; `per` of `sample` names sources of the recipe. With `by` a column the values are in the "
        "data, and only a run can know them.",
        remedy="name the sources as `[[source]]` does; a weight of 0 leaves a source out",
    ),
    "GM-CHOOSE-002": ErrorPage(
        title="choosing steps are not in their place",
        explanation="`sample`, `mix` and `select` choose among the documents that all other steps keep, so a rule, "
        "an edit or a dedup step behind one is refused: it would act before it all the same, or take documents out "
        "of shares that were just made. `select`, another `mix`, and a `sample` with `per` behind a `mix` are "
        "refused, too: they would undo its shares.",
        remedy="put choosing steps at the end, `mix` behind `select`; what shall judge only the chosen documents "
        "goes into a second recipe over `documents/` of this one",
    ),
    "GM-CHOOSE-003": ErrorPage(
        title="too many strata",
        explanation="The column in `by` has more than 10,000 different values, or more than 8 MiB of them. Strata "
        "are held in memory and listed in the manifest, and shares of such small ones mean little.",
        remedy="name a column with fewer values, or leave `by` out",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-CHOOSE-004": ErrorPage(
        title="a part of the mixture is empty",
        explanation="`mix` keeps as much as the scarcest part with a weight allows. Of this one no document is "
        "left, so nothing at all could be kept.",
        remedy="remove it from `weights`, or look in the report at what dropped its documents",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-CHOOSE-005": ErrorPage(
        title="the target holds no words",
        explanation="`select` with `importance` compares documents with the words of the target's files. No record "
        "had a string in the field that `target_text` names, or none with a word.",
        remedy="set `target_text` to the field that holds the text",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-CHOOSE-006": ErrorPage(
        title="the filter of selected n-grams does not fit `scratch_memory`",
        explanation="`diversity` remembers the n-grams of what is selected in one Bloom filter: about 10 bits for "
        "each of `expected_ngrams` at a `false_positive_rate` of 0.01. A smaller one would call more new text seen "
        "than you allowed.",
        remedy="lower `expected_ngrams` to the words of what is selected, raise `scratch_memory`, or allow a larger "
        "`false_positive_rate`",
    ),
    "GM-CHOOSE-007": ErrorPage(
        title="tokens are counted without a tokenizer",
        explanation="A choosing step counts in tokens, and those are the ids of the tokenizer in `[tokens]`, which the "
        "recipe does not have.",
        remedy='add `[tokens]` with `tokenizer = "tokenizer.json"`, or count `words` or `bytes`',
    ),
    "GM-CHOOSE-008": ErrorPage(
        title="the column to select by holds no numbers",
        explanation="`select` orders documents by numbers; true and false count as 1 and 0. The column holds "
        "strings, so that no document would have a value.",
        remedy="name another column in `by`",
        exit_code=ExitCode.PARTIAL,
    ),
}
