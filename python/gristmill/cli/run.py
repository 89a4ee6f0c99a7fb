"""`gristmill run`: every section that a recipe has, in order: curate, train, report."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gristmill.cli import check, curate, train
from gristmill.cli.dry_run import run_dry
from gristmill.cli.options import add_recipe, add_verb, printer_of
from gristmill.errors import ExitCode

if TYPE_CHECKING:
    from gristmill.cli.options import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    parser = add_verb(
        subparsers,
        "run",
        run,
        description="Curate; then train, if the recipe has `[train]`; then write the report. What is finished is not "
        "done again.",
    )
    add_recipe(parser)
    curate.add_run_options(parser)


def run(options: argparse.Namespace) -> int:
    """Do all that the recipe asks for."""
    from gristmill.recipe import load_recipe
    from gristmill.report.build import write_report

    printer = printer_of(options)
    recipe = load_recipe(options.recipe)
    check.require_tokens(recipe)
    if options.dry_run:
        return run_dry(options, printer)
    printer.talk("curating")
    finished = curate.curate_with_progress(options, printer)
    curate.show(finished, printer)
    trained = None
    if recipe.train is not None:
        printer.talk("training")
        trained = train.train_with_progress(options.recipe, options.output, printer)
        train.show(trained, printer)
    report = write_report(finished.path)
    printer.data(f"{report}")
    printer.result(
        {
            "run": str(finished.path),
            "digest": finished.digest,
            "counts": finished.counts,
            "train": None if trained is None else train.result_values(trained),
            "report": str(report),
        }
    )
    return ExitCode.DONE
