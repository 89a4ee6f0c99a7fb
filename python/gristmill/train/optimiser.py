"""The optimiser over float32 parameters that the recipe names, and its state as named tensors."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from gristmill.train.adamw_8bit import AdamW8bit
from gristmill.train.config import Optimiser
from gristmill.train.muon import Muon


def make_optimiser(
    parameters: Mapping[str, nn.Parameter],
    *,
    betas: tuple[float, float],
    weight_decay: float,
    name: Optimiser = "adamw",
    body: frozenset[str] = frozenset(),
) -> torch.optim.Optimizer:
    """Return an optimiser with decay on matrices only; its learning rate is 0 until it is set, before each step.

    ``adamw`` is Loshchilov and Hutter 2019, by torch's fused kernel; ``adamw_8bit`` and ``muon`` are in files of their
    own.

    Parameters
    ----------
    parameters
        By name.
    betas
        AdamW's two averages.
    weight_decay
        Decoupled decay of matrices.
    name
        Which optimiser.
    body
        Names of the parameters that Muon orthogonalises, see `body_matrices`.

    Examples
    --------
    >>> weights = {"w": nn.Parameter(torch.ones(2, 2)), "norm": nn.Parameter(torch.ones(2))}
    >>> [group["weight_decay"] for group in make_optimiser(weights, betas=(0.9, 0.95), weight_decay=0.1).param_groups]
    [0.1, 0.0]
    """
    of_body = [value for key, value in parameters.items() if name == "muon" and key in body]
    others = [value for key, value in parameters.items() if name != "muon" or key not in body]
    matrices = [value for value in others if value.ndim >= 2]
    vectors = [value for value in others if value.ndim < 2]
    groups: list[dict[str, object]] = [
        {"params": found, "weight_decay": decay}
        for found, decay in ((matrices, weight_decay), (vectors, 0.0))
        if found
    ]
    if name == "adamw_8bit":
        return AdamW8bit(groups, lr=0.0, betas=betas)
    if name == "muon":
        if of_body:
            groups.insert(0, {"params": of_body, "weight_decay": weight_decay, "is_body": True})
        return Muon(groups, lr=0.0, betas=betas)
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
        f"{slot}/{name}": tensor.detach()
        for name, value in parameters.items()
        for slot, tensor in optimiser.state.get(value, {}).items()
    }


def load_state_tensors(
    optimiser: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]
) -> None:
    """Put back what `state_tensors` returned."""
    # torch's fused kernel wants its count of steps on the device; ours read it, which from a device would be a wait.
    is_fused = isinstance(optimiser, torch.optim.AdamW)
    for key, tensor in tensors.items():
        slot, _, name = key.partition("/")
        value = parameters[name]
        device = value.device if is_fused or slot != "step" else torch.device("cpu")
        # A copy: what was read from a file shares its memory.
        optimiser.state[value][slot] = tensor.to(device, copy=True)
