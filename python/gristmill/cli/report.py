"""`gristmill report`: one offline page about a run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.cli.options import add_verb, printer_of
from gristmill.cli.unfinished import unfinished_run
from gristmill.errors import ExitCode

if TYPE_CHECKING:
    from gristmill.cli.options import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    parser = add_verb(
        subparsers,
        "report",
        run,
        description="Write a report of a finished run: the funnel, examples of what was dropped, duplicates, losses.",
    )
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="the run folder")
    parser.add_argument(
        "--format", choices=("html", "md", "json"), default="html", help="what to write; by default html"
    )
    parser.add_argument(
        "--plugins-dir",
        metavar="DIR",
        type=Path,
        help="folder of single-file plugins, for their sections; by default the one that the run was planned with",
    )
    parser.add_argument(
        "--output", metavar="FILE", type=Path, help="by default `report.<format>` in the run folder"
    )


def run(options: argparse.Namespace) -> int:
    """Write the report and print its path."""
    from gristmill.report.build import write_report

    printer = printer_of(options)
    with unfinished_run(options.run_folder):
        path = write_report(
            options.run_folder,
            format=options.format,
            output=options.output,
            plugins_dir=options.plugins_dir,
        )
    printer.data(f"{path}")
    printer.result({"report": str(path)})
    return ExitCode.DONE
