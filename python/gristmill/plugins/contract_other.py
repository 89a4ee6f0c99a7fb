"""The contract of kinds that no documents pass through: what can be checked of them without a run or a training."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from gristmill.errors import GristmillError
from gristmill.plugins.active import activate
from gristmill.plugins.capture import captured_output, short_traceback
from gristmill.plugins.commands import Command
from gristmill.plugins.contract import Check, registered_for
from gristmill.plugins.operators import Operator
from gristmill.plugins.sections import ReportSection, RunView, Section

SKIPPED = {
    "trainer_callback": "what it does is seen in a training",
    "command": "what it does is seen when it is called",
}
"""By kind, why checks are left out."""


def check_other(
    operator: type[Operator], *, config: Mapping[str, object] | None = None, namespace: str = "contract"
) -> tuple[list[Check], str]:
    """Return the checks of a section, callback or command, and why others are left out.

    A section is built twice of a run folder that holds no table (`run.documents()` is empty there): it has to return a
    `Section` or None, the same each time, and to print nothing. What it raises for want of columns is no fault. A
    command has to declare its arguments.
    """
    try:
        active = activate(registered_for(operator, namespace), config or {})
    except GristmillError as error:
        return [Check(name="definition", passed=False, detail=error.message)], ""
    checks = [Check(name="definition", passed=True)]
    instance = active.instance
    if isinstance(instance, Command):
        try:
            with captured_output(active.use):
                instance.arguments(argparse.ArgumentParser(prog=active.use))
        except (Exception, SystemExit) as error:  # noqa: BLE001  # the outcome of the check
            return [*checks, Check(name="arguments", passed=False, detail=short_traceback(error))], ""
        checks.append(Check(name="arguments", passed=True))
    if isinstance(instance, ReportSection):
        more, skipped = _check_section(active.use, instance)
        return [*checks, *more], skipped
    return checks, SKIPPED.get(operator.kind, "")


def _check_section(use: str, section: ReportSection) -> tuple[list[Check], str]:
    built: list[object] = []
    captured_characters = 0
    view = RunView(manifest={"counts": {}}, files=_no_files)
    for _ in range(2):
        try:
            with captured_output(use) as captured:
                built.append(section.build(view.for_one_section()))
        except Exception as error:  # noqa: BLE001  # a section may need columns that an empty run lacks
            return [], f"it needs a run: {type(error).__name__}: {error}".splitlines()[0]
        captured_characters += captured.num_characters
    is_section = built[0] is None or isinstance(built[0], Section)
    detail = "" if is_section else f"it returned a {type(built[0]).__name__}"
    return [
        Check(name="returns a section", passed=is_section, detail=detail),
        Check(
            name="same again",
            passed=repr(built[0]) == repr(built[1]),
            detail=_unless(built[0] == built[1], "differs"),
        ),
        Check(
            name="silent",
            passed=not captured_characters,
            detail=_unless(not captured_characters, "it prints"),
        ),
    ], ""


def _unless(passed: bool, detail: str) -> str:  # private
    return "" if passed else detail


def _no_files(_table: str) -> list[Path]:
    return []
