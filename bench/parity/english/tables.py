"""Writes the tables of the English word tokens from spaCy itself. Run in an environment with datatrove and spaCy.

python bench/parity/english/tables.py rust/core/src/segment/english

- `exceptions.tsv`: spaCy's special cases, each with its tokens, and with the tokens that its affix rules alone give
  where spaCy looks for those in the finished tokens.
- `characters.tsv`: for runs of characters, what spaCy's regular expressions, the sentencizer, datatrove and Python
  make of them; the bits are those of `characters.rs`.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from importlib.metadata import version
from pathlib import Path

import spacy
from datatrove.utils.text import PUNCTUATION_SET
from spacy.lang import char_classes
from spacy.pipeline import Sentencizer
from spacy.symbols import ORTH

NLP = spacy.blank("en")
TOKENIZER = NLP.tokenizer


def exceptions() -> list[str]:
    """Return a line an exception: the string, its tokens, and the tokens of the affix rules or nothing."""
    plain = type(TOKENIZER)(
        NLP.vocab,
        {},
        TOKENIZER.prefix_search,
        TOKENIZER.suffix_search,
        TOKENIZER.infix_finditer,
        TOKENIZER.token_match,
        TOKENIZER.url_match,
    )
    lines = []
    for string, substrings in sorted(TOKENIZER.rules.items()):
        if any(character.isspace() for character in string):
            continue
        tokens = [substring[ORTH] for substring in substrings]
        by_affixes = []
        if TOKENIZER.find_prefix(string) or TOKENIZER.find_infix(string) or TOKENIZER.find_suffix(string):
            by_affixes = [token.text for token in plain(string)]
            if len(by_affixes) == 1:
                if by_affixes != tokens:
                    raise SystemExit(f"{string}: one token that spaCy would split; not provided for")
                by_affixes = []
        lines.append("\t".join([string, " ".join(tokens), " ".join(by_affixes)]))
    return lines


def one_of(characters: str) -> re.Pattern[str]:
    """Return a pattern of one character of a class as spaCy writes it."""
    return re.compile(f"[{characters}]")


def bits(character: str, classes: dict[str, re.Pattern[str]]) -> int:
    """Return the classes of a character as bits, the first class the lowest."""
    prefix = TOKENIZER.prefix_search(character)
    suffix = TOKENIZER.suffix_search("x" + character)
    holds = [
        prefix is not None and prefix.end() == 1,
        suffix is not None and suffix.start() == 1,
        TOKENIZER.suffix_search(character + ".") is not None,
        *(pattern.match(character) is not None for pattern in classes.values()),
        character.isalpha(),
        character in PUNCTUATION_SET,
        unicodedata.category(character).startswith("P"),
        character in Sentencizer.default_punct_chars,
        TOKENIZER.suffix_search("0" + character) is not None and suffix is None,
    ]
    return sum(1 << position for position, holding in enumerate(holds) if holding)


def characters() -> list[str]:
    """Return a line a run of characters of the same classes: first and last code point, bits, in base 16."""
    classes = {
        "lower": one_of(char_classes.ALPHA_LOWER),
        "upper": one_of(char_classes.ALPHA_UPPER),
        "alpha": one_of(char_classes.ALPHA),
        "quote": one_of(char_classes.CONCAT_QUOTES),
        "icon": one_of(char_classes.CONCAT_ICONS),
        "digit": re.compile(r"\d"),
        "word": re.compile(r"\w"),
    }
    lines = []
    start, current = 0, 0
    for code in range(0x110001):
        is_character = code < 0x110000 and not 0xD800 <= code < 0xE000
        new = bits(chr(code), classes) if is_character else 0
        if new != current or code == 0x110000:
            if current:
                lines.append(f"{start:x}\t{code - 1:x}\t{current:x}")
            start, current = code, new
    return lines


def main() -> None:
    """Write both files to the folder named on the command line."""
    folder = Path(sys.argv[1])
    source = f"spaCy {version('spacy')} (MIT licence, (C) ExplosionAI GmbH, spaCy GmbH, Matthew Honnibal)"
    of_characters = (
        f"# Table of {source}, datatrove {version('datatrove')} (Apache-2.0 licence) and Unicode "
        f"{unicodedata.unidata_version}: first character, last character, bits; in base 16."
    )
    files = {
        "exceptions.tsv": (f"# Table of {source}: string, tokens, tokens by affixes alone.", exceptions()),
        "characters.tsv": (of_characters, characters()),
    }
    for name, (header, lines) in files.items():
        (folder / name).write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
