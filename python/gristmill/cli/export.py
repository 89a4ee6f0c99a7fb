"""`gristmill export`: the shards of a run in the format of another training program."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gristmill.cli.options import add_verb, printer_of
from gristmill.cli.progress import Progress
from gristmill.cli.text import counted
from gristmill.errors import ExitCode, GristmillError

if TYPE_CHECKING:
    from gristmill.cli.options import Subparsers

FORMATS = ("megatron", "mds", "parquet")


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    parser = add_verb(
        subparsers,
        "export",
        run,
        description="Write the token shards of a finished run as Megatron-LM .bin and .idx, as MosaicML Streaming "
        "(MDS), or as Parquet. The folder appears whole or not at all, with the digests of its files in export.json.",
    )
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="the run folder")
    parser.add_argument("--format", required=True, choices=FORMATS, help="the format")
    parser.add_argument("--output", metavar="DIR", type=Path, required=True, help="the folder to make")
    parser.add_argument(
        "--split",
        metavar="NAME",
        action="append",
        dest="splits",
        help="a split to export, by default `train`; may be repeated",
    )
    parser.add_argument(
        "--compression", choices=("zstd",), help="compress the shards of `mds`; by default they are not"
    )
    parser.add_argument("--shard-bytes", metavar="SIZE", help='size of a shard of `mds`, by default "64MiB"')
    parser.add_argument("--overwrite", action="store_true", help="replace an export that lies there")


def run(options: argparse.Namespace) -> int:
    """Export, and say what was written."""
    from gristmill.export.run import export

    printer = printer_of(options)
    with Progress.for_printer(printer) as progress:
        done = export(
            options.run_folder,
            format=options.format,
            output=options.output,
            splits=tuple(options.splits or ("train",)),
            overwrite=options.overwrite,
            compression=options.compression,
            shard_bytes=_size(options.shard_bytes),
            on_event=progress,
        )
    for name, numbers in cast(Mapping[str, Mapping[str, int]], done.manifest["splits"]).items():
        masked = numbers["masked_rows"]
        printer.data(
            f"{name}: {counted(numbers['documents'], 'document')}, {counted(numbers['tokens'], 'token')}"
            + (f", {counted(masked, 'row')} with a mask" if masked else "")
        )
    files = cast(list[Mapping[str, int]], done.manifest["files"])
    num_bytes = sum(file["bytes"] for file in files)
    printer.data(f"{done.path}: {counted(len(files), 'file')}, {counted(num_bytes, 'byte')}")
    printer.talk(f"export.json {done.digest}")
    printer.result({"export": str(done.path), "digest": done.digest, "manifest": dict(done.manifest)})
    return ExitCode.DONE


def _size(text: str | None) -> int | None:
    if text is None:
        return None
    from gristmill.recipe.values import parse_bytes

    try:
        return parse_bytes(text)
    except ValueError as error:
        raise GristmillError(
            "GM-CLI-001", f"`--shard-bytes {text}`: {error}", hint="give a size such as `64MiB`"
        ) from error
