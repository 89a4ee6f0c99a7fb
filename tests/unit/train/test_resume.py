"""Kills a training at every step and inside every write of a checkpoint; the same call always ends in the same bits.

Each killed training is a process of its own, see `deaths`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deaths import AtStep, AtSync, killed
from safetensors.torch import load_file
from shard_fixture import made_documents, write_run
from tiny import LLAMA, config

from gristmill.train.config import TrainConfig
from gristmill.train.run import train

DROPOUT = LLAMA | {"attention_dropout": 0.2, "num_hidden_layers": 1}


def folder_with_shards(folder: Path) -> Path:
    """Five steps an epoch."""
    return write_run(folder, made_documents(24), made_documents(4, seed=9))


def finished(settings: TrainConfig, folder: Path) -> int:
    """Train to the end; return how many steps this call did."""
    events: list[Mapping[str, object]] = []
    assert train(settings, folder, on_event=events.append).is_complete
    return sum("tokens_per_s" in event for event in events)


def same(one: Path, other: Path) -> None:
    """Compare everything that decides or tells how the training went."""
    one, other = one / "train", other / "train"
    assert (one / "metrics.jsonl").read_bytes() == (other / "metrics.jsonl").read_bytes()
    assert (one / "model/model.safetensors").read_bytes() == (other / "model/model.safetensors").read_bytes()
    assert pq.read_table(one / "batches").equals(pq.read_table(other / "batches"))
    last = max((one / "checkpoints").glob("step-*")).name
    for name in ("weights", "optimiser", "random"):
        found, wanted = (
            load_file(path / "checkpoints" / last / f"{name}.safetensors") for path in (other, one)
        )
        assert found.keys() == wanted.keys()
        for key, value in wanted.items():
            assert value.dtype == found[key].dtype
            assert value.numpy().tobytes() == found[key].numpy().tobytes(), (name, key)
    state = f"checkpoints/{last}/state.json"
    assert (one / state).read_bytes() == (other / state).read_bytes()


@pytest.mark.slow
def test_a_kill_at_any_step_changes_no_bit(tmp_path: Path) -> None:
    """Steps into the second epoch, with dropout; each folder is killed twice, at k and one step after resuming."""
    settings = config(model=DROPOUT, epochs=2, checkpoint_every_steps=3, eval_every_steps=2)
    num_steps = finished(settings, folder_with_shards(tmp_path / "whole"))
    assert 6 <= num_steps <= 12
    for step in range(1, num_steps + 1):
        folder = folder_with_shards(tmp_path / f"at-{step}")
        assert killed(settings, folder, AtStep(step))
        again = step // 3 * 3 + 1
        if again <= num_steps:
            assert killed(settings, folder, AtStep(again))
        assert finished(settings, folder) == num_steps - step // 3 * 3
        same(tmp_path / "whole", folder)


@pytest.mark.slow
def test_a_kill_inside_any_write_of_a_checkpoint_changes_no_bit(tmp_path: Path) -> None:
    settings = config(model=DROPOUT, steps=2, checkpoint_every_steps=1, patience=9, eval_every_steps=1)
    finished(settings, folder_with_shards(tmp_path / "whole"))
    number = 0
    while True:
        number += 1
        folder = folder_with_shards(tmp_path / f"sync-{number}")
        if not killed(settings, folder, AtSync(number)):
            break
        finished(settings, folder)
        same(tmp_path / "whole", folder)
    # Two checkpoints of four files, receipt, pointers and folder names each; settings, export and result.
    assert number > 20


@pytest.mark.parametrize(
    "changes",
    [
        {"optimiser": "adamw_8bit", "model": DROPOUT | {"intermediate_size": 256}},
        {"optimiser": "muon", "schedule": "wsd"},
        {"precision": "fp16"},
        {"precision": "bf16", "mixing": {"shares": {"books": 2.0, "web": 1.0}}},
        {"average": 2, "checkpoint_every_steps": 2},
    ],
    ids=["adamw_8bit", "muon", "fp16", "bf16-mixing", "average"],
)
def test_every_way_of_training_resumes_to_the_bit(tmp_path: Path, changes: dict[str, object]) -> None:
    settings = config(**{"model": DROPOUT, "steps": 6, "checkpoint_every_steps": 3} | changes)
    finished(settings, folder_with_shards(tmp_path / "whole"))
    folder = folder_with_shards(tmp_path / "killed")
    for step in (4, 5):
        assert killed(settings, folder, AtStep(step))
    finished(settings, folder)
    same(tmp_path / "whole", folder)


def test_rows_made_ahead_are_not_lost_whatever_their_number(tmp_path: Path) -> None:
    settings = config(model=DROPOUT, steps=7, checkpoint_every_steps=2)
    finished(settings, folder_with_shards(tmp_path / "whole"))
    folder = folder_with_shards(tmp_path / "killed")
    for steps_ahead, step in ((1, 3), (7, 5)):
        assert killed(settings, folder, AtStep(step), steps_ahead=steps_ahead)
    finished(settings, folder)
    same(tmp_path / "whole", folder)
