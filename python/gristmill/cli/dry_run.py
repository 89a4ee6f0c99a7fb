"""`--dry-run` of `curate` and `run`: what would go, by source, and the largest clusters. Removes nothing."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gristmill.cli.printer import Printer, align
from gristmill.cli.progress import Progress
from gristmill.cli.text import counted
from gristmill.errors import ExitCode

if TYPE_CHECKING:
    from gristmill.curate.dry_run import DryRun


def run_dry(options: argparse.Namespace, printer: Printer) -> int:
    """Do all that comes before the first removal, and tell what it found; 1 if a limit would stop the run."""
    from gristmill.curate.run import dry_run

    with Progress.for_printer(printer) as progress:
        found = dry_run(options.recipe, workers=options.workers, output=options.output, on_event=progress)
    printer.lines(outlook_lines(found))
    printer.talk(
        f"tasks: {found.num_run} run, {found.num_reused} used again; nothing was removed, a run continues from here"
    )
    printer.result(found.to_json_dict())
    return ExitCode.GATE if found.stops else ExitCode.DONE


def outlook_lines(found: DryRun) -> Iterator[str]:
    """Yield what a run would do, in lines for a reader."""
    has_semantic = any(source.semantic for source in found.by_source.values())
    heads = ["source", "documents in", "quarantined", "dropped by rules", "exact", "near"]
    heads += ["semantic", "kept"] if has_semantic else ["kept"]
    rows = [
        [
            name,
            *(
                f"{number:,}"
                for number in (
                    source.documents_in,
                    source.quarantined,
                    sum(source.dropped.values()),
                    source.exact,
                    source.near,
                    *((source.semantic,) if has_semantic else ()),
                    source.kept,
                )
            ),
        ]
        for name, source in found.by_source.items()
    ]
    yield from align(heads, rows)
    if found.largest:
        yield ""
        yield "largest clusters:"
    for cluster in found.largest:
        yield (
            f"  {counted(cluster.documents, 'document')}, {counted(cluster.texts, 'text')} that no other is equal to, "
            f"{cluster.share:.2%} of what reaches dedup; begins with"
        )
        yield from (f"    {member}" for member in cluster.first)
    yield ""
    yield (
        f"disk: {_megabytes(found.disk['work'])} in work/ now; still to come, documents/ of at most "
        + ", ".join(
            [
                _megabytes(found.disk["documents"]),
                *([f"tokens of about {_megabytes(found.disk['tokens'])}"] if "tokens" in found.disk else []),
            ]
        )
    )
    if found.caveat:
        yield f"caution: {found.caveat}"
    for stop in found.stops:
        yield f"a run would stop: {stop.message} ({stop.code})"
        if stop.hint:
            yield f"  hint: {stop.hint}"


def _megabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:,.1f} MB"
