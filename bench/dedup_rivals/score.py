"""Judges a tool's decisions by the exact join. Nothing here knows how the tool works."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

LEVELS = (0.8, 0.85, 0.9, 0.95)


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """How good a set of removals is at a similarity J of 0.8.

    Parameters
    ----------
    removed
        Documents that the tool calls duplicates.
    recall
        By level, the share of the documents with a partner of at least that similarity that are found: removed, or
        such a partner is. Says nothing about whether the removal was right.
    pairs_left
        Pairs of at least 0.8 of which both documents stay.
    lost
        Removed documents for which no document stays that is at least 0.8 similar.
    alone
        Of those, documents to which nothing in the whole set is that similar.
    precision
        1 - lost / removed.
    removed_of_corpus, lost_of_corpus
        The same counts among the documents that the corpus has as they are, without the made ones.
    """

    removed: int
    recall: Mapping[str, float]
    pairs_left: int
    lost: int
    alone: int
    precision: float
    removed_of_corpus: int
    lost_of_corpus: int

    def as_dict(self) -> dict[str, object]:
        """Return the fields by name."""
        return asdict(self)


def score(decisions: Path, truth: Mapping[str, object], min_similarity: float = 0.8) -> Score:
    """Compare a tool's decisions with the truth that `documents.py` wrote."""
    removed = {
        row for row, line in enumerate(decisions.open(encoding="utf-8")) if json.loads(line)["is_duplicate"]
    }
    partners: dict[int, dict[int, float]] = defaultdict(dict)
    for left, right, similarity in truth["pairs"]:  # type: ignore[attr-defined]
        partners[left][right] = partners[right][left] = similarity
    similar = {
        level: {
            row: [other for other, value in near.items() if value >= level]
            for row, near in partners.items()
            if max(near.values()) >= level
        }
        for level in {*LEVELS, min_similarity}
    }
    recall = {}
    for level in LEVELS:
        near = similar[level]
        found = sum(row in removed or any(other in removed for other in near[row]) for row in near)
        recall[str(level)] = found / len(near) if near else 1.0
    at_least = similar[min_similarity]
    lost = [row for row in removed if not any(other not in removed for other in at_least.get(row, ()))]
    first_of_corpus = int(truth["known_pairs_documents"])  # type: ignore[call-overload]
    return Score(
        removed=len(removed),
        recall=recall,
        pairs_left=sum(
            row < other and other not in removed
            for row in at_least
            if row not in removed
            for other in at_least[row]
        ),
        lost=len(lost),
        alone=sum(row not in at_least for row in lost),
        precision=1 - len(lost) / len(removed) if removed else 1.0,
        removed_of_corpus=sum(row >= first_of_corpus for row in removed),
        lost_of_corpus=sum(row >= first_of_corpus for row in lost),
    )
