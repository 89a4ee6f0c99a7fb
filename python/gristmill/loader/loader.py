"""Packed rows of a split, batch after batch, with a state that continues exactly where it was taken."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from gristmill._native import RowReader, Session, TokenColumns
from gristmill.errors import GristmillError
from gristmill.loader.batch import NUM_FIELDS, Array, Batch, BatchArrays, TargetKind, TokenType
from gristmill.loader.ledger import Ledger
from gristmill.loader.mixing import Mixing
from gristmill.loader.rows import Row
from gristmill.loader.state import LoaderState, digest_of
from gristmill.shards import Shards

_ALL_ROWS = 2**63 - 1


class Loader:
    """Packed rows of one split, in an order that its seed decides.

    Rows are one global sequence, the same for any number of ranks; rank r of R takes rows r, r + R, and so on.

    Memory: less than 2 kB a record batch of the shards (up to a million tokens), 16 bytes more for each source with
    `mixing` or weights, the documents of one group of record batches (half a megabyte, with `mixing` for each source),
    and the window of 1,000 pieces; nothing that grows with the number of documents. Tokens stay in the mapped shards.
    Time: some nanoseconds a token; with `mixing` or weights also one pass over lengths and sources when it is made.

    Parameters
    ----------
    shards
        The split.
    sequence_length
        Tokens of a row.
    batch_rows
        Rows of a batch of this rank.
    seed
        Decides the order.
    num_epochs
        After how many epochs rows end; None: never. Without effect on a mixture, which its `max_epochs` end.
    weights
        How often a source's documents are seen in an epoch, by name; 1.0 where none is given. With `mixing` they
        multiply the shares that follow from a temperature.
    mixing
        Shares of the sources in the tokens; None: every document as often as its weight says.
    total_tokens
        Length of the training in tokens, to place the phases of a mixture's schedule.
    is_shuffled
        False keeps the order of the shards, for validation.
    rank, num_ranks
        Which rows are taken: of every `num_ranks`, the one at place `rank`.
    dtype
        Type of tokens; positions and targets are int64 with int64, else int32.
    targets
        ``next``, ``labels`` (for libraries that shift them), ``mask`` or ``none``; see `Batch`.
    padding
        Id that fills rows to their length; None: rows are laid end to end without padding.
    is_last_dropped
        Whether a last batch that is not full on all ranks is left out.
    state
        Where to continue; None: at the start.

    Raises
    ------
    GristmillError
        ``GM-LOADER-001`` without documents, ``GM-LOADER-002`` for a state of other shards or settings,
        ``GM-LOADER-004``, ``-005``, ``-007`` and ``-008`` for settings that make no sense.
    """

    def __init__(  # noqa: PLR0913 - one parameter for each thing that a training decides
        self,
        shards: Shards,
        *,
        sequence_length: int,
        batch_rows: int = 8,
        seed: int = 0,
        num_epochs: int | None = 1,
        weights: Mapping[str, float] | None = None,
        mixing: Mixing | None = None,
        total_tokens: int | None = None,
        is_shuffled: bool = True,
        rank: int = 0,
        num_ranks: int = 1,
        dtype: TokenType = "int64",
        targets: TargetKind = "next",
        padding: int | None = None,
        is_last_dropped: bool = False,
        state: LoaderState | None = None,
    ) -> None:
        _check(batch_rows, rank, num_ranks, dtype, targets)
        if sequence_length < 2:
            raise GristmillError("GM-LOADER-004", f"`sequence_length` is `{sequence_length}`")
        if shards.num_tokens == 0:
            raise GristmillError("GM-LOADER-001", f"the split `{shards.split}` holds no token")
        self._shards = shards
        self._sequence_length = sequence_length
        self._batch_rows = batch_rows
        self._rank, self._num_ranks = rank, num_ranks
        self._dtype, self._targets, self._padding = dtype, targets, padding
        self._is_last_dropped = is_last_dropped
        self._session = Session()
        self._columns = TokenColumns(shards.files(), len(shards.sources), self._session)
        by_source = _weights(shards.sources, weights or {})
        # What decides the rows; `num_epochs` only says where they end, so a longer training may continue.
        self._settings: dict[str, object] = {
            "sequence_length": sequence_length,
            "seed": seed,
            "is_shuffled": is_shuffled,
            "weights": by_source,
            "mixing": None if mixing is None else self._resolve(mixing, by_source, total_tokens),
        }
        self._num_epochs = num_epochs
        self._shards_digest = digest_of(shards)
        if state is not None:
            state.check(self._shards_digest, self._settings)
        self._start = state
        self._reader = self._open(num_epochs, state)
        self._global_rows = 0 if state is None else state.rows
        self._shadow: tuple[RowReader, int] | None = None

    def _resolve(self, mixing: Mixing, weights: list[float], total_tokens: int | None) -> dict[str, object]:
        documents, tokens = self._columns.count_sources(self._session)
        return mixing.resolve(
            self._shards.sources,
            documents=documents,
            tokens=tokens,
            weights=weights,
            total_tokens=total_tokens,
        )

    def _open(self, num_epochs: int | None, state: LoaderState | None) -> RowReader:
        settings = json.dumps({**self._settings, "num_epochs": num_epochs})
        plan = None if state is None else json.dumps(dict(state.plan))
        return RowReader(self._columns, settings, plan, self._session)

    @property
    def shards(self) -> Shards:
        """The split that rows are made of."""
        return self._shards

    @property
    def sequence_length(self) -> int:
        """Tokens of a row."""
        return self._sequence_length

    @property
    def batch_rows(self) -> int:
        """Rows of a batch of this rank."""
        return self._batch_rows

    @property
    def num_ranks(self) -> int:
        """Ranks that share the rows."""
        return self._num_ranks

    @property
    def ledger(self) -> Ledger:
        """What became of the tokens so far, in the rows of all ranks."""
        return Ledger.from_json(json.loads(self._reader.ledger()))

    @property
    def epoch(self) -> int:
        """Epoch of the next row, from 0; with a mixture that of the source that was read most often."""
        return self._reader.epoch

    @property
    def global_rows(self) -> int:
        """Rows of the global sequence that lie behind."""
        return self._global_rows

    @property
    def placed_by_source(self) -> dict[str, int]:
        """Tokens in rows so far by source, in the rows of all ranks."""
        return dict(zip(self._shards.sources, self._reader.placed_by_source, strict=True))

    def state(self) -> LoaderState:
        """Return where the loader stands; a loader made from it gives the same rows from here on.

        It stands behind all rows that ranks take beside those of this rank, so it is the same on all ranks after the
        same number of batches, and serves any number of them.
        """
        return self._state_of(self._reader)

    def _state_of(self, reader: RowReader) -> LoaderState:
        return LoaderState(
            shards=self._shards_digest, settings=self._settings, plan=json.loads(reader.state())
        )

    def state_at(self, global_rows: int) -> LoaderState:
        """Return the state behind a number of global rows, wherever this loader is by now.

        For batches that were made ahead: a batch says where it ends, `Batch.global_rows`. Time: planning the rows
        since the last call, about a hundred nanoseconds a document.
        """
        if self._shadow is None or self._shadow[1] > global_rows:
            self._shadow = (
                self._open(self._num_epochs, self._start),
                0 if self._start is None else self._start.rows,
            )
        reader, at = self._shadow
        at += reader.skip(max(0, global_rows - at), self._session)
        if at != global_rows:
            raise GristmillError("GM-LOADER-002", f"there is no row `{global_rows}`; these end at `{at}`")
        self._shadow = (reader, at)
        return self._state_of(reader)

    def skip(self, global_rows: int) -> int:
        """Leave out global rows and return how many there were. Time: a hundred nanoseconds a document."""
        skipped = self._reader.skip(global_rows, self._session)
        self._global_rows += skipped
        return skipped

    def new_arrays(
        self,
        *,
        num_rows: int | None = None,
        allocate: Callable[[int, np.dtype[np.generic]], Array] = np.empty,
    ) -> BatchArrays:
        """Return arrays for `next_batch` to fill, by default for `batch_rows` rows."""
        places = (num_rows or self._batch_rows) * self._sequence_length
        return BatchArrays.empty(places, dtype=self._dtype, targets=self._targets, allocate=allocate)

    def next_batch(self, *, num_rows: int | None = None, out: BatchArrays | None = None) -> Batch | None:
        """Return the next rows of this rank: fewer at the end, and None behind it.

        Parameters
        ----------
        num_rows
            Rows of this rank; None: `batch_rows`.
        out
            Arrays to fill; None: new ones, of the size of the batch.
        """
        wanted = self._batch_rows if num_rows is None else num_rows
        rows, global_rows, num_tokens, num_pieces, num_short = self._reader.plan(
            wanted, self._rank, self._num_ranks, self._session
        )
        self._global_rows += global_rows
        is_short = global_rows < wanted * self._num_ranks
        if rows == 0 or (is_short and self._is_last_dropped):
            return None
        places = num_tokens if self._padding is None else rows * self._sequence_length
        arrays = out or BatchArrays.empty(places, dtype=self._dtype, targets=self._targets)
        num_padded = 0 if self._padding is None else num_short
        bounds = np.empty(num_pieces + 1 + num_padded, np.int32)
        table = np.empty((NUM_FIELDS, num_pieces), np.int64)
        row_bounds = np.empty(rows + 1, np.int64)
        num_trained, max_length = self._reader.fill(
            self._padding,
            self._targets,
            arrays.tokens,
            arrays.positions,
            arrays.targets,
            bounds,
            table,
            row_bounds,
        )

        def shaped(array: Array) -> Array:
            used = array[:places]
            return used if self._padding is None else used.reshape(rows, self._sequence_length)

        return Batch(
            tokens=shaped(arrays.tokens),
            positions=shaped(arrays.positions),
            targets=None if arrays.targets is None else shaped(arrays.targets),
            bounds=bounds,
            row_bounds=row_bounds,
            table=table,
            max_length=max_length,
            num_trained=num_trained,
            global_rows=self._global_rows,
        )

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches of `batch_rows` rows until they end."""
        while (batch := self.next_batch()) is not None:
            yield batch

    def take(self, num_rows: int) -> list[Row]:
        """Return the next rows one by one, without padding: fewer at the end of the last epoch, none after it."""
        if num_rows == 0 or (batch := self.next_batch(num_rows=num_rows)) is None:
            return []
        return batch.rows()

    def count_rows(self, *, epochs: float | None = None, tokens: int | None = None) -> int:
        """Return how many global rows a training of this length takes, from lengths alone; the loader does not move.

        Time: a hundred nanoseconds a document.

        Parameters
        ----------
        epochs
            Passes; of a last part of a pass, the same part of that pass's rows, rounded up. With a mixture a pass is
            as many tokens as the split has.
        tokens
            Tokens in rows: up to the row with which they are reached. Exactly one of both is given.
        """
        assert (epochs is None) != (tokens is None), "one length"
        if epochs is not None and self._settings["mixing"] is not None:
            tokens = math.ceil(epochs * self._shards.num_tokens)
        if tokens is not None:
            return self._open(None, None).skip(_ALL_ROWS, self._session, tokens)
        assert epochs is not None, "one length"
        whole = math.floor(epochs)
        rows = self._open(whole, None).skip(_ALL_ROWS, self._session) if whole else 0
        if epochs == whole:
            return rows
        last = self._open(whole + 1, None).skip(_ALL_ROWS, self._session) - rows
        return rows + math.ceil(last * (epochs - whole))


def _check(batch_rows: int, rank: int, num_ranks: int, dtype: str, targets: str) -> None:
    problems = {
        f"`batch_rows` is `{batch_rows}`, not at least 1": batch_rows < 1,
        f"`rank` is `{rank}` of `{num_ranks}`": not 0 <= rank < num_ranks,
        f"`dtype` is `{dtype}`": dtype not in ("int64", "int32", "uint32", "uint16"),
        f"`targets` is `{targets}`": targets not in ("next", "labels", "mask", "none"),
    }
    for problem, is_there in problems.items():
        if is_there:
            raise GristmillError("GM-LOADER-008", problem)


def _weights(sources: tuple[str, ...], weights: Mapping[str, float]) -> list[float]:
    for name, weight in weights.items():
        if not (math.isfinite(weight) and weight >= 0):
            raise GristmillError("GM-LOADER-005", f"the source `{name}` has the weight `{weight}`")
    return [float(weights.get(name, 1.0)) for name in sources]
