"""Adapters on a frozen model, through `peft`, so that their format is `peft`'s own: LoRA, rsLoRA and DoRA.

Fresh ones, or those of a folder to train on. Whatever is trained is float32, whatever the frozen model is.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import nn

from gristmill.errors import GristmillError
from gristmill.train.adapter_folder import check_adapter, load_adapter, set_magnitudes, train_in_float32
from gristmill.train.also_train import find_modules, is_tied
from gristmill.train.config import LoraConfig
from gristmill.train.models import CausalModel, split_head
from gristmill.train.quiet import without_old_names


def add_adapters(causal: CausalModel, config: LoraConfig, *, seed: int) -> CausalModel:
    """Return the model with fresh adapters, which are float32, and everything else frozen.

    Fresh adapters change nothing: one of their two matrices is zero. `seed` decides the other.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-005`` when the targets name no layer of the model, ``GM-TRAIN-020`` when `also_train` names none.
    """
    network = wrap(causal.model, config, seed=seed, task_type="CAUSAL_LM")
    return split_head(network, causal.compute_dtype)


def wrap(network: nn.Module, config: LoraConfig, *, seed: int, task_type: str) -> nn.Module:
    """Return a network of any task with fresh adapters; `task_type` is `peft`'s name of the task."""
    from peft import LoraConfig as PeftLoraConfig
    from peft import get_peft_model

    torch.manual_seed(seed)
    also_train = find_modules(network, config.also_train)
    is_everywhere = isinstance(config.targets, str)
    twice = [] if is_everywhere else [name for name in also_train if name.endswith(tuple(config.targets))]
    if twice:
        raise GristmillError(
            "GM-TRAIN-020",
            f"`{twice[0]}` is named by both `lora.targets` and `lora.also_train`",
            hint="a layer gets an adapter or is trained in full: leave it out of one of them",
        )
    settings = PeftLoraConfig(
        r=config.rank,
        lora_alpha=cast(int, config.alpha),
        lora_dropout=config.dropout,
        target_modules=config.targets if isinstance(config.targets, str) else list(config.targets),
        exclude_modules=also_train if is_everywhere and also_train else None,
        modules_to_save=also_train or None,
        ensure_weight_tying=is_tied(network, also_train),
        use_rslora=config.rslora,
        use_dora=config.dora,
        bias="none",
        task_type=task_type,
    )
    try:
        with without_old_names():
            wrapped = cast(nn.Module, get_peft_model(network, settings))
    except ValueError as error:
        raise GristmillError(
            "GM-TRAIN-005",
            f"`lora.targets` is `{config.targets}`, which fits no layer of `{type(network).__name__}`",
            hint='use `targets = "all-linear"`, or names such as `["q_proj", "v_proj"]`',
            context=(str(error),),
        ) from error
    train_in_float32(wrapped)
    set_magnitudes(wrapped)
    return wrapped


def continue_adapter(causal: CausalModel, folder: Path, config: LoraConfig) -> CausalModel:
    """Return the model with the adapter of a folder, to train it on.

    The adapter decides its own rank, scale and layers; of `config` only `dropout` counts, and what says something else
    than both the adapter and the default is refused.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-021`` when the adapter is of another kind, does not fit the model, or is asked to be another one.
    """
    check_adapter(folder, config)
    network = load_adapter(causal.model, folder, is_trainable=True, dropout=config.dropout)
    return split_head(network, causal.compute_dtype)
