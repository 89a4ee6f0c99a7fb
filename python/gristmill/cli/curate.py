"""`gristmill curate`: documents to shards; continues whatever an earlier run left."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gristmill.cli.dry_run import run_dry
from gristmill.cli.options import add_recipe, add_verb, printer_of
from gristmill.cli.printer import Printer
from gristmill.cli.progress import Progress
from gristmill.cli.split_lines import split_lines
from gristmill.cli.text import counted
from gristmill.errors import ExitCode

if TYPE_CHECKING:
    from gristmill.cli.options import Subparsers
    from gristmill.curate.run import CuratedRun


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    parser = add_verb(
        subparsers,
        "curate",
        run,
        description="Read, clean, judge, deduplicate, split and tokenise documents into Arrow shards. The same command "
        "continues after an interruption and ends in the same bytes.",
    )
    add_recipe(parser)
    add_run_options(parser)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add what decides where and how a run happens, never what comes out."""
    parser.add_argument(
        "--workers", metavar="N", type=int, help="tasks at the same time; by default one a core"
    )
    parser.add_argument("--executor", metavar="NAME", default="local", help="where tasks run: `local`")
    parser.add_argument(
        "--output", metavar="DIR", type=Path, help="run folder; by default the recipe's `output`"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="stop before the first removal and show what would go; a later run continues from there",
    )


def run(options: argparse.Namespace) -> int:
    """Curate a recipe."""
    printer = printer_of(options)
    if options.dry_run:
        return run_dry(options, printer)
    finished = curate_with_progress(options, printer)
    show(finished, printer)
    printer.result(
        {
            "run": str(finished.path),
            "digest": finished.digest,
            "counts": finished.counts,
            "tasks_run": finished.num_run,
            "tasks_reused": finished.num_reused,
        }
    )
    return ExitCode.DONE


def curate_with_progress(options: argparse.Namespace, printer: Printer) -> CuratedRun:
    """Return the finished run, with progress while it goes."""
    from gristmill.curate.run import curate

    with Progress.for_printer(printer) as progress:
        return curate(
            options.recipe,
            workers=options.workers,
            executor=options.executor,
            output=options.output,
            on_event=progress,
        )


def show(finished: CuratedRun, printer: Printer) -> None:
    """Print the funnel of a run: what came in, what left and why, what was kept."""
    printer.lines(funnel(finished.counts))
    for cut in cast("Sequence[Mapping[str, object]]", finished.manifest.get("cuts", ())):
        done = cast(Mapping[str, int], cut["cut"])
        printer.data(
            f"{cut['step']}: cut {counted(done['spans'], 'span')}, {counted(done['bytes'], 'byte')}, out of "
            f"{counted(done['changed'], 'document')} that stay"
        )
    printer.lines(split_lines(finished.manifest))
    printer.lines(supervised_lines(finished.manifest))
    for choice in cast("Sequence[Mapping[str, object]]", finished.manifest.get("choices", ())):
        printer.data(
            f"{choice['step']}: chose {choice['kept']:,} of {counted(cast(int, choice['documents']), 'document')}, "
            f"{choice['kept_amount']:,} of {choice['amount']:,} {choice['unit']}"
        )
    printer.data(f"{finished.path}")
    for step, count in cast(Mapping[str, int], finished.counts.get("in_scope", {})).items():
        if not count:
            printer.talk(f"warning: no document meets the `where` of step `{step}`, so the step did nothing")
    guessed = cast(Mapping[str, int], finished.manifest["dedup"] or {}).get("guessed", 0)
    if guessed:
        printer.talk(
            f"warning: {counted(guessed, 'near duplicate')} removed on a guess: `verify = false` compares no texts"
        )
    printer.talk(
        f"tasks: {finished.num_run} run, {finished.num_reused} used again; manifest {finished.digest}"
    )


def supervised_lines(manifest: Mapping[str, object]) -> list[str]:
    """Return what documents teach, by split, in lines; none for a run of plain texts.

    Examples
    --------
    >>> split = {"conversations": 2, "trained_tokens": 30, "split": 0, "truncated": 1, "lost_tokens": 9, "spelled": 0}
    >>> supervised_lines({"supervised": {"splits": {"train": split}}})
    ['train: 2 conversations, 30 tokens trained, 1 document truncated by 9 tokens']
    """
    supervised = cast("Mapping[str, object] | None", manifest.get("supervised"))
    lines = []
    for split, numbers in cast(Mapping[str, Mapping[str, int]], (supervised or {}).get("splits", {})).items():
        parts = []
        if numbers["conversations"]:
            parts.append(counted(numbers["conversations"], "conversation"))
        parts.append(f"{counted(numbers['trained_tokens'], 'token')} trained")
        if numbers["split"]:
            parts.append(f"{counted(numbers['split'], 'document')} in several rows")
        if numbers["truncated"]:
            truncated = counted(numbers["truncated"], "document")
            parts.append(f"{truncated} truncated by {counted(numbers['lost_tokens'], 'token')}")
        if numbers["spelled"]:
            parts.append(f"{counted(numbers['spelled'], 'conversation')} with control tokens kept as text")
        labels = cast("Mapping[str, int] | None", numbers.get("labels"))
        if labels is not None:
            present = sum(count > 0 for count in labels.values())
            parts.append(f"{present:,} of {counted(len(labels), 'class', 'classes')} present")
        lines.append(f"{split}: {', '.join(parts)}")
    return lines


def funnel(counts: Mapping[str, object]) -> list[str]:
    """Return the counts of a manifest as lines.

    Examples
    --------
    >>> for line in funnel({"documents_in": 3, "kept": 1, "quarantined": 1, "dropped": 1, "tokens": {},
    ...                     "by_source": {"web": {"dropped": {"gopher_quality.num_words": 1}}}}):
    ...     print(line)
    documents in                         3
    quarantined                          1
    dropped: gopher_quality.num_words    1
    kept                                 1
    """
    reasons: dict[str, int] = {}
    for source in cast(Mapping[str, Mapping[str, object]], counts["by_source"]).values():
        for reason, count in cast(Mapping[str, int], source["dropped"]).items():
            reasons[reason] = reasons.get(reason, 0) + count
    rows = [("documents in", counts["documents_in"]), ("quarantined", counts["quarantined"])]
    rows += [(f"dropped: {reason}", count) for reason, count in sorted(reasons.items()) if count]
    rows.append(("kept", counts["kept"]))
    for split, numbers in cast(Mapping[str, Mapping[str, int]], counts["tokens"]).items():
        rows.append((f"tokens: {split}", numbers["tokens"]))
    names = max(len(name) for name, _ in rows)
    shown = [(name, f"{count:,}") for name, count in cast(list[tuple[str, int]], rows)]
    numbers_width = max(len(count) for _, count in shown)
    return [f"{name.ljust(names)}    {count.rjust(numbers_width)}" for name, count in shown]
