"""`gristmill version`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import gristmill
from gristmill.cli.options import add_verb, printer_of
from gristmill.errors import ExitCode

if TYPE_CHECKING:
    from gristmill.cli.options import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    add_verb(subparsers, "version", run, description="Show the version.")


def run(options: argparse.Namespace) -> int:
    """Print the version."""
    printer = printer_of(options)
    number = gristmill.__version__
    printer.data(f"gristmill {number}")
    printer.result({"version": number})
    return ExitCode.DONE
