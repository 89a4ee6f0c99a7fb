"""Word 5-grams as rensa and datasketch want them: those libraries take tokens and leave words to their users."""

from __future__ import annotations

import re

WORD = re.compile(r"\w+")
SHINGLE_WORDS = 5


def shingles(text: str) -> list[str]:
    """Return the runs of five lower-case words, joined by spaces; of a shorter text its whole sequence.

    Examples
    --------
    >>> shingles("One, two three four five six.")
    ['one two three four five', 'two three four five six']
    """
    words = WORD.findall(text.lower())
    if len(words) < SHINGLE_WORDS:
        return [" ".join(words)] if words else []
    shifted = [words[at:] for at in range(SHINGLE_WORDS)]
    return [" ".join(run) for run in zip(*shifted, strict=False)]
