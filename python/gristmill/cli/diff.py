"""`gristmill diff`: what two curated corpora differ in, by source, reason and document."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gristmill.cli.options import add_verb, printer_of
from gristmill.cli.printer import align
from gristmill.cli.text import counted, one_line, value_words
from gristmill.cli.unfinished import unfinished_run
from gristmill.errors import ExitCode

if TYPE_CHECKING:
    from gristmill.cli.options import Subparsers
    from gristmill.curate.diff import RunDiff
    from gristmill.curate.diff.compare import Cell
    from gristmill.curate.diff.recipes import Change

_KINDS = {
    "only_in_a": "only in A's input",
    "only_in_b": "only in B's input",
    "kept_in_a": "kept in A only",
    "kept_in_b": "kept in B only",
    "other_reason": "in neither, for another reason",
    "other_text": "kept in both, other text",
    "other_split": "kept in both, other split",
    "other_metadata": "kept in both, other metadata",
    "same": "the same in both",
}
MAX_INPUTS = 10
MAX_CELLS = 24


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    parser = add_verb(
        subparsers,
        "diff",
        run,
        description="Show what two finished runs differ in: recipe and inputs, counts by source, and documents by what "
        "became of them in either. The same document has the same key: source name, relative path, row and raw text. "
        "The exit code is 0 whether they differ or not, unless `--exit-code` is given.",
    )
    parser.add_argument("run_a", metavar="RUN_A", type=Path, help="a run folder")
    parser.add_argument("run_b", metavar="RUN_B", type=Path, help="the run folder it is compared with")
    parser.add_argument(
        "--show",
        metavar="N",
        type=int,
        default=3,
        dest="num_examples",
        help="documents to name for each pair of reasons; by default 3",
    )
    parser.add_argument(
        "--write", metavar="FILE", type=Path, help="write every differing document to a Parquet file"
    )
    parser.add_argument("--exit-code", action="store_true", help="exit with 1 if a document differs")


def run(options: argparse.Namespace) -> int:
    """Compare and print."""
    from gristmill.curate.diff import diff_runs

    printer = printer_of(options)
    for folder in (options.run_a, options.run_b):
        with unfinished_run(folder):
            _check_finished(folder)
    found = diff_runs(
        options.run_a, options.run_b, num_examples=max(0, options.num_examples), write=options.write
    )
    printer.lines(describe(found))
    if options.write is not None:
        printer.talk(f"wrote {counted(found.num_written or 0, 'document')} to {options.write}")
    printer.result(found.to_json_dict())
    return ExitCode.GATE if options.exit_code and found.is_different else ExitCode.DONE


def _check_finished(folder: Path) -> None:
    from gristmill.curate.run import open_run

    open_run(folder)


def describe(found: RunDiff) -> Iterator[str]:
    """Yield a difference in lines for a reader."""
    yield f"A  {found.a}  {found.digests[0]}"
    yield f"B  {found.b}  {found.digests[1]}"
    yield ""
    if found.same_manifest:
        yield f"the same: equal manifests, {counted(found.counts['same'], 'document')} in"
        return
    yield from _changes(found)
    yield from _sources(found)
    yield from _documents(found)
    yield from _reasons(found)


def _changes(found: RunDiff) -> Iterator[str]:
    inputs = [change for change in found.changes if change.where == "input"]
    others = [change for change in found.changes if change.where != "input"]
    if not found.changes:
        yield "recipe, operators and inputs are the same"
    for where in dict.fromkeys(change.where for change in others):
        yield f"{where}"
        yield from (f"  {_change_words(change)}" for change in others if change.where == where)
    if inputs:
        yield f"inputs: {counted(len(inputs), 'file')} not the same"
    for change in inputs[:MAX_INPUTS]:
        how = "only in A" if change.b is None else "only in B" if change.a is None else "other content"
        yield f"  {one_line(change.name, 160)}: {how}"
    if len(inputs) > MAX_INPUTS:
        yield f"  and {len(inputs) - MAX_INPUTS:,} more"


def _change_words(change: Change) -> str:
    if change.b is None:
        return f"{change.name}: only in A ({_value(change.a)})"
    if change.a is None:
        return f"{change.name}: only in B ({_value(change.b)})"
    return f"{change.name}: {_value(change.a)} -> {_value(change.b)}"


def _value(value: object) -> str:
    from gristmill.recipe import toml_value

    return one_line(toml_value(value), 100)


def _sources(found: RunDiff) -> Iterator[str]:
    yield ""
    names = list(dict.fromkeys([*found.sources[0], *found.sources[1]]))
    rows = [
        row
        for name in [*names, *(["all"] if len(names) > 1 else [])]
        for row in _source_rows(found, name, names)
    ]
    yield from align(["source", "", "A", "B", "B - A"], rows)


def _source_rows(found: RunDiff, name: str, names: list[str]) -> Iterator[list[str]]:
    chosen = names if name == "all" and name not in names else [name]
    parts = {"documents_in": "documents in", "kept": "kept", "text_bytes": "bytes kept", "tokens": "tokens"}
    for number, (part, words) in enumerate(parts.items()):
        a, b = (
            sum(cast(Mapping[str, int], side[one])[part] for one in chosen if one in side)
            for side in found.sources
        )
        if part == "tokens" and not a and not b:
            continue
        change = "" if a == b else f"{b - a:+,}"
        yield [name if number == 0 else "", words, f"{a:,}", f"{b:,}", change]


def _documents(found: RunDiff) -> Iterator[str]:
    yield ""
    counts = found.counts
    rows = [[words, f"{counts[kind]:,}"] for kind, words in _KINDS.items() if counts.get(kind)]
    yield from align(["documents", ""], rows)
    if not found.is_different:
        yield "no document differs"
    total = sum(counts.values())
    if total and counts.get("only_in_a", 0) + counts.get("only_in_b", 0) == total:
        yield "no document is in both inputs: a key stands for source name, relative path, row and raw text, so runs"
        yield "can be compared whose sources and files kept their names"


def _reasons(found: RunDiff) -> Iterator[str]:
    differing = [cell for cell in found.cells if cell.difference != "same"]
    if not differing:
        return
    yield ""
    yield "what became of them in A -> in B"
    for cell in differing[:MAX_CELLS]:
        yield f"  {cell.documents:>9,}  {_cell_words(cell)}"
        yield from (f"             {_example(cell, example)}" for example in cell.examples)
    if len(differing) > MAX_CELLS:
        rest = differing[MAX_CELLS:]
        yield f"  {sum(cell.documents for cell in rest):>9,}  in {len(rest):,} further pairs of reasons, with `--json`"
    yield "`gristmill explain doc KEY --run RUN` tells what happened to one of them"


def _cell_words(cell: Cell) -> str:
    same = {"other_text": "other text", "other_split": "other split", "other_metadata": "other metadata"}
    if cell.difference in same:
        return f"kept -> kept, {same[cell.difference]}"
    return f"{_fate(cell.fate_a, cell.reason_a)} -> {_fate(cell.fate_b, cell.reason_b)}"


def _fate(fate: str, reason: str | None) -> str:
    if fate == "absent":
        return "not in the input"
    return fate if reason is None else f"{fate} by {reason}"


def _example(cell: Cell, example: Mapping[str, object]) -> str:
    name = f"{example['key']}  {one_line(str(example['source']), 40)}"
    if example["id"] is not None:
        name += f"  {one_line(str(example['id']), 60)}"
    details = []
    for side in ("a", "b"):
        if example[f"value_{side}"] is not None:
            value, limit = (value_words(example[f"{part}_{side}"]) for part in ("value", "threshold"))
            details.append(f"{side.upper()}: {value}, threshold {limit}")
    if cell.difference == "other_split":
        details.append(f"{example['split_a']} -> {example['split_b']}")
    difference = cast("Mapping[str, object] | None", example.get("first_difference"))
    if difference is not None:
        parts = " -> ".join(f"`{one_line(str(difference[side]), 60)}`" for side in ("this", "other"))
        details.append(f"at character {cast(int, difference['character']):,}: {parts}")
    return "  ".join([name, *details])
