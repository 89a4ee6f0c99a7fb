"""`gristmill init`: a commented recipe, a tiny corpus and a tiny tokenizer: something that runs in seconds."""

from __future__ import annotations

import argparse
import importlib.resources
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.cli.options import add_verb, printer_of
from gristmill.errors import ExitCode, GristmillError

if TYPE_CHECKING:
    from gristmill.cli.options import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    parser = add_verb(
        subparsers,
        "init",
        run,
        description="Write a commented recipe with a tiny corpus and tokenizer. Overwrites nothing.",
    )
    parser.add_argument(
        "directory", metavar="DIR", nargs="?", type=Path, default=Path(), help="where to; by default here"
    )


def run(options: argparse.Namespace) -> int:
    """Write the starter files."""
    printer = printer_of(options)
    files = write_starter(options.directory)
    printer.lines(str(file) for file in files)
    printer.talk(f"next: `gristmill curate {options.directory / 'recipe.toml'}`")
    printer.result({"files": [str(file) for file in files]})
    return ExitCode.DONE


def write_starter(directory: Path) -> list[Path]:
    """Write the starter files into a folder, which is made if needed, and return their paths.

    Raises
    ------
    GristmillError
        ``GM-CLI-006`` when one of them is there already; nothing is written then.
    """
    contents = {
        directory.joinpath(*parts): resource.read_bytes()
        for parts, resource in _walk(importlib.resources.files("gristmill.cli") / "starter", ())
    }
    taken = [path for path in contents if path.exists()]
    if taken:
        raise GristmillError("GM-CLI-006", f"`{taken[0]}` exists already", hint="choose another folder")
    for path, content in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return sorted(contents)


def _walk(folder: Traversable, parts: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, (*parts, entry.name))
        else:
            yield (*parts, entry.name), entry
