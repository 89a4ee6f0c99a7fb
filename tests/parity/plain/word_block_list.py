"""The rule `word_block_list` in plain Python."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

CONFIGS = [
    {},
    {"words": ["same words", "again", "ONE", "你好", "a", "line one line"]},
    {"words": ["One", "line  one", "😀", "-"], "ignore_case": False},
]
TEXTS = ("One line one line one, ONE line-one.", "Straße STRASSE ΟΔΟΣ οδος")
ALONE = ("CJK UNIFIED", "HIRAGANA", "THAI", "LAO", "KHMER", "MYANMAR")


def tokens(text: str) -> list[str]:
    """Return words, single letters of scripts without spaces, and single other characters with their marks."""
    found: list[str] = []
    is_run = is_open = False
    for character in text:
        category = unicodedata.category(character)
        is_alone = category[0] == "L" and unicodedata.name(character, "").startswith(ALONE)
        is_word = category[0] in "LMN" or character == "_"
        if character.isspace():
            is_run = is_open = False
        elif (is_open and category[0] == "M") or (is_run and is_word and not is_alone):
            found[-1] += character
        else:
            found.append(character)
            is_run, is_open = is_word and not is_alone, True
    return found


def values(text: str, config: Mapping[str, object]) -> dict[str, object]:
    """Return the columns."""

    def folded(some: str) -> list[str]:
        # Character by character: no special final sigma.
        lower = ["".join(character.lower() for character in token) for token in tokens(some)]
        return lower if config.get("ignore_case", True) else tokens(some)

    words = folded(text)
    phrases = {tuple(folded(phrase)) for phrase in config.get("words", ())}
    hits = [
        sum(tuple(words[at : at + len(phrase)]) == phrase for at in range(len(words)))
        for phrase in phrases
        if phrase
    ]
    return {
        "num_hits": sum(hits),
        "num_distinct_hits": sum(hit > 0 for hit in hits),
        "hit_ratio": sum(hits) / len(words) if words else None,
    }
