"""Streaming best-fit packing: which pieces of which documents share a row.

A row starts with the piece that has waited longest; then, as long as something fits, the longest piece of the window
that fits is added. So no document waits for more than a window of rows, and with a window of 1,000 pieces rows are
as full as those of a global best-fit. Works on lengths alone: a dry run over a corpus costs no token reads.

Documents longer than a row are cut, never truncated. The next piece starts with the last token of the piece before,
as context: that token is not trained twice, and no trained token is lost at a cut.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gristmill.errors import GristmillError
from gristmill.loader.ledger import Ledger
from gristmill.loader.order import EpochOrder

WINDOW_PIECES = 1000
_READ_AHEAD = 1024


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


def cut(document: int, num_tokens: int, sequence_length: int) -> list[Piece]:
    """Return the pieces of a document, each at most `sequence_length` tokens, overlapping by one.

    Examples
    --------
    >>> cut(0, 10, 4)
    [Piece(document=0, start=0, stop=4), Piece(document=0, start=3, stop=7), Piece(document=0, start=6, stop=10)]
    """
    pieces = [Piece(document, 0, min(num_tokens, sequence_length))] if num_tokens else []
    while pieces and pieces[-1].stop < num_tokens:
        start = pieces[-1].stop - 1
        pieces.append(Piece(document, start, min(num_tokens, start + sequence_length)))
    return pieces


class PackingStream:
    """Rows as lists of pieces, epoch after epoch, from any point on.

    The window is emptied at the end of each epoch, so every epoch is whole. Memory: the window, and the orders'.

    Parameters
    ----------
    lengths
        Tokens of each document.
    order_of
        Returns the order of an epoch.
    sequence_length
        Room of a row.
    num_epochs
        After how many epochs rows end; None: never.
    epoch, cursor, window, ledger
        Where to continue.

    Raises
    ------
    GristmillError
        ``GM-LOADER-004`` for rows of less than two tokens, ``GM-LOADER-001`` when an epoch has no tokens.

    Examples
    --------
    >>> stream = PackingStream(
    ...     np.array([3, 5, 2]),
    ...     lambda epoch: EpochOrder(np.zeros(3, np.int16), [1.0], seed=0, epoch=epoch, is_shuffled=False),
    ...     sequence_length=8,
    ...     num_epochs=1,
    ... )
    >>> [[piece.document for piece in row] for row in iter(stream.next_row, None)]
    [[0, 1], [2]]
    """

    def __init__(
        self,
        lengths: npt.NDArray[np.integer],
        order_of: Callable[[int], EpochOrder],
        *,
        sequence_length: int,
        num_epochs: int | None,
        epoch: int = 0,
        cursor: int = 0,
        window: Iterable[Sequence[int]] = (),
        ledger: Ledger | None = None,
    ) -> None:
        if sequence_length < 2:
            raise GristmillError("GM-LOADER-004", f"`sequence_length` is `{sequence_length}`")
        self._lengths = lengths
        self._order_of = order_of
        self._sequence_length = sequence_length
        self._num_epochs = num_epochs
        self._epoch = epoch
        self._cursor = cursor
        self._order = order_of(epoch)
        self._ahead: deque[int] = deque()
        self._arrivals = 0
        self._waiting: deque[tuple[int, Piece]] = deque()
        self._by_length: list[tuple[int, int, Piece]] = []
        self._ledger = ledger or Ledger()
        for document, start, stop in window:
            self._admit(Piece(document, start, stop))

    @property
    def epoch(self) -> int:
        """Epoch of the next row, from 0."""
        return self._epoch

    @property
    def cursor(self) -> int:
        """Documents of this epoch that entered the window."""
        return self._cursor

    @property
    def ledger(self) -> Ledger:
        """What became of the tokens so far."""
        return self._ledger

    def window(self) -> list[Piece]:
        """Return the pieces that wait, oldest first."""
        present = {arrival for _, arrival, _ in self._by_length}
        return [piece for arrival, piece in self._waiting if -arrival in present]

    def next_row(self) -> tuple[Piece, ...] | None:
        """Return the pieces of the next row; None after the last epoch."""
        while not self._by_length:
            if self._num_epochs is not None and self._epoch >= self._num_epochs:
                return None
            self._refill()
            if not self._by_length:
                self._begin_next_epoch()
        first = self._oldest()
        row = [first]
        room = self._sequence_length - first.length
        while (found := bisect_right(self._by_length, room, key=lambda item: item[0])) > 0:
            length, _, piece = self._by_length.pop(found - 1)
            row.append(piece)
            room -= length
        self._count(row, room)
        if not self._by_length or len(self._by_length) < WINDOW_PIECES:
            self._refill()
        if not self._by_length:
            self._begin_next_epoch()
        return tuple(row)

    def _begin_next_epoch(self) -> None:
        if self._cursor >= len(self._order) and self._ledger.read == 0:
            raise GristmillError("GM-LOADER-001", "no document of an epoch has any token")
        self._epoch += 1
        self._cursor = 0
        self._ahead.clear()
        if self._num_epochs is None or self._epoch < self._num_epochs:
            self._order = self._order_of(self._epoch)

    def _refill(self) -> None:
        while len(self._by_length) < WINDOW_PIECES and self._cursor < len(self._order):
            if not self._ahead:
                self._ahead.extend(self._order.entries(self._cursor, self._cursor + _READ_AHEAD).tolist())
            self._cursor += 1
            document = self._ahead.popleft()
            num_tokens = int(self._lengths[document])
            pieces = cut(document, num_tokens, self._sequence_length)
            ledger = self._ledger
            ledger.documents += 1
            ledger.empty += not pieces
            ledger.split += len(pieces) > 1
            ledger.read += num_tokens
            ledger.repeated += max(0, len(pieces) - 1)
            ledger.pending += num_tokens + max(0, len(pieces) - 1)
            for piece in pieces:
                self._admit(piece)

    def _admit(self, piece: Piece) -> None:
        # Arrivals count downwards in the sorted list, so that of equal lengths the oldest is found last, thus first.
        self._arrivals += 1
        self._waiting.append((self._arrivals, piece))
        insort(self._by_length, (piece.length, -self._arrivals, piece))

    def _oldest(self) -> Piece:
        while True:
            arrival, piece = self._waiting.popleft()
            place = bisect_right(self._by_length, (piece.length, -arrival, piece)) - 1
            if place >= 0 and self._by_length[place][1] == -arrival:
                del self._by_length[place]
                return piece

    def _count(self, row: list[Piece], room: int) -> None:
        ledger = self._ledger
        num_tokens = self._sequence_length - room
        ledger.rows += 1
        ledger.pieces += len(row)
        ledger.first += len(row)
        ledger.placed += num_tokens
        ledger.pending -= num_tokens
        ledger.padded += room
        ledger.check_rows(self._sequence_length)
