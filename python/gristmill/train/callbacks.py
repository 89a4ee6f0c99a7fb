"""Calls plugins' callbacks while a model is trained. They see numbers; whatever they do, the training is the same.

An exception is logged and counted. torch's, numpy's and Python's random generators, gradient mode and threads are put
back after each call, so that even a careless callback changes no weight.
"""

from __future__ import annotations

import copy
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import torch

from gristmill.plugins.active import ActiveOperator
from gristmill.plugins.callbacks import TrainingState
from gristmill.plugins.capture import captured_output, plugin_logger, short_traceback
from gristmill.plugins.lifecycle import close_operator, open_operator
from gristmill.train.distributed.worker import Link
from gristmill.train.events import OnEvent, make_event


class Callbacks:
    """The callbacks of one training, opened on entry and closed on exit.

    Parameters
    ----------
    operators
        In the order of the recipe, which is the order of calls.
    on_event
        Told at the end how many calls failed, if any did.
    seed
        The training's seed, for their `Context`.

    Examples
    --------
    >>> with Callbacks([], on_event=print) as callbacks:
    ...     callbacks.tell("on_run_start", None)
    """

    def __init__(self, operators: Sequence[ActiveOperator], *, on_event: OnEvent, seed: int = 0) -> None:
        self._operators = list(operators)
        self._on_event = on_event
        self._seed = seed
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._opened: list[ActiveOperator] = []
        self.num_failed: dict[str, int] = {}

    def __enter__(self) -> Self:
        self.open()
        return self

    def open(self) -> None:
        """Open every callback; all that were opened are closed again when one fails."""
        if self._operators:
            self._scratch = tempfile.TemporaryDirectory(prefix="gristmill-callbacks-")
            try:
                for number, operator in enumerate(self._operators):
                    folder = Path(self._scratch.name) / f"{number:03}"
                    folder.mkdir()
                    with _unchanged():
                        open_operator(operator, folder, seed=self._seed, threads=1)
                    self._opened.append(operator)
            except BaseException:
                self.close()
                raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def tell(self, method: str, state: TrainingState | None, *values: object) -> None:
        """Call one method of every callback, each with values of its own."""
        for operator in self._opened:
            given = [copy.deepcopy(value) if isinstance(value, Mapping) else value for value in values]
            try:
                with _unchanged(), captured_output(operator.use):
                    getattr(operator.instance, method)(state, *given)
            except (Exception, SystemExit) as error:  # noqa: BLE001  # logged and counted: a callback changes no training
                self.num_failed[operator.use] = self.num_failed.get(operator.use, 0) + 1
                plugin_logger(operator.use).warning("%s: %s", method, short_traceback(error))

    def close(self) -> None:
        """Close every callback, and say which of them failed how often."""
        for operator in self._opened:
            close_operator(operator)
        self._opened = []
        for use, number in self.num_failed.items():
            self._on_event(
                make_event(0, 0, f"callback `{use}` failed {number} times; the training is not affected")
            )
        self.num_failed = {}
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None


class LinkedCallbacks(Callbacks):
    """The callbacks of the process that started this one, called there by rank 0, and by nobody on other ranks."""

    def __init__(self, link: Link) -> None:
        super().__init__([], on_event=link.on_event)
        self._link = link

    def open(self) -> None:
        """Open them there."""
        self._link.call("open_callbacks")

    def tell(self, method: str, state: TrainingState | None, *values: object) -> None:
        """Call them there, and wait."""
        self._link.call("tell_callbacks", method, state, *values)

    def close(self) -> None:
        """Close them there."""
        self._link.call("close_callbacks")


@contextmanager
def _unchanged() -> Iterator[None]:
    """Put back what a call could change and a training depends on."""
    python_state, numpy_state = random.getstate(), np.random.get_state()  # the one others share
    torch_state = torch.get_rng_state()
    is_on_device = torch.cuda.is_available() and torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    device_states = torch.cuda.get_rng_state_all() if is_on_device else []
    has_gradients, threads, dtype = (
        torch.is_grad_enabled(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
    )
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        torch.set_rng_state(torch_state)
        if device_states:
            torch.cuda.set_rng_state_all(device_states)
        torch.set_grad_enabled(has_gradients)
        torch.set_default_dtype(dtype)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
