"""`gristmill what-if`: what other thresholds would keep and drop, from the tables of a finished run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.cli.options import add_recipe, add_verb, printer_of
from gristmill.cli.printer import Printer
from gristmill.cli.text import counted, one_line, value_words
from gristmill.cli.unfinished import unfinished_run
from gristmill.errors import ExitCode

if TYPE_CHECKING:
    from gristmill.cli.options import Subparsers
    from gristmill.curate.what_if_answer import WhatIf

_HEADER = ("", "before", "after", "change", "")
_SIDES = {"enters": "dropped before, pass now", "leaves": "passed before, dropped now"}


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    parser = add_verb(
        subparsers,
        "what-if",
        run,
        description="Compare a recipe, with the thresholds that --set gives, with what a finished run did: documents "
        "kept and dropped, by rule and source. Reads the stored decisions and the columns of changed thresholds, no "
        "document. Numbers are those of a new run unless they are marked as estimates.",
    )
    add_recipe(parser)
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="a threshold, such as gopher_quality.min_words=30; `false` switches it off; may be repeated",
    )
    parser.add_argument(
        "--run",
        metavar="DIR",
        type=Path,
        dest="run_folder",
        help="the run folder; by default the recipe's `output`",
    )
    parser.add_argument(
        "--show",
        metavar="N",
        type=int,
        default=0,
        help="name N documents that change sides, of each direction",
    )
    parser.add_argument(
        "--write", metavar="PATH", type=Path, help="write all documents that change sides as a Parquet table"
    )
    parser.add_argument("--threads", metavar="N", type=int, help="threads that read; by default two")


def run(options: argparse.Namespace) -> int:
    """Show the answer."""
    from gristmill.recipe import load_recipe

    printer = printer_of(options)
    folder = options.run_folder or load_recipe(options.recipe).output
    # Imported after the recipe is known to be sound: it loads the native module.
    from gristmill.curate.what_if import what_if

    with unfinished_run(folder):
        answer = what_if(
            options.recipe,
            options.settings,
            run=folder,
            num_examples=options.show,
            write=options.write,
            threads=options.threads,
        )
    _show(printer, answer)
    if options.write is not None:
        printer.data(f"written: {options.write}")
    printer.result(
        {**answer.to_json_dict(), "written": None if options.write is None else str(options.write)}
    )
    return ExitCode.DONE


def _show(printer: Printer, answer: WhatIf) -> None:
    if not answer.changes:
        printer.data("no threshold differs from the run's")
    for change in answer.changes:
        printer.data(
            f"{change.step}.{change.rule}: keep {change.column} {change.keep} {_limit(change.after)}, "
            f"in the run {_limit(change.before)}"
        )
    printer.data("")
    rows, num_same = _rows(answer)
    printer.table(_HEADER, rows)
    if num_same:
        printer.data(f"{counted(num_same, 'rule')} that drop as many as before are not shown")
    if len(answer.before) > 1:
        printer.data("")
        printer.table(("kept of source", *_HEADER[1:]), _source_rows(answer))
    printer.data("")
    for side, words in _SIDES.items():
        by_source = getattr(answer, side)
        shares = ", ".join(f"{name} {count:,}" for name, count in by_source.items() if count)
        total = counted(sum(by_source.values()), "document")
        printer.data(
            f"by thresholds, dedup aside: {total} {words}"
            + (f" ({shares})" if len(by_source) > 1 and shares else "")
        )
    for side, examples in answer.examples.items():
        if examples:
            printer.data("")
            printer.table(
                (_SIDES[side], "source", "rule", "value", "before", "after"), _example_rows(examples)
            )
    for reason in dict.fromkeys(answer.estimates.values()):
        names = [name for name, because in answer.estimates.items() if because == reason]
        printer.data(f"estimate ({', '.join(names)}): {reason}")
    for name in answer.over_budget:
        printer.data(f"source {name} would lose more to dedup than its `removal_budget`: a run would stop")


def _limit(value: float | None) -> str:
    return "off" if value is None else value_words(value)


def _rows(answer: WhatIf) -> tuple[list[tuple[str, ...]], int]:
    """Return the rows whose numbers differ or are estimates, and how many other rules drop something."""
    from gristmill.curate.what_if_answer import total_counts

    before, after = total_counts(answer.before), total_counts(answer.after)
    estimates = answer.estimates
    rows = [
        ("documents in", before.documents_in, after.documents_in, False),
        ("kept", before.kept, after.kept, "kept" in estimates),
        ("quarantined", before.quarantined, after.quarantined, False),
        ("dropped", sum(before.dropped.values()), sum(after.dropped.values()), bool(estimates)),
    ]
    num_same = 0
    for name in answer.rules:
        old, new = before.dropped.get(name, 0), after.dropped.get(name, 0)
        if old != new or name in estimates:
            rows.append((f"  {name}", old, new, name in estimates))
        else:
            num_same += old > 0
    return _table_rows(rows), num_same


def _source_rows(answer: WhatIf) -> list[tuple[str, ...]]:
    is_estimate = "kept" in answer.estimates
    return _table_rows(
        [(name, before.kept, answer.after[name].kept, is_estimate) for name, before in answer.before.items()]
    )


def _table_rows(rows: Sequence[tuple[str, int, int, bool]]) -> list[tuple[str, ...]]:
    changes = [f"{after - before:+,}" if after != before else "" for _, before, after, _ in rows]
    width = max(len(change) for change in changes)
    return [
        (name, f"{before:,}", f"{after:,}", change.rjust(width), "estimate" if is_estimate else "")
        for (name, before, after, is_estimate), change in zip(rows, changes, strict=True)
    ]


def _example_rows(rows: Sequence[Mapping[str, object]]) -> list[tuple[str, ...]]:
    return [
        (
            one_line(str(row["id"] if row["id"] is not None else row["doc"]), 60),
            str(row["source"]),
            f"{row['step']}.{row['rule']}",
            value_words(row["value"]),
            *("off" if row[side] is None else value_words(row[side]) for side in ("before", "after")),
        )
        for row in rows
    ]
