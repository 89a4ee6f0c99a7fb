from __future__ import annotations

from itertools import pairwise

import pytest
from tiny import config

from gristmill.errors import GristmillError
from gristmill.train.config import LoraConfig
from gristmill.train.schedule import learning_rate


@pytest.mark.parametrize("lengths", [{"epochs": None}, {"steps": 3, "tokens": 4}])
def test_exactly_one_length_is_given(lengths) -> None:
    with pytest.raises(GristmillError) as error:
        config(**lengths)
    assert error.value.code == "GM-TRAIN-001"


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0},
        {"epochs": float("inf")},
        {"method": "prefix"},
        {"method": "qlora", "lora": LoraConfig(dora=True, dropout=0.1)},
        {"task": "rank"},
        {"precision": "fp8"},
        {"sequence_length": 1},
        {"batch_tokens": 63},
        {"micro_batch_tokens": 63},
        {"learning_rate": 0.0},
        {"warmup_fraction": 1.5},
        {"min_learning_rate_fraction": -0.1},
        {"weight_decay": -1.0},
        {"betas": (0.9, 1.0)},
        {"clip_norm": 0.0},
        {"eval_every_steps": 0},
        {"checkpoint_every_steps": 0},
        {"keep_checkpoints": 0},
        {"threads": 0},
        {"max_skipped_steps": 0},
    ],
)
def test_a_setting_out_of_range(change) -> None:
    with pytest.raises(GristmillError) as error:
        config(**change)
    assert error.value.code == "GM-TRAIN-002"


@pytest.mark.parametrize(
    "change", [{"rank": 0}, {"alpha": 0.0}, {"dropout": 1.0}, {"targets": ()}, {"targets": "some"}]
)
def test_an_adapter_setting_out_of_range(change) -> None:
    with pytest.raises(GristmillError) as error:
        LoraConfig(**change)
    assert error.value.code == "GM-TRAIN-002"


def test_the_learning_rate_rises_straight_then_falls_to_its_floor() -> None:
    rates = [
        learning_rate(step, 100, peak=2.0, warmup_fraction=0.1, min_fraction=0.25) for step in range(1, 101)
    ]
    assert rates[:10] == pytest.approx([0.2 * step for step in range(1, 11)])
    assert all(later < earlier for earlier, later in pairwise(rates[9:]))
    assert rates[-1] == pytest.approx(0.5)
    assert rates[54] == pytest.approx(2.0 * (0.25 + 0.75 * 0.5))


def test_without_warm_up_the_first_step_is_below_the_peak_by_one_step_of_the_cosine() -> None:
    assert learning_rate(1, 1, peak=1.0, warmup_fraction=0.0, min_fraction=0.1) == pytest.approx(0.1)
    assert learning_rate(1, 4, peak=1.0, warmup_fraction=1.0, min_fraction=0.1) == pytest.approx(0.25)
