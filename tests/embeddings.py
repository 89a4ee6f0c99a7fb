"""Embeddings without a model: hashed words, weighted by rarity, projected to few dimensions. The same everywhere.

They are no good embeddings, but real text makes them: documents that share most of their words point the same way, and
unrelated ones hardly do.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import gristmill

CORPUS = Path(__file__).parents[1] / "examples" / "quickstart" / "corpus"
_WORD = re.compile(r"\w+")


def real_texts(limit: int = 400) -> list[str]:
    """Return texts of the quickstart corpus: manuals, help pages, licences and books, some of them near duplicates."""
    texts: list[str] = []
    for path in sorted(CORPUS.iterdir()):
        for batch in gristmill.read(path):
            texts += [text for text in batch.column("text").to_pylist() if text]
    return texts[:: max(1, len(texts) // limit)]


def embed(texts: Sequence[str], dimension: int) -> list[list[float]]:
    """Return a vector for each text: the sum of its words' directions, each weighted by count and rarity (TF-IDF)."""
    counted = [Counter(word.lower() for word in _WORD.findall(text)) for text in texts]
    seen = Counter(word for words in counted for word in words)
    directions = {word: _direction(word, dimension) for word in seen}
    vectors = []
    for words in counted:
        vector = [0.0] * dimension
        for word, count in sorted(words.items()):
            weight = (1 + math.log(count)) * math.log(1 + len(texts) / seen[word])
            vector = [total + weight * sign for total, sign in zip(vector, directions[word], strict=True)]
        vectors.append([_single(value) for value in vector])
    return vectors


def _direction(word: str, dimension: int) -> list[int]:
    """Return -1 or 1 for each dimension (a random projection of Achlioptas 2003), from the word's hash."""
    bits = int.from_bytes(hashlib.shake_128(word.encode()).digest((dimension + 7) // 8), "little")
    return [1 if bits >> position & 1 else -1 for position in range(dimension)]


def _single(value: float) -> float:
    """Return a number with few digits, so that 32 and 64 bits hold the same after one rounding."""
    return round(value * 1024) / 1024


def cosine(left: Sequence[float], right: Sequence[float]) -> float:
    """Return the cosine of two vectors, summed exactly."""
    product = math.fsum(a * b for a, b in zip(left, right, strict=True))
    return product / math.sqrt(_square(left) * _square(right))


def _square(vector: Iterable[float]) -> float:
    return math.fsum(value * value for value in vector)
