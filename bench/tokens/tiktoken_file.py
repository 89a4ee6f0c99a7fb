"""Builds a `tiktoken` encoding from a byte-level `tokenizer.json`: the library reads only its own files.

Ranks are the ids of the vocabulary, and the pattern is that of the file. The ids are those of the file where ids
follow the order of merges and no text is normalised: bench/tokens/speed.py compares the numbers of ids and says so
where they differ.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tiktoken


def byte_of_character() -> dict[str, int]:
    """Return the byte that each character of GPT-2's alphabet stands for."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(0x100 + number): byte for number, byte in enumerate(others)
    }


def pattern_of(pre_tokenizer: dict[str, object]) -> str:
    """Return the expression of a pre-tokenizer that has exactly one; raise ValueError otherwise."""
    parts = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    assert isinstance(parts, list)
    patterns = [part["pattern"]["Regex"] for part in parts if part["type"] == "Split"]
    if len(patterns) != 1:
        raise ValueError(f"`{len(patterns)}` expressions cannot be one pattern of tiktoken")
    return str(patterns[0])


def load(file: Path) -> tiktoken.Encoding:
    """Return the encoding of a `tokenizer.json`, without special tokens."""
    import tiktoken

    tokenizer = json.loads(file.read_bytes())
    alphabet = byte_of_character()
    ranks = {
        bytes(alphabet[character] for character in token): rank
        for token, rank in tokenizer["model"]["vocab"].items()
        if all(character in alphabet for character in token)
    }
    return tiktoken.Encoding(
        name=file.name,
        pat_str=pattern_of(tokenizer["pre_tokenizer"]),
        mergeable_ranks=ranks,
        special_tokens={},
    )
