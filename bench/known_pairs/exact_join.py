"""Every pair of documents with a similarity of at least some value, by counting shared shingles: no hash, no sketch.

The definition of `minhash_dedup`, written down a second time: the Jaccard similarity of the sets of 5 words in a row,
in lower case, punctuation dropped; a document of fewer words is one shingle. Slow: for some ten thousand documents.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

WORD = re.compile(r"\w+")
SHINGLE_WORDS = 5


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Return the set of shingles of a text of letters, digits and ASCII punctuation.

    Examples
    --------
    >>> sorted(shingles("One, two."))
    [('one', 'two')]
    """
    words = [word.lower() for word in WORD.findall(text) if word.strip("_")]
    if len(words) < SHINGLE_WORDS:
        return frozenset([tuple(words)] if words else [])
    return frozenset(tuple(words[at : at + SHINGLE_WORDS]) for at in range(len(words) - SHINGLE_WORDS + 1))


def jaccard(left: frozenset[tuple[str, ...]], right: frozenset[tuple[str, ...]]) -> float:
    """Return the similarity of two sets; 0 when both are empty."""
    shared = len(left & right)
    whole = len(left) + len(right) - shared
    return shared / whole if whole else 0.0


def exact_join(texts: Sequence[str], least: float) -> dict[tuple[int, int], float]:
    """Return the similarity of every pair of documents that have at least `least`, by (smaller, larger) position."""
    sets = [shingles(text) for text in texts]
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    pairs: dict[tuple[int, int], float] = {}
    for position, own in enumerate(sets):
        shared: Counter[int] = Counter()
        for shingle in own:
            shared.update(holders[shingle])
            holders[shingle].append(position)
        for other, number in shared.items():
            similarity = number / (len(own) + len(sets[other]) - number)
            if similarity >= least:
                pairs[other, position] = similarity
    return pairs
