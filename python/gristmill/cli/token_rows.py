"""Rows of a token shard for a reader: ids as text, untrained parts apart from trained, one document by its name."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gristmill.cli.tables import batches, read_json
from gristmill.cli.text import one_line
from gristmill.errors import GristmillError

if TYPE_CHECKING:
    from gristmill import _native

MAX_FOUND = 100
"""Rows shown of one name: an id need not be unique."""
SHORT = 300
"""Characters of text shown of a sample row."""


class TextOfTokens:
    """Turns ids into text with one tokenizer file.

    Parameters
    ----------
    path
        Its file, of any kind that recipes take.

    Raises
    ------
    GristmillError
        ``GM-TOKENS-001`` when it is none.
    """

    def __init__(self, path: Path) -> None:
        from gristmill import _native

        self._session = _native.Session()
        self._native: _native.Decoder = _native.Decoder(path, self._session)

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of some ids, control tokens written out."""
        return self._native.decode(ids, self._session)

    def pieces(self, ids: Sequence[int], mask: Sequence[int]) -> list[tuple[bool, str]]:
        """Return (is trained, text) for each run of a mask that is not empty."""
        found, start = [], 0
        for number, length in enumerate(mask):
            if length:
                found.append((number % 2 == 1, self.text(ids[start : start + length])))
            start += length
        return found


def words_of(
    row: Mapping[str, object], decoder: TextOfTokens, *, limit: int | None = SHORT
) -> dict[str, str]:
    """Return the text of a row of a shard, as what is shown below its columns.

    Parameters
    ----------
    row
        Columns and their values.
    decoder
        Of the shard's tokenizer.
    limit
        Characters after which text is cut; None for all.
    """
    ids = cast(Sequence[int], row["tokens"])
    mask = cast("Sequence[int] | None", row.get("mask"))

    def shown(text: str) -> str:
        return one_line(text, len(text) + 1 if limit is None else limit)

    if mask is None:
        return {"text": shown(decoder.text(ids))}
    pieces = decoder.pieces(ids, mask)
    return {
        f"text {number}, {'trained' if is_trained else 'not trained'}": shown(text)
        for number, (is_trained, text) in enumerate(pieces, start=1)
    }


def class_names(path: Path) -> list[str] | None:
    """Return the names of the classes of the run that a shard belongs to, or None."""
    manifest = path.resolve().parents[2] / "manifest.json" if len(path.resolve().parents) > 2 else None
    if manifest is None or not manifest.is_file():
        return None
    supervised = cast(Mapping[str, object], read_json(manifest).get("supervised") or {})
    label = cast("Mapping[str, list[str]] | None", supervised.get("label"))
    return None if label is None else label["names"]


def decoder_for(shard: Path, digest: str, given: Path | None) -> tuple[TextOfTokens | None, str]:
    """Return the decoder of a shard's ids, or None and why there is none.

    Parameters
    ----------
    shard
        The file. The run around it names the tokenizer, by a path that is looked for from the folders above the run.
    digest
        What the shard says of its tokenizer: no other file is used.
    given
        A tokenizer that the user names, a file or a folder with one; it has to be the one, too.

    Raises
    ------
    GristmillError
        ``GM-CLI-008`` when the given file is not the shard's tokenizer.
    """
    from gristmill.curate.tokens import tokenizer_file
    from gristmill.shards import digest_file

    algorithm = digest.partition(":")[0]
    for path in [given] if given is not None else _candidates(shard):
        try:
            file = tokenizer_file(path)
        except GristmillError:
            continue
        if digest_file(file, algorithm) == digest:
            try:
                return TextOfTokens(file), ""
            except GristmillError as error:
                return None, f"`{file}` cannot decode: {error.message}"
    if given is not None:
        raise GristmillError(
            "GM-CLI-008",
            f"`{given}` is not the tokenizer of `{shard}`, whose digest is `{digest}`",
            hint="name the tokenizer of the run's recipe",
        )
    return None, "the tokenizer was not found; name it with `--tokenizer PATH`"


def _candidates(shard: Path) -> Iterator[Path]:
    folders = shard.absolute().parents
    run = next((folder for folder in folders if (folder / "recipe.toml").is_file()), None)
    if run is None:
        return
    try:
        recipe = tomllib.loads((run / "recipe.toml").read_text(encoding="utf-8"))
        name = str(recipe["tokens"]["tokenizer"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    # Paths of a recipe are relative to the folder it lay in, mostly one of those above the run.
    for folder in (*run.parents, Path.cwd()):
        yield folder / name


def rows_named(path: Path, name: str) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield (row, values) of a shard or table for a document's number, key, beginning of a key, or id.

    Of these meanings the first that is found counts, as for `gristmill explain doc`. At most 100 rows.

    Raises
    ------
    GristmillError
        ``GM-CLI-009`` when there is none.
    """
    import pyarrow.compute as pc

    from gristmill.curate.lookup import searches

    num_found = 0
    for wanted in searches(name):
        first_row = 0
        for batch in batches(path):
            if wanted.column not in batch.schema.names:
                break
            for row in pc.indices_nonzero(wanted.mask(batch.column(wanted.column))).to_pylist():
                yield first_row + row, batch.slice(row, 1).to_pylist()[0]
                num_found += 1
                if num_found == MAX_FOUND:
                    return
            first_row += batch.num_rows
        if num_found:
            return
    raise GristmillError(
        "GM-CLI-009", f"there is no document `{name}` in `{path}`", hint="it may lie in another shard"
    )
