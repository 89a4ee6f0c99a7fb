"""What goes where: data to stdout, talk to stderr; what `--json`, `--quiet` and `NO_COLOR` mean.

Whatever is printed passes through `visible`: names and texts of a corpus can hold sequences that a terminal obeys.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

from gristmill.errors import GristmillError
from gristmill.report.visible import visible

SCHEMA_VERSION = 1
_COLOURS = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Printer:
    """Prints for one command.

    Parameters
    ----------
    as_json
        One JSON object on stdout instead of text.
    is_quiet
        No talk: results and errors only.
    stdout, stderr
        Streams; tests give their own.
    """

    as_json: bool = False
    is_quiet: bool = False
    stdout: TextIO
    stderr: TextIO

    @classmethod
    def for_process(cls, *, as_json: bool = False, is_quiet: bool = False) -> Printer:
        """Return a printer on the process's own streams."""
        return cls(as_json=as_json, is_quiet=is_quiet, stdout=sys.stdout, stderr=sys.stderr)

    def data(self, text: str) -> None:
        """Print a result. Nothing under `--json`, where the result is the object."""
        if not self.as_json:
            print(visible(text), file=self.stdout)

    def lines(self, lines: Iterable[str]) -> None:
        """Print results, one a line."""
        for line in lines:
            self.data(line)

    def talk(self, text: str) -> None:
        """Print what is going on. Nothing under `--quiet` or `--json`."""
        if not (self.is_quiet or self.as_json):
            print(visible(text), file=self.stderr)

    def result(self, value: Mapping[str, object]) -> None:
        """Print the one JSON object of a command; nothing without `--json`."""
        if self.as_json:
            document = {"schema_version": SCHEMA_VERSION, **value}
            print(json.dumps(document, default=str), file=self.stdout)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print columns of text, aligned; numbers to the right."""
        for line in align(header, rows):
            self.data(line)

    def error(self, error: GristmillError) -> None:
        """Print an error: the message to stderr, and under `--json` the object to stdout."""
        first, _, rest = visible(error.render()).partition("\n")
        label, _, message = first.partition(" ")
        print(f"{self.paint(label, 'red')} {message}\n{rest}", file=self.stderr)
        self.result(
            {
                "error": {
                    "code": error.code,
                    "message": error.message,
                    "hint": error.hint,
                    "context": list(error.context),
                }
            }
        )

    def paint(self, text: str, colour: str) -> str:
        """Return text in colour if stderr is a terminal and `NO_COLOR` is not set."""
        has_colour = (
            self.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if has_colour else text


def align(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines of aligned columns.

    Examples
    --------
    >>> align(["name", "n"], [["web", "12"], ["books", "7"]])
    ['name    n', 'web    12', 'books   7']
    """
    table = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    is_number = [
        bool(rows) and all(_looks_like_number(row[column]) for row in rows) for column in range(len(header))
    ]
    return [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, is_number, strict=True)
        ).rstrip()
        for row in table
    ]


def _looks_like_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").replace("%", "").replace("-", "").isdigit() or cell == ""
