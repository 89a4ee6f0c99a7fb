"""Which tokenizer a recipe names: the file, its digest, the way its texts take, and the ids that end a document."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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

FILE_NAMES = ("tokenizer.json", "tekken.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model")
"""What a folder's tokenizer is called, the first that is there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedTokenizer:
    """A tokenizer that a plan can use.

    Parameters
    ----------
    path
        Its file.
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
    kind
        What kind of file it is.
    library_reason
        Why texts go through the `tokenizers` library; None on gristmill's own path.
    differs
        The text at which that path was found to differ from the library, as source text; then the library is used.
        None: nowhere.
    """

    path: Path
    digest: str
    mode: str
    special: object
    end_of_text: tuple[int, ...]
    vocabulary_size: int
    kind: str = "tokenizer.json"
    library_reason: str | None = None
    differs: str | None = None

    @property
    def engine(self) -> dict[str, object]:
        """The engine's description."""
        described: dict[str, object] = {
            "path": str(self.path),
            "digest": self.digest,
            "special": self.special,
            "end_of_text": list(self.end_of_text),
        }
        if self.differs is not None:
            described["only_library"] = True
        return described

    def describe(self) -> list[str]:
        r"""Return lines for a person: which file, how many ids, and which way texts take.

        Examples
        --------
        >>> tokenizer = ResolvedTokenizer(
        ...     path=Path("tokenizer.json"),
        ...     digest="blake3:00",
        ...     mode="plain",
        ...     special="plain",
        ...     end_of_text=(0,),
        ...     vocabulary_size=49152,
        ...     library_reason="the model is of type WordPiece, not BPE",
        ... )
        >>> print("\n".join(tokenizer.describe()))
        tokens: tokenizer.json, 49,152 ids, mode plain
        through the `tokenizers` library: the model is of type WordPiece, not BPE
        """
        kind = "" if self.kind == self.path.name else f" ({self.kind})"
        lines = [f"tokens: {self.path.name}{kind}, {self.vocabulary_size:,} ids, mode {self.mode}"]
        if self.differs is not None:
            lines.append(
                f"caution: gristmill's own path differs from the `tokenizers` library at {self.differs}"
            )
            lines.append("through the `tokenizers` library, for that reason")
        elif self.library_reason is not None:
            lines.append(f"through the `tokenizers` library: {self.library_reason}")
        else:
            lines.append("on gristmill's own path, with the same ids as the tokenizer's own library")
        return lines


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenizerFacts:
    """What a tokenizer file holds; see `ResolvedTokenizer`.

    Parameters
    ----------
    vocabulary_size, kind, library_reason, differs
        As there.
    ids
        Ids of the names that were asked for; those that are no token are missing.
    control_tokens
        Special tokens and their ids, in the order of the file.
    """

    vocabulary_size: int
    kind: str
    library_reason: str | None
    differs: str | None
    ids: Mapping[str, int] = field(default_factory=dict)
    control_tokens: tuple[tuple[str, int], ...] = ()


def tokenizer_file(path: Path) -> Path:
    """Return the tokenizer's file: the path itself, or what a folder holds.

    Raises
    ------
    GristmillError
        ``GM-TOKENS-001`` when there is none, or a folder holds several of tiktoken's files.
    """
    if path.is_file():
        return path
    found: list[Path] = []
    if path.is_dir():
        found = [path / name for name in FILE_NAMES if (path / name).is_file()][:1]
        found = found or sorted([*path.glob("*.tiktoken"), *path.glob("tekken*.json")])
    if len(found) == 1:
        return found[0]
    several = ", ".join(f"`{file.name}`" for file in found)
    raise GristmillError(
        "GM-TOKENS-001",
        f"no tokenizer at `{path}`" if not found else f"`{path}` holds several tokenizers: {several}",
        hint="`tokenizer` names a `tokenizer.json`, a file of tiktoken, Tekken or SentencePiece, or a folder that "
        "holds one",
    )


def read_facts(file: Path, *, special: str | Sequence[str], names: Sequence[str] = ()) -> TokenizerFacts:
    """Return what a tokenizer file holds.

    Time: seconds for a large vocabulary, most of it to compare both ways to encode.

    Raises
    ------
    GristmillError
        ``GM-TOKENS-001`` when the file is no tokenizer.
    """
    mode: object = special if isinstance(special, str) else {"allow": list(special)}
    facts = json.loads(_native.tokenizer_facts(file, json.dumps(mode), list(names), _native.Session()))
    ids = {name: number for name, number in zip(names, facts["ids"], strict=True) if number is not None}
    return TokenizerFacts(
        vocabulary_size=facts["vocabulary_size"],
        kind=facts["kind"],
        library_reason=facts["library_reason"],
        differs=facts["differs"],
        ids=ids,
        control_tokens=tuple((name, number) for name, number in facts["control_tokens"]),
    )


def resolve_tokenizer(
    path: Path, *, special: str | Sequence[str], end_of_text: bool | str
) -> ResolvedTokenizer:
    """Return the tokenizer at a path, loaded once to be sure that it works.

    Parameters
    ----------
    path
        A tokenizer's file, or a folder that holds one.
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
    file = tokenizer_file(path)
    names: list[str] = []
    if isinstance(end_of_text, str):
        names = [end_of_text]
    elif end_of_text:
        configured = _configured_end_of_text(file.parent)
        names = list(END_OF_TEXT_NAMES) if configured is None else [configured, *END_OF_TEXT_NAMES]
    facts = read_facts(file, special=special, names=names)
    _, digest = _native.digest_file(file, _native.Session())
    mode: object = special if isinstance(special, str) else {"allow": list(special)}
    return ResolvedTokenizer(
        path=file,
        digest=digest,
        mode=special if isinstance(special, str) else json.dumps(list(special)),
        special=mode,
        end_of_text=() if end_of_text is False else (_end_of_text_id(end_of_text, names, facts, file),),
        vocabulary_size=facts.vocabulary_size,
        kind=facts.kind,
        library_reason=facts.library_reason,
        differs=facts.differs,
    )


def _end_of_text_id(wanted: bool | str, names: Sequence[str], facts: TokenizerFacts, file: Path) -> int:
    for name in names:
        if name in facts.ids:
            return facts.ids[name]
    if isinstance(wanted, str):
        raise GristmillError(
            "GM-TOKENS-003",
            f"`end_of_text` names `{wanted}`, which is no token of `{file}`",
            hint="name a token of the vocabulary, or use `end_of_text = true`",
        )
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
