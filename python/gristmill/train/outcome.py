"""What a training leaves at its end: the exported model, and the result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch

from gristmill.train.config import TrainConfig
from gristmill.train.export import export_model
from gristmill.train.models import CausalModel
from gristmill.train.progress import Progress
from gristmill.train.result import TrainResult


def export_trained(config: TrainConfig, causal: CausalModel, folder: Path) -> None:
    """Write `model/`, and `adapter/` where adapters were trained, with the tokenizer that belongs to them."""
    base = None if isinstance(config.model, Mapping) else Path(config.model)
    tokenizer = config.tokenizer
    if tokenizer is None and base is not None and (base / "tokenizer.json").is_file():
        tokenizer = base
    is_rounded = config.method == "lora" and causal.compute_dtype != torch.float32
    export_model(causal.model, folder, tokenizer=tokenizer, merge_onto=base if is_rounded else None)


def result_of(
    config: TrainConfig,
    progress: Progress,
    folder: Path,
    *,
    ledger: Mapping[str, int],
    is_complete: bool,
    seconds: float,
) -> TrainResult:
    """Return what the training has come to by now."""
    return TrainResult(
        folder=folder,
        is_complete=is_complete,
        was_finished=False,
        steps=progress.step,
        loss=progress.last_loss,
        first_validation_loss=progress.first_validation_loss,
        last_validation_loss=progress.last_validation_loss,
        trained_tokens=progress.trained_tokens,
        ledger=ledger,
        model=folder / "model" if is_complete else None,
        adapter=folder / "adapter" if is_complete and config.method == "lora" else None,
        seconds=seconds,
        waits=waits_of(folder / "timings.jsonl"),
    )


def waits_of(timings: Path) -> dict[str, float]:
    """Return who waited for whom, as shares of the time of all steps; nothing without steps.

    Examples
    --------
    >>> waits_of(Path("no/such/file"))
    {}
    """
    if not timings.is_file():
        return {}
    lines = [json.loads(line) for line in timings.read_text(encoding="utf-8").splitlines()]
    seconds = sum(line["seconds"] for line in lines)
    if not seconds:
        return {}
    return {
        "for_loader": sum(line["loader_seconds"] for line in lines) / seconds,
        "for_step": sum(line["loader_idle_seconds"] for line in lines) / seconds,
    }
