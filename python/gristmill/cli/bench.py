"""`gristmill bench`: throughput of every stage on this machine, beside rivals and the hardware's limits."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.cli.options import add_verb, printer_of
from gristmill.cli.printer import Printer
from gristmill.cli.progress import Progress
from gristmill.cli.text import counted
from gristmill.errors import ExitCode, GristmillError

if TYPE_CHECKING:
    from gristmill.bench import BenchResult, Measured
    from gristmill.bench.result import Change, Pipeline
    from gristmill.cli.options import Subparsers

PICTURES = (".svg", ".html")


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    parser = add_verb(
        subparsers,
        "bench",
        run,
        description="Measure reading, cleaning, rules, MinHash and tokenising on one core, and a whole curation from "
        ".jsonl.zst to shards on one core and on all; the same of rivals that are installed, and the limits of "
        "memory, decompression and disk. All take turns, each in a process of its own. MB are 10^6 bytes of text. "
        "Takes under a minute by default.",
    )
    parser.add_argument(
        "--input",
        metavar="PATH",
        nargs="+",
        default=[],
        help="documents of your own; by default made-up ones",
    )
    parser.add_argument(
        "--tokenizer", metavar="PATH", type=Path, help="a tokenizer's file or folder; by default a small one"
    )
    parser.add_argument(
        "--recipe",
        metavar="RECIPE",
        type=Path,
        help="curate by the steps of this recipe, with its tokenizer and, without --input, its documents",
    )
    parser.add_argument(
        "--seconds", metavar="S", type=float, default=40.0, help="time for all rounds; by default 40"
    )
    parser.add_argument(
        "--max-bytes", metavar="SIZE", default="16MiB", help='text that is taken; by default "16MiB"'
    )
    parser.add_argument("--rounds", metavar="N", type=int, default=9, help="rounds at most; by default 9")
    parser.add_argument(
        "--stage", metavar="NAME", action="append", dest="stages", help="measure this stage; may be repeated"
    )
    parser.add_argument("--no-rivals", action="store_true", help="measure gristmill and the limits only")
    parser.add_argument("--picture", metavar="FILE", type=Path, help="draw the result, as .svg or .html")
    parser.add_argument("--keep", metavar="FILE", type=Path, help="write the result as JSON")
    parser.add_argument("--compare", metavar="OLD", type=Path, help="compare with a result that --keep wrote")


def run(options: argparse.Namespace) -> int:
    """Measure, show, keep."""
    from gristmill.bench.picture import page, svg
    from gristmill.bench.result import compare, load_result
    from gristmill.bench.run import ALL_STAGES, BenchOptions, run_bench

    printer = printer_of(options)
    if options.picture is not None and options.picture.suffix not in PICTURES:
        raise GristmillError(
            "GM-CLI-001", f"`--picture {options.picture}` is neither .svg nor .html", hint="name it so"
        )
    # Looked at first: nobody wants to hear of a wrong name after a minute.
    old = None if options.compare is None else load_result(options.compare)
    wanted = BenchOptions(
        inputs=options.input,
        tokenizer=options.tokenizer,
        recipe=options.recipe,
        seconds=options.seconds,
        max_bytes=_size(options.max_bytes),
        max_rounds=options.rounds,
        stages=tuple(options.stages or ALL_STAGES),
        has_rivals=not options.no_rivals,
    )
    with Progress.for_printer(printer) as progress:
        result = run_bench(wanted, on_event=progress)
    values = result.to_json_dict()
    _show(result, printer)
    changes = [] if old is None else compare(old, values)
    if old is not None:
        _show_changes(changes, old, values, printer)
    if options.keep is not None:
        options.keep.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        printer.talk(f"kept in {options.keep}")
    if options.picture is not None:
        draw = svg if options.picture.suffix == ".svg" else page
        options.picture.write_text(draw(values), encoding="utf-8")
        printer.talk(f"drawn in {options.picture}")
    printer.result(
        values
        | {
            "changes": [
                {
                    "name": change.name,
                    "before": change.before,
                    "after": change.after,
                    "ratio": round(change.ratio, 4),
                    "is_beyond_spread": change.is_beyond_spread,
                }
                for change in changes
            ]
        }
    )
    return ExitCode.DONE


def _size(text: str) -> int:
    from gristmill.recipe.values import parse_bytes

    try:
        return parse_bytes(text)
    except ValueError as error:
        raise GristmillError(
            "GM-CLI-001", f"`--max-bytes {text}`: {error}", hint="give a size such as `8MiB`"
        ) from error


def _show(result: BenchResult, printer: Printer) -> None:
    machine, sample = result.machine, result.sample
    printer.data(
        f"{machine['processor'] or machine['architecture']}, {counted(int(str(machine['cores'])), 'core')}, "
        f"load {machine['load']}; {counted(int(str(sample['documents'])), 'document')}, "
        f"{int(str(sample['bytes'])) / 1e6:.1f} MB of text ({sample['from']}); {counted(result.rounds, 'round')}"
    )
    rows = [_row(one) for one in result.measured if one.error is None]
    if rows:
        printer.data("")
        printer.table(
            ("stage", "", "MB/s a core", "slowest", "fastest", "documents/s", "tokens/s", "MiB at most"), rows
        )
    for pipeline in result.pipelines:
        printer.data("")
        printer.lines(_pipeline_lines(pipeline, int(str(machine["cores"]))))
    for one in result.measured:
        if one.error is not None:
            printer.talk(f"not measured: {one.stage}, {one.name}: {one.error}")
    if result.absent:
        printer.talk(f"not installed, so not measured: {', '.join(result.absent)}")


def _row(one: Measured) -> tuple[str, ...]:
    return (
        one.stage,
        f"{one.name} {one.version or ''}".rstrip(),
        f"{one.median:,.1f}",
        f"{one.low:,.1f}",
        f"{one.high:,.1f}",
        f"{one.documents_per_s:,.0f}" if one.documents_per_s else "",
        f"{one.tokens_per_s:,.0f}" if one.tokens_per_s else "",
        f"{one.peak_bytes / (1 << 20):,.0f}",
    )


def _pipeline_lines(pipeline: Pipeline, cores: int) -> Iterator[str]:
    from gristmill.cli.printer import align

    who = f"curate, .jsonl.zst to shards, {counted(pipeline.workers, 'worker')}"
    if pipeline.error is not None:
        yield f"{who}: not measured: {pipeline.error}"
        return
    clock = "processor time" if pipeline.workers == 1 else "time on the clock"
    a_core = (
        "" if pipeline.workers == 1 else f" ({pipeline.median / min(cores, pipeline.workers):,.1f} a core)"
    )
    yield (
        f"{who}: {pipeline.median:,.1f} MB/s{a_core}, {pipeline.documents_per_s:,.0f} documents/s, "
        f"{pipeline.tokens_per_s:,.0f} tokens/s, {pipeline.peak_bytes / (1 << 20):,.0f} MiB at most a process, "
        f"{pipeline.kept_fraction:.0%} of the documents kept; {clock}, and what does not grow with the corpus:"
    )
    rows = [
        (
            name,
            f"{seconds:.3f} s",
            f"{pipeline.share(name):.1%}",
            f"{pipeline.fixed_by_stage.get(name, 0):.3f} s",
        )
        for name, seconds in pipeline.seconds_by_stage.items()
    ]
    yield from align(("stage", "", "share", "fixed"), rows)


def _show_changes(
    changes: Sequence[Change], old: dict[str, object], new: dict[str, object], printer: Printer
) -> None:
    printer.data("")
    if not changes:
        printer.data("nothing was measured in both results")
        return
    printer.table(
        ("MB/s", "before", "now", "times as fast", ""),
        [
            (
                change.name,
                f"{change.before:,.1f}",
                f"{change.after:,.1f}",
                f"{change.ratio:.2f}",
                "" if change.is_beyond_spread else "within the spread",
            )
            for change in changes
        ],
    )
    for what in ("machine", "sample"):
        before, after = (_without_load(result[what]) for result in (old, new))
        if before != after:
            printer.talk(
                f"warning: the {what} is not the same as before, so this compares more than gristmill"
            )


def _without_load(value: object) -> object:
    return {key: item for key, item in value.items() if key != "load"} if isinstance(value, dict) else value
