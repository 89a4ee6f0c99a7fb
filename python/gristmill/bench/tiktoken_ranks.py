"""A `tokenizer.json` of byte-level BPE as an encoding of `tiktoken`, so that the same vocabulary can be timed there.

tiktoken merges by rank where the file lists merges in order: a merge's rank is its place in that list, behind the 256
bytes. Files that list other merges for one result, or cut words in more than one step, are not translated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from gristmill.errors import GristmillError

GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def byte_letters() -> dict[str, int]:
    """Return which letter stands for which byte in byte-level vocabularies, as GPT-2 has it.

    Examples
    --------
    >>> letters = byte_letters()
    >>> letters["A"], letters["Ġ"], len(letters)
    (65, 32, 256)
    """
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {chr(byte): byte for byte in shown}
    hidden = [byte for byte in range(256) if byte not in set(shown)]
    letters.update({chr(256 + place): byte for place, byte in enumerate(hidden)})
    return letters


def load_encoding(path: Path) -> Any:
    """Return the encoding.

    Raises
    ------
    GristmillError
        ``GM-BENCH-003`` when the file is no byte-level BPE that tiktoken can have.
    """
    import tiktoken  # type: ignore[import-not-found,unused-ignore]

    tokenizer = json.loads(path.read_bytes())
    model = tokenizer["model"]
    pattern = _pattern(tokenizer.get("pre_tokenizer") or {})
    if model.get("type") != "BPE" or pattern is None:
        raise GristmillError("GM-BENCH-003", f"`{path}` is no byte-level BPE that tiktoken can have")
    letters = byte_letters()
    ranks = {bytes([byte]): byte for byte in range(256)}
    for merge in model["merges"]:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        ranks.setdefault(bytes(letters[letter] for letter in left + right), len(ranks))
    return tiktoken.Encoding(name=path.stem, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


def _pattern(pre_tokenizer: Mapping[str, object]) -> str | None:
    """Return the pattern by which words are cut, None where it is not one pattern."""
    steps = [pre_tokenizer]
    if pre_tokenizer.get("type") == "Sequence":
        steps = list(cast(Sequence[Mapping[str, object]], pre_tokenizer["pretokenizers"]))
    if not steps or steps[-1].get("type") != "ByteLevel" or steps[-1].get("add_prefix_space"):
        return None
    *before, last = steps
    if not before:
        return GPT2_PATTERN if last.get("use_regex", True) else None
    if len(before) != 1 or before[0].get("type") != "Split" or last.get("use_regex", True):
        return None
    pattern = cast(Mapping[str, object], before[0]["pattern"]).get("Regex")
    return str(pattern) if pattern is not None else None
