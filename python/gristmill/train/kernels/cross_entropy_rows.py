"""Cross-entropy of rows of logits, and their gradient written over them.

With logits z = cap tanh(scale x / cap) (or scale x without a cap), L = logsumexp(z), target y, smoothing e over V
entries and z-loss weight l (de Brebisson and Vincent 2016; PaLM, section 5, has l = 1e-4):

    loss = L - (1 - e) z_y - e mean(z) + l L^2
    dloss/dx = (softmax(z) (1 + 2 l L) - (1 - e) onehot(y) - e / V) (1 - (z / cap)^2) scale

Roofline, N rows of V columns of b bytes: reads logits twice, writes them once, 3 N V b. For 1,024 rows of 128,256
columns in float32 and 3 TB/s: 0.5 ms.
"""

# ruff: noqa: N803, N806, N815 - the suffixes of tensors are their shapes: N rows, V vocabulary

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gristmill.train.kernels.backend import jit, runs_triton, tl

_BLOCK = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class LossForm:
    """What is done to logits, and what the loss is.

    Parameters
    ----------
    scale
        Factor of the logits.
    softcap
        Bound of tanh on them; None: none.
    smoothing
        Share of the target's probability that is spread over the vocabulary, in [0, 1).
    z_loss
        Weight of the squared logarithm of the normaliser, at least 0.

    Examples
    --------
    >>> LossForm(softcap=30.0).scale
    1.0
    """

    scale: float = 1.0
    softcap: float | None = None
    smoothing: float = 0.0
    z_loss: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class RowLosses:
    """What `cross_entropy_rows` finds, for each of N rows; without gradient.

    Parameters
    ----------
    losses_N
        float32 (float64 for float64 logits), in nats.
    is_top_N
        bool, whether no logit is larger than the target's.
    """

    losses_N: Tensor
    is_top_N: Tensor


def cross_entropy_rows(
    logits_NV: Tensor, targets_N: Tensor, form: LossForm, *, needs_gradient: bool
) -> RowLosses:
    """Return the loss of each row, and write the gradient of their sum over `logits_NV` where it is wanted.

    Parameters
    ----------
    logits_NV
        Contiguous, any float dtype; overwritten. Without `needs_gradient` it holds nothing of use afterwards.
    targets_N
        int64 in [0, V).
    form
        The loss.
    needs_gradient
        Whether the gradient is written.

    Examples
    --------
    >>> logits = torch.zeros(1, 4)
    >>> found = cross_entropy_rows(logits, torch.tensor([1]), LossForm(), needs_gradient=True)
    >>> round(found.losses_N.item(), 4), logits.tolist()
    (1.3863, [[0.25, -0.75, 0.25, 0.25]])
    """
    if runs_triton(logits_NV) and logits_NV.numel() > 0:
        return _rows_triton(logits_NV, targets_N, form, needs_gradient=needs_gradient)
    return cross_entropy_rows_twin(logits_NV, targets_N, form, needs_gradient=needs_gradient)


def cross_entropy_rows_twin(
    logits_NV: Tensor, targets_N: Tensor, form: LossForm, *, needs_gradient: bool
) -> RowLosses:
    """Return the same by plain torch operations. Memory: two to four times the logits in float32.

    Examples
    --------
    >>> found = cross_entropy_rows_twin(torch.zeros(1, 4), torch.tensor([1]), LossForm(), needs_gradient=False)
    >>> found.is_top_N.tolist()
    [True]
    """
    wide = torch.promote_types(logits_NV.dtype, torch.float32)
    z_NV = logits_NV.to(wide)
    if form.scale != 1.0:
        z_NV = z_NV * form.scale
    if form.softcap is not None:
        z_NV = form.softcap * torch.tanh(z_NV / form.softcap)
    log_sum_N = torch.logsumexp(z_NV, dim=1)
    of_target_N = z_NV.gather(1, targets_N[:, None]).squeeze(1)
    losses_N = log_sum_N - of_target_N
    if form.smoothing:
        losses_N = losses_N + form.smoothing * (of_target_N - z_NV.mean(1))
    if form.z_loss:
        losses_N = losses_N + form.z_loss * log_sum_N.square()
    is_top_N = of_target_N >= z_NV.amax(1)
    if needs_gradient:
        slope_NV = None if form.softcap is None else 1 - (z_NV / form.softcap).square()
        grad_NV = torch.exp(z_NV - log_sum_N[:, None])
        if form.z_loss:
            grad_NV *= (1 + 2 * form.z_loss * log_sum_N)[:, None]
        if form.smoothing:
            grad_NV -= form.smoothing / z_NV.shape[1]
        grad_NV.scatter_add_(
            1, targets_N[:, None], grad_NV.new_full((len(targets_N), 1), form.smoothing - 1.0)
        )
        if slope_NV is not None:
            grad_NV *= slope_NV
        if form.scale != 1.0:
            grad_NV *= form.scale
        logits_NV.copy_(grad_NV)
    return RowLosses(losses_N=losses_N, is_top_N=is_top_N)


def _rows_triton(logits_NV: Tensor, targets_N: Tensor, form: LossForm, *, needs_gradient: bool) -> RowLosses:
    rows, columns = logits_NV.shape
    losses_N = logits_NV.new_empty(rows, dtype=torch.float32)
    is_top_N = torch.empty(rows, dtype=torch.uint8, device=logits_NV.device)
    _loss_rows[(rows,)](
        logits_NV,
        targets_N,
        losses_N,
        is_top_N,
        columns,
        logits_NV.stride(0),
        form.scale,
        1.0 if form.softcap is None else form.softcap,
        form.smoothing,
        form.z_loss,
        HAS_CAP=form.softcap is not None,
        NEEDS_GRADIENT=needs_gradient,
        BLOCK=_BLOCK,
        num_warps=8,
    )
    return RowLosses(losses_N=losses_N, is_top_N=is_top_N.bool())


@jit
def _logits(x_ptr: Any, place: Any, inside: Any, scale: Any, cap: Any, HAS_CAP: tl.constexpr) -> Any:
    z = tl.load(x_ptr + place, mask=inside, other=0.0).to(tl.float32) * scale
    if HAS_CAP:
        z = cap * (2.0 * tl.sigmoid(2.0 * z / cap) - 1.0)
    return z


@jit
def _loss_rows(  # noqa: PLR0913, PLR0917 - the kernel's arguments
    logits_ptr: Any,
    targets_ptr: Any,
    losses_ptr: Any,
    top_ptr: Any,
    columns: Any,
    stride: Any,
    scale: Any,
    cap: Any,
    smoothing: Any,
    z_loss: Any,
    HAS_CAP: tl.constexpr,
    NEEDS_GRADIENT: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    row = tl.program_id(0).to(tl.int64)
    x_ptr = logits_ptr + row * stride
    target = tl.load(targets_ptr + row)
    of_target = _logits(x_ptr, target, target >= 0, scale, cap, HAS_CAP)
    # One pass for the maximum, the scaled sum of exponentials and the plain sum (Milakov and Gimelshein 2018).
    largest = float("-inf")
    total = 0.0
    plain = 0.0
    for start in range(0, columns, BLOCK):
        place = start + tl.arange(0, BLOCK)
        inside = place < columns
        z = _logits(x_ptr, place, inside, scale, cap, HAS_CAP)
        plain += tl.sum(tl.where(inside, z, 0.0), axis=0)
        z = tl.where(inside, z, float("-inf"))
        next_largest = tl.maximum(largest, tl.max(z, axis=0))
        total = total * tl.exp(largest - next_largest) + tl.sum(tl.exp(z - next_largest), axis=0)
        largest = next_largest
    log_sum = largest + tl.log(total)
    loss = log_sum - of_target + smoothing * (of_target - plain / columns) + z_loss * log_sum * log_sum
    tl.store(losses_ptr + row, loss)
    tl.store(top_ptr + row, (of_target >= largest).to(tl.uint8))
    if NEEDS_GRADIENT:
        for start in range(0, columns, BLOCK):
            place = start + tl.arange(0, BLOCK)
            inside = place < columns
            z = _logits(x_ptr, place, inside, scale, cap, HAS_CAP)
            z = tl.where(inside, z, float("-inf"))  # beyond the row; 0 there could overflow
            grad = tl.exp(z - log_sum) * (1.0 + 2.0 * z_loss * log_sum) - smoothing / columns
            grad = tl.where(place == target, grad + smoothing - 1.0, grad)
            if HAS_CAP:
                grad *= 1.0 - (z / cap) * (z / cap)
            tl.store(x_ptr + place, (grad * scale).to(logits_ptr.dtype.element_ty), mask=inside)


def chunk_rows_of(columns: int, *, chunk_bytes: int, least: int) -> int:
    """Return how many rows of logits fit a budget: 6 bytes an element, a rounded copy beside float32.

    Examples
    --------
    >>> chunk_rows_of(128_256, chunk_bytes=512 << 20, least=256)
    697
    """
    return max(least, math.floor(chunk_bytes / (6 * columns)))
