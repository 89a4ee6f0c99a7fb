"""Finds comments and strings, in Python: the slow, obvious version, and what runs where nothing compiled is installed.

`gristmill-code-native` does the same on bytes and is many times faster; `tests/test_native.py` compares the two. Not
here: what comments look like (`syntaxes`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gristmill_code.syntaxes import Form

BLANK = " \t\n\r\v\f"
"""White space here is ASCII's; it is never counted."""
_NO_BLANKS = dict.fromkeys(map(ord, BLANK))
_WORD_START = BLANK + ";|&()"
_LONGEST_ESCAPE = 12
"""Characters of an escape in a character literal, such as ``\\u{10FFFF}``, and a bit."""
_IDENTIFIER = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """Characters of a text that are not white space: all, in comments, in strings; and the number of comments."""

    num_characters: int
    num_comment_characters: int
    num_string_characters: int
    num_comments: int


def measure(text: str, forms: Sequence[Form]) -> Shares:
    """Return how much of a text is comment and how much string.

    Examples
    --------
    >>> from gristmill_code.syntaxes import SYNTAXES
    >>> measure('x = "# no"  # yes', SYNTAXES["python"])
    Shares(num_characters=11, num_comment_characters=4, num_string_characters=5, num_comments=1)
    """
    spans = find(text, forms)
    comments = [_num_visible(text[start:end]) for start, end, form in spans if form.is_comment]
    strings = [_num_visible(text[start:end]) for start, end, form in spans if not form.is_comment]
    return Shares(
        num_characters=_num_visible(text),
        num_comment_characters=sum(comments),
        num_string_characters=sum(strings),
        num_comments=len(comments),
    )


def find(text: str, forms: Sequence[Form]) -> list[tuple[int, int, Form]]:
    """Return start, end (in characters) and form of every comment and string, in order, none inside another."""
    if not forms:
        return []
    ordered = sorted(forms, key=lambda form: -len(form.open))
    first = re.compile("[" + re.escape("".join(sorted({form.open[0] for form in forms}))) + "]")
    spans: list[tuple[int, int, Form]] = []
    position = 0
    while (hit := first.search(text, position)) is not None:
        start = position = hit.start()
        for form in ordered:
            end = _end(text, start, form) if _opens(text, start, form) else None
            if end is not None:
                spans.append((start, end, form))
                position = end
                break
        else:
            position += 1
    return spans


def _opens(text: str, start: int, form: Form) -> bool:
    if not text.startswith(form.open, start):
        return False
    if form.word_start and start and text[start - 1] not in _WORD_START:
        return False
    if form.ending == "raw" and start and text[start - 1] in _IDENTIFIER:
        return False
    if form.line_start:
        before = start
        while before and text[before - 1] in BLANK and text[before - 1] != "\n":
            before -= 1
        return before == 0 or text[before - 1] == "\n"
    return True


def _end(text: str, start: int, form: Form) -> int | None:
    inside = start + len(form.open)
    if form.ending == "line":
        end = text.find("\n", min(inside, len(text)) - (form.open[-1] == "\n"))
        return len(text) if end < 0 else end
    if form.ending == "character":
        return _end_of_character(text, inside, form)
    if form.ending == "raw":
        quote = inside
        while text.startswith("#", quote):
            quote += 1
        if not text.startswith('"', quote):
            return None
        return _after(text, '"' + "#" * (quote - inside), quote + 1)
    return _end_of_closed(text, inside, form)


def _end_of_character(text: str, inside: int, form: Form) -> int | None:
    if text.startswith("\\", inside):
        end = text.find(form.close, inside + 2, inside + _LONGEST_ESCAPE)
        return None if end < 0 else end + len(form.close)
    if text[inside : inside + 1] in ("", "\n", form.close):
        return None
    return inside + 1 + len(form.close) if text.startswith(form.close, inside + 1) else None


def _end_of_closed(text: str, inside: int, form: Form) -> int:
    depth, position = 1, inside
    while position < len(text):
        if form.escape and text[position] == "\\":
            # A line broken by a backslash goes on where strings end with their line.
            position += 2
        elif text.startswith(form.close, position):
            depth -= 1
            position += len(form.close)
            if depth == 0:
                return position
        elif form.nested and text.startswith(form.open, position):
            depth += 1
            position += len(form.open)
        elif not form.multiline and text[position] == "\n":
            return position
        else:
            position += 1
    return len(text)


def _after(text: str, close: str, position: int) -> int:
    end = text.find(close, position)
    return len(text) if end < 0 else end + len(close)


def _num_visible(text: str) -> int:
    return len(text.translate(_NO_BLANKS))
