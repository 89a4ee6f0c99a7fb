"""Muon: momentum whose matrix is made orthogonal before it is applied; AdamW for what is no matrix of the body.

After Jordan 2024 (https://kellerjordan.github.io/posts/muon/): Nesterov momentum of 0.95, then five Newton-Schulz steps
with the coefficients given there. The update is scaled by 0.2 * sqrt(max(rows, columns)) (Liu et al. 2025, "Muon is
scalable for LLM training", equation 4), so that its size is that of AdamW's and one learning rate serves both.
Embeddings, the head, norms and biases are AdamW's, as in both papers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from gristmill.train.adamw_8bit import adamw_update

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
NUM_ITERATIONS = 5
MOMENTUM = 0.95
SCALE = 0.2
"""Root mean square of an update of AdamW, as Liu et al. measured it: 0.2 to 0.4."""


def body_matrices(model: nn.Module, head: nn.Module) -> frozenset[str]:
    """Return the names of the trained matrices that are neither an embedding's nor the head's.

    Examples
    --------
    >>> model = nn.ModuleDict({"embed": nn.Embedding(8, 4), "up": nn.Linear(4, 4), "head": nn.Linear(4, 8)})
    >>> sorted(body_matrices(model, model["head"]))
    ['up.weight']
    """
    outside = {id(value) for value in head.parameters()}
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            outside |= {id(value) for value in module.parameters()}
    return frozenset(
        name
        for name, value in model.named_parameters()
        if value.requires_grad and value.ndim >= 2 and id(value) not in outside and "embedding" not in name
    )


def orthogonalise(matrix: Tensor) -> Tensor:
    """Return a matrix with the singular vectors of the given one and singular values near 1, about 0.7 to 1.2.

    Works on the last two dimensions. In bf16 on a GPU, as published, else in float32. Time: 15 products of the
    smaller side's size.

    Examples
    --------
    >>> values = torch.linalg.svdvals(orthogonalise(torch.diag(torch.tensor([5.0, 1.0, 0.2]))))
    >>> bool(values.min() > 0.6), bool(values.max() < 1.25)
    (True, True)
    """
    x = matrix.to(torch.bfloat16 if matrix.is_cuda else torch.float32)
    is_tall = x.shape[-2] > x.shape[-1]
    x = x.mT if is_tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(NUM_ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    found: Tensor = (x.mT if is_tall else x).to(matrix.dtype)
    return found


class Muon(torch.optim.Optimizer):
    """Muon for groups with ``is_body``, AdamW for the others.

    Memory: one float32 copy of each matrix of the body, two of everything else.

    Examples
    --------
    >>> weight = nn.Parameter(torch.zeros(4, 4))
    >>> optimiser = Muon([{"params": [weight], "is_body": True}], lr=1.0, betas=(0.9, 0.95))
    >>> weight.grad = torch.eye(4)
    >>> optimiser.step()
    >>> 0.2 < -weight[0, 0].item() < 0.5
    True
    """

    def __init__(self, groups: Iterable[dict[str, object]], *, lr: float, betas: tuple[float, float]) -> None:
        super().__init__(groups, {"lr": lr, "betas": betas, "weight_decay": 0.0, "is_body": False})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Do one step with the gradients there are."""
        assert closure is None, "the loop makes gradients before it steps"
        for group in self.param_groups:
            for value in group["params"]:
                if value.grad is None:
                    continue
                if group["is_body"]:
                    self._step_matrix(value, group["lr"], group["weight_decay"])
                else:
                    self._step_other(value, group)

    def _step_matrix(self, value: Tensor, rate: float, decay: float) -> None:
        state = self.state[value]
        if not state:
            state["momentum"] = torch.zeros_like(value, dtype=torch.float32)
        gradient = value.grad.float()  # type: ignore[union-attr]
        state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        update = orthogonalise(gradient.lerp(state["momentum"], MOMENTUM))
        value.mul_(1 - rate * decay)
        value.add_(update, alpha=-rate * SCALE * max(value.shape[-2:]) ** 0.5)

    def _step_other(self, value: Tensor, group: dict[str, Any]) -> None:
        state = self.state[value]
        if not state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"] = torch.zeros_like(value, dtype=torch.float32)
            state["exp_avg_sq"] = torch.zeros_like(value, dtype=torch.float32)
        state["step"] += 1
        adamw_update(value, state["exp_avg"], state["exp_avg_sq"], int(state["step"]), group)
