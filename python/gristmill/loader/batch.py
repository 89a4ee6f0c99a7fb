"""A batch of packed rows as arrays, and the arrays themselves where a caller gives them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gristmill.loader.rows import Piece, Row

TokenType = Literal["int64", "int32", "uint32", "uint16"]
TargetKind = Literal["next", "labels", "mask", "none"]
Array = npt.NDArray[np.generic]

NUM_FIELDS = 7
"""Rows of the table of pieces, in the order of the properties of `Batch`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchArrays:
    """Arrays that a loader fills again and again: each with room for ``rows * sequence_length`` places, flat.

    No other thread may use them while they are being filled, and no two may share memory. A batch that was filled into
    them shows what they hold now, so it is over when the next one is filled.

    Parameters
    ----------
    tokens
        int64, int32, uint32 or uint16.
    positions
        int64 or int32.
    targets
        int64 or int32; uint8 for a mask; None where no targets are wanted.

    Examples
    --------
    >>> BatchArrays.empty(16, dtype="int32", targets="mask").targets.dtype
    dtype('uint8')
    """

    tokens: Array
    positions: Array
    targets: Array | None

    @classmethod
    def empty(
        cls,
        places: int,
        *,
        dtype: TokenType,
        targets: TargetKind,
        allocate: Callable[[int, np.dtype[np.generic]], Array] = np.empty,
    ) -> BatchArrays:
        """Return arrays of these types with room for `places` places.

        Parameters
        ----------
        places
            Elements of each array.
        dtype
            Type of tokens; positions and targets are int64 with int64, else int32.
        targets
            What the targets are to be.
        allocate
            Makes an array of a length and a type, for example in pinned memory.
        """
        number = np.dtype(np.int64 if dtype == "int64" else np.int32)
        kind = np.dtype(np.uint8) if targets == "mask" else number
        return cls(
            tokens=allocate(places, np.dtype(dtype)),
            positions=allocate(places, number),
            targets=None if targets == "none" else allocate(places, kind),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Packed rows. T: all their places, D: all their pieces.

    Without padding, rows are laid end to end and arrays have shape [T]. With padding they have shape
    [rows, sequence_length], and the padding of a row counts as a piece in `bounds`, but is not in `table`.

    Parameters
    ----------
    tokens
        Token ids.
    positions
        From 0 within each piece.
    targets
        By the loader's `targets`: ``next``: the next token of the piece where it is trained, else -100. ``labels``:
        the place's own token where it is trained and not the first of its piece, else -100. ``mask``: 1 where the
        next token is trained. ``none``: None.
    bounds
        int32, D + 1 (and one for each padded row): where pieces start in the flat arrays, and the end. What attention
        kernels call ``cu_seqlens``.
    row_bounds
        int64, rows + 1: where rows start in the flat arrays, and the end.
    table
        int64 [7, D]: what the properties `documents` to `labels` show.
    max_length
        Tokens of the longest piece.
    num_trained
        Places whose target counts.
    global_rows
        Rows of the global sequence up to the end of this batch on all ranks: where to resume after it.
    """

    tokens: Array
    positions: Array
    targets: Array | None
    bounds: npt.NDArray[np.int32]
    row_bounds: npt.NDArray[np.int64]
    table: npt.NDArray[np.int64]
    max_length: int
    num_trained: int
    global_rows: int

    @property
    def num_rows(self) -> int:
        """Rows."""
        return len(self.row_bounds) - 1

    @property
    def documents(self) -> npt.NDArray[np.int64]:
        """Position in the split of each piece's document."""
        return self._field(0)

    @property
    def docs(self) -> npt.NDArray[np.uint64]:
        """`doc` of each piece's document, its name within the run."""
        found: npt.NDArray[np.uint64] = self._field(1).view(np.uint64)
        return found

    @property
    def starts(self) -> npt.NDArray[np.int64]:
        """First token of each piece in its document."""
        return self._field(2)

    @property
    def stops(self) -> npt.NDArray[np.int64]:
        """Behind the last token of each piece."""
        return self._field(3)

    @property
    def rows_of_pieces(self) -> npt.NDArray[np.int64]:
        """Row of each piece in the batch."""
        return self._field(4)

    @property
    def sources(self) -> npt.NDArray[np.int64]:
        """Source of each piece's document, as a position in `Shards.sources`."""
        return self._field(5)

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Label of each piece's document, -1 where it has none."""
        return self._field(6)

    def _field(self, number: int) -> npt.NDArray[np.int64]:
        found: npt.NDArray[np.int64] = self.table[number]
        return found

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces, in order. Time: a microsecond each."""
        found = zip(self.documents.tolist(), self.starts.tolist(), self.stops.tolist(), strict=True)
        return tuple(Piece(*piece) for piece in found)

    def rows(self) -> list[Row]:
        """Return the rows one by one, without padding, as views; needs int64 tokens and the next tokens as targets."""
        assert self.tokens.dtype == np.int64, "rows are what training takes"
        assert self.targets is not None, "rows are what training takes"
        tokens, positions, targets = (
            array.reshape(-1).astype(np.int64, copy=False)
            for array in (self.tokens, self.positions, self.targets)
        )
        pieces = self.pieces
        counts = np.bincount(self.rows_of_pieces, minlength=self.num_rows).tolist()
        found, first = [], 0
        for start, number in zip(self.row_bounds[:-1].tolist(), counts, strict=True):
            own = pieces[first : first + number]
            stop = start + sum(piece.length for piece in own)
            found.append(
                Row(
                    tokens=tokens[start:stop],
                    positions=positions[start:stop],
                    targets=targets[start:stop],
                    pieces=own,
                )
            )
            first += number
        return found
