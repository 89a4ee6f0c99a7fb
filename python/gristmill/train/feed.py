"""The rows of every step of a training: how many there are, which come next, and where to continue.

Not here: how rows are ordered, mixed and packed (`gristmill.loader`).
"""

from __future__ import annotations

from collections.abc import Mapping

from gristmill.errors import GristmillError
from gristmill.loader import Loader, LoaderState, Mixing, Row
from gristmill.shards import Shards
from gristmill.train.config import TrainConfig


class Feed:
    """The training split as the rows of one step after another.

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

    def _open(self, state: LoaderState | None) -> Loader:
        config = self._config
        return Loader(
            self._shards,
            sequence_length=config.sequence_length,
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
        self._loader = self._open(LoaderState.from_json(state))

    def state(self) -> dict[str, object]:
        """Return where the rows stand, as plain values."""
        return self._loader.state().to_json()

    def next_rows(self, step: int) -> list[Row]:
        """Return the rows of a step, fewer in the last one.

        Raises
        ------
        GristmillError
            ``GM-LOADER-007`` when a mixture ends before the training.
        """
        wanted = min(self._config.rows_per_step, self.num_rows - self._loader.ledger.rows)
        rows = self._loader.take(wanted)
        if not rows:
            raise GristmillError(
                "GM-LOADER-007",
                f"every source of the mixture was read `max_epochs` times after {step - 1} of {self.num_steps} steps",
                hint="raise `max_epochs` in `mixing`, or train for less",
            )
        return rows

    @property
    def epoch(self) -> int:
        """Epoch of the next row, from 0."""
        return self._loader.epoch

    def ledger(self) -> dict[str, int]:
        """Return what became of every token so far."""
        return self._loader.ledger.to_json()
