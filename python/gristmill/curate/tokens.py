"""Which tokenizer a recipe names: the file, its digest, and the ids that end a document."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gristmill import _native
from gristmill.errors import GristmillError

END_OF_TEXT_NAMES = (
    "<|endoftext|>",
    "<|end_of_text|>",
    "</s>",
    "<eos>",
    "<｜end▁of▁sentence｜>",
    "<|im_end|>",
    "[SEP]",
)
"""Looked for, in this order, where a model folder does not say which token ends a text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedTokenizer:
    """A tokenizer that a plan can use.

    Parameters
    ----------
    path
        Its `tokenizer.json`.
    digest
        ``blake3:`` digest of that file.
    mode
        ``"plain"``, ``"hf"``, or a JSON list of allowed control tokens.
    special
        The same as the engine's description wants it.
    end_of_text
        Ids put after each document; empty for none.
    vocabulary_size
        One more than the largest id.
    """

    path: Path
    digest: str
    mode: str
    special: object
    end_of_text: tuple[int, ...]
    vocabulary_size: int

    @property
    def engine(self) -> dict[str, object]:
        """The engine's description."""
        return {
            "path": str(self.path),
            "digest": self.digest,
            "special": self.special,
            "end_of_text": list(self.end_of_text),
        }


def resolve_tokenizer(
    path: Path, *, special: str | Sequence[str], end_of_text: bool | str
) -> ResolvedTokenizer:
    """Return the tokenizer at a path, loaded once to be sure that it works.

    Parameters
    ----------
    path
        A `tokenizer.json`, or a folder that holds one.
    special
        ``"plain"``, ``"hf"``, or the control tokens that text may spell.
    end_of_text
        True to find the token by the folder's configuration or by its usual names, a token to use it, False for none.

    Raises
    ------
    GristmillError
        ``GM-TOKENS-001`` when the file is no tokenizer, ``GM-TOKENS-002`` when no end-of-text token can be found,
        ``GM-TOKENS-003`` when the named one is not in the vocabulary.
    """
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise GristmillError(
            "GM-TOKENS-001",
            f"no tokenizer at `{path}`",
            hint="`tokenizer` names a `tokenizer.json` or a folder that holds one",
        )
    mode: object = special if isinstance(special, str) else {"allow": list(special)}
    session = _native.Session()
    vocabulary_size = _native.tokenizer_vocabulary_size(file, json.dumps(mode), session)
    _, digest = _native.digest_file(file, session)
    ids: tuple[int, ...] = ()
    if end_of_text is not False:
        vocabulary = _vocabulary(json.loads(file.read_bytes()))
        ids = (_end_of_text_id(end_of_text, vocabulary, file),)
    return ResolvedTokenizer(
        path=file,
        digest=digest,
        mode=special if isinstance(special, str) else json.dumps(list(special)),
        special=mode,
        end_of_text=ids,
        vocabulary_size=vocabulary_size,
    )


def _vocabulary(tokenizer: Mapping[str, object]) -> dict[str, int]:
    model = tokenizer.get("model")
    entries = model.get("vocab") if isinstance(model, Mapping) else None
    vocabulary: dict[str, int] = {}
    if isinstance(entries, Mapping):
        vocabulary.update({str(token): int(number) for token, number in entries.items()})
    elif isinstance(entries, list):
        vocabulary.update({str(piece[0]): number for number, piece in enumerate(entries)})
    added = tokenizer.get("added_tokens")
    if isinstance(added, list):
        vocabulary.update({str(token["content"]): int(token["id"]) for token in added})
    return vocabulary


def _end_of_text_id(wanted: bool | str, vocabulary: Mapping[str, int], file: Path) -> int:
    if isinstance(wanted, str):
        if wanted not in vocabulary:
            raise GristmillError(
                "GM-TOKENS-003",
                f"`end_of_text` names `{wanted}`, which is no token of `{file}`",
                hint="name a token of the vocabulary, or use `end_of_text = true`",
            )
        return vocabulary[wanted]
    configured = _configured_end_of_text(file.parent)
    for name in (configured, *END_OF_TEXT_NAMES):
        if name is not None and name in vocabulary:
            return vocabulary[name]
    raise GristmillError(
        "GM-TOKENS-002",
        f"cannot tell which token of `{file}` ends a text",
        hint='name it: `end_of_text = "<token>"`, or `end_of_text = false` for none',
    )


def _configured_end_of_text(folder: Path) -> str | None:
    """Return what a model folder's `tokenizer_config.json` calls its end-of-text token."""
    path = folder / "tokenizer_config.json"
    if not path.is_file():
        return None
    token = json.loads(path.read_bytes()).get("eos_token")
    if isinstance(token, Mapping):
        token = token.get("content")
    return token if isinstance(token, str) else None
