"""The rows of every step of a training: how many there are, which come next, and where to continue.

A thread makes the rows of coming steps while one is computed. Where a training stands is said by the rows that were
used, never by those made ahead, so resuming is exact. Not here: how rows are ordered, mixed and packed
(`gristmill.loader`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from gristmill.errors import GristmillError
from gristmill.loader import Batch, BatchArrays, Loader, LoaderState, Mixing, Row
from gristmill.loader.torch_data import TensorBatch, read_ahead
from gristmill.shards import Shards
from gristmill.train.classify import with_classes
from gristmill.train.config import TrainConfig
from gristmill.train.tasks import labels_of

STEPS_AHEAD = 2


class Feed:
    """The training split as the rows of one step after another.

    Memory: the rows of `STEPS_AHEAD` + 2 steps.

    Parameters
    ----------
    config
        Length, order, weights and mixture.
    shards
        The split.
    """

    def __init__(self, config: TrainConfig, shards: Shards) -> None:
        self._config = config
        self._shards = shards
        self._loader = self._open(None)
        if config.steps is not None:
            self.num_rows = config.steps * config.rows_per_step
        else:
            self.num_rows = self._loader.count_rows(epochs=config.epochs, tokens=config.tokens)
        self.num_steps = -(-self.num_rows // config.rows_per_step)
        self._loader.rows_left = self.num_rows
        self._labels = labels_of(shards) if config.task == "classify" else None
        self._batches: Iterator[TensorBatch] | None = None
        self._global_rows = 0
        self.epoch = 0
        self.waited_s = 0.0

    def _open(self, state: LoaderState | None) -> _StepLoader:
        config = self._config
        return _StepLoader(
            self._shards,
            sequence_length=config.sequence_length,
            batch_rows=config.rows_per_step,
            seed=config.seed,
            num_epochs=None,
            weights=config.weights,
            mixing=None if config.mixing is None else Mixing.from_json(config.mixing),
            total_tokens=self._total_tokens(),
            state=state,
        )

    def _total_tokens(self) -> int:
        """Length of the training in tokens, by which a mixture's phases are placed."""
        config = self._config
        if config.steps is not None:
            return config.steps * config.rows_per_step * config.sequence_length
        if config.tokens is not None:
            return config.tokens
        assert config.epochs is not None, "one of three is given"
        return round(config.epochs * self._shards.num_tokens)

    def resume(self, state: Mapping[str, object]) -> None:
        """Continue behind the step after which `state` was taken."""
        self.close()
        found = LoaderState.from_json(state)
        self._loader = self._open(found)
        self._global_rows = found.rows
        self._loader.rows_left = self.num_rows - found.rows

    def next_rows(self, step: int) -> list[Row]:
        """Return the rows of a step, fewer in the last one.

        Afterwards `epoch` is that of the row that comes next, from 0, and `waited_s` the seconds this call waited.

        Raises
        ------
        GristmillError
            ``GM-LOADER-007`` when a mixture ends before the training.
        """
        started_s = time.monotonic()
        if self._batches is None:
            self._batches = read_ahead(self._loader, "cpu", depth=STEPS_AHEAD)
        batch = next(self._batches, None)
        self.waited_s = time.monotonic() - started_s
        if batch is None:
            raise GristmillError(
                "GM-LOADER-007",
                f"every source of the mixture was read `max_epochs` times after {step - 1} of {self.num_steps} steps",
                hint="raise `max_epochs` in `mixing`, or train for less",
            )
        self._global_rows = batch.global_rows
        self.epoch = self._loader.epochs.pop(batch.global_rows)
        rows = _rows_of(batch)
        return rows if self._labels is None else with_classes(rows, self._labels)

    def loader_idle_s(self) -> float:
        """Return the seconds for which the loader had nothing to do since the last call: the step was slower."""
        idle_s, self._loader.idle_s = self._loader.idle_s, 0.0
        return idle_s

    def state(self) -> dict[str, object]:
        """Return where the rows that were used end, as plain values."""
        return self._loader.state_at(self._global_rows).to_json()

    def ledger(self) -> dict[str, int]:
        """Return what became of every token up to there."""
        found = self._loader.state_at(self._global_rows).plan["ledger"]
        assert isinstance(found, Mapping), "checked where it was made"
        return {str(name): int(number) for name, number in found.items()}

    def close(self) -> None:
        """End the thread."""
        if self._batches is not None:
            self._batches.close()  # type: ignore[attr-defined]
            self._batches = None


class _StepLoader(Loader):
    """A loader that ends with the training, and knows the epoch behind each batch and how long it had to wait."""

    def __init__(self, shards: Shards, **options: Any) -> None:
        super().__init__(shards, **options)
        self.rows_left = 0
        self.idle_s = 0.0
        self.epochs: dict[int, int] = {}
        self._ended_s: float | None = None

    def next_batch(self, *, num_rows: int | None = None, out: BatchArrays | None = None) -> Batch | None:
        """Return the next rows, none beyond the training's last."""
        if self._ended_s is not None:
            self.idle_s += time.monotonic() - self._ended_s
        wanted = min(num_rows or self.batch_rows, self.rows_left)
        batch = super().next_batch(num_rows=wanted, out=out) if wanted else None
        if batch is not None:
            self.rows_left -= batch.num_rows
            self.epochs[batch.global_rows] = self.epoch
        self._ended_s = time.monotonic()
        return batch


def _rows_of(batch: TensorBatch) -> list[Row]:
    assert batch.targets is not None, "the loader makes them unless told otherwise"
    return Batch(
        tokens=batch.tokens.numpy(),
        positions=batch.positions.numpy(),
        targets=batch.targets.numpy(),
        bounds=batch.bounds.numpy(),
        row_bounds=batch.row_bounds.numpy(),
        table=batch.table.numpy(),
        max_length=batch.max_length,
        num_trained=batch.num_trained,
        global_rows=batch.global_rows,
    ).rows()
