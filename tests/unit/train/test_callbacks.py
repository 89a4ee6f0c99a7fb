"""Callbacks of plugins are told what happens, fail without harm, and change no bit of the training."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from tiny import config, run_folder, trained

from gristmill.plugins.active import activate
from gristmill.plugins.api import TrainerCallback
from gristmill.plugins.contract import registered_for
from gristmill.train.run import train


class Notes(TrainerCallback):
    name, version = "notes", 1
    told: ClassVar[list[tuple[object, ...]]] = []

    def on_run_start(self, state):
        self.told.append(("start", state.step, state.num_steps, state.is_resumed))

    def on_step_end(self, state, metrics):
        self.told.append(("step", state.step, metrics["step"], metrics["loss"], metrics["tokens_per_s"] > 0))
        metrics["loss"] = -1.0

    def on_evaluation(self, state, metrics):
        self.told.append(("evaluation", state.step, metrics["validation_loss"]))

    def on_checkpoint(self, state, path):
        self.told.append(("checkpoint", state.step, path.is_dir()))

    def on_run_end(self, state, is_complete):
        self.told.append(("end", state.step, is_complete))


class Meddler(TrainerCallback):
    name, version = "meddler", 1

    def on_step_end(self, state, metrics):  # noqa: ARG002
        random.seed(1)
        np.random.seed(1)
        torch.manual_seed(1)
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        raise SystemExit(4)


def active(*classes: type[TrainerCallback]) -> list[object]:
    return [activate(registered_for(one), {}) for one in classes]


def weights(folder: Path) -> bytes:
    return (folder / "train/model/model.safetensors").read_bytes()


def test_callbacks_are_told_and_change_no_bit(tmp_path: Path) -> None:
    Notes.told.clear()
    plain, watched = tmp_path / "plain", tmp_path / "watched"
    changes: Mapping[str, object] = {"steps": 6, "eval_every_steps": 3, "checkpoint_every_steps": 4}
    trained(plain, **changes)
    events: list[Mapping[str, object]] = []
    result = train(
        config(**changes), run_folder(watched), on_event=events.append, callbacks=active(Meddler, Notes)
    )
    assert weights(plain) == weights(watched)
    assert (plain / "train/metrics.jsonl").read_bytes() == (watched / "train/metrics.jsonl").read_bytes()
    told = Notes.told
    assert [item[:2] for item in told if item[0] != "step"] == [
        ("start", 0),
        ("evaluation", 0),
        ("evaluation", 3),
        ("checkpoint", 4),
        ("evaluation", 6),
        ("checkpoint", 6),
        ("end", 6),
    ]
    steps = [item for item in told if item[0] == "step"]
    assert [item[1:3] for item in steps] == [(step, step) for step in range(1, 7)]
    assert steps[-1][3] == result.loss
    assert all(item[2] for item in told if item[0] in ("checkpoint", "end"))
    assert events[-1]["message"] == "callback `contract.meddler` failed 6 times; the training is not affected"


def test_a_resumed_training_says_so(tmp_path: Path) -> None:
    Notes.told.clear()
    folder = run_folder(tmp_path)
    stops = iter([False, True])
    first = train(
        config(steps=6),
        folder,
        on_event=lambda _: None,
        should_stop=lambda: next(stops),
        callbacks=active(Notes),
    )
    assert not first.is_complete
    assert Notes.told[-1] == ("end", 2, False)
    Notes.told.clear()
    train(config(steps=6), folder, on_event=lambda _: None, callbacks=active(Notes))
    assert Notes.told[0] == ("start", 2, 6, True)
