"""Tokens, lines, paragraphs and sentences of a table's texts, as every rule sees them.

Not here: rules that count them (`tables.signals`), and their definitions (`docs/concepts/words.md`).
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from gristmill import _native
from gristmill.curate.tables import ArrowTable, texts_of, with_text
from gristmill.errors import GristmillError

ROWS = 4096
"""Rows that are segmented at once, so that memory stays that of the result."""


def segments(table: ArrowTable, columns: Sequence[str] = ("token_starts", "token_ends")) -> pa.Table:
    """Return where the tokens, lines, paragraphs or sentences of each text are, as lists of byte positions.

    Columns: `id` (where the table has one), then those asked for, a list a row and null for a null text. Positions are
    bytes of the UTF-8 text (uint32), ends exclusive. Rows keep their order. A plugin gets the same columns by naming
    them in its `inputs`. Cost: one segmentation of each text, however many columns are asked for.

    Parameters
    ----------
    table
        Any Arrow producer with a string column `text`.
    columns
        Some of `token_starts`, `token_ends`, `token_flags` (uint8, bits: 1 a letter, 2 a number, 4 symbols only, 8
        lower-casing changes it, 16 not ASCII), `token_hashes` (uint64 of a token's bytes), `line_starts`, `line_ends`,
        `paragraph_starts`, `paragraph_ends`, `sentence_starts`, `sentence_ends`.

    Raises
    ------
    GristmillError
        ``GM-RECIPE-091`` without the text column; ``GM-RECIPE-093`` for a column that there is not.

    Examples
    --------
    >>> import gristmill, pyarrow as pa
    >>> found = gristmill.segments(pa.table({"text": ["Zwei Wörter."]}))
    >>> found.column("token_starts").to_pylist(), found.column("token_ends").to_pylist()
    ([[0, 5, 12]], [[4, 12, 13]])
    """
    for name in columns:
        if name not in _native.SEGMENT_COLUMNS:
            raise GristmillError(
                "GM-RECIPE-093",
                f"no column `{name}` of segments",
                context=(f"known: {', '.join(f'`{known}`' for known in _native.SEGMENT_COLUMNS)}",),
            )
    whole = with_text(table)
    session = _native.Session()
    texts, names = texts_of(whole), list(columns)
    # At least one batch, so that a table without rows has its columns.
    starts = range(0, max(1, len(texts)), ROWS)
    found = pa.Table.from_batches(
        [_native.segment_texts(texts.slice(start, ROWS), names, session) for start in starts]
    )
    if "id" in whole.column_names:
        found = found.add_column(0, "id", whole.column("id"))
    return found
