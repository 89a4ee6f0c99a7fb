from __future__ import annotations

import json
import statistics
from dataclasses import replace
from pathlib import Path

import pytest
from tiny import config, run_folder, trained

from gristmill.errors import GristmillError
from gristmill.train.run import train
from gristmill.train.seeds import summarise


def test_seeds_are_trained_compared_and_continued(tmp_path: Path) -> None:
    options = {"steps": 4, "seeds": 3, "seed": 5}
    folder = run_folder(tmp_path)
    calls = 0

    def stop_once() -> bool:
        nonlocal calls
        calls += 1
        return calls == 5  # in the second seed

    stopped = train(config(**options), folder, on_event=lambda _: None, should_stop=stop_once)
    assert (stopped.is_complete, stopped.folder.name) == (False, "seed-6")
    events: list[dict[str, object]] = []
    result = train(config(**options), folder, on_event=events.append)
    steps = [event["seed"] for event in events if "tokens_per_s" in event]
    assert steps == [6, 6, 7, 7, 7, 7]
    losses = {}
    for seed in (5, 6, 7):
        alone = trained(tmp_path / f"alone-{seed}", steps=4, seed=seed)
        losses[seed] = alone.last_validation_loss
        weights = "model/model.safetensors"
        assert (folder / f"train/seed-{seed}" / weights).read_bytes() == (alone.folder / weights).read_bytes()
    best = min(losses, key=losses.get)
    assert result.seeds["best"] == best
    found = result.seeds["metrics"]["validation_loss"]
    assert found["values"] == {str(seed): loss for seed, loss in losses.items()}
    assert found["mean"] == pytest.approx(statistics.mean(losses.values()))
    assert found["sd"] == pytest.approx(statistics.stdev(losses.values()))
    # t of 2 degrees of freedom: 4.303.
    assert found["high"] - found["mean"] == pytest.approx(4.302653 * found["sd"] / 3**0.5, rel=1e-5)
    assert (folder / "train/model/model.safetensors").read_bytes() == (
        folder / f"train/seed-{best}/model/model.safetensors"
    ).read_bytes()
    written = json.loads((folder / "train/result.json").read_text())
    assert written["seeds"] == result.seeds
    again = train(config(**options), folder, on_event=lambda _: None)
    assert again.was_finished
    assert again.seeds == result.seeds
    # One seed in the same folder is another training, and replaces what the seeds published.
    assert not trained(tmp_path, steps=4, seed=9).was_finished


def test_a_seed_that_learns_little_has_collapsed(tmp_path: Path) -> None:
    one = trained(tmp_path, steps=1)
    made = {
        1: replace(one, first_validation_loss=4.0, exported={"validation_loss": 2.0, "accuracy": 0.9}),
        2: replace(one, first_validation_loss=4.0, exported={"validation_loss": 2.9, "accuracy": 0.8}),
        3: replace(one, first_validation_loss=4.0, exported={"validation_loss": 3.1, "accuracy": 0.5}),
    }
    summary = summarise(made)
    assert (summary["best"], summary["collapsed"]) == (1, [3])
    assert summary["metrics"]["accuracy"]["mean"] == pytest.approx(2.2 / 3)
    made[2] = replace(one, first_validation_loss=4.0, exported={"validation_loss": None})
    summary = summarise(made)
    assert (summary["collapsed"], list(summary["metrics"])) == ([2, 3], [])


def test_seeds_need_a_validation_split(tmp_path: Path) -> None:
    run_folder(tmp_path, num_validation=0)
    with pytest.raises(GristmillError) as error:
        trained(tmp_path, steps=1, seeds=2)
    assert error.value.code == "GM-TRAIN-032"
