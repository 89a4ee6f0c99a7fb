"""The model of a training as its method asks for: trained whole, or frozen with adapters, in full or in four bits."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from gristmill.errors import GristmillError
from gristmill.shards import Shards
from gristmill.train.activations import checkpoint_activations
from gristmill.train.adapter_folder import also_trained
from gristmill.train.classify import load_classifier
from gristmill.train.config import TrainConfig
from gristmill.train.events import OnEvent, make_event
from gristmill.train.lora import add_adapters, continue_adapter
from gristmill.train.model_source import ModelSource, find_source
from gristmill.train.models import (
    CausalModel,
    load_model,
    max_positions,
    shared_position_limit,
    vocabulary_size,
)
from gristmill.train.tasks import class_names


def make_model(
    config: TrainConfig,
    shards: Shards,
    *,
    device: torch.device,
    compute_dtype: torch.dtype,
    on_event: OnEvent,
) -> CausalModel:
    """Return the model that a training starts from, with its adapters, proven and checked against the shards.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-009`` for adapters on random weights, ``GM-TRAIN-008`` and ``GM-TRAIN-023`` when model and shards do
        not fit, and what `load_model`, `add_adapters` and `continue_adapter` raise.
    """
    if config.has_adapters and isinstance(config.model, Mapping):
        raise GristmillError(
            "GM-TRAIN-009",
            f'`method = "{config.method}"` needs trained weights, but the model starts from random ones',
            hint='set `method = "full"`, or `model` to a folder',
        )
    on_event(make_event(0, 0, "loading the model"))
    source = config.model if isinstance(config.model, Mapping) else find_source(config.model)
    adapter = None if isinstance(source, Mapping) else source.adapter
    if config.task == "classify":
        return _make_classifier(config, source, shards, device=device, compute_dtype=compute_dtype)
    causal = load_model(
        source,
        device=device,
        compute_dtype=compute_dtype,
        is_frozen=config.has_adapters,
        is_quantised=config.method == "qlora",
        keep=config.lora.also_train if adapter is None else also_trained(adapter),
        seed=config.seed,
    )
    _check_fit(causal, shards, config.sequence_length)
    if config.has_adapters and adapter is None:
        causal = add_adapters(causal, config.lora, seed=config.seed)
    elif config.has_adapters and adapter is not None:
        causal = continue_adapter(causal, adapter, config.lora)
    if config.activation_checkpointing is True:
        checkpoint_activations(causal)
    return causal


def _make_classifier(
    config: TrainConfig,
    source: ModelSource | Mapping[str, object],
    shards: Shards,
    *,
    device: torch.device,
    compute_dtype: torch.dtype,
) -> CausalModel:
    if isinstance(source, ModelSource) and source.adapter is not None:
        raise GristmillError(
            "GM-TRAIN-021",
            f"`{source.adapter}` is an adapter of a model that predicts tokens, and `task` is `classify`",
            hint="name the whole model that was exported beside it, `train/model`",
        )
    classifier = load_classifier(
        source,
        shards,
        class_names(shards),
        device=device,
        compute_dtype=compute_dtype,
        lora=config.lora if config.has_adapters else None,
        seed=config.seed,
    )
    _check_fit(classifier, shards, config.sequence_length)
    return classifier


def _check_fit(causal: CausalModel, shards: Shards, sequence_length: int) -> None:
    if vocabulary_size(causal) < shards.metadata.vocabulary_size:
        raise GristmillError(
            "GM-TRAIN-008",
            f"the shards hold ids up to {shards.metadata.vocabulary_size - 1}, "
            f"the model knows {vocabulary_size(causal)}",
            hint="curate with the model's own tokenizer, or give the model a larger `vocab_size`",
        )
    limit = max_positions(causal)
    if limit is not None and sequence_length > limit:
        raise GristmillError(
            "GM-TRAIN-008",
            f"`sequence_length` is {sequence_length}, the model was made for {limit} positions",
        )
    limit = shared_position_limit(causal)
    if limit is not None and sequence_length > limit:
        raise GristmillError(
            "GM-TRAIN-023",
            f"`sequence_length` is {sequence_length}; beyond {limit} tokens a document would change the positions "
            "of the documents beside it",
            hint=f"set `sequence_length` to {limit} or less",
        )
