"""Where a training is: the counters that a checkpoint carries, and how others are told of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gristmill.plugins.callbacks import TrainingState
from gristmill.train.callbacks import Callbacks
from gristmill.train.events import OnEvent, make_event


@dataclass(slots=True)
class Progress:
    """Counters that a checkpoint carries.

    Examples
    --------
    >>> Progress().step
    0
    """

    step: int = 0
    skipped_in_a_row: int = 0
    overflows: int = 0
    trained_tokens: int = 0
    placed_tokens: int = 0
    last_loss: float | None = None
    first_validation_loss: float | None = None
    last_validation_loss: float | None = None
    best_validation_loss: float | None = None
    best_step: int | None = None
    evaluations_since_best: int = 0


class Announcer:
    """Says how far a training is: events for whoever watches, calls for callbacks.

    Parameters
    ----------
    progress
        Read at each event.
    num_steps
        Steps of the whole training.
    folder
        `train/` of the run.

    Examples
    --------
    >>> progress, told = Progress(step=2), []
    >>> announcer = Announcer(progress, 5, Path("train"), told.append, Callbacks([], on_event=print))
    >>> announcer.say("loss 2.5", loss=2.5)
    >>> told
    [{'stage': 'train', 'done': 2, 'total': 5, 'message': 'loss 2.5', 'loss': 2.5}]
    """

    def __init__(
        self, progress: Progress, num_steps: int, folder: Path, on_event: OnEvent, callbacks: Callbacks
    ) -> None:
        self.progress = progress
        self.is_resumed = False
        self._num_steps = num_steps
        self._folder = folder
        self._on_event = on_event
        self._callbacks = callbacks

    def say(self, message: str, **more: object) -> None:
        """Emit an event at the present step."""
        self._on_event(make_event(self.progress.step, self._num_steps, message, **more))

    def tell(self, method: str, *values: object) -> None:
        """Call a method of every callback with the state of the training and values of its own."""
        progress = self.progress
        state = TrainingState(
            step=progress.step,
            num_steps=self._num_steps,
            tokens=progress.placed_tokens,
            trained_tokens=progress.trained_tokens,
            folder=self._folder,
            is_resumed=self.is_resumed,
        )
        self._callbacks.tell(method, state, *values)
