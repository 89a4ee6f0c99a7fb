"""Error pages of the command line: commands, options, extras, and faults of gristmill itself."""

from __future__ import annotations

from gristmill.errors import ErrorPage, ExitCode

CODES = {
    "GM-CLI-001": ErrorPage(
        title="the command line is not understood",
        explanation="An option or argument is missing, unknown, or has a value that it cannot have.",
        remedy="see `gristmill COMMAND --help`",
    ),
    "GM-CLI-002": ErrorPage(
        title="unknown command",
        explanation="There is no command of that name.",
        remedy="see `gristmill --help` for all of them",
    ),
    "GM-CLI-003": ErrorPage(
        title="command that is not built in this version",
        explanation="The command belongs to the design of gristmill, but this version does not have it.",
        remedy="use a version that has it",
    ),
    "GM-CLI-004": ErrorPage(
        title="a library is not installed",
        explanation="`pip install gristmill` installs what curation needs; what is large and not needed by all is an "
        "extra. Something that this command needs is not there.",
        remedy="run the command that the hint names; `gristmill doctor` shows what is there",
    ),
    "GM-CLI-005": ErrorPage(
        title="the native module cannot be loaded",
        explanation="`gristmill._native` is compiled and part of every installed wheel. It is missing from a source "
        "tree that was never built, or is for another platform.",
        remedy="`pip install --force-reinstall gristmill`; in a checkout, `make dev`",
    ),
    "GM-CLI-006": ErrorPage(
        title="a file would be overwritten",
        explanation="`gristmill init` and `gristmill plugin new` write new files only.",
        remedy="choose another folder, or remove the file first",
    ),
    "GM-CLI-007": ErrorPage(
        title="tokenizer and model do not fit",
        explanation="The tokenizer has ids that the model has no embedding for. Training would fail, or read beyond a "
        "table.",
        remedy="use the model's own tokenizer: `[tokens] tokenizer` may name the model's folder",
    ),
    "GM-CLI-008": ErrorPage(
        title="there is nothing to look at",
        explanation="The path does not exist, or is no file or folder that gristmill writes or reads.",
        remedy="give a run folder, a file in it, or a checkpoint",
    ),
    "GM-CLI-009": ErrorPage(
        title="nothing of that name can be explained",
        explanation="There is no such rule, error code, recipe key or document.",
        remedy="`gristmill explain rule`, `explain error` and `explain key` without a name list all of them",
    ),
    "GM-CLI-010": ErrorPage(
        title="a section needs another one",
        explanation="`[train]` learns from the shards that `[tokens]` makes. A recipe with the first and without the "
        "second would curate, perhaps for hours, and then fail.",
        remedy='add `[tokens]` with `tokenizer = "tokenizer.json"`',
    ),
    "GM-CLI-011": ErrorPage(
        title="the model cannot be used",
        explanation="`[train] model` names a local folder with `config.json` and safetensors weights, or "
        "`{ config = { ... } }`. Nothing is downloaded.",
        remedy="give the path of a folder, relative to the recipe",
    ),
    "GM-CLI-012": ErrorPage(
        title="plugin that breaks the contract",
        explanation="`gristmill plugin test` runs each operator on documents made to break it. At least one "
        "check did not hold; the checks say which.",
        remedy="mend the operator and run the command again",
        exit_code=ExitCode.GATE,
    ),
    "GM-CLI-013": ErrorPage(
        title="verify found something",
        explanation="At least one proof about the run does not hold: a count, a digest, an order or an identity. "
        "The checks say which.",
        remedy="run the same `gristmill curate` command again: it makes damaged files anew",
        exit_code=ExitCode.GATE,
    ),
    "GM-CLI-014": ErrorPage(
        title="mistake in the call of a plugin's command",
        explanation="`gristmill <plugin> <command>` runs a command of an installed plugin. The plugin says that what "
        "it was given cannot be used.",
        remedy="see `gristmill <plugin> <command> --help`",
    ),
    "GM-CLI-015": ErrorPage(
        title="a plugin's command says no",
        explanation="The command ran, and what it checks does not hold; the message is the plugin's.",
        remedy="do as the message says",
        exit_code=ExitCode.GATE,
    ),
    "GM-CLI-016": ErrorPage(
        title="a plugin's command failed",
        explanation="A command of a plugin raised an exception that it does not expect, or ended with something that "
        "is no exit code. The fault is the plugin's; the traceback is in the file that the message names.",
        remedy="report it to the plugin's authors with that file",
        exit_code=ExitCode.BUG,
    ),
    "GM-CLI-070": ErrorPage(
        title="a bug in gristmill",
        explanation="Something happened that no part of gristmill expects. The traceback is in the file that the "
        "message names. What was committed stays committed.",
        remedy="report it with that file; it holds no document unless an error message quotes one",
        exit_code=ExitCode.BUG,
    ),
}
