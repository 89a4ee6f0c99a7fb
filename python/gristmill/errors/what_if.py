"""Error pages of `what-if`."""

from __future__ import annotations

from gristmill.errors import ErrorPage, ExitCode

CODES = {
    "GM-WHATIF-001": ErrorPage(
        title="only thresholds can be tried without a run",
        explanation="`what-if` answers from columns that a run has stored. A threshold is compared with such a "
        "column. Any other key decides what is measured, what is edited, which documents a step is for, or which "
        "duplicates are looked for: nobody knows the outcome before documents are read again.",
        remedy="change the key in the recipe and run it, perhaps on a sample of the input",
    ),
    "GM-WHATIF-002": ErrorPage(
        title="no such key, or more than one",
        explanation="`--set` names a key of a step of the recipe, as `<step>.<key>`. The step may be left out where "
        "only one step has a key of that name.",
        remedy="`gristmill explain rule STEP` lists the keys of a step",
    ),
    "GM-WHATIF-003": ErrorPage(
        title="the recipe differs from the run in more than thresholds",
        explanation="`what-if` compares the recipe, with what `--set` changes, with what the run did. Where they "
        "differ in steps, in keys that measure or edit, in sources, input files or dedup, the run's columns do not "
        "answer for the recipe. Thresholds may differ, and so may everything behind dedup: split, tokens and training.",
        remedy="run the recipe first, or use the run's own: `gristmill what-if RUN/recipe.toml --run RUN`, from the "
        "folder of the recipe that it was made from",
    ),
    "GM-WHATIF-004": ErrorPage(
        title="not `KEY=VALUE`",
        explanation="A threshold is set by its key, an equals sign and a value as a recipe writes it.",
        remedy="for example `--set gopher_quality.min_words=30 --set min_stop_words=false`",
    ),
    "GM-WHATIF-005": ErrorPage(
        title="the run folder holds parts of another run",
        explanation="`manifest.json` tells of a finished run, `plan.json` or the tables of another: a later run with "
        "another recipe has started in this folder and not finished, or files were replaced.",
        remedy="finish it with `gristmill curate RECIPE`; `gristmill verify RUN` checks every file of a run",
        exit_code=ExitCode.USAGE,
    ),
    "GM-WHATIF-006": ErrorPage(
        title="a number that makes no sense",
        explanation="At least one thread has to read, and fewer than no example cannot be shown.",
        remedy="use `--threads 1` or more, and `--show 0` or more",
    ),
}
