"""How many bytes of text each token id stands for, so that losses of different tokenizers can be compared.

Read from `tokenizer.json` alone. Exact where a token is a run of bytes (byte-level BPE: GPT-2, Llama 3, Qwen, SmolLM).
Where a token is a run of characters with a mark for spaces (SentencePiece: Llama 2, Gemma), it is the bytes of these
characters. Special tokens stand for no text. Other kinds (WordPiece, words) do not say where spaces were: not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gristmill.train.files import read_json

_SPACE = "▁"
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


def bytes_of_tokens(tokenizer: Path | None) -> npt.NDArray[np.int64] | None:
    """Return the bytes of each id, int64, 0 for special tokens and unused ids; None where they are not known.

    Parameters
    ----------
    tokenizer
        A `tokenizer.json` or a folder with one.

    Examples
    --------
    >>> bytes_of_tokens(None) is None
    True
    """
    if tokenizer is None:
        return None
    found = read_json(tokenizer / "tokenizer.json" if tokenizer.is_dir() else tokenizer)
    model = None if found is None else found.get("model")
    if found is None or not isinstance(model, Mapping):
        return None
    vocabulary = model.get("vocab")
    if isinstance(vocabulary, list):  # Unigram: pieces with their scores, by id
        vocabulary = {str(piece[0]): number for number, piece in enumerate(vocabulary)}
    if not isinstance(vocabulary, Mapping):
        return None
    parts = [found.get(name) for name in ("normalizer", "pre_tokenizer", "decoder")]
    kinds = {part.get("type") for whole in parts for part in _tables(whole)}
    has_space_mark = any(_SPACE in (part.get("replacement"), part.get("content")) for part in _tables(parts))
    if "ByteLevel" in kinds:
        lengths = {number: len(piece) for piece, number in vocabulary.items()}
    elif has_space_mark:
        lengths = {
            number: 1 if _BYTE.fullmatch(piece) else len(piece.replace(_SPACE, " ").encode())
            for piece, number in vocabulary.items()
        }
    else:
        return None
    added = found.get("added_tokens")
    for token in added if isinstance(added, list) else []:
        lengths[int(token["id"])] = 0 if token.get("special") else len(str(token["content"]).encode())
    array = np.zeros(1 + max(lengths, default=0), np.int64)
    array[list(lengths)] = list(lengths.values())
    return array


def _tables(value: object) -> Iterator[Mapping[str, object]]:
    """Yield every table inside a JSON value."""
    if isinstance(value, Mapping):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _tables(part)
