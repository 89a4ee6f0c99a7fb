"""`gristmill trace`: a training step to its documents and batch; a document or source to steps and checkpoints."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gristmill.cli.options import add_verb, printer_of
from gristmill.cli.printer import Printer, align
from gristmill.cli.text import counted, one_line
from gristmill.errors import ExitCode, GristmillError

if TYPE_CHECKING:
    from gristmill.cli.options import Subparsers
    from gristmill.train.trace import Trace

MAX_PIECES = 1000
"""Pieces of one document that are listed."""
EXCERPT_CHARACTERS = 100
Row = dict[str, object]


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    parser = add_verb(
        subparsers,
        "trace",
        run,
        description="Trace a training: the documents of a step, with the rules' values, and its batch made again bit "
        "for bit; or the steps, losses and checkpoints that a document or a source was part of. Loads no model.",
    )
    parser.add_argument(
        "run_folder", metavar="RUN", type=Path, help="a run folder, or the folder of one training in it"
    )
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--step", metavar="N", type=int, help="the step, from 1")
    wanted.add_argument(
        "--doc",
        metavar="ID",
        help="a document: its number, its key or the beginning of it, or its id",
    )
    wanted.add_argument("--source", metavar="NAME", help="a source: what of it was trained on, and where")
    parser.add_argument(
        "--top",
        metavar="N",
        type=int,
        default=10,
        help="documents of the step that are shown with their rules' values; by default the 10 that raised its loss "
        "most",
    )
    parser.add_argument(
        "--rebuild", action="store_true", help="make the step's batch again and compare its digest"
    )
    parser.add_argument(
        "--batch", metavar="FILE", type=Path, help="write the batch made again, as safetensors; with `--step`"
    )


def run(options: argparse.Namespace) -> int:
    """Trace."""
    from gristmill.train.trace import open_trace

    printer = printer_of(options)
    if options.step is None and (options.rebuild or options.batch is not None):
        raise GristmillError(
            "GM-CLI-001", "`--rebuild` and `--batch` make the batch of a step", hint="add `--step N`"
        )
    trace = open_trace(options.run_folder)
    if options.step is not None:
        values = _step(trace, options, printer)
    elif options.doc is not None:
        values = {
            "documents": [_show_document(trace, row, printer) for row in _documents(trace, options.doc)]
        }
    else:
        values = _source(trace, options.source, printer)
    printer.result(values)
    return ExitCode.DONE


def _step(trace: Trace, options: argparse.Namespace, printer: Printer) -> Row:
    from gristmill.train.trace import (
        documents_of_step,
        metric_of_step,
        rebuild_step,
        step_pieces,
        write_batch,
    )

    step = int(options.step)
    documents = documents_of_step(trace, step)
    pieces = step_pieces(trace, step)
    metric = metric_of_step(trace.folder, step)
    num_rows = len(set(pieces["row"].to_pylist()))
    tokens, trained = (
        sum(cast(int, one[name]) for one in documents) for name in ("tokens", "trained_tokens")
    )
    facts = [f"{name.replace('_', ' ')} {_number(metric[name])}" for name in _SHOWN_METRICS if name in metric]
    printer.data(f"step {step}: {', '.join(facts)}")
    printer.data(
        f"{counted(num_rows, 'row')}, {counted(len(documents), 'document')}, {tokens:,} tokens, {trained:,} trained"
    )
    shown = documents[: max(0, options.top)]
    for document in shown:
        document.update(_curated(trace.run, cast(int, document["doc"])))
    printer.table(
        ["raises", "loss", "trained", "document", "source", "cluster", "shard"],
        [
            [
                _number(one["raises"]),
                _number(one["loss"]),
                f"{one['trained_tokens']:,}",
                str(one["id"] or one["key"]),
                str(one["source"]),
                str(one.get("cluster") or "-"),
                _place(one),
            ]
            for one in shown
        ],
    )
    for document in shown:
        _show_values(document, printer)
    if len(documents) > len(shown):
        printer.talk(f"{len(documents) - len(shown):,} more; `--top {len(documents)}` shows all")
    values: Row = {
        "step": step,
        "metric": metric,
        "rows": num_rows,
        "tokens": tokens,
        "trained_tokens": trained,
    }
    values["documents"] = documents
    if options.rebuild or options.batch is not None:
        rows, digest = rebuild_step(trace, step)
        printer.data(f"batch made again from the shards, bit for bit as trained on: {digest}")
        values["batch"] = {"digest": digest, "is_equal": True, "file": None}
        if options.batch is not None:
            write_batch(rows, options.batch, step=step, digest=digest)
            printer.data(f"written to {options.batch}")
            values["batch"] = {"digest": digest, "is_equal": True, "file": str(options.batch)}
    return values


_SHOWN_METRICS = ("loss", "learning_rate", "gradient_norm", "epoch", "skipped")


def _show_values(document: Row, printer: Printer) -> None:
    """Print what curation knows of a document: the beginning of its text, and the rules' values."""
    if "excerpt" not in document and not document.get("signals"):
        return
    printer.data("")
    printer.data(f"{document['id'] or document['key']}: {document.get('excerpt', '')}")
    signals = cast(Mapping[str, object], document.get("signals", {}))
    steps: dict[str, list[str]] = {}
    for name, value in signals.items():
        step, _, column = name.rpartition(".")
        if value not in (None, 0):  # most values are 0 of most documents; `--json` has all
            steps.setdefault(step, []).append(f"{column} {_number(value)}")
    for step, written in steps.items():
        printer.data(f"  {step + ': ' if step else ''}{', '.join(written)}")


def _place(document: Row) -> str:
    [first, *others] = cast(Sequence[Mapping[str, object]], document["parts"])
    more = f" and {len(others)} more" if others else ""
    return f"{str(first['shard']).removeprefix('tokens/')}:{first['shard_row']}{more}"


def _curated(run_folder: Path, doc: int) -> Row:
    """Return what the tables of curation say of a document: cluster, beginning of the text, signals."""
    from gristmill.curate.lookup import Wanted, files_of, find_rows

    manifest = _manifest(run_folder)
    found: Row = {}
    wanted = Wanted.equal("doc", doc)
    for row in find_rows(files_of(run_folder, manifest, "documents/"), wanted, limit=1):
        cluster = row.get("cluster")
        found["cluster"] = cluster.hex() if isinstance(cluster, bytes) else cluster
        found["excerpt"] = one_line(str(row.get("text", "")), EXCERPT_CHARACTERS)
    for row in find_rows(files_of(run_folder, manifest, "signals/"), wanted, limit=1):
        found["signals"] = {
            name: value for name, value in row.items() if name not in ("doc", "key", "id", "source")
        }
    return found


def _manifest(run_folder: Path) -> dict[str, object]:
    from gristmill.cli.tables import manifest_of

    return manifest_of(run_folder)


def _documents(trace: Trace, name: str) -> list[Row]:
    """Return the documents that a name means: `doc`, `key`, `id`, `source` and `split` of each.

    They are looked for in `documents/`, and where a run keeps no texts, by number or key in the shards.
    """
    from gristmill.curate.lookup import files_of, find_rows, searches

    paths = files_of(trace.run, _manifest(trace.run), "documents/")
    columns = ["doc", "key", "id", "source", "split"]
    for wanted in searches(name):
        rows = {row["doc"]: row for row in find_rows(paths, wanted, columns=columns)}
        if rows:
            return list(rows.values())
        found: dict[int, Row] = {}
        for index in trace.shards.find(wanted.column, wanted.mask):
            document = trace.shards.doc(index)
            found[document.doc] = {
                "doc": document.doc,
                "key": document.key,
                "id": document.id,
                "source": document.source,
                "split": trace.shards.split,
            }
        if found:
            return list(found.values())
    raise GristmillError(
        "GM-TRAIN-053",
        f"there is no document `{name}` among those that `{trace.run}` kept",
        hint=f"`gristmill explain doc {name} --run {trace.run}` says whether curation dropped it",
    )


def _show_document(trace: Trace, row: Row, printer: Printer) -> Row:
    from gristmill.train.trace import exposure, find_pieces

    doc, key = cast(int, row["doc"]), cast(bytes, row["key"])
    places = [
        {"shard": shard, "shard_row": number}
        for shard, number in map(trace.shards.place, trace.shards.find_doc(doc))
    ]
    named = "" if row["id"] is None else f"id {row['id']}, "
    printer.data(f"document {doc} ({named}key {key.hex()}), source {row['source']}, split {row['split']}")
    for place in places:
        printer.data(f"  in {place['shard']}, row {place['shard_row']}")
    pieces: list[Row] = []
    for table in find_pieces(trace, "doc", [doc]):
        for piece in table.select(["step", "row", "start", "stop", "trained", "loss"]).to_pylist():
            trained, loss = piece["trained"], piece["loss"]
            mean = None if loss is None or not trained else loss / trained
            pieces.append({**piece, "loss": mean})
        if len(pieces) >= MAX_PIECES:
            break
    seen = exposure(trace, "doc", doc)
    if not pieces:
        printer.data("  no step saw it")
    else:
        printer.data("")
        rows = [
            [
                str(one["step"]),
                str(one["row"]),
                f"{one['start']}-{one['stop']}",
                str(one["trained"]),
                _number(one["loss"]),
            ]
            for one in pieces[:MAX_PIECES]
        ]
        printer.lines(f"  {line}" for line in align(["step", "row", "tokens", "trained", "loss"], rows))
        printer.lines(_exposure_lines(seen))
    return {**row, "key": key.hex(), "shards": places, "pieces": pieces[:MAX_PIECES], **seen}


def _source(trace: Trace, name: str, printer: Printer) -> Row:
    from gristmill.train.trace import exposure

    if name not in trace.shards.sources:
        raise GristmillError(
            "GM-TRAIN-053",
            f"there is no source `{name}`",
            context=(f"sources: {', '.join(f'`{known}`' for known in trace.shards.sources)}",),
        )
    seen = exposure(trace, "source", name)
    steps = cast(Sequence[int], seen["steps"])
    last = trace.last_recorded
    printer.data(
        f"source {name}: {counted(cast(int, seen['documents']), 'document')}, {seen['tokens']:,} tokens, "
        f"{seen['trained_tokens']:,} trained"
    )
    if steps:
        printer.data(f"in {len(steps):,} of {last:,} steps, from {steps[0]} to {steps[-1]}")
        printer.lines(_exposure_lines(seen))
    else:
        printer.data("no step saw it")
    return {"source": name, "recorded_steps": last, **seen}


def _exposure_lines(seen: Mapping[str, object]) -> list[str]:
    checkpoints = cast(Sequence[Mapping[str, object]], seen["checkpoints"])
    kept = [f"step-{one['step']}" for one in checkpoints if one["kept"]]
    gone = [str(one["step"]) for one in checkpoints if not one["kept"]]
    lines = [f"checkpoints that hold it: {', '.join(kept) or 'none on disk'}"]
    if gone:
        lines.append(f"  written after steps {', '.join(gone)}, and removed since")
    if seen["exports"]:
        lines.append(f"exported with it: {', '.join(cast(Sequence[str], seen['exports']))}")
    clean = seen["last_clean_checkpoint"]
    lines.append(
        "no checkpoint on disk is from before it"
        if clean is None
        else f"last checkpoint from before it: step-{clean}"
    )
    return lines


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "-" if value is None else str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if abs(value) < 1e-3 else f"{value:.4f}"
