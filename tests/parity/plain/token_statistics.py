"""Token counts in plain Python: the ids of the `tokenizers` library, counted.

Whether they are the same ids is `test_token_ids.py`; here are small tokenizers of every model that knows the unknown, and
one that falls back to bytes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tokenizers import Tokenizer

import gristmill

FOLDER = Path(tempfile.mkdtemp(prefix="gristmill-tokenizers-"))
WORDS = ["the", "same", "words", "again", "and", "one", "sentence", "a", "line", "end"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
ADDED = {
    "content": "<end>",
    "single_word": False,
    "lstrip": False,
    "rstrip": False,
    "normalized": False,
    "special": True,
}


def _file(name: str, model: dict[str, object], **parts: object) -> str:
    path = FOLDER / f"{name}.json"
    whole = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": model,
    }
    path.write_text(json.dumps({**whole, **parts}), encoding="utf-8")
    return str(path)


def _vocabulary(tokens: list[str]) -> dict[str, int]:
    return {token: number for number, token in enumerate(tokens)}


PIECES = [*LETTERS, *(f"##{letter}" for letter in LETTERS)]
WORD_LEVEL = _file(
    "word_level",
    {"type": "WordLevel", "unk_token": "[UNK]", "vocab": _vocabulary(["[UNK]", *WORDS, "<end>"])},
    added_tokens=[{**ADDED, "id": len(WORDS) + 1}],
)
WORD_PIECE = _file(
    "word_piece",
    {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": _vocabulary(["[UNK]", *WORDS[:7], *PIECES]),
    },
)
UNIGRAM = _file(
    "unigram",
    {
        "type": "Unigram",
        "unk_id": 0,
        "byte_fallback": False,
        "vocab": [["<unk>", 0.0], *([letter, -3.0] for letter in LETTERS), ["the", -1.0], ["words", -2.0]],
    },
)
BYTES = str(Path(gristmill.__file__).parent / "cli/starter/tokenizer.json")

CONFIGS: list[Mapping[str, object]] = [
    {"tokenizer": WORD_LEVEL},
    {"tokenizer": WORD_LEVEL, "special": "hf"},
    {"tokenizer": WORD_PIECE},
    {"tokenizer": UNIGRAM},
    {"tokenizer": BYTES},
    {"tokenizer": BYTES, "special": "hf"},
]
TEXTS = (
    "one sentence <end> and another",
    "an <|endoftext|> in the text",
    "words words ΩΩΩ words",
    "[UNK] <unk>",
)


def values(text: str, config: Mapping[str, object]) -> dict[str, object]:
    """Return every column by its definition."""
    file = json.loads(Path(str(config["tokenizer"])).read_text(encoding="utf-8"))
    if config.get("special", "plain") == "plain":
        file["added_tokens"] = []
    library = Tokenizer.from_str(json.dumps(file))
    ids = library.encode(text, add_special_tokens=False).ids
    model = file["model"]
    unknown = model["unk_id"] if model["type"] == "Unigram" else model["vocab"].get(model["unk_token"])
    num_bytes = len(text.encode())
    return {
        "num_tokens": len(ids),
        "tokens_per_byte": len(ids) / num_bytes if num_bytes else None,
        "unknown_fraction": ids.count(unknown) / len(ids) if ids else None,
    }
