"""Low-rank adapters on a frozen model, through `peft`, so that their format is `peft`'s own."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from gristmill.errors import GristmillError
from gristmill.train.config import LoraConfig
from gristmill.train.models import CausalModel, split_head
from gristmill.train.quiet import without_old_names


def add_adapters(causal: CausalModel, config: LoraConfig, *, seed: int) -> CausalModel:
    """Return the model with fresh adapters, which are float32, and everything else frozen.

    Fresh adapters change nothing: one of their two matrices is zero. `seed` decides the other.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-005`` when the targets name no layer of the model.
    """
    from peft import LoraConfig as PeftLoraConfig
    from peft import get_peft_model

    torch.manual_seed(seed)
    settings = PeftLoraConfig(
        r=config.rank,
        lora_alpha=cast(int, config.alpha),
        lora_dropout=config.dropout,
        target_modules=config.targets if isinstance(config.targets, str) else list(config.targets),
        use_rslora=config.rslora,
        bias="none",
        task_type="CAUSAL_LM",
    )
    try:
        with without_old_names():
            wrapped = cast(nn.Module, get_peft_model(causal.model, settings))
    except ValueError as error:
        raise GristmillError(
            "GM-TRAIN-005",
            f"`lora.targets` is `{config.targets}`, which fits no layer of `{type(causal.model).__name__}`",
            hint='use `targets = "all-linear"`, or names such as `["q_proj", "v_proj"]`',
            context=(str(error),),
        ) from error
    return split_head(wrapped, causal.compute_dtype)
