"""Writes out characters that a reader cannot see but a terminal, a browser or a reading direction obeys."""

from __future__ import annotations

import re

# C0 without tab and newline, DEL and C1, Arabic letter mark, zero-width space, direction marks, separators,
# embeddings and overrides, word joiner and invisible operators, isolates, byte-order mark, interlinear marks,
# language tags, lone surrogates. Zero-width (non-)joiners stay: Persian, Hindi and emoji need them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)


def visible(text: str) -> str:
    r"""Return `text` with control, direction and other hidden characters written as ``\u{HEX}``.

    A carriage return before a newline is dropped, not written out, since it only ends a line.

    Examples
    --------
    >>> visible("user\u202etxt.exe")
    'user\\u{202E}txt.exe'
    >>> visible("plain\ttext\n")
    'plain\ttext\n'
    """
    return _HIDDEN.sub(lambda match: f"\\u{{{ord(match[0]):X}}}", text.replace("\r\n", "\n"))


def shorten(text: str, limit: int) -> str:
    """Return `text`, or its first `limit` characters and an ellipsis.

    Examples
    --------
    >>> shorten("abcdef", 3)
    'abc…'
    """
    return text if len(text) <= limit else text[:limit] + "…"
