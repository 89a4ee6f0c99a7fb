"""Control tokens that contents spell: marked before a template runs, so that its own can be told from them.

A mark is one noncharacter that occurs nowhere in the record, put behind the first character of each control token that
a content spells. What the template then makes is searched for marks: they are taken out, and where they were is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MARKS = tuple(chr(code) for code in range(0xFDD0, 0xFDF0))
"""Noncharacters: Unicode promises that no text holds them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unmarked:
    """A text whose marks are taken out.

    Parameters
    ----------
    text
        Without marks.
    places
        Where they were, in characters of `text`, ascending.
    """

    text: str
    places: tuple[int, ...]

    def moved(self, position: int) -> int:
        """Return where a position of the marked text is in `text`."""
        return position - sum(place + number < position for number, place in enumerate(self.places))


class ControlTokens:
    """The strings that a tokenizer turns into control tokens.

    Parameters
    ----------
    controls
        The strings; those of one character are known, but cannot be marked.

    Examples
    --------
    >>> controls = ControlTokens(["<eos>", "<e"])
    >>> marked = controls.mark({"content": "a <eos>", "role": "<eos>"}, "|")
    >>> marked
    {'content': 'a <|eos>', 'role': '<eos>'}
    >>> found = take_marks_out("x a <|eos>", "|")
    >>> found.text, controls.spelled(found)
    ('x a <eos>', [(4, 9)])
    """

    def __init__(self, controls: Iterable[str]) -> None:
        self._controls = sorted(
            {control for control in controls if control}, key=lambda text: (-len(text), text)
        )
        longest_first = "|".join(re.escape(control) for control in self._controls)
        # Look-ahead, so that overlapping ones are found too.
        self._pattern = re.compile(f"(?=({longest_first}))") if self._controls else None

    def __contains__(self, text: str) -> bool:
        return self._pattern is not None and self._pattern.search(text) is not None

    def mark(self, value: object, mark: str) -> object:
        """Return JSON values with every spelled control token marked; roles and names of fields stay."""
        if isinstance(value, str):
            return self._mark_text(value, mark)
        if isinstance(value, Mapping):
            return {
                key: item if key == "role" and isinstance(item, str) else self.mark(item, mark)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.mark(item, mark) for item in value]
        return value

    def _mark_text(self, text: str, mark: str) -> str:
        if self._pattern is None:
            return text
        pieces = []
        copied = 0
        for found in self._pattern.finditer(text):
            cut = found.start() + 1
            pieces += [text[copied:cut], mark]
            copied = cut
        return "".join([*pieces, text[copied:]]) if pieces else text

    def spelled(self, found: Unmarked) -> list[tuple[int, int]]:
        """Return where marked control tokens stand in a text without its marks, in characters."""
        spans = []
        for place in found.places:
            start = place - 1
            match = (
                self._pattern.match(found.text, start) if self._pattern is not None and start >= 0 else None
            )
            if match is not None:
                spans.append((start, match.end(1)))
        return spans

    def first_in(self, text: str) -> tuple[int, int] | None:
        """Return where the first control token of a text stands, the longest of those that begin there."""
        found = None if self._pattern is None else self._pattern.search(text)
        return None if found is None else (found.start(), found.end(1))

    def last_in(self, text: str, start: int, end: int) -> tuple[int, int] | None:
        """Return where the last control token that ends by `end` stands in a text, searching from `start` on."""
        last = None
        if self._pattern is not None:
            for found in self._pattern.finditer(text, start, end):
                if found.end(1) <= end:
                    last = (found.start(), found.end(1))
        return last


def free_mark(texts: Sequence[str]) -> str | None:
    r"""Return a noncharacter that none of the texts holds, or None.

    Examples
    --------
    >>> ascii(free_mark(["a", chr(0xFDD0)]))
    "'\\ufdd1'"
    """
    return next((mark for mark in MARKS if not any(mark in text for text in texts)), None)


def take_marks_out(text: str, mark: str) -> Unmarked:
    """Return a text without its marks, and where they were."""
    places = []
    pieces = text.split(mark)
    length = 0
    for piece in pieces[:-1]:
        length += len(piece)
        places.append(length)
    return Unmarked(text="".join(pieces), places=tuple(places))


def control_tokens_of(tokenizer: Mapping[str, object], special: object) -> list[str]:
    """Return the strings that a `tokenizer.json` turns into control tokens, apart from allowed ones; as the engine.

    Parameters
    ----------
    tokenizer
        The parsed file.
    special
        The recipe's `special`: ``"plain"``, ``"hf"`` (all are allowed), or a table that lists some under ``allow``.

    Examples
    --------
    >>> added = [{"content": "<s>", "id": 0, "special": True}, {"content": "ab", "id": 1, "special": False}]
    >>> control_tokens_of({"added_tokens": added, "model": {"vocab": {"ab": 1}}}, "plain")
    ['<s>']
    """
    if special == "hf":
        return []
    allowed = special.get("allow", []) if isinstance(special, Mapping) else []
    model = tokenizer.get("model")
    entries = model.get("vocab") if isinstance(model, Mapping) else None
    if isinstance(entries, list):
        vocabulary = {str(piece[0]) for piece in entries}
    else:
        vocabulary = set(entries) if isinstance(entries, Mapping) else set()
    added = tokenizer.get("added_tokens")
    return [
        str(token["content"])
        for token in (added if isinstance(added, list) else [])
        if (token.get("special") or token["content"] not in vocabulary) and token["content"] not in allowed
    ]
