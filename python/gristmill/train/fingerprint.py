"""The fingerprint of a training: a digest of everything that decides its numbers, and of nothing else.

Threads, folders, and how often checkpoints are written are outside: they may change between a run and its resumption.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch

from gristmill.shards import Shards, digest_file
from gristmill.train.config import TrainConfig
from gristmill.train.model_source import find_source

ALGORITHM_VERSION = 2
"""Raised when the same settings begin to give other numbers."""
_OUTSIDE = (
    "model",
    "tokenizer",
    "threads",
    "checkpoint_every_steps",
    "keep_checkpoints",
    "precision",
    "allow_unproven_split",
    "sharding",
    "activation_checkpointing",  # the same numbers, by a test
    "micro_batch_tokens",  # what it comes to is `rows_each`
    "seeds",
    "samples",
    "chosen",
)


def fingerprint_of(
    config: TrainConfig,
    shards: Shards,
    validation: Shards | None,
    compute_dtype: torch.dtype,
    device: torch.device,
) -> str:
    """Return the fingerprint, ``sha256:<hex>``. Time: one pass over the model's files."""
    settings = {name: value for name, value in asdict(config).items() if name not in _OUTSIDE}
    if not config.has_adapters:
        settings.pop("lora")
    if config.average is not None:
        settings["checkpoint_every_steps"] = config.checkpoint_every_steps
    content = {
        "algorithm": ALGORITHM_VERSION,
        "settings": settings,
        "model": _model_identity(config.model),
        "tokenizer": _tokenizer_identity(config.tokenizer),
        "compute_dtype": str(compute_dtype),
        "rows_each": config.rows_per_micro_batch(device.type),
        "device": device.type,
        "shards": [file.digest for file in shards.manifest.files],
        "validation": [file.digest for file in validation.manifest.files] if validation else [],
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _model_identity(model: str | Path | Mapping[str, object]) -> object:
    if isinstance(model, Mapping):
        return dict(model)
    return {file.name: digest_file(file) for file in find_source(model).files()}


def _tokenizer_identity(tokenizer: Path | None) -> object:
    if tokenizer is None:
        return None
    files = sorted(tokenizer.glob("*token*")) if tokenizer.is_dir() else [tokenizer]
    return {file.name: digest_file(file) for file in files if file.is_file()}
