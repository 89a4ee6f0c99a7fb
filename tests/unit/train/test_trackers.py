"""Trackers by stand-ins for their libraries; TensorBoard's own files where it is installed."""

from __future__ import annotations

import importlib.util
import json
import sys
import types
from pathlib import Path

import pytest
from tiny import config, run_folder, trained

from gristmill.errors import GristmillError
from gristmill.recipe import load_recipe
from gristmill.train.from_recipe import callbacks_of
from gristmill.train.run import train
from gristmill.train.trackers import TRACKERS, activate_tracker

STAND_IN = """
calls = []
def init(**options):
    calls.append(("init", options))
def log(values, step):
    calls.append(("log", step, values))
def finish():
    calls.append(("finish",))
"""
OPTIONS = {"steps": 4, "eval_every_steps": 2}


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that makes a library importable that only takes notes."""

    def make(name: str) -> types.ModuleType:
        (tmp_path / "lib").mkdir(exist_ok=True)
        (tmp_path / f"lib/{name}.py").write_text(STAND_IN)
        monkeypatch.syspath_prepend(tmp_path / "lib")
        monkeypatch.delitem(sys.modules, name, raising=False)
        module = importlib.import_module(name)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    monkeypatch.delenv("WANDB_MODE", raising=False)
    return make


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_tracker_is_told_every_step_and_evaluation(tmp_path: Path, library, name: str) -> None:
    module = library(name)
    folder = run_folder(tmp_path / "run")
    tracker = activate_tracker({"use": name, "project": "mill"})
    result = train(config(**OPTIONS), folder, on_event=lambda _: None, callbacks=[tracker])
    kind, options = module.calls[0]
    assert (kind, options["project"], options["name"]) == ("init", "mill", "run")
    if name == "wandb":
        assert options["mode"] == "offline"
    logged = [(step, values) for kind, *rest in module.calls if kind == "log" for step, values in [rest]]
    assert [step for step, values in logged if "train/loss" in values] == [1, 2, 3, 4]
    validated = {step: values for step, values in logged if "validation/loss" in values}
    assert list(validated) == [0, 2, 4]
    assert validated[4]["validation/loss"] == result.last_validation_loss
    assert any(key.startswith("validation/loss/") for key in validated[4])
    assert module.calls[-1] == ("finish",)


def test_wandb_obeys_its_environment(tmp_path: Path, library, monkeypatch: pytest.MonkeyPatch) -> None:
    module = library("wandb")
    monkeypatch.setenv("WANDB_MODE", "disabled")
    tracker = activate_tracker({"use": "wandb", "mode": "online"})
    train(config(steps=1), run_folder(tmp_path / "run"), on_event=lambda _: None, callbacks=[tracker])
    assert module.calls[0][1]["mode"] == "disabled"


def test_tensorboard_is_written_beside_the_metrics(
    tmp_path: Path, library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library("tensorboard")
    notes: list[tuple[object, ...]] = []

    class SummaryWriter:
        def __init__(self, folder: str, purge_step: int | None) -> None:
            notes.append((folder, purge_step))

        def add_scalar(self, name: str, value: float, step: int) -> None:
            notes.append((name, value, step))

        def close(self) -> None:
            notes.append(("closed",))

    stand_in = types.ModuleType("torch.utils.tensorboard")
    stand_in.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", stand_in)
    folder = run_folder(tmp_path / "run")
    stops = iter([True])
    for purge in (None, 2):
        notes.clear()
        train(
            config(**OPTIONS),
            folder,
            on_event=lambda _: None,
            should_stop=lambda: next(stops, False),
            callbacks=[activate_tracker({"use": "tensorboard"})],
        )
        assert notes[0] == (str(folder / "train/tensorboard"), purge)
        assert notes[-1] == ("closed",)
    written = [json.loads(line) for line in (folder / "train/metrics.jsonl").read_text().splitlines()]
    losses = [(line["loss"], line["step"]) for line in written if line.get("step", 0) > 1 and "loss" in line]
    assert [note[1:] for note in notes if note[0] == "train/loss"] == losses


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed")
def test_tensorboards_own_files(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = run_folder(tmp_path / "run")
    train(
        config(**OPTIONS),
        folder,
        on_event=lambda _: None,
        callbacks=[activate_tracker({"use": "tensorboard"})],
    )
    events = EventAccumulator(str(folder / "train/tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [1, 2, 3, 4]


def test_a_tracker_that_fails_changes_nothing(tmp_path: Path, library) -> None:
    module = library("trackio")
    module.log = None
    plain = trained(tmp_path / "plain", **OPTIONS)
    events: list[dict[str, object]] = []
    folder = run_folder(tmp_path / "run")
    train(config(**OPTIONS), folder, on_event=events.append, callbacks=[activate_tracker({"use": "trackio"})])
    weights = "model/model.safetensors"
    assert (folder / "train" / weights).read_bytes() == (plain.folder / weights).read_bytes()
    assert "failed 7 times" in str(events[-1]["message"])


@pytest.mark.parametrize("name", sorted(TRACKERS))
def test_a_tracker_that_is_not_installed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(GristmillError) as error:
        activate_tracker({"use": name})
    assert (error.value.code, error.value.hint) == ("GM-TRAIN-034", f"pip install 'gristmill[{name}]'")


def test_a_recipe_names_trackers_among_plugins(tmp_path: Path, library) -> None:
    library("trackio")
    path = tmp_path / "recipe.toml"
    path.write_text(
        '[run]\noutput = "run"\n[[source]]\nname = "web"\npaths = ["web.jsonl"]\n'
        '[train]\nmodel = "m"\nepochs = 1\ncallbacks = [{ use = "trackio", project = "mill" }]\n'
    )
    recipe = load_recipe(path)
    assert recipe.named_plugins == ()
    assert [one.use for one in callbacks_of(recipe)] == ["gristmill.trackio"]
    path.write_text(path.read_text().replace("trackio", "comet"))
    with pytest.raises(GristmillError, match='"tensorboard", "wandb", "trackio"'):
        load_recipe(path)
