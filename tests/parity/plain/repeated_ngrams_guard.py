"""The rule `repeated_ngrams_guard` in plain Python, copy by copy; OLMo's function on the same units must agree."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

CONFIGS = [{}, {"min_period": 2, "max_period": 4}, {"max_period": 1}]
TEXTS = (
    "Heading\n-------\n" + "no, " * 31 + "no",
    "x = 'g4OD" + "g4OD" * 40 + "' # data",
    "a b c d e f g h i j k l m n " * 33,
    "|---" * 12 + "\n" + "=" * 2049,
    "漢字" * 20,
)
ALONE = ("CJK UNIFIED", "HIRAGANA", "THAI", "LAO", "KHMER", "MYANMAR")


def units(text: str) -> list[tuple[str, int, int]]:
    """Return words and rows of marks, long ones character by character, each with its first and last place."""
    tokens: list[list[int]] = []
    is_run = is_open = False
    for at, character in enumerate(text):
        category = unicodedata.category(character)
        is_alone = category[0] == "L" and unicodedata.name(character, "").startswith(ALONE)
        is_word = category[0] in "LMN" or character == "_"
        if character.isspace():
            is_run = is_open = False
        elif (is_open and category[0] == "M") or (is_run and is_word and not is_alone):
            tokens[-1][1] = at + 1
        else:
            tokens.append([at, at + 1])
            is_run, is_open = is_word and not is_alone, True
    runs: list[tuple[int, int, bool]] = []
    for start, end in tokens:
        is_row = not any(unicodedata.category(character)[0] in "LN" for character in text[start:end])
        if is_row and runs and runs[-1][2] and runs[-1][1] == start:
            runs[-1] = (runs[-1][0], end, True)
        else:
            runs.append((start, end, is_row))
    found = []
    for start, end, is_row in runs:
        if end - start > (2048 if is_row else 128):
            found += [(text[at], at, at + 1) for at in range(start, end)]
        else:
            found.append((text[start:end], start, end))
    return found


def values(text: str, config: Mapping[str, object]) -> dict[str, object]:
    """Return the columns."""
    found = units(text)
    words = [word for word, _, _ in found]
    copies, period, first = 0, 0, 0
    for length in range(config.get("min_period", 1), config.get("max_period", 13) + 1):
        for start in range(len(words) - length + 1):
            if (len(words) - start) // length <= copies:
                break
            sequence = words[start : start + length]
            number = 1
            while words[start + number * length : start + (number + 1) * length] == sequence:
                number += 1
            if number > copies:
                copies, period, first = number, length, start
    assert (copies >= 32) == olmo(words, config), "OLMo's own way to count says otherwise"
    place = num_bytes = 0
    if copies:
        start, end = found[first][1], found[first + copies * period - 1][2]
        place, num_bytes = len(text[:start].encode()), len(text[start:end].encode())
    return {"num_repeats": copies, "repeat_period": period, "repeat_start": place, "repeat_bytes": num_bytes}


def olmo(words: list[str], config: Mapping[str, object]) -> bool:
    """Return whether some stream of non-overlapping n-grams holds 32 equal ones in a row, as datamap-rs looks for it."""
    for length in range(config.get("min_period", 1), config.get("max_period", 13) + 1):
        for offset in range(length):
            last, streak = None, 0
            for start in range(offset, len(words) - length + 1, length):
                ngram = tuple(words[start : start + length])
                streak = streak + 1 if ngram == last else 1
                last = ngram
                if streak >= 32:
                    return True
    return False
