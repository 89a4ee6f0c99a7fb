"""Which tokenizer a step `token_statistics` counts with, as the engine is told."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from gristmill import _native
from gristmill.curate.tokens import ResolvedTokenizer, resolve_tokenizer, tokenizer_file
from gristmill.errors import GristmillError
from gristmill.recipe import BuiltinStep, Tokens
from gristmill.recipe.rules.tokens import TokenStatistics

Special = str | tuple[str, ...]


def counting_tokenizer(step: BuiltinStep, base: Path, tokens: Tokens | None) -> Mapping[str, object] | None:
    """Return the tokenizer that a step counts with, as the engine's description; None for a step that counts none.

    Its digest is part of the description, so another file of the same name measures again.

    Parameters
    ----------
    step
        Any built-in step.
    base
        Where relative paths start.
    tokens
        The recipe's section, if it has one.

    Raises
    ------
    GristmillError
        ``GM-RECIPE-015`` when neither names a tokenizer, ``GM-TOKENS-001`` when the file is none.

    Notes
    -----
    Cost: loading the tokenizer, once a process for each content.
    """
    if not isinstance(step, TokenStatistics):
        return None
    named, special = counting_keys(step, tokens)
    if named is None:
        raise GristmillError(
            "GM-RECIPE-015",
            f"`{step.name}` names no tokenizer",
            hint='give it `tokenizer = "tokenizer.json"`',
        )
    file = tokenizer_file(base / Path(named).expanduser())
    _, digest = _native.digest_file(file, _native.Session())
    return _resolve(file, digest, special).engine


def counting_keys(step: TokenStatistics, tokens: Tokens | None) -> tuple[str | None, Special]:
    """Return the tokenizer that is named for a step, and its mode: the step's own before those of `[tokens]`."""
    if step.tokenizer is not None:
        return step.tokenizer, step.special or "plain"
    if tokens is None:
        return None, step.special or "plain"
    return tokens.tokenizer, tokens.special if step.special is None else step.special


@lru_cache(maxsize=8)
def _resolve(file: Path, digest: str, special: Special) -> ResolvedTokenizer:
    """Load a tokenizer to be sure that it works; `digest` makes a file with other content another one."""
    resolved = resolve_tokenizer(
        file, special=special if isinstance(special, str) else list(special), end_of_text=False
    )
    if resolved.digest != digest:
        raise GristmillError("GM-TOKENS-001", f"`{file}` changed while it was read")
    return resolved
