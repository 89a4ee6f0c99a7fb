"""An adapter in `peft`'s format, put on a network: only plain LoRA and DoRA, every weight of it, from local files."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from gristmill.errors import GristmillError
from gristmill.train.config import LoraConfig
from gristmill.train.model_source import ADAPTER_WEIGHTS, read_adapter_config
from gristmill.train.quiet import without_old_names

ADAPTER = "default"
"""The name under which `peft` keeps the one adapter there is."""
PLAIN_STARTS = (True, False, "gaussian", "orthogonal")
"""`init_lora_weights` that leave the base as it is; others, such as PiSSA, change it."""


def load_adapter(
    network: nn.Module, folder: Path, *, is_trainable: bool, dropout: float | None = None
) -> nn.Module:
    """Return a network with the adapter of a folder; raise ``GM-TRAIN-021`` unless every weight finds its place."""
    from peft import PeftConfig, PeftModel, get_peft_model_state_dict
    from safetensors import SafetensorError, safe_open

    try:
        with without_old_names():
            # What is missing is an error below, and not a warning.
            warnings.filterwarnings("ignore", message="Found missing adapter keys")
            settings = PeftConfig.from_pretrained(str(folder))
            if dropout is not None:
                cast(Any, settings).lora_dropout = dropout
            wrapped = cast(
                nn.Module,
                PeftModel.from_pretrained(
                    cast(Any, network), str(folder), is_trainable=is_trainable, config=settings
                ),
            )
        with safe_open(folder / ADAPTER_WEIGHTS, "pt") as file:
            given = set(file.keys())
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise GristmillError(
            "GM-TRAIN-021", f"the adapter in `{folder}` does not fit its base: {error}"
        ) from error
    wanted = set(get_peft_model_state_dict(wrapped, save_embedding_layers=False))
    if given != wanted:
        # The library would begin the absent ones anew and pass over the others.
        raise GristmillError(
            "GM-TRAIN-021",
            f"the weights of the adapter in `{folder}` do not fit its configuration",
            context=(f"missing or too many: {', '.join(sorted(given ^ wanted)[:10])}",),
        )
    train_in_float32(wrapped)
    return wrapped


def check_adapter(folder: Path, config: LoraConfig) -> None:
    """Raise ``GM-TRAIN-021`` unless an adapter folder holds a plain LoRA or DoRA and `config` asks for no other."""
    found = read_adapter_config(folder)
    problem = None
    if found.get("peft_type") != "LORA":
        problem = f"it is of the kind `{found.get('peft_type')}`; only `LORA` is trained on"
    elif found.get("init_lora_weights", True) not in PLAIN_STARTS:
        problem = f"it changed its base when it began (`init_lora_weights = {found['init_lora_weights']}`)"
    else:
        unknown = [name for name in ("megatron_config", "trainable_token_indices") if found.get(name)]
        problem = f"it uses `{unknown[0]}`" if unknown else None
    if problem:
        raise GristmillError("GM-TRAIN-021", f"the adapter in `{folder}` cannot be trained on: {problem}")
    targets = found.get("target_modules")
    for name, value in {**_own_values(found), "targets": targets, "also_train": also_trained(folder)}.items():
        asked = getattr(config, name)
        if asked != getattr(LoraConfig(), name) and not _is_same(asked, value):
            raise GristmillError(
                "GM-TRAIN-021",
                f"the adapter in `{folder}` has `{name} = {value}`, and `lora.{name}` asks for `{asked}`",
                hint=f"leave `{name}` out of `[train.lora]`, or start a new adapter on the model itself",
            )


def also_trained(folder: Path) -> tuple[str, ...]:
    """Return the modules that an adapter trains in full, as its configuration names them."""
    found = read_adapter_config(folder).get("modules_to_save")
    return tuple(str(name) for name in found) if isinstance(found, list) else ()


def _own_values(found: Mapping[str, object]) -> dict[str, object]:
    """Return what an adapter's configuration says, by our names."""
    return {
        "rank": found.get("r"),
        "alpha": found.get("lora_alpha"),
        "rslora": found.get("use_rslora", False),
        "dora": found.get("use_dora", False),
    }


def _is_same(asked: object, value: object) -> bool:
    """Compare values, and lists of layers by the last parts of their names, in any order."""
    if not isinstance(asked, tuple) or not isinstance(value, (list, tuple)):
        return asked == value
    names = [f".{name}" for name in value]
    fits = [[name.endswith(f".{wanted}") for name in names] for wanted in asked]
    return all(any(row) for row in fits) and all(any(column) for column in zip(*fits, strict=True))


def train_in_float32(network: nn.Module) -> None:
    """Make every trained parameter float32, in place, so that parameters that are one stay one."""
    for value in network.parameters():
        if value.requires_grad:
            value.data = value.data.float()


def set_magnitudes(network: nn.Module) -> None:
    """Set DoRA's magnitudes to the norms of the frozen weights' rows, taken in float32.

    `peft` takes them in the dtype of the base. Rounded to bf16 they are off by up to 0.4 %, so that fresh adapters
    would already change the model (Liu et al. 2024, eq. 5: the magnitude starts as the norm).
    """
    with torch.no_grad():
        for module in network.modules():
            magnitudes = getattr(module, "lora_magnitude_vector", None)
            if isinstance(magnitudes, nn.ModuleDict) and ADAPTER in magnitudes:
                weight = cast(Any, module).get_base_layer().weight.float()
                cast(nn.Parameter, magnitudes[ADAPTER].weight).copy_(torch.linalg.norm(weight, dim=1))
