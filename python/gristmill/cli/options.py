"""Options that several verbs share, and how a verb is declared."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.cli.main import VERBS
from gristmill.cli.printer import Printer

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  # the type has no public name

Run = Callable[[argparse.Namespace], int]


def add_verb(subparsers: Subparsers, name: str, run: Run, *, description: str) -> argparse.ArgumentParser:
    """Return the parser of a verb, with `--json` and `--quiet`, that calls `run`.

    Parameters
    ----------
    subparsers
        Of the whole command line.
    name
        The verb; its help line is in `main.VERBS`.
    run
        Takes the parsed options and returns the exit code.
    description
        The first paragraph of the verb's own help.
    """
    parser = subparsers.add_parser(name, help=VERBS[name], description=description)
    add_output_options(parser)
    parser.set_defaults(run=run)
    return parser


def add_output_options(parser: argparse.ArgumentParser, *, is_nested: bool = False) -> None:
    """Add `--json` and `--quiet`; to the parser of an action without defaults, which would undo the verb's."""
    default = argparse.SUPPRESS if is_nested else False
    parser.add_argument(
        "--json",
        action="store_true",
        dest="as_json",
        default=default,
        help="one JSON object on stdout, no talk",
    )
    parser.add_argument(
        "--quiet", "-q", action="store_true", dest="is_quiet", default=default, help="results and errors only"
    )


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """Add the argument RECIPE."""
    parser.add_argument("recipe", metavar="RECIPE", type=Path, help="the recipe file")


def printer_of(options: argparse.Namespace) -> Printer:
    """Return the printer that the options ask for."""
    return Printer.for_process(as_json=options.as_json, is_quiet=options.is_quiet)
