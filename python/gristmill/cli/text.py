"""Corpus text on a terminal: nothing in it may move the cursor, change colours or reverse the reading direction."""

from __future__ import annotations

import json

from gristmill.curate.words import counted
from gristmill.report.visible import shorten, visible

__all__ = ["counted", "one_line", "shorten", "value_words", "visible"]


def one_line(text: str, limit: int) -> str:
    r"""Return text as one line of at most `limit` characters, hidden characters written out.

    Examples
    --------
    >>> one_line("a\nb\x1b[31mc", 40)
    'a\\nb\\u{1B}[31mc'
    """
    # Cut first, since a document can be megabytes long; escapes can only make it longer.
    shown = visible(text[: limit + 1]).replace("\n", "\\n").replace("\t", "\\t")
    return shorten(shown, limit)


def value_words(value: object, limit: int = 160) -> str:
    r"""Return a value of a table for a reader: bytes as hexadecimal digits, lists cut, text on one line.

    Examples
    --------
    >>> value_words(b"\x01\xff"), value_words([1, 2, 3]), value_words(None)
    ('01ff', '[1, 2, 3]', 'null')
    """
    if value is None:
        return "null"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, str):
        return one_line(value, limit)
    if isinstance(value, list):
        head = ", ".join(value_words(item, 20) for item in value[:12])
        return f"[{head}]" if len(value) <= 12 else f"[{head}, … {len(value):,} in all]"
    if isinstance(value, dict):
        return one_line(json.dumps(value, ensure_ascii=False, default=str), limit)
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)
