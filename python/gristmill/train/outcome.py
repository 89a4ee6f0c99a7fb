"""What a training leaves at its end: the exported model, and the result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch

from gristmill.shards import Shards
from gristmill.train.classify import network_options
from gristmill.train.config import TrainConfig
from gristmill.train.export import export_model
from gristmill.train.files import read_json
from gristmill.train.loading import load_network
from gristmill.train.model_card import lineage_of
from gristmill.train.model_source import ModelSource, find_source
from gristmill.train.models import CausalModel
from gristmill.train.progress import Progress
from gristmill.train.result import TrainResult
from gristmill.train.tasks import class_names


def export_trained(
    config: TrainConfig,
    causal: CausalModel,
    folder: Path,
    shards: Shards,
    progress: Progress,
) -> None:
    """Write `model/`, and `adapter/` where adapters were trained, with the tokenizer and the data lineage."""
    source = None if isinstance(config.model, Mapping) else find_source(config.model)
    head = network_options(class_names(shards)) if config.task == "classify" else {}
    is_rounded = config.method == "qlora" or causal.compute_dtype != torch.float32
    export_model(
        causal.model,
        folder,
        tokenizer=config.tokenizer or _tokenizer_of(source),
        plain_base=partial(load_network, source, dtype=torch.float32, attention="eager", **head)
        if config.has_adapters and is_rounded and source is not None
        else None,
        base_name=None if source is None else str(source.weights),
        lineage=lineage_of(config, folder, source=source, shards=shards, progress=progress),
    )


def _tokenizer_of(source: ModelSource | None) -> Path | None:
    """Return where the base keeps its tokenizer: a folder or a GGUF file; None where it has none."""
    if source is None:
        return None
    has_files = (source.folder / "tokenizer.json").is_file()
    return source.folder if has_files else source.weights if source.is_gguf else None


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
        adapter=folder / "adapter" if is_complete and config.has_adapters else None,
        merge=_merge_figures(folder) if is_complete and config.has_adapters else None,
        seconds=seconds,
        waits=waits_of(folder / "timings.jsonl"),
    )


def _merge_figures(folder: Path) -> Mapping[str, object]:
    found = read_json(folder / "model" / "merge.json") or {}
    return {name: value for name, value in found.items() if name != "tensors"}


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
