"""Activation checkpointing: a decoder layer keeps its input only, and is computed once more when its gradient is due.

Memory for the backward pass falls from everything a layer computes to one tensor a layer and the inside of one layer;
time grows by one forward pass. The second computation is the first one again, with the random numbers of dropout put
back, so gradients are the same numbers (Chen et al. 2016, section 4, with a segment a layer).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from gristmill.train.models import CausalModel


def decoder_layers(causal: CausalModel) -> list[nn.Module]:
    """Return the layers of the backbone: its first list of as many modules as its configuration has layers.

    Returns none for a backbone that keeps its layers otherwise; nothing is checkpointed then.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> backbone = nn.Module()
    >>> backbone.config = SimpleNamespace(num_hidden_layers=2)
    >>> backbone.layers = nn.ModuleList([nn.Identity(), nn.Identity()])
    >>> causal = CausalModel(
    ...     model=backbone,
    ...     backbone=backbone,
    ...     head=nn.Linear(2, 2),
    ...     scale=1.0,
    ...     softcap=None,
    ...     compute_dtype=torch.float32,
    ... )
    >>> len(decoder_layers(causal))
    2
    """
    number = getattr(causal.backbone.config, "num_hidden_layers", None)
    for module in causal.backbone.modules():
        if isinstance(module, nn.ModuleList) and len(module) == number:
            return list(module)
    return []


def checkpoint_activations(causal: CausalModel) -> None:
    """Make every decoder layer keep its input only while training. A second call changes nothing.

    The layers' `forward` is replaced on the instances; evaluation and generation run as before.
    """
    for layer in decoder_layers(causal):
        if "forward" not in vars(layer):
            layer.forward = _checkpointed(layer.forward)


def keep_activations(causal: CausalModel) -> None:
    """Undo `checkpoint_activations`: every layer keeps what its backward pass needs."""
    for layer in decoder_layers(causal):
        if getattr(vars(layer).get("forward"), "is_checkpointed", False):
            del layer.forward


def _checkpointed(forward: Callable[..., object]) -> Callable[..., object]:
    run_again = cast("Callable[..., object]", checkpoint)

    def run(*inputs: object, **named: object) -> object:
        if not torch.is_grad_enabled():
            return forward(*inputs, **named)
        return run_again(forward, *inputs, use_reentrant=False, preserve_rng_state=True, **named)

    run.is_checkpointed = True  # type: ignore[attr-defined]
    return run
