"""AdamW whose two averages are kept in 8 bits: 2.03 bytes a parameter instead of 8 (Dettmers et al. 2022).

A state is cut into blocks of 256 values. Each block is divided by its largest magnitude, and each quotient stored as
the nearest of 256 values that lie denser towards zero (dynamic quantisation, section 2.2 there). A step works in
float32: states are opened, the step of AdamW is done, and they are closed again, so the first step is AdamW's but for
rounding. Tensors below 4,096 elements (norms, biases) keep float32 states, as in the paper's library.

We differ in one place: a second moment above zero is never stored as zero. The stored value is a divisor, and a zero
there makes the next step of that weight as large as its momentum allows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

BLOCK = 256
"""Values that share a scale. The paper uses 2,048; its library 256 since version 0.45, for accuracy."""
MIN_ELEMENTS = 4096
EPS = 1e-8


@cache
def dynamic_codes(*, is_signed: bool) -> Tensor:
    """Return the 256 values of a code, float32, ascending, the largest 1.

    A value is a power of ten, from 1e-6 to 1, times one of the midpoints of 2**i (signed) or 2**(i + 1) (unsigned)
    equal parts of [0.1, 1], where i = 0 for 1e-6 and 6 for 1: the larger, the finer.

    Examples
    --------
    >>> signed, unsigned = dynamic_codes(is_signed=True), dynamic_codes(is_signed=False)
    >>> len(signed), len(unsigned), signed[-1].item(), unsigned[0].item()
    (256, 256, 1.0, 0.0)
    """
    found = [0.0, 1.0]
    for exponent in range(7):
        num_parts = 2 ** (exponent if is_signed else exponent + 1)
        edges = [0.1 + 0.9 * part / num_parts for part in range(num_parts + 1)]
        middles = [10.0 ** (exponent - 6) * (low + high) / 2 for low, high in pairwise(edges)]
        found += middles
        found += [-value for value in middles] if is_signed else []
    return torch.tensor(sorted(found), dtype=torch.float32)


def quantise(values: Tensor, *, is_signed: bool) -> tuple[Tensor, Tensor]:
    """Return a float32 tensor as codes, uint8 of its shape, and the scale of each block, float32.

    Blocks run over the flat tensor; the last may be short. The error of a value is at most half the distance of the two
    codes around it, times its block's scale; an unsigned value above zero gets a code above zero.

    Examples
    --------
    >>> codes, scales = quantise(torch.tensor([0.0, -2.0, 1.0]), is_signed=True)
    >>> codes.dtype, scales.tolist()
    (torch.uint8, [2.0])
    """
    flat = values.reshape(-1)
    num_blocks = math.ceil(flat.numel() / BLOCK)
    blocks = torch.nn.functional.pad(flat, (0, num_blocks * BLOCK - flat.numel())).view(num_blocks, BLOCK)
    scales = blocks.abs().amax(dim=1)
    quotients = blocks / scales.clamp_min(torch.finfo(torch.float32).tiny)[:, None]
    table = dynamic_codes(is_signed=is_signed).to(values.device)
    codes = torch.bucketize(quotients, (table[1:] + table[:-1]) / 2, out_int32=True)
    if not is_signed:
        codes = torch.where(blocks > 0, codes.clamp_min(1), codes)
    return codes.to(torch.uint8).view(-1)[: flat.numel()].view(values.shape), scales


def dequantise(codes: Tensor, scales: Tensor, *, is_signed: bool) -> Tensor:
    """Return what `quantise` stored, float32.

    Examples
    --------
    >>> dequantise(*quantise(torch.tensor([0.0, -2.0]), is_signed=True), is_signed=True).tolist()[0]
    0.0
    """
    table = dynamic_codes(is_signed=is_signed).to(codes.device)
    values = table[codes.reshape(-1).to(torch.int32)]
    return (values * scales.repeat_interleave(BLOCK)[: len(values)]).view(codes.shape)


class AdamW8bit(torch.optim.Optimizer):
    """AdamW (Loshchilov and Hutter 2019, with bias correction) with states in 8 bits.

    Time: about ten passes over a parameter a step. Memory beside the states: some float32 copies of one tensor.

    Examples
    --------
    >>> weight = torch.nn.Parameter(torch.ones(64, 64))
    >>> optimiser = AdamW8bit([{"params": [weight], "weight_decay": 0.1}], lr=0.5, betas=(0.9, 0.95))
    >>> weight.grad = torch.ones(64, 64)
    >>> optimiser.step()
    >>> round(weight[0, 0].item(), 3), optimiser.state[weight]["exp_avg"].dtype
    (0.45, torch.uint8)
    """

    def __init__(self, groups: Iterable[dict[str, object]], *, lr: float, betas: tuple[float, float]) -> None:
        super().__init__(groups, {"lr": lr, "betas": betas, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Do one step with the gradients there are."""
        assert closure is None, "the loop makes gradients before it steps"
        for group in self.param_groups:
            for value in group["params"]:
                if value.grad is not None:
                    self._step_one(value, group)

    def _step_one(self, value: Tensor, group: dict[str, Any]) -> None:
        state = self.state[value]
        number = int(state["step"]) + 1 if state else 1
        averages = {}
        for slot, is_signed in (("exp_avg", True), ("exp_avg_sq", False)):
            if not state:
                averages[slot] = torch.zeros_like(value, dtype=torch.float32)
            elif state[slot].dtype == torch.uint8:
                averages[slot] = dequantise(state[slot], state[f"{slot}_scale"], is_signed=is_signed)
            else:
                averages[slot] = state[slot]
        adamw_update(value, averages["exp_avg"], averages["exp_avg_sq"], number, group)
        state["step"] = torch.tensor(float(number))
        for slot, is_signed in (("exp_avg", True), ("exp_avg_sq", False)):
            if value.numel() >= MIN_ELEMENTS:
                state[slot], state[f"{slot}_scale"] = quantise(averages[slot], is_signed=is_signed)
            else:
                state[slot] = averages[slot]


def adamw_update(
    value: Tensor, average: Tensor, average_square: Tensor, number: int, group: dict[str, Any]
) -> None:
    """Do AdamW's step `number` (from 1) on one parameter in place, its float32 averages too.

    Examples
    --------
    >>> weight = torch.nn.Parameter(torch.ones(1))
    >>> weight.grad = torch.ones(1)
    >>> group = {"lr": 0.5, "betas": (0.9, 0.95), "weight_decay": 0.0}
    >>> with torch.no_grad():
    ...     adamw_update(weight, torch.zeros(1), torch.zeros(1), 1, group)
    >>> round(weight.item(), 6)
    0.5
    """
    assert value.grad is not None, "the caller looked"
    rate, (beta1, beta2), decay = group["lr"], group["betas"], group["weight_decay"]
    gradient = value.grad.float()
    average.lerp_(gradient, 1 - beta1)
    average_square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
    value.mul_(1 - rate * decay)
    # The weight falls by rate * (m / (1 - beta1^n)) / (sqrt(v / (1 - beta2^n)) + eps).
    divisor = (average_square / (1 - beta2**number)).sqrt_().add_(EPS)
    value.addcdiv_(average, divisor, value=-rate / (1 - beta1**number))
