"""`gristmill verify`: proves from the files of a run that nothing was lost, doubled or changed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.cli.options import add_verb, printer_of
from gristmill.cli.unfinished import unfinished_run
from gristmill.errors import ExitCode, GristmillError

if TYPE_CHECKING:
    from gristmill.cli.options import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    parser = add_verb(
        subparsers,
        "verify",
        run,
        description="Check digests, conservation, identities, order and survivors of a finished run. One pass over its "
        "files; needs no input and no network.",
    )
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="the run folder")


def run(options: argparse.Namespace) -> int:
    """Print every check."""
    from gristmill.curate.verify import verify_run

    printer = printer_of(options)
    with unfinished_run(options.run_folder):
        report = verify_run(options.run_folder)
    width = max(len(check.name) for check in report.checks)
    for check in report.checks:
        printer.data(f"{'ok  ' if check.ok else 'FAIL'}  {check.name.ljust(width)}  {check.detail}")
    printer.result(
        {
            "ok": report.ok,
            "checks": [
                {"name": check.name, "ok": check.ok, "detail": check.detail} for check in report.checks
            ],
        }
    )
    if report.ok:
        return ExitCode.DONE
    failed = [check.name for check in report.checks if not check.ok]
    if not printer.as_json:
        printer.error(
            GristmillError("GM-CLI-013", f"`{options.run_folder}` does not hold: {', '.join(failed)}")
        )
    return ExitCode.GATE
