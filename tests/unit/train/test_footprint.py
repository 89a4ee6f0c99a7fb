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


def saved_model(folder: Path, model: object) -> Path:
    causal = load_model(
        model, device=torch.device("cpu"), compute_dtype=torch.float32, is_frozen=False, seed=0
    )
    causal.model.save_pretrained(folder)
    return folder
