"""Two texts word by word: what both have, and what only one has. Not here: how a difference is shown."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from gristmill.report.blocks import Run

# Thai to Myanmar, Khmer, kana, Han: scripts without spaces, where a run of letters is no word.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_WORDS = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+|\s+|[^\w\s]")

CHANCE_WORDS = 2
"""So few shared words between longer differences belong to the difference."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """A stretch of two texts: the words that both have, or what stands in either where they differ."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    differs: bool


def words_of(text: str) -> list[str]:
    """Return a text in pieces: words, white space, single marks, single characters of scripts without spaces.

    Examples
    --------
    >>> words_of("Mill, 水車")
    ['Mill', ',', ' ', '水', '車']
    """
    return _WORDS.findall(text)


def stretches(left: str, right: str, *, limit: int) -> list[Stretch]:
    r"""Return the first `limit` characters of two texts in stretches that they share and stretches that differ.

    White space is not compared, as similarities do not compare it. Where a text was cut off and one of the two goes on
    at the end, that is no difference: what follows is not known to differ. Cost: grows with the product of the numbers
    of words, at worst.

    Parameters
    ----------
    left, right
        The texts.
    limit
        Characters of each that are compared.

    Examples
    --------
    >>> [found.right for found in stretches("one two three", "one  2\nthree", limit=99) if found.differs]
    [('2',)]
    """
    words = [words_of(text[:limit]) for text in (left, right)]
    compared = [[" " if word.isspace() else word for word in side] for side in words]
    is_cut = len(left) >= limit or len(right) >= limit
    codes = difflib.SequenceMatcher(None, compared[0], compared[1], autojunk=False).get_opcodes()
    found: list[Stretch] = []
    for number, (tag, left_from, left_to, right_from, right_to) in enumerate(codes, start=1):
        one = Stretch(
            left=tuple(words[0][left_from:left_to]),
            right=tuple(words[1][right_from:right_to]),
            differs=tag != "equal"
            and not all(
                word.isspace() for word in (*words[0][left_from:left_to], *words[1][right_from:right_to])
            ),
        )
        if one.differs and is_cut and number == len(codes) and _is_beginning(one):
            one = Stretch(left=one.left, right=one.right, differs=False)
        found.append(one)
    return _merged(found)


def _is_beginning(one: Stretch) -> bool:
    """Say whether one side is the beginning of the other: a word may be cut, too."""
    shorter, longer = sorted(("".join(one.left), "".join(one.right)), key=len)
    return longer.startswith(shorter)


def _is_chance(before: Stretch, shared: Stretch, after: Stretch) -> bool:
    """Say whether no word is shared, or so few that they are likely to be in any two texts of such length."""
    num_shared = sum(word[0].isalnum() for word in shared.left)
    shortest = min(
        sum(word[0].isalnum() for word in max(one.left, one.right, key=len)) for one in (before, after)
    )
    return num_shared == 0 or (num_shared <= CHANCE_WORDS and shortest >= 2 * CHANCE_WORDS)


def _merged(found: list[Stretch]) -> list[Stretch]:
    """Join differences with hardly anything between them: shared spaces, marks and chance words say nothing."""
    merged: list[Stretch] = []
    for place, one in enumerate(found):
        is_between = not one.differs and 0 < place < len(found) - 1 and found[place + 1].differs
        is_bridge = is_between and _is_chance(found[place - 1], one, found[place + 1])
        if merged and merged[-1].differs and (one.differs or is_bridge):
            before = merged.pop()
            merged.append(Stretch(left=before.left + one.left, right=before.right + one.right, differs=True))
        else:
            merged.append(one)
    return merged


def marked_differences(left: str, right: str, *, limit: int) -> tuple[list[Run], list[Run]]:
    """Return the first `limit` characters of both texts as runs; words that the other lacks are marked.

    White space is not compared. Where a text was cut off and one of the two goes on at the end, nothing is marked
    there.

    Examples
    --------
    >>> left, right = marked_differences("one two three", "one 2 three", limit=99)
    >>> [run.text for run in left if run.differs], [run.text for run in right if run.differs]
    (['two'], ['2'])
    """
    sides: tuple[list[Run], list[Run]] = ([], [])
    for stretch in stretches(left, right, limit=limit):
        for side, part in zip(sides, (stretch.left, stretch.right), strict=True):
            if part:
                side.append(Run(text="".join(part), differs=stretch.differs))
    for side, text in zip(sides, (left, right), strict=True):
        if len(text) >= limit:
            side.append(Run(text="\u2026", differs=False))
    return sides
