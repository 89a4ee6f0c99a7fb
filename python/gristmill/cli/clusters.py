"""`gristmill clusters`: what dedup found: the largest clusters, how alike removals are, members beside the kept one."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gristmill.cli.options import add_verb, printer_of
from gristmill.cli.tables import manifest_of
from gristmill.cli.text import counted
from gristmill.cli.unfinished import unfinished_run
from gristmill.errors import ExitCode, GristmillError

if TYPE_CHECKING:
    from gristmill.cli.options import Subparsers
    from gristmill.cli.printer import Printer
    from gristmill.curate.clusters import OneCluster

SHOWN_WITH_KEY = 3
"""Members that `--key` sets beside what they duplicate, unless `--show` says otherwise."""


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    parser = add_verb(
        subparsers,
        "clusters",
        run,
        description="Show what the dedup steps of a finished run found: clusters of equal and similar documents, which "
        "of them stayed, how similar the removed ones are to those, and where they come from. Reads the run's tables; "
        "texts only of what is shown.",
    )
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="a run folder")
    parser.add_argument(
        "--key",
        metavar="KEY|ID",
        help="show one cluster with its members: that of the document with this key (four digits are enough), id or "
        "number",
    )
    parser.add_argument(
        "--top", metavar="N", type=int, default=10, help="largest clusters to list; by default 10"
    )
    parser.add_argument(
        "--min-size",
        metavar="N",
        type=int,
        default=2,
        help="list and write no smaller clusters; by default 2",
    )
    parser.add_argument(
        "--histogram", action="store_true", help="show how many removals have which similarity"
    )
    parser.add_argument(
        "--show",
        metavar="N",
        type=int,
        dest="num_shown",
        help="members to set beside the document that they duplicate, the least similar first, and of those that begin "
        "alike one; by default "
        f"{SHOWN_WITH_KEY} with `--key`, else none",
    )
    parser.add_argument("--write", metavar="FILE", type=Path, help="write all members to a Parquet file")


def run(options: argparse.Namespace) -> int:
    """Find and print."""
    from gristmill.curate.clusters import has_dedup

    if options.top < 0 or (options.num_shown or 0) < 0 or options.min_size < 2:
        raise GristmillError(
            "GM-CLUSTERS-004",
            f"`--top {options.top} --show {options.num_shown or 0} --min-size {options.min_size}` cannot be shown",
            hint="use `--min-size 2` or more, and `--top 0` and `--show 0` or more",
        )
    printer = printer_of(options)
    with unfinished_run(options.run_folder):
        manifest = manifest_of(options.run_folder)
    if not has_dedup(manifest):
        printer.data(
            f"`{options.run_folder}` has no dedup step: nothing was compared, so there are no clusters"
        )
        printer.result({"run": str(options.run_folder), "has_dedup": False})
    elif options.key is not None:
        _show_one(options, printer, manifest)
    else:
        _show_all(options, printer, manifest)
    return ExitCode.DONE


def _show_all(options: argparse.Namespace, printer: Printer, manifest: Mapping[str, object]) -> None:
    from gristmill.cli import cluster_lines
    from gristmill.curate.clusters import find_clusters, one_cluster

    found = find_clusters(
        options.run_folder, manifest, top=options.top, min_size=options.min_size, write=options.write
    )
    first_lines = cluster_lines.first_lines(options.run_folder, manifest, found.largest)
    printer.lines(cluster_lines.summary_lines(found))
    printer.lines(cluster_lines.largest_lines(found, first_lines, min_size=options.min_size))
    if options.histogram:
        printer.lines(cluster_lines.histogram_lines(found))
    pairs = []
    for cluster in found.largest if options.num_shown else ():
        printer.data("")
        whole = one_cluster(options.run_folder, manifest, bytes.fromhex(cluster.key))
        pairs += _show_members(options, printer, manifest, whole, num_shown=options.num_shown)
    if found.num_clusters and not options.num_shown:
        printer.talk(
            f"`gristmill clusters {options.run_folder} --key KEY` shows one of them with its members"
        )
    if options.write is not None:
        printer.talk(f"wrote {counted(found.num_written or 0, 'document')} to {options.write}")
    values = found.to_json_dict()
    for cluster_values in cast(list[dict[str, object]], values["largest"]):
        cluster_values["first_line"] = first_lines.get(cast(str, cluster_values["key"]))
    printer.result({"run": str(options.run_folder), "has_dedup": True, **values, "pairs": pairs})


def _show_one(options: argparse.Namespace, printer: Printer, manifest: Mapping[str, object]) -> None:
    from gristmill.cli import cluster_lines
    from gristmill.curate.clusters import find_document, one_cluster

    if options.write is not None or options.histogram:
        raise GristmillError(
            "GM-CLI-001",
            "`--key` shows one cluster; `--write` and `--histogram` are about all",
            hint="give them without `--key`",
        )
    row = find_document(options.run_folder, manifest, options.key)
    if row["cluster"] is None:
        printer.lines(cluster_lines.alone_lines(row))
        printer.result(
            {
                "run": str(options.run_folder),
                "has_dedup": True,
                "document": {**row, "key": cast(bytes, row["key"]).hex()},
                "cluster": None,
            }
        )
        return
    found = one_cluster(options.run_folder, manifest, cast(bytes, row["cluster"]))
    num_shown = SHOWN_WITH_KEY if options.num_shown is None else options.num_shown
    pairs = _show_members(options, printer, manifest, found, num_shown=num_shown)
    printer.result(
        {
            "run": str(options.run_folder),
            "has_dedup": True,
            **cluster_lines.cluster_json(found),
            "pairs": pairs,
        }
    )


def _show_members(
    options: argparse.Namespace,
    printer: Printer,
    manifest: Mapping[str, object],
    found: OneCluster,
    *,
    num_shown: int,
) -> list[dict[str, object]]:
    """Print a cluster and some of its removed members beside what they duplicate; return the latter as JSON values."""
    from gristmill.cli import cluster_lines, side_by_side

    printer.lines(cluster_lines.member_lines(found))
    pairs = cluster_lines.pairs_of(options.run_folder, manifest, found, num_shown=num_shown)
    has_colour = side_by_side.allows_colour(printer.stdout)
    width = side_by_side.terminal_width()
    for pair in pairs:
        printer.data("")
        printer.data(pair.title)
        for line in pair.lines(width=width, has_colour=has_colour):
            # Made visible piece by piece there: `data` would write our own colours out, too.
            if not printer.as_json:
                print(line, file=printer.stdout)
    return [pair.to_json_dict() for pair in pairs]
