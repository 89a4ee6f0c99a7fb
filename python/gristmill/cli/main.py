"""The entry point: finds the verb, imports its file alone, renders errors and decides the exit code."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from gristmill.cli.printer import Printer
from gristmill.errors import ExitCode, GristmillError, from_os_error

VERBS = {
    "init": "write a first recipe with a tiny corpus that runs in seconds",
    "check": "validate a recipe, its plugins, paths, tokenizer and model; read no data",
    "plan": "show what a recipe will do: steps, stages, tasks, memory and disk",
    "run": "do everything that a recipe asks for: curate, train, report",
    "curate": "turn documents into verified, tokenised shards",
    "train": "train a model on the shards",
    "report": "write one offline page about a run",
    "inspect": "show schema, counts, lineage and sample rows of a file or folder",
    "what-if": "show what other thresholds would keep and drop, without a new run",
    "explain": "explain a rule, an error code, a recipe key, or what happened to a document",
    "clusters": "show what dedup found: clusters, similarities, members side by side",
    "diff": "show what two curated corpora differ in, by source, reason and document",
    "verify": "prove that a run lost, doubled and changed nothing",
    "trace": "trace a training step to its documents and batch, a document to steps and checkpoints",
    "export": "write the shards in the format of Megatron-LM, MosaicML Streaming, or as Parquet",
    "plugin": "list, show, make and test plugins",
    "bench": "measure the throughput of every stage on this machine",
    "gc": "remove files of a run that no result needs",
    "doctor": "show versions, extras, processor, memory and disk",
    "version": "show the version",
    "completion": "print a script that makes bash, zsh or fish complete commands",
}
"""Every command with its line in `gristmill --help`, so that help needs no command's file."""

NOT_BUILT_VERBS = ("task", "evaluate", "compare")
"""Commands of the design that this version does not have."""


EXTRAS = {
    "chat": ("jinja2",),
    "train": ("torch", "transformers", "peft", "safetensors"),
    "ray": ("ray",),
}
"""Packages of each extra."""
UNUSED_EXTRAS = ("ray",)
"""Extras of the design that no part of this version uses."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose mistakes are errors with a code, like all others."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing and exiting."""
        raise GristmillError(
            "GM-CLI-001", message.replace("'", "`"), hint=f"see `{self.prog} --help`", context=(_usage(self),)
        )


def _usage(parser: argparse.ArgumentParser) -> str:
    return " ".join(parser.format_usage().split())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; never raises."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    printer = Printer.for_process(as_json="--json" in given, is_quiet="--quiet" in given or "-q" in given)
    try:
        code = _dispatch(given)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader has seen enough, as with `| head`. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except SystemExit as ended:
        # argparse ends so after `--help`.
        return ended.code if isinstance(ended.code, int) else ExitCode.DONE
    except KeyboardInterrupt:
        return _fail(printer, _interrupted())
    except GristmillError as error:
        return _fail(printer, error)
    except ImportError as error:
        return _fail(printer, _missing_library(error) or _bug(error))
    except OSError as error:
        return _fail(printer, from_os_error(error))
    except Exception as error:  # noqa: BLE001  # the last place that can say something useful
        return _fail(printer, _bug(error))


def _dispatch(arguments: Sequence[str]) -> int:
    verb = next((argument for argument in arguments if not argument.startswith("-")), None)
    if "--version" in arguments and verb is None:
        verb, arguments = "version", ["version"]
    if verb is not None and verb not in VERBS:
        return _run_of_plugin(verb, arguments)
    parser = make_parser(verb)
    options = parser.parse_args(arguments)
    if verb is None:
        parser.print_help()
        return ExitCode.USAGE
    code: int = options.run(options)
    return code


def make_parser(verb: str | None) -> Parser:
    """Return the parser of the whole command line, with the options of one verb (or of none).

    Parameters
    ----------
    verb
        The verb whose file is imported. All others are there with their help line only.
    """
    parser = Parser(
        prog="gristmill",
        description="Raw documents in; verified, tokenised Arrow shards and a fine-tuned model out.",
        epilog="`gristmill COMMAND --help` shows the options of a command. "
        "Exit codes: 0 done; 1 a gate said no; 2 usage, recipe or environment; 3 failed part-way, the same command "
        "resumes; 70 a bug in gristmill; 130 interrupted, the same command resumes.",
    )
    parser.add_argument("--version", action="store_true", help="show the version")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="verb", parser_class=Parser)
    for name, line in VERBS.items():
        if name == verb:
            module = import_module(f"gristmill.cli.{name.replace('-', '_')}")
            module.add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=line, add_help=False)
    return parser


def _fail(printer: Printer, error: GristmillError) -> int:
    try:
        printer.error(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return error.exit_code


def _run_of_plugin(verb: str, arguments: Sequence[str]) -> int:
    """Run a command of the plugin of this name. Plugins are found here only, for a verb that gristmill lacks."""
    if verb in NOT_BUILT_VERBS:
        raise GristmillError("GM-CLI-003", f"`gristmill {verb}` is not built in this version")
    from gristmill.cli.plugin_command import plugin_names, run_plugin_command

    known = plugin_names()
    if verb not in known:
        raise _unknown_verb(verb, known)
    position = list(arguments).index(verb)
    return run_plugin_command(verb, [*arguments[position + 1 :], *arguments[:position]])


def _unknown_verb(verb: str, plugins: Sequence[str]) -> GristmillError:
    close = difflib.get_close_matches(verb, [*VERBS, *plugins], n=1)
    return GristmillError(
        "GM-CLI-002",
        f"unknown command `{verb}`" + (f"; did you mean `{close[0]}`?" if close else ""),
        hint="see `gristmill --help`",
    )


def _interrupted() -> GristmillError:
    return GristmillError(
        "GM-RUN-130", "interrupted", hint="the same command continues where this one stopped"
    )


def _missing_library(error: ImportError) -> GristmillError | None:
    """Return what to install for a module that is not there, or None if the fault is our own."""
    package = (error.name or "").partition(".")[0]
    if "_native" in str(error):
        return GristmillError(
            "GM-CLI-005", f"the native module cannot be loaded: {error}", hint="run `make dev`"
        )
    if not isinstance(error, ModuleNotFoundError) or package in ("", "gristmill"):
        return None
    extra = next((name for name, packages in EXTRAS.items() if package in packages), None)
    install = "--force-reinstall gristmill" if extra is None else f'"gristmill[{extra}]"'
    return GristmillError("GM-CLI-004", f"`{package}` is not installed", hint=f"`pip install {install}`")


def _bug(error: BaseException) -> GristmillError:
    """Write the traceback to a file and return an error that names it."""
    text = "".join(traceback.format_exception(error))
    with tempfile.NamedTemporaryFile(
        "w", prefix="gristmill-bug-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(f"gristmill {' '.join(sys.argv[1:])}\nPython {sys.version}\n\n{text}")
    return GristmillError(
        "GM-CLI-070",
        f"a bug in gristmill: {type(error).__name__}: {error}",
        hint=f"report it with `{file.name}`",
    )


if __name__ == "__main__":
    sys.exit(main())
