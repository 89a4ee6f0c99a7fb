"""What integration and fault tests share: a small corpus with known duplicates, a recipe, a tokenizer."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

WORDS = [
    "the",
    "mill",
    "stands",
    "by",
    "the",
    "river",
    "and",
    "grinds",
    "grain",
    "that",
    "farmers",
    "have",
    "brought",
    "with",
    "carts",
    "from",
    "every",
    "village",
    "because",
    "its",
    "stones",
    "turn",
    "slowly",
    "and",
    "of",
    "all",
    "flour",
    "in",
    "the",
    "valley",
    "people",
    "like",
    "to",
    "buy",
    "this",
    "one",
]


def prose(number: int, *, words: int = 80) -> str:
    """Return English-looking text that differs between numbers in most of its 5-grams.

    The words are drawn by a small linear congruential generator, so the text is the same everywhere.
    """
    state = number * 2_654_435_761 % 2**32 + 1
    drawn = []
    for position in range(words):
        state = (state * 1_103_515_245 + 12_345) % 2**31
        drawn.append(WORDS[(state >> 16) % len(WORDS)])
        if position % 11 == 10:
            drawn[-1] += "."
    return (
        " ".join(drawn)
        + f" Number {number} ends here.\nIt was written for a test of the mill and has {words} words."
    )


def documents() -> list[dict[str, object]]:
    """Return twenty documents: thirteen good, two equal ones, two nearly equal, one short, one empty, one in German."""
    near = prose(900)
    rows: list[dict[str, object]] = [{"id": f"good-{n}", "text": prose(n), "lang": "en"} for n in range(13)]
    rows += [
        {"id": "copy-a", "text": prose(500), "lang": "en"},
        {"id": "copy-b", "text": prose(500), "lang": "en"},
        {"id": "near-a", "text": near, "lang": "en"},
        {"id": "near-b", "text": near + " One more sentence.", "lang": "en"},
        {"id": "short", "text": "Too short.", "lang": "en"},
        {"id": "empty", "text": "", "lang": "en"},
        {"id": "german", "text": "Die Mühle steht am Fluss.\r\nSie mahlt\u00a0Korn.", "lang": "de"},
    ]
    return rows


RECIPE = """
[run]
output = "run"
seed = 7

[[source]]
name = "first"
paths = ["first.jsonl"]
id = "id"

[[source]]
name = "second"
paths = ["second.jsonl.gz"]
id = "id"

[[step]]
use = "clean"

[[step]]
use = "gopher_quality"
where = { lang = "en" }

[[step]]
use = "exact_dedup"

[[step]]
use = "minhash_dedup"

[split]
validation = 0.3

[tokens]
tokenizer = "tokenizer.json"
"""


def write_corpus(folder: Path, *, recipe: str = RECIPE) -> Path:
    """Write the twenty documents into two files, a tokenizer and a recipe; return the recipe's path."""
    rows = documents()
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    (folder / "first.jsonl").write_text("".join(lines[:12]), encoding="utf-8")
    # Two members, as appending to a .gz makes them.
    members = [gzip.compress("".join(part).encode(), mtime=0) for part in (lines[12:15], lines[15:])]
    (folder / "second.jsonl.gz").write_bytes(b"".join(members))
    write_tokenizer(folder / "tokenizer.json")
    path = folder / "recipe.toml"
    path.write_text(recipe, encoding="utf-8")
    return path


def write_tokenizer(path: Path) -> None:
    """Write a word-level tokenizer of the test's words."""
    vocabulary = {"<|endoftext|>": 0, "<unk>": 1}
    for word in WORDS:
        vocabulary.setdefault(word, len(vocabulary))
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": 0,
                "content": "<|endoftext|>",
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"},
    }
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
