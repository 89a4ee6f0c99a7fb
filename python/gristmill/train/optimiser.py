"""AdamW over float32 parameters, and its state as named tensors."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

_SLOTS = ("exp_avg", "exp_avg_sq", "step")


def make_optimiser(
    parameters: Mapping[str, nn.Parameter], *, betas: tuple[float, float], weight_decay: float
) -> torch.optim.AdamW:
    """Return AdamW (Loshchilov and Hutter 2019) with decay on matrices only.

    The learning rate is set before each step; it starts at 0.

    Examples
    --------
    >>> weights = {"w": nn.Parameter(torch.ones(2, 2)), "norm": nn.Parameter(torch.ones(2))}
    >>> [group["weight_decay"] for group in make_optimiser(weights, betas=(0.9, 0.95), weight_decay=0.1).param_groups]
    [0.1, 0.0]
    """
    matrices = [value for value in parameters.values() if value.ndim >= 2]
    vectors = [value for value in parameters.values() if value.ndim < 2]
    groups = [
        {"params": found, "weight_decay": decay}
        for found, decay in ((matrices, weight_decay), (vectors, 0.0))
        if found
    ]
    return torch.optim.AdamW(groups, lr=0.0, betas=betas, fused=True)


def set_learning_rate(optimiser: torch.optim.Optimizer, value: float) -> None:
    """Give every group this learning rate.

    Examples
    --------
    >>> optimiser = make_optimiser({"w": nn.Parameter(torch.ones(2, 2))}, betas=(0.9, 0.95), weight_decay=0.1)
    >>> set_learning_rate(optimiser, 0.5)
    >>> optimiser.param_groups[0]["lr"]
    0.5
    """
    for group in optimiser.param_groups:
        group["lr"] = value


def state_tensors(
    optimiser: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]
) -> dict[str, Tensor]:
    """Return the optimiser's state as ``<slot>/<parameter>`` tensors; parameters without one yet are left out."""
    return {
        f"{slot}/{name}": optimiser.state[value][slot].detach()
        for name, value in parameters.items()
        if value in optimiser.state
        for slot in _SLOTS
    }


def load_state_tensors(
    optimiser: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]
) -> None:
    """Put back what `state_tensors` returned."""
    for name, value in parameters.items():
        slots = {slot: tensors[key] for slot in _SLOTS if (key := f"{slot}/{name}") in tensors}
        if slots:
            optimiser.state[value] = {slot: tensor.to(value.device) for slot, tensor in slots.items()}
