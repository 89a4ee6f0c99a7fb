"""Trainings that are killed by SIGKILL, as by the system's hand, in processes of their own.

They are forked by a server that has imported torch and never computed a gradient: torch refuses gradients in a fork of a
process that has, and importing it for each would take minutes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from gristmill.train import checkpoint, feed, files
from gristmill.train.config import TrainConfig
from gristmill.train.distributed.launch import PRELOADED
from gristmill.train.run import train

OnEvent = Callable[[Mapping[str, object]], None]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class AtStep:
    """Die after a step, before whatever follows it."""

    step: int

    def prepare(self) -> OnEvent:
        def on_event(event: Mapping[str, object]) -> None:
            if event["done"] == self.step and "tokens_per_s" in event:
                die()

        return on_event


@dataclass(frozen=True)
class AtSync:
    """Die before the n-th time something is made durable: between any two files of a checkpoint, and around its name."""

    number: int

    def prepare(self) -> OnEvent:
        done = 0

        def counted(path: Path, sync=files.sync) -> None:
            nonlocal done
            done += 1
            if done == self.number:
                die()
            sync(path)

        checkpoint.sync = files.sync = counted
        return lambda _: None


def killed(
    settings: TrainConfig, folder: Path, death: AtStep | AtSync, *, steps_ahead: int | None = None
) -> bool:
    """Train until that death; say whether it came, or raise when something else ended the training."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    process = context.Process(target=_train, args=(settings, folder, death, steps_ahead))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), f"the training ended with {process.exitcode}"
    return process.exitcode != 0


def _train(settings: TrainConfig, folder: Path, death: AtStep | AtSync, steps_ahead: int | None) -> None:
    torch.set_num_threads(1)
    if steps_ahead is not None:
        feed.STEPS_AHEAD = steps_ahead
    train(settings, folder, on_event=death.prepare())
