"""Callbacks of training: what a plugin is told while a model is trained. They see numbers and change nothing.

Calling them, and counting what they raise, is the training's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from gristmill.plugins.operators import Operator


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingState:
    """Where a training is.

    Parameters
    ----------
    step
        Steps done, in all, earlier starts included.
    num_steps
        Steps of the whole training.
    tokens, trained_tokens
        Tokens seen so far, and those of them that the loss was taken of.
    folder
        `train/` of the run folder. For writing use a place of your own.
    is_resumed
        Whether an earlier start of this training had got anywhere.
    """

    step: int
    num_steps: int
    tokens: int
    trained_tokens: int
    folder: Path
    is_resumed: bool


class TrainerCallback(Operator):
    """Is told what a training does. Define any of the methods below; each does nothing by default.

    Named in the recipe: ``[train] callbacks = ["support.log"]``. The methods get copies of numbers, no model and no
    optimiser; what they return is ignored, what they raise is logged and counted, and the training goes on.

    Examples
    --------
    >>> from gristmill.plugins.api import TrainerCallback
    >>> class Worst(TrainerCallback):
    ...     name, version = "worst", 1
    ...     loss = 0.0
    ...     def on_step_end(self, state, metrics):
    ...         self.loss = max(self.loss, metrics["loss"] or 0.0)
    >>> worst = Worst()
    >>> worst.on_step_end(None, {"loss": 2.5})
    >>> worst.loss
    2.5
    """

    kind = "trainer_callback"
    work = ("on_run_start", "on_step_end", "on_evaluation", "on_checkpoint", "on_run_end")
    defines_several = True
    inputs: ClassVar[tuple[str, ...]] = ()

    def on_run_start(self, state: TrainingState) -> None:
        """Before the first step of this start."""

    def on_step_end(self, state: TrainingState, metrics: Mapping[str, object]) -> None:
        """After each step.

        ``loss`` (nats; None for a skipped step), ``learning_rate``, ``gradient_norm``, ``tokens_per_s``, ``epoch``.
        """

    def on_evaluation(self, state: TrainingState, metrics: Mapping[str, object]) -> None:
        """After each measurement of the validation loss, with what was measured."""

    def on_checkpoint(self, state: TrainingState, path: Path) -> None:
        """After a checkpoint is written and can be resumed from."""

    def on_run_end(self, state: TrainingState, is_complete: bool) -> None:  # one fact, named
        """At the end of this start: complete, or stopped with a checkpoint."""
