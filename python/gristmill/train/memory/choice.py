"""What is chosen where the recipe says nothing: tokens of a micro-batch, and whether layers keep their activations.

The largest micro-batch that fits without checkpointing is taken, as long as it keeps a GPU busy; then checkpointing,
which costs a forward pass more; then smaller micro-batches. On a CPU a row at a time is as fast as any.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gristmill.train.config import TrainConfig

if TYPE_CHECKING:
    from gristmill.train.memory.footprint import BlankModel, Footprint
    from gristmill.train.memory.machine import Machine

BUSY_TOKENS = 2048
"""A GPU with fewer tokens in a forward pass loses more to waiting than checkpointing costs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What a training will use.

    Parameters
    ----------
    rows_each
        Rows of a micro-batch.
    is_checkpointed
        Whether decoder layers keep their input only.
    footprint
        What a step then needs.
    fits
        Whether that fits.
    """

    rows_each: int
    is_checkpointed: bool
    footprint: Footprint
    fits: bool

    def applied_to(self, config: TrainConfig) -> TrainConfig:
        """Return the configuration with the choice written out."""
        return replace(
            config,
            micro_batch_tokens=self.rows_each * config.sequence_length,
            activation_checkpointing=self.is_checkpointed,
        )


def candidates(config: TrainConfig, device_type: str) -> Iterator[tuple[int, bool]]:
    """Yield (rows of a micro-batch, with checkpointing) in the order in which they are tried.

    Examples
    --------
    >>> config = TrainConfig(model="m", epochs=1, sequence_length=2048)
    >>> list(candidates(config, "cuda"))
    [(4, False), (2, False), (1, False), (4, True), (2, True), (1, True)]
    >>> list(candidates(config, "cpu"))
    [(1, False), (1, True)]
    """
    rows = [config.rows_per_micro_batch(device_type)]
    while config.micro_batch_tokens is None and rows[-1] > 1:
        rows.append(rows[-1] // 2)
    wanted = config.activation_checkpointing
    if wanted != "auto":
        yield from ((number, wanted) for number in rows)
        return
    busy = [number for number in rows if number * config.sequence_length >= BUSY_TOKENS]
    yield from ((number, False) for number in busy or rows[:1])
    yield from ((number, True) for number in rows)


def choose(config: TrainConfig, blank: BlankModel, machine: Machine) -> Choice:
    """Return the first candidate that fits, or the one that needs least."""
    found = []
    for rows_each, is_checkpointed in candidates(config, machine.device_type):
        footprint = blank.step(rows_each=rows_each, is_checkpointed=is_checkpointed)
        fits = footprint.peak_bytes <= machine.budget_bytes
        choice = Choice(rows_each=rows_each, is_checkpointed=is_checkpointed, footprint=footprint, fits=fits)
        if fits:
            return choice
        found.append(choice)
    return min(found, key=lambda choice: choice.footprint.peak_bytes)
