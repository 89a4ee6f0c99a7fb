"""Error pages of plugins: finding, loading, configuring and running them."""

from __future__ import annotations

from gristmill.errors import ErrorPage, ExitCode

CODES = {
    "GM-PLUGIN-001": ErrorPage(
        title="unknown plugin",
        explanation="A step is named `<plugin>.<operator>`. No installed distribution offers a plugin of "
        "that name in the entry point group `gristmill`, and no single-file plugin of that "
        "name is in the plugins folder, if one was named.",
        remedy="a single file? name its folder in `plugins_dir` of `[run]`, or give `--plugins-dir`;"
        " a package? install it into this environment; `gristmill plugin list` shows what "
        "there is",
    ),
    "GM-PLUGIN-002": ErrorPage(
        title="unknown operator of a plugin",
        explanation="The plugin is installed and was loaded, but registers no operator of that name and "
        "kind.",
        remedy="see `gristmill plugin show <plugin>` for what it offers",
    ),
    "GM-PLUGIN-003": ErrorPage(
        title="plugin written for another interface",
        explanation="A plugin module says `gristmill_api = 1` to name the major version of the interface "
        "it was written for. This one names another, or none. Running it could give wrong "
        "columns, so it is refused.",
        remedy="install a version of the plugin made for this gristmill, or a gristmill made for this plugin",
    ),
    "GM-PLUGIN-004": ErrorPage(
        title="plugin cannot be loaded",
        explanation="Importing the plugin's module, or its registration hook, raised an exception. The "
        "message names the last line of the plugin's own that ran. Other plugins are "
        "unaffected.",
        remedy="mend the line named, or install the dependency that is missing; `gristmill plugin "
        "show <plugin>` tries again, with `--plugins-dir DIR` for a single file",
    ),
    "GM-PLUGIN-005": ErrorPage(
        title="name used twice",
        explanation="Two distributions (or a distribution and a single-file plugin) claim one plugin "
        "name, or a plugin registers two operators under one name. Which one would run must "
        "not depend on chance.",
        remedy="uninstall one of them or rename the single-file plugin",
    ),
    "GM-PLUGIN-006": ErrorPage(
        title="operator is not complete",
        explanation="An operator class lacks an attribute or method that its kind needs, or declares one "
        "that cannot be used. This is found before any data is read.",
        remedy="mend the class as the message says; `gristmill plugin test <plugin>` checks all of them",
    ),
    "GM-PLUGIN-007": ErrorPage(
        title="unknown hook",
        explanation="The plugin implements a hook that this version of gristmill does not have: it is "
        "misspelt, or the plugin is newer.",
        remedy="correct the hook's name, or update gristmill",
    ),
    "GM-PLUGIN-008": ErrorPage(
        title="unknown key of a plugin step",
        explanation="Keys of a plugin step are the fields of the operator's configuration, the thresholds"
        " `min`, `max`, `min_<output>` and `max_<output>`, and the reserved `use`, `name`, "
        "`semantics`, `where`, `on_error`, `isolation`, `deadline` and `max_memory`.",
        remedy="use one of the keys listed, or see `gristmill plugin show <plugin>`",
    ),
    "GM-PLUGIN-009": ErrorPage(
        title="wrong value for a plugin step",
        explanation="The value has another type than the operator's configuration declares, or is outside"
        " its range.",
        remedy="correct the value in the recipe; `gristmill plugin show <plugin>` lists types and defaults",
    ),
    "GM-PLUGIN-010": ErrorPage(
        title="threshold that does not fit",
        explanation="`min` and `max` need an operator with one numeric output; with several outputs the "
        "key names the output, as in `min_num_definitions`. Text and true/false outputs have "
        "no thresholds.",
        remedy="use one of the threshold keys listed",
    ),
    "GM-PLUGIN-011": ErrorPage(
        title="plugin changed since the plan was made",
        explanation="The plan holds a fingerprint of each operator: its version, configuration, outputs "
        "and, for plugins under development, its source files. The one loaded now differs, "
        "and mixing results of both would go unnoticed.",
        remedy="plan again: run the same `gristmill curate` command with another output folder, or "
        "restore the plugin",
    ),
    "GM-PLUGIN-012": ErrorPage(
        title="plugin broke the contract",
        explanation="The operator returned something other than it declared (columns, types or number of "
        "rows), or changed its input. That is a fault of the operator and not of one "
        "document, so the run stops.",
        remedy="run `gristmill plugin test <plugin>`; mend the operator and run the same command again",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-PLUGIN-013": ErrorPage(
        title="plugin failed on a document",
        explanation='The step says `on_error = "fail"`, and the operator raised an exception for the '
        "document named.",
        remedy='mend the plugin, or set `on_error = "quarantine"` for the step',
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-PLUGIN-014": ErrorPage(
        title="too many documents fail in a plugin",
        explanation="More documents failed than the budget allows (100 or 0.1 %, whichever is larger). "
        "The plugin is broken or is fed data it was not made for; going on would quarantine a"
        " good part of the corpus.",
        remedy="read the first failures shown, mend the plugin or the input and run the same command again",
        exit_code=ExitCode.GATE,
    ),
    "GM-PLUGIN-015": ErrorPage(
        title="plugin reader failed",
        explanation="A reader raised an exception in the middle of a file, or gave batches that are not "
        "documents: no `text` column, another type than text, or columns that change from "
        "batch to batch.",
        remedy="yield a null `text` for a document that cannot be read: it is quarantined and the "
        "run goes on; `gristmill plugin test <plugin> --file PATH` checks the reader on a "
        "file",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-PLUGIN-016": ErrorPage(
        title="plugin cannot be created there",
        explanation="The name is not usable as a plugin name (lower-case letters, digits and `_`, "
        "starting with a letter), the kind is unknown, or the folder already exists.",
        remedy="choose another name or folder: `gristmill plugin new NAME --kind signal`",
    ),
    "GM-PLUGIN-017": ErrorPage(
        title="column that a plugin needs is missing",
        explanation="The operator reads a column that neither the source nor an earlier step provides.",
        remedy="extract the column in `[[source]]`, or put the step that makes it before this one",
    ),
    "GM-PLUGIN-018": ErrorPage(
        title="plugin cannot be opened",
        explanation="The operator's `open` raised an exception: a model or a file it needs is missing, "
        "for example.",
        remedy="read the exception shown and provide what is missing, then run the same command again",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-PLUGIN-019": ErrorPage(
        title="results of a document depend on its neighbours or on chance",
        explanation="For the first batch of a task and every 64th, three documents are given to the operator again, "
        "each alone, and one gave other values, or failed. Such an operator makes data that nobody can make again. "
        "Differences of floats below 1e-5 (float32) or 1e-9 (float64) of the value pass as rounding.",
        remedy="mend the operator: no state between calls, randomness from `context.rng(key)`; or declare "
        '`deterministic = False` or `scope = "batch"` on its class; `gristmill plugin test <plugin>` shows more',
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-PLUGIN-020": ErrorPage(
        title="process of a plugin dies again and again",
        explanation='An operator with `isolation = "process"` was started again more than 32 times for each document '
        "that was found to fail. No document can be blamed: the process dies by chance, or for lack of memory.",
        remedy="raise `max_memory` or `deadline` of the step, or look for what ends the process: the signal or status "
        "is named",
        exit_code=ExitCode.PARTIAL,
    ),
}
