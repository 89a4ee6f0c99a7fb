"""Two texts side by side on a terminal: shared words on the same line, differing ones marked.

`[-left-]` marks what only the left text has, `{+right+}` what only the right one has; where colours are allowed, red
and green say it again. White space is shown as one space, and as a line end where both have one. Not here: what is
compared (`gristmill.report.word_differences`).
"""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TextIO

from gristmill.report.visible import visible
from gristmill.report.word_differences import Stretch

SEPARATOR = " | "
SMALLEST_WIDTH = 40
LARGEST_WIDTH = 180
MARKS = (("[-", "-]"), ("{+", "+}"))
COLOURS = ("31", "32")
Piece = tuple[str, bool]
"""Text, and whether it differs."""


def terminal_width() -> int:
    """Return the columns of the terminal, of `COLUMNS`, or 100."""
    return max(SMALLEST_WIDTH, min(LARGEST_WIDTH, shutil.get_terminal_size((100, 24)).columns))


def allows_colour(stream: TextIO) -> bool:
    """Say whether a stream is a terminal whose user did not refuse colours (`NO_COLOR`)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def text_width(text: str) -> int:
    """Return the columns that text takes: wide characters take two, combining ones none.

    Examples
    --------
    >>> text_width("mill"), text_width("水車"), text_width("e\u0301")
    (4, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def side_by_side(
    stretches: Iterable[Stretch],
    *,
    heads: tuple[str, str],
    width: int,
    has_colour: bool = False,
    ends: tuple[bool, bool] = (True, True),
) -> list[str]:
    """Return two texts as lines of two columns, hidden characters written out.

    Parameters
    ----------
    stretches
        The texts, stretch by stretch.
    heads
        What stands above the columns.
    width
        Columns of the terminal.
    has_colour
        Whether differing words get a colour beside their marks.
    ends
        Whether each text ends where it ends here; one that goes on gets an ellipsis.

    Examples
    --------
    >>> from gristmill.report.word_differences import stretches
    >>> found = stretches("the old mill", "the new mill", limit=99)
    >>> for line in side_by_side(found, heads=("kept", "removed"), width=43):
    ...     print(line)
    kept                 | removed
    -------------------- | --------------------
    the [-old-] mill     | the {+new+} mill
    """
    columns = (width - len(SEPARATOR)) // 2
    layout = _Layout(columns)
    for stretch in stretches:
        if stretch.differs:
            layout.add_differing(stretch)
        elif len(stretch.left) == len(stretch.right):
            layout.add_shared(stretch)
        else:
            # The end of a text that was cut off: neither shared nor known to differ.
            layout.add_open(stretch)
    layout.end(ends)
    lines = [_joined([(heads[0], False)], [(heads[1], False)], columns, has_colour=False)]
    lines.append(SEPARATOR.join(["-" * columns] * 2))
    return lines + [_joined(left, right, columns, has_colour=has_colour) for left, right in layout.rows]


class _Layout:
    """Fills rows of two cells."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self.rows: list[tuple[list[Piece], list[Piece]]] = [([], [])]

    def add_shared(self, stretch: Stretch) -> None:
        """Add words that both have: both columns break at the same one."""
        for word, other in zip(stretch.left, stretch.right, strict=True):
            if "\n" in word and "\n" in other:
                self._break()
                continue
            for part in _parts(word, self._columns):
                if any(_width(cell) + text_width(part) > self._columns for cell in self.rows[-1]):
                    self._break()
                if part != " " or any(self.rows[-1]):
                    for cell in self.rows[-1]:
                        cell.append((part, False))

    def add_differing(self, stretch: Stretch) -> None:
        """Add what differs, marked, to either column for itself."""
        self._add_apart(
            [
                _marked(words, marks) if words else []
                for words, marks in zip((stretch.left, stretch.right), MARKS, strict=True)
            ]
        )

    def add_open(self, stretch: Stretch) -> None:
        """Add what stands in either text, unmarked."""
        self._add_apart([[(word, False) for word in words] for words in (stretch.left, stretch.right)])

    def _add_apart(self, sides: Sequence[Sequence[Piece]]) -> None:
        first = len(self.rows) - 1
        for side, pieces in enumerate(sides):
            row = first
            for text, differs in pieces:
                for part in _parts(text, self._columns):
                    if _width(self.rows[row][side]) + text_width(part) > self._columns:
                        row += 1
                        if row == len(self.rows):
                            self._break()
                    if part != " " or self.rows[row][side]:
                        self.rows[row][side].append((part, differs))

    def end(self, ends: tuple[bool, bool]) -> None:
        """Add an ellipsis to texts that go on."""
        for side, is_end in enumerate(ends):
            filled = [row[side] for row in self.rows if row[side]] or [self.rows[-1][side]]
            if not is_end:
                filled[-1].append(("\u2026", False))

    def _break(self) -> None:
        # Paragraphs need no empty rows here.
        if any(self.rows[-1]):
            self.rows.append(([], []))


def _marked(words: Sequence[str], marks: tuple[str, str]) -> list[Piece]:
    """Return words with a mark at the first and at the last one."""
    shown = [" " if word.isspace() else word for word in words]
    shown[0] = marks[0] + shown[0]
    shown[-1] += marks[1]
    return [(word, True) for word in shown]


def _parts(word: str, columns: int) -> Iterator[str]:
    """Yield a word, cut where it is wider than a column; white space as one space."""
    word = " " if word.isspace() else visible(word)
    if text_width(word) <= columns:
        yield word
        return
    part, width = "", 0
    for character in word:
        if width + _character_width(character) > columns:
            yield part
            part, width = "", 0
        part += character
        width += _character_width(character)
    yield part


def _width(cell: Sequence[Piece]) -> int:
    return sum(text_width(text) for text, _ in cell)


def _joined(left: Sequence[Piece], right: Sequence[Piece], columns: int, *, has_colour: bool) -> str:
    cells = []
    for side, cell in enumerate((left, right)):
        runs = ("".join(text for text, _ in run) for _, run in groupby(cell, key=itemgetter(1)))
        marks = (differs for differs, _ in groupby(cell, key=itemgetter(1)))
        painted = "".join(
            f"\x1b[{COLOURS[side]}m{text}\x1b[0m" if differs and has_colour else text
            for text, differs in zip(runs, marks, strict=True)
        )
        cells.append(painted + " " * (columns - _width(cell)))
    return SEPARATOR.join(cells).rstrip()
