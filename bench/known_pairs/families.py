"""Documents with known similarities: families of edited copies of real texts, and templates shared by different ones.

Everything follows from the seed and the texts. A copy has single words or one stretch of words replaced,
until its similarity to the original is near the wanted one; what it really is, `exact_join` computes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SIMILARITIES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
COPIES_A_FAMILY = 4
TEMPLATE_SHARES = (0.2, 0.3, 0.4, 0.5, 0.6)
DOCUMENTS_A_TEMPLATE = 60
SHINGLE_WORDS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A document of the set.

    Parameters
    ----------
    text
        The text.
    origin
        ``family:N`` or ``template:N``: documents of other origins share nothing on purpose.
    """

    text: str
    origin: str


def make(texts: Sequence[str], *, num_families: int, num_templates: int, seed: int) -> Iterator[Made]:
    """Yield the documents in random order.

    Parameters
    ----------
    texts
        Real texts of some hundred words each, all different: `num_families` and 61 a template are used.
    num_families, num_templates
        How many of each.
    seed
        Decides everything.
    """
    chance = random.Random(seed)
    pool = iter(texts)
    made: list[Made] = []
    for number in range(num_families):
        original = next(pool).split()
        made.append(Made(text=" ".join(original), origin=f"family:{number}"))
        for _ in range(chance.randint(1, COPIES_A_FAMILY)):
            wanted = chance.choice(SIMILARITIES)
            made.append(Made(text=" ".join(edited(original, wanted, chance)), origin=f"family:{number}"))
    for number in range(num_templates):
        share = TEMPLATE_SHARES[number % len(TEMPLATE_SHARES)]
        template = next(pool).split()[:150]
        for _ in range(DOCUMENTS_A_TEMPLATE):
            # The rest of a document is a text of its own, so that documents of one template are different ones.
            own = next(pool).split()[: round(len(template) * (1 - share) / share)]
            cut = chance.randint(0, len(own))
            made.append(Made(text=" ".join([*own[:cut], *template, *own[cut:]]), origin=f"template:{number}"))
    chance.shuffle(made)
    yield from made


def edited(words: Sequence[str], wanted: float, chance: random.Random) -> list[str]:
    """Return the words, changed so that about the wanted share of all shingles is shared."""
    if wanted == 1.0:
        return list(words)
    changed = list(words)
    num_shingles = max(1, len(words) - SHINGLE_WORDS + 1)
    # With m of n shingles lost on either side, similarity is (n - m) / (n + m).
    num_lost = round(num_shingles * (1 - wanted) / (1 + wanted))
    kind = chance.choice(("scattered", "scattered", "block"))
    if kind == "block" and num_lost > SHINGLE_WORDS:
        length = num_lost - SHINGLE_WORDS + 1
        start = chance.randint(0, max(0, len(words) - length))
        changed[start : start + length] = [
            f"{word}q{chance.randint(0, 999)}" for word in words[start : start + length]
        ]
        return changed
    lost: set[int] = set()
    for place in chance.sample(range(len(words)), len(words)):
        if len(lost) >= num_lost:
            break
        changed[place] = f"{words[place]}x{chance.randint(0, 999)}"
        lost.update(range(max(0, place - SHINGLE_WORDS + 1), min(num_shingles, place + 1)))
    return changed
