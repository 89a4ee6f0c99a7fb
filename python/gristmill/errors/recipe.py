"""Error pages of recipes: reading, keys, values, steps and their order."""

from __future__ import annotations

from gristmill.errors import ErrorPage

CODES = {
    "GM-RECIPE-001": ErrorPage(
        title="the recipe cannot be read",
        explanation="The file does not exist, is a folder, or may not be opened. The message has the reason that the "
        "operating system gave.",
        remedy="check the path; `gristmill init` writes a first recipe",
    ),
    "GM-RECIPE-002": ErrorPage(
        title="the recipe is not TOML",
        explanation="A recipe is a TOML file in UTF-8. The message names the line and column where reading ended; "
        "the mistake is there or just before. Strings need quotes, lists need commas, and a table may be there once.",
        remedy="mend the line that the message names",
    ),
    "GM-RECIPE-003": ErrorPage(
        title="unknown key or section",
        explanation="A table of the recipe has a key that gristmill does not know. Such keys are refused, because a "
        "misspelt threshold that is silently ignored would give another corpus than the one you asked for.",
        remedy="use the suggested name, or see `gristmill explain key` for all of them",
    ),
    "GM-RECIPE-004": ErrorPage(
        title="wrong value for a key",
        explanation="The value has another type than the key wants, or is outside its range. Shares are numbers from 0 "
        'to 1; sizes are numbers of bytes or strings such as "8MiB"; `[[source]]` and `[[step]]` have two brackets, '
        "because there can be several.",
        remedy="see `gristmill explain key NAME`, for example `gristmill explain key run.seed`",
    ),
    "GM-RECIPE-005": ErrorPage(
        title="something is missing in the recipe",
        explanation="A key or section that has no default is not there. Every recipe needs at least one `[[source]]` "
        "with `name` and `paths`, and every `[[step]]` a `use`.",
        remedy="add it; `gristmill init` writes a recipe with every section",
    ),
    "GM-RECIPE-006": ErrorPage(
        title="not built in this version",
        explanation="The name belongs to the design of gristmill, but this version does not have it. It is refused, so "
        "that no result looks as if the step had run.",
        remedy="remove it from the recipe, or use a version that has it",
    ),
    "GM-RECIPE-007": ErrorPage(
        title="unknown step",
        explanation="`use` names a built-in step or an operator of a plugin. Plugins' operators always have a dot: "
        "`<plugin>.<operator>`.",
        remedy="use the suggested name; `gristmill plugin list` shows what plugins offer",
    ),
    "GM-RECIPE-008": ErrorPage(
        title="a name is used twice",
        explanation="Sources and steps are told apart by name: in columns, in rejects, in counts. A step's name is its "
        "`use` unless it has a `name`, so a rule that is used twice needs one.",
        remedy='give one of them a `name`, for example `name = "strict"`',
    ),
    "GM-RECIPE-009": ErrorPage(
        title="dedup steps are not in their place",
        explanation="Dedup compares the texts that all other steps leave, so its steps come last: `exact_dedup` first, "
        "since it is cheap and leaves less to do, then `minhash_dedup`, then `semantic_dedup`. Each can be there once. "
        "Steps that cut parts out of texts (`exact_dedup` with a `unit`, `bloom_dedup`) stand before them, in any "
        "number; a rule behind them would judge texts that are no longer there. Only steps that choose "
        "stand behind dedup.",
        remedy="move the dedup steps to the end of the recipe",
    ),
    "GM-RECIPE-010": ErrorPage(
        title="dedup steps name different survivors",
        explanation="One policy decides which of several duplicates stays. If exact and near dedup followed different "
        "ones, a document could be removed for another that is removed itself.",
        remedy="give `survivor` in one of them only, `minhash_dedup` if it is there; it holds for all",
    ),
    "GM-RECIPE-011": ErrorPage(
        title="unknown semantics",
        explanation="`semantics` chooses whose definition of a rule is meant, where implementations of one paper "
        "differ. The page of a rule says which it knows beside ours.",
        remedy="leave `semantics` out",
    ),
    "GM-RECIPE-012": ErrorPage(
        title="a path is an address",
        explanation="A path of the recipe begins with a scheme such as `s3://`, `gs://`, `az://` or `https://`. Object "
        "stores are not built in this version, and nothing is downloaded: all paths are local.",
        remedy="copy the files to this machine, or mount the store as a folder, and give the local path",
    ),
    "GM-RECIPE-014": ErrorPage(
        title="shingles of token ids need a tokenizer",
        explanation='`shingles = { unit = "token", ... }` cuts documents into runs of the ids that the tokenizer in '
        "`[tokens]` gives them, and the recipe has no such section.",
        remedy='add `[tokens]` with `tokenizer = "tokenizer.json"`, or use the unit `word` or `character`',
    ),
    "GM-RECIPE-015": ErrorPage(
        title="counting token ids needs a tokenizer",
        explanation="`token_statistics` counts the ids of the tokenizer that it names, or else of the one in "
        "`[tokens]`. Neither is there. A table in memory has no `[tokens]`, so there the step names it.",
        remedy='add `tokenizer = "tokenizer.json"` to the step',
    ),
    "GM-RECIPE-090": ErrorPage(
        title="a step cannot run on a table in memory",
        explanation="`clean` and `signals` run the built-in corrections and rules. Plugins and dedup steps need a run: "
        "they keep state beyond one table. So does `where`, whose columns a run extracts from the records.",
        remedy="use `gristmill.near_duplicates` for duplicates, and a recipe for plugins",
    ),
    "GM-RECIPE-091": ErrorPage(
        title="a table has no column of that name",
        explanation="Functions on tables read the documents from a string column called `text`; with `embedding`, "
        "`near_duplicates` reads the column that it names.",
        remedy="rename the column that holds the documents to `text`, or name the one that holds the embedding",
    ),
    "GM-RECIPE-092": ErrorPage(
        title="what was given is no table",
        explanation="Functions on tables take what gives Arrow data: a table of pyarrow, polars, pandas or DuckDB, a "
        "data set of `datasets`, or a dictionary of columns. Lists have no named columns, and a lazy frame has no rows "
        "until it is collected.",
        remedy="make a table, for example `pyarrow.table({'text': texts})`, or call `.collect()`",
    ),
    "GM-RECIPE-093": ErrorPage(
        title="no such column of segments",
        explanation="`gristmill.segments` gives positions of tokens, lines, paragraphs and sentences, under the names "
        "that plugins ask for them by.",
        remedy="take one of the names that the message lists",
    ),
}
