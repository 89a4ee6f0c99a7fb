from __future__ import annotations

from pathlib import Path

import pytest
import torch
from allocations import full_rows, ready_step, real_peak_bytes
from tiny import FAMILIES, config

from gristmill.train.config import LoraConfig
from gristmill.train.memory.footprint import BlankModel, Footprint
from gristmill.train.models import load_model

TOLERANCE = 0.10
"""What is promised: blocks that operations use inside themselves are not foreseen."""
LONGER = {"max_position_embeddings": 128}
LARGER = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 4}


def foreseen(settings, *, rows_each: int, is_checkpointed: bool) -> Footprint:
    dtype = torch.bfloat16 if settings.precision == "bf16" else torch.float32
    blank = BlankModel(settings, device=torch.device("cpu"), compute_dtype=dtype)
    return blank.step(rows_each=rows_each, is_checkpointed=is_checkpointed)


CASES = [
    (family, "full", precision, is_checkpointed)
    for family in ("llama", "qwen3", "mistral-window", "gemma2-softcap", "olmo2", "phi3")
    for precision, is_checkpointed in (("fp32", False), ("fp32", True), ("bf16", False))
] + [
    (family, "lora", precision, is_checkpointed)
    for family in ("llama-tied", "gemma3")
    for precision, is_checkpointed in (("fp32", False), ("fp32", True), ("bf16", True))
]


@pytest.mark.parametrize(("family", "method", "precision", "is_checkpointed"), CASES)
def test_a_step_allocates_what_was_foreseen(
    tmp_path: Path, family: str, method: str, precision: str, is_checkpointed: bool
) -> None:
    model: object = FAMILIES[family] | LONGER
    if method == "lora":
        model = saved_model(tmp_path / "base", model)
    settings = config(
        model=model,
        method=method,
        precision=precision,
        sequence_length=128,
        batch_tokens=512,
        lora=LoraConfig(rank=4),
    )
    found = foreseen(settings, rows_each=2, is_checkpointed=is_checkpointed)
    folder = full_rows(tmp_path / "run", 128)
    setup = ready_step(folder, settings, rows_each=2, is_checkpointed=is_checkpointed)
    real = real_peak_bytes(setup, settings)
    assert found.peak_bytes == pytest.approx(real, rel=TOLERANCE)
    assert sum(found.peak.values()) == found.peak_bytes


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "qlora"},
        {"method": "lora", "lora": LoraConfig(rank=4, dora=True)},
        {"method": "lora", "lora": LoraConfig(rank=4, dropout=0.1)},
        {"method": "full", "optimiser": "adamw_8bit"},
        {"method": "full", "optimiser": "muon"},
    ],
    ids=str,
)
def test_methods_and_optimisers_are_foreseen_too(tmp_path: Path, settings: dict[str, object]) -> None:
    """On a model of some three million parameters, so that what is counted is more than odds and ends."""
    model: object = FAMILIES["llama"] | LONGER | LARGER
    if settings["method"] != "full":
        model = saved_model(tmp_path / "base", model)
    whole = config(
        model=model, sequence_length=128, batch_tokens=256, **{"lora": LoraConfig(rank=4)} | settings
    )
    found = foreseen(whole, rows_each=1, is_checkpointed=False)
    folder = full_rows(tmp_path / "run", 128)
    setup = ready_step(folder, whole, rows_each=1, is_checkpointed=False)
    assert found.peak_bytes == pytest.approx(real_peak_bytes(setup, whole), rel=TOLERANCE)


def test_ten_million_parameters_are_foreseen(tmp_path: Path) -> None:
    sizes = {"hidden_size": 320, "intermediate_size": 896, "num_hidden_layers": 8, "num_attention_heads": 5}
    model = FAMILIES["llama"] | LONGER | sizes | {"num_key_value_heads": 5, "vocab_size": 512}
    whole = config(model=model, method="full", sequence_length=128, batch_tokens=256)
    found = foreseen(whole, rows_each=2, is_checkpointed=False)
    assert 9e6 < found.num_parameters < 12e6
    setup = ready_step(full_rows(tmp_path / "run", 128), whole, rows_each=2, is_checkpointed=False)
    assert found.peak_bytes == pytest.approx(real_peak_bytes(setup, whole), rel=TOLERANCE)


def saved_model(folder: Path, model: object) -> Path:
    causal = load_model(
        model, device=torch.device("cpu"), compute_dtype=torch.float32, is_frozen=False, seed=0
    )
    causal.model.save_pretrained(folder)
    return folder
