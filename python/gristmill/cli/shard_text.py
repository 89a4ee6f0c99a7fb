"""Rows of a token shard for a reader: their text, with what is trained between marks, and the name of their class."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from gristmill.cli.tables import read_json
from gristmill.cli.text import shorten, visible

OPEN, CLOSE = "⟦", "⟧"
"""Stand around what is trained."""
MAX_CHARACTERS = 1200


def row_texts(path: Path, rows: Sequence[Mapping[str, object]], digest: str | None) -> list[str] | None:
    """Return the text of rows of a shard, trained parts marked; None where the run's tokenizer is not to be found.

    Parameters
    ----------
    path
        The shard, inside its run folder.
    rows
        Values of its columns; a row without a mask has no marks, for all of it is trained.
    digest
        That of the tokenizer, as the shard says it.
    """
    tokenizer = _tokenizer(path, digest)
    if tokenizer is None:
        return None
    from gristmill import _native

    pieces = [_runs(cast("list[int]", row["tokens"]), cast("list[int] | None", row["mask"])) for row in rows]
    texts = iter(
        _native.decode_tokens(tokenizer, [ids for runs in pieces for ids in runs], _native.Session())
    )
    shown = []
    for row, runs in zip(rows, pieces, strict=True):
        parts = [visible(text) for text in itertools.islice(texts, len(runs))]
        if row["mask"] is not None:
            parts = [
                f"{OPEN}{part}{CLOSE}" if number % 2 and part else part for number, part in enumerate(parts)
            ]
        shown.append(shorten("".join(parts), MAX_CHARACTERS))
    return shown


def class_names(path: Path) -> list[str] | None:
    """Return the names of the classes of the run that a shard belongs to, or None."""
    manifest = path.resolve().parents[2] / "manifest.json" if len(path.resolve().parents) > 2 else None
    if manifest is None or not manifest.is_file():
        return None
    supervised = cast(Mapping[str, object], read_json(manifest).get("supervised") or {})
    label = cast("Mapping[str, list[str]] | None", supervised.get("label"))
    return None if label is None else label["names"]


def _runs(tokens: list[int], mask: list[int] | None) -> list[list[int]]:
    """Cut tokens into runs, untrained first.

    Examples
    --------
    >>> _runs([7, 8, 9], [1, 2]), _runs([7, 8], None)
    ([[7], [8, 9]], [[7, 8]])
    """
    if mask is None:
        return [tokens]
    ends = list(itertools.accumulate(mask))
    return [tokens[end - run : end] for end, run in zip(ends, mask, strict=True)]


def _tokenizer(path: Path, digest: str | None) -> Path | None:
    """Return the tokenizer that the run's plan names, if it is still the one that the shard was made with."""
    from gristmill import _native

    folder = path.resolve().parents
    plan = folder[2] / "plan.json" if len(folder) > 2 else None
    if plan is None or not plan.is_file() or digest is None:
        return None
    tokenizer = Path(str(read_json(plan).get("tokenizer_path") or ""))
    if not tokenizer.is_file() or _native.digest_file(tokenizer, _native.Session())[1] != digest:
        return None
    return tokenizer
