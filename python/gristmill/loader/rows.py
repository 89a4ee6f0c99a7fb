"""One row at a time, from pieces to the numbers that a model reads: tokens, restarting positions, targets.

For rows that are made again from records; batches of a loader are filled natively, and are tested against this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gristmill.errors import GristmillError
from gristmill.shards import Document, Shards

IGNORED = -100
"""Target of a place where nothing is predicted; torch's own convention."""


class Piece(NamedTuple):
    """Tokens ``start .. stop-1`` of a document; a piece with start > 0 begins with one token of context.

    Examples
    --------
    >>> Piece(document=4, start=10, stop=15).length
    5
    """

    document: int
    start: int
    stop: int

    @property
    def length(self) -> int:
        """Tokens in the piece."""
        return self.stop - self.start


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One packed row, without its padding: arrays of T places, T at most the sequence length.

    Parameters
    ----------
    tokens
        int64.
    positions
        int64, from 0 within each piece.
    targets
        int64: the next token of the same piece where it is trained, else `IGNORED`.
    pieces
        What is in the row, in order.

    Examples
    --------
    >>> row = Row(
    ...     tokens=np.array([5, 6]),
    ...     positions=np.array([0, 1]),
    ...     targets=np.array([6, IGNORED]),
    ...     pieces=(Piece(0, 0, 2),),
    ... )
    >>> row.num_trained
    1
    """

    tokens: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]
    pieces: tuple[Piece, ...]

    @property
    def num_trained(self) -> int:
        """Places whose target counts in the loss."""
        return int(np.count_nonzero(self.targets != IGNORED))


def is_trained(document: Document, start: int, stop: int) -> npt.NDArray[np.bool_]:
    """Return for the tokens ``start .. stop-1`` of a document whether its mask trains them.

    Raises
    ------
    GristmillError
        ``GM-SHARDS-006`` when the runs do not cover the tokens exactly.

    Examples
    --------
    >>> import pyarrow as pa
    >>> tokens, mask = pa.array([5, 6, 7, 8], pa.uint16()), pa.array([1, 2, 1], pa.uint32())
    >>> document = Document(index=0, doc=0, key=bytes(16), id=None, source="web", tokens=tokens, mask=mask)
    >>> is_trained(document, 1, 4).tolist()
    [True, True, False]
    """
    num_tokens = len(document.tokens)
    if document.mask is None:
        return np.ones(stop - start, np.bool_)
    runs = document.mask.to_numpy(zero_copy_only=False).astype(np.int64)
    if int(runs.sum()) != num_tokens:
        raise GristmillError(
            "GM-SHARDS-006",
            f"the mask of document `{document.doc}` covers {int(runs.sum())} of {num_tokens} tokens",
        )
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs)[start:stop]


def build_row(shards: Shards, pieces: tuple[Piece, ...]) -> Row:
    """Return the row that holds these pieces. Time: one copy of their tokens."""
    tokens, positions, targets = [], [], []
    for piece in pieces:
        document = shards.doc(piece.document)
        ids = document.tokens.to_numpy()[piece.start : piece.stop].astype(np.int64)
        target = np.full(len(ids), IGNORED, np.int64)
        trained = is_trained(document, piece.start + 1, piece.stop)
        target[:-1][trained] = ids[1:][trained]
        tokens.append(ids)
        positions.append(np.arange(len(ids), dtype=np.int64))
        targets.append(target)
    return Row(
        tokens=np.concatenate(tokens),
        positions=np.concatenate(positions),
        targets=np.concatenate(targets),
        pieces=pieces,
    )
