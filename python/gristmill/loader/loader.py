"""Packed rows of a split, one after another, with a state that continues exactly where it was taken."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gristmill.errors import GristmillError
from gristmill.loader.ledger import Ledger
from gristmill.loader.order import EpochOrder, weights_of
from gristmill.loader.packing import PackingStream, Piece
from gristmill.loader.rows import Row, build_row
from gristmill.shards import Shards


@dataclass(frozen=True, kw_only=True, slots=True)
class LoaderState:
    """Everything that decides which rows come next, beside the shards themselves.

    Parameters
    ----------
    epoch
        Epoch of the next row.
    seed
        Seed of the order.
    cursor
        Documents of the epoch that entered the window.
    window
        Pieces that wait, oldest first.
    ledger
        Counts so far.

    Examples
    --------
    >>> LoaderState(epoch=1, seed=7, cursor=0, window=(), ledger={}).to_json()["epoch"]
    1
    """

    epoch: int
    seed: int
    cursor: int
    window: tuple[Piece, ...]
    ledger: Mapping[str, int]

    def to_json(self) -> dict[str, object]:
        """Return the state as plain values.

        Examples
        --------
        >>> state = LoaderState(epoch=0, seed=1, cursor=3, window=(Piece(2, 0, 5),), ledger={})
        >>> LoaderState.from_json(state.to_json()) == state
        True
        """
        return {
            "epoch": self.epoch,
            "seed": self.seed,
            "cursor": self.cursor,
            "window": [list(piece) for piece in self.window],
            "ledger": dict(self.ledger),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> LoaderState:
        """Return the state that `to_json` gave.

        Raises
        ------
        GristmillError
            ``GM-LOADER-002`` when something is missing or has another form.
        """
        try:
            window, ledger = value["window"], value["ledger"]
            if not isinstance(window, list) or not isinstance(ledger, Mapping):
                raise TypeError("window or ledger")
            return cls(
                epoch=int(str(value["epoch"])),
                seed=int(str(value["seed"])),
                cursor=int(str(value["cursor"])),
                window=tuple(Piece(*(int(number) for number in piece)) for piece in window),
                ledger={str(name): int(count) for name, count in ledger.items()},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise GristmillError("GM-LOADER-002", f"a loader state lacks or spoils {error}") from error


class Loader:
    """Packed rows of one split.

    Memory: 4 bytes a document (its length), 2 for its source, the window of 1,000 pieces; with weights other than 1
    also 8 bytes an entry of the epoch. The tokens stay in the mapped shards.

    Parameters
    ----------
    shards
        The split.
    sequence_length
        Tokens of a row.
    seed
        Decides the order.
    num_epochs
        After how many epochs rows end; None: never.
    weights
        How often a source's documents are seen in an epoch, by name; 1.0 where none is given.
    is_shuffled
        False keeps the order of the shards, for validation.
    state
        Where to continue; None: at the start.

    Raises
    ------
    GristmillError
        ``GM-LOADER-001`` without documents, ``GM-LOADER-002`` for a state of other shards or another seed.
    """

    def __init__(
        self,
        shards: Shards,
        *,
        sequence_length: int,
        seed: int,
        num_epochs: int | None = 1,
        weights: Mapping[str, float] | None = None,
        is_shuffled: bool = True,
        state: LoaderState | None = None,
    ) -> None:
        self._shards = shards
        self._sequence_length = sequence_length
        self._seed = seed
        self._num_epochs = num_epochs
        self._lengths = shards.lengths().to_numpy()
        self._source_indices = shards.source_indices().to_numpy()
        self._weights = weights_of(shards.sources, weights or {})
        self._is_shuffled = is_shuffled
        if shards.num_tokens == 0 or len(self._order(0)) == 0:
            raise GristmillError("GM-LOADER-001", f"the split `{shards.split}` leaves nothing to read")
        self._stream = self._open(state)

    def _order(self, epoch: int) -> EpochOrder:
        return EpochOrder(
            self._source_indices,
            self._weights,
            seed=self._seed,
            epoch=epoch,
            is_shuffled=self._is_shuffled,
        )

    def _open(self, state: LoaderState | None) -> PackingStream:
        if state is None:
            return self._new_stream(self._num_epochs)
        self._check(state)
        return PackingStream(
            self._lengths,
            self._order,
            sequence_length=self._sequence_length,
            num_epochs=self._num_epochs,
            epoch=state.epoch,
            cursor=state.cursor,
            window=state.window,
            ledger=Ledger.from_json(state.ledger),
        )

    def _new_stream(self, num_epochs: int | None) -> PackingStream:
        return PackingStream(
            self._lengths, self._order, sequence_length=self._sequence_length, num_epochs=num_epochs
        )

    def _check(self, state: LoaderState) -> None:
        if state.seed != self._seed:
            raise GristmillError(
                "GM-LOADER-002", f"the state has seed `{state.seed}`, the recipe `{self._seed}`"
            )
        for piece in state.window:
            is_inside = (
                0 <= piece.document < len(self._lengths)
                and 0 <= piece.start < piece.stop <= int(self._lengths[piece.document])
                and piece.length <= self._sequence_length
            )
            if not is_inside:
                raise GristmillError(
                    "GM-LOADER-002", f"the state names `{piece}`, which is not in the shards"
                )

    @property
    def ledger(self) -> Ledger:
        """What became of the tokens so far."""
        return self._stream.ledger

    @property
    def epoch(self) -> int:
        """Epoch of the next row, from 0."""
        return self._stream.epoch

    def state(self) -> LoaderState:
        """Return where the loader stands; a loader made from it gives the same rows from here on."""
        return LoaderState(
            epoch=self._stream.epoch,
            seed=self._seed,
            cursor=self._stream.cursor,
            window=tuple(self._stream.window()),
            ledger=self._stream.ledger.to_json(),
        )

    def take(self, num_rows: int) -> list[Row]:
        """Return the next rows: fewer at the end of the last epoch, none after it."""
        rows: list[Row] = []
        while len(rows) < num_rows and (pieces := self._stream.next_row()) is not None:
            row = build_row(self._shards, pieces)
            ledger = self._stream.ledger
            ledger.trained += row.num_trained
            ledger.masked += len(row.tokens) - len(pieces) - row.num_trained
            ledger.check_targets()
            rows.append(row)
        return rows

    def count_rows(self, *, epochs: float | None = None, tokens: int | None = None) -> int:
        """Return how many rows a training of this length takes, from lengths alone; the loader does not move.

        Time: some microseconds a piece.

        Parameters
        ----------
        epochs
            Passes; of a last part of a pass, the same part of that pass's rows, rounded up.
        tokens
            Tokens in rows: up to the row with which they are reached. Exactly one of both is given.
        """
        assert (epochs is None) != (tokens is None), "one length"
        num_whole = None if epochs is None else math.ceil(epochs)
        dry = self._new_stream(num_whole)
        if tokens is not None:
            while dry.ledger.placed < tokens and dry.next_row() is not None:
                pass
            return dry.ledger.rows
        assert epochs is not None
        rows_at_end = [0]
        while dry.next_row() is not None:
            if dry.epoch == len(rows_at_end):
                rows_at_end.append(dry.ledger.rows)
        last_epoch_rows = rows_at_end[-1] - rows_at_end[-2]
        return rows_at_end[-2] + math.ceil(last_epoch_rows * (epochs - (len(rows_at_end) - 2)))
