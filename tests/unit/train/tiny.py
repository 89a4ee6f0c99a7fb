"""Tiny configurations and helpers for the tests of training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from shard_fixture import made_documents, write_run

from gristmill.train.config import TrainConfig
from gristmill.train.result import TrainResult
from gristmill.train.run import train

LLAMA = {
    "model_type": "llama",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 64,
    "max_position_embeddings": 64,
}
FAMILIES: dict[str, Mapping[str, object]] = {
    "llama": LLAMA,
    "llama-tied": LLAMA | {"tie_word_embeddings": True},
    "qwen2": LLAMA | {"model_type": "qwen2"},
    "qwen3": LLAMA | {"model_type": "qwen3", "head_dim": 16},
    "mistral-window": LLAMA | {"model_type": "mistral", "sliding_window": 5},
    "gemma2-softcap": LLAMA
    | {
        "model_type": "gemma2",
        "head_dim": 8,
        "sliding_window": 5,
        "attn_logit_softcapping": 20.0,
        "final_logit_softcapping": 10.0,
    },
    "gemma3": LLAMA | {"model_type": "gemma3_text", "head_dim": 8, "sliding_window": 5},
    "granite": LLAMA | {"model_type": "granite", "logits_scaling": 8.0, "attention_multiplier": 0.3},
    "smollm3": LLAMA | {"model_type": "smollm3", "pad_token_id": None},
    "olmo2": LLAMA | {"model_type": "olmo2", "pad_token_id": None},
    "phi3": LLAMA | {"model_type": "phi3", "pad_token_id": None},
}


def config(**changes: object) -> TrainConfig:
    """Return a configuration that trains in seconds."""
    values = {
        "model": LLAMA,
        "method": "full",
        "sequence_length": 64,
        "batch_tokens": 256,
        "epochs": 1,
        "learning_rate": 1e-2,
        "threads": 1,
    }
    if "steps" in changes or "tokens" in changes:
        values.pop("epochs")
    return TrainConfig(**(values | changes))


def run_folder(folder: Path, *, num_documents: int = 60, num_validation: int = 10) -> Path:
    """Write a finished run with made-up shards."""
    return write_run(folder, made_documents(num_documents), made_documents(num_validation, seed=9))


def trained(folder: Path, on_event: Callable = lambda _: None, **changes: object) -> TrainResult:
    """Train into a folder, made first if it is not there."""
    if not (folder / "manifest.json").exists():
        run_folder(folder)
    return train(config(**changes), folder, on_event=on_event)


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the largest difference relative to the largest expected value."""
    return float((found - expected).abs().max() / expected.abs().max())
