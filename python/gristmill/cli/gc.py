"""`gristmill gc`: removes what no committed task and no result of a run needs."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.cli.options import add_verb, printer_of
from gristmill.cli.text import counted
from gristmill.errors import ExitCode, GristmillError

if TYPE_CHECKING:
    from gristmill.cli.options import Subparsers
    from gristmill.curate.folder import RunFolder


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    parser = add_verb(
        subparsers,
        "gc",
        run,
        description="Remove files of attempts that were not committed. With `--all`, empty `work/` of a finished run: "
        "the result stays, and the next run with another recipe starts from the inputs.",
    )
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="the run folder")
    parser.add_argument("--all", action="store_true", dest="is_all", help="empty `work/` of a finished run")
    parser.add_argument("--dry-run", action="store_true", dest="is_dry_run", help="only say what would go")


def run(options: argparse.Namespace) -> int:
    """Remove garbage and print how much."""
    from gristmill.curate.folder import RunFolder

    printer = printer_of(options)
    folder = RunFolder(options.run_folder)
    if not folder.work.is_dir():
        raise GristmillError("GM-CLI-008", f"`{options.run_folder}` holds no run: there is no `work/` in it")
    if options.is_all and not folder.manifest.is_file():
        raise GristmillError(
            "GM-RUN-002",
            f"no finished run in `{options.run_folder}`",
            hint="`--all` would throw away what it has done; leave it out",
        )
    with folder.lock():
        garbage = list(all_work(folder) if options.is_all else uncommitted(folder))
        num_bytes = sum(path.stat().st_size for path in garbage)
        if not options.is_dry_run:
            for path in garbage:
                path.unlink()
            shutil.rmtree(folder.work / "scratch", ignore_errors=True)
    verb = "would remove" if options.is_dry_run else "removed"
    printer.data(f"{verb} {counted(len(garbage), 'file')}, {counted(num_bytes, 'byte')}")
    printer.result({"files": len(garbage), "bytes": num_bytes, "is_dry_run": options.is_dry_run})
    return ExitCode.DONE


def all_work(folder: RunFolder) -> Iterator[Path]:
    """Yield every file of `work/`."""
    for path in sorted(folder.work.rglob("*")):
        if path.is_file() and path.parent != folder.work:
            yield path


def uncommitted(folder: RunFolder) -> Iterator[Path]:
    """Yield data files that no task manifest names, manifests that were put aside, and scratch files."""
    wanted: set[str] = set()
    for path in folder.task_manifests.glob("*.json"):
        outputs = json.loads(path.read_bytes())["outputs"]
        wanted |= {str(artefact["file"]) for artefact in outputs.values()}
    for path in sorted(folder.work.rglob("*")):
        if not path.is_file():
            continue
        is_data = path.parent == folder.data and path.name not in wanted
        is_stale = path.parent == folder.task_manifests and path.suffix != ".json"
        if is_data or is_stale or folder.work / "scratch" in path.parents:
            yield path
