from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tiny import LLAMA

from gristmill.errors import GristmillError
from gristmill.train.models import load_model


def load(model, **changes):
    options = {"device": torch.device("cpu"), "compute_dtype": torch.float32, "is_frozen": False, "seed": 1}
    return load_model(model, **(options | changes))


def test_the_seed_decides_random_weights() -> None:
    first, same, other = (load(LLAMA, seed=seed).head.weight for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_a_saved_folder_loads_with_the_same_weights(tmp_path: Path) -> None:
    made = load(LLAMA)
    made.model.save_pretrained(tmp_path)
    again = load(tmp_path)
    for (name, one), (_, other) in zip(
        made.model.named_parameters(), again.model.named_parameters(), strict=True
    ):
        assert torch.equal(one, other), name


def folder_with(tmp_path: Path, config: object, *, weights: str = "model.safetensors") -> Path:
    (tmp_path / "config.json").write_text(json.dumps(config) if not isinstance(config, str) else config)
    (tmp_path / weights).write_bytes(b"\x00")
    return tmp_path


@pytest.mark.parametrize(
    ("config", "weights"),
    [
        ("{", "model.safetensors"),
        ([], "model.safetensors"),
        (LLAMA, "pytorch_model.bin"),
        (LLAMA, "model.safetensors"),
        ({"model_type": "llama", "auto_map": {"AutoModelForCausalLM": "evil.Model"}}, "model.safetensors"),
        ({"model_type": "no-such-model"}, "model.safetensors"),
    ],
)
def test_an_unusable_folder(tmp_path: Path, config: object, weights: str) -> None:
    with pytest.raises(GristmillError) as error:
        load(folder_with(tmp_path, config, weights=weights))
    assert error.value.code == "GM-TRAIN-003"


@pytest.mark.parametrize("change", [{"num_hidden_layers": 3}, {"intermediate_size": 48}])
def test_weights_that_do_not_fit_the_configuration_are_refused_not_made_up(tmp_path: Path, change) -> None:
    load(LLAMA).model.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(GristmillError) as error:
        load(tmp_path)
    assert error.value.code == "GM-TRAIN-003"


def test_code_in_a_model_folder_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "evil.py").write_text(f"open({str(mark)!r}, 'w')\nclass Model: pass\n")
    folder = folder_with(tmp_path, LLAMA | {"auto_map": {"AutoModelForCausalLM": "evil.Model"}})
    with pytest.raises(GristmillError):
        load(folder)
    assert not mark.exists()


@pytest.mark.parametrize(
    "config",
    [{}, {"model_type": "no-such-model"}, LLAMA | {"num_attention_heads": 0}, {"model_type": "vit"}],
)
def test_an_unusable_configuration(config: dict[str, object]) -> None:
    with pytest.raises(GristmillError) as error:
        load(config)
    assert error.value.code == "GM-TRAIN-004"
