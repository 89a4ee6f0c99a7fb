"""The loss over the vocabulary without the logits of all places: matrix products by the library, rows by a kernel.

l = cross_entropy(form(h W' + b), y), see `cross_entropy_rows` for the form. dh = dz W, dW = dz' h, db = sum dz,
with dz the gradient of the logits. Logits are made for some trained places at a time, turned into their gradient
where they lie, and dropped; places that are not trained are left out before the first product.

Matrix products: two with a frozen W, three with a trained one. Saved for the backward pass: dh, and dW and db
where they are wanted; sums of dW are float32 whatever the inputs are, because in bf16 256 chunks cost 1.6 % of it.
"""

# ruff: noqa: N803, N806, N815 - the suffixes of tensors are their shapes: T places, N trained ones, H hidden size, V vocabulary

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gristmill.train.kernels.cross_entropy_rows import LossForm, chunk_rows_of, cross_entropy_rows

IGNORED = -100
CHUNK_BYTES = {"cuda": 512 << 20, "cpu": 192 << 20}
"""Room for the logits that exist at any time: a chunk that fills a GPU's matrix units, or a CPU's cache not too
badly."""
LEAST_CHUNK_ROWS = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class VocabularyLoss:
    """What `linear_cross_entropy` found for T places.

    Parameters
    ----------
    total
        Scalar sum over the trained places, with gradient.
    losses_T
        float32 (float64 for float64 inputs), without gradient; 0 where nothing is predicted.
    is_top_T
        bool; whether the target has the largest logit. False where nothing is predicted.
    """

    total: Tensor
    losses_T: Tensor
    is_top_T: Tensor


def linear_cross_entropy(
    hidden_TH: Tensor,
    weight_VH: Tensor,
    targets_T: Tensor,
    *,
    bias_V: Tensor | None = None,
    form: LossForm | None = None,
    chunk_rows: int | None = None,
) -> VocabularyLoss:
    """Return the summed loss of next-token predictions, and that of each place.

    Parameters
    ----------
    hidden_TH
        Output of the backbone.
    weight_VH, bias_V
        The head.
    targets_T
        int64; the id to predict at each place, -100 for none.
    form
        Scale, cap, smoothing and z-loss; None: plain cross-entropy.
    chunk_rows
        Trained places at a time; None: what fits `CHUNK_BYTES`. Changes nothing but rounding.

    Examples
    --------
    >>> found = linear_cross_entropy(torch.zeros(2, 3), torch.zeros(4, 3), torch.tensor([1, -100]))
    >>> round(found.total.item(), 4), found.is_top_T.tolist()
    (1.3863, [True, False])
    """
    if chunk_rows is None:
        room = CHUNK_BYTES.get(hidden_TH.device.type, CHUNK_BYTES["cpu"])
        chunk_rows = chunk_rows_of(weight_VH.shape[0], chunk_bytes=room, least=LEAST_CHUNK_ROWS)
    total, losses_T, is_top_T = _LinearCrossEntropy.apply(  # type: ignore[no-untyped-call]
        hidden_TH, weight_VH, bias_V, targets_T, form or LossForm(), chunk_rows
    )
    return VocabularyLoss(total=total, losses_T=losses_T, is_top_T=is_top_T)


def token_cross_entropy(
    hidden_TH: Tensor,
    weight_VH: Tensor,
    targets_T: Tensor,
    *,
    bias_V: Tensor | None = None,
    scale: float = 1.0,
    softcap: float | None = None,
    chunk_rows: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the sum and the loss of each place of `linear_cross_entropy`.

    Examples
    --------
    >>> hidden, weight = torch.zeros(2, 3), torch.zeros(4, 3)
    >>> total, each = token_cross_entropy(hidden, weight, torch.tensor([1, -100]))
    >>> round(total.item(), 4), [round(loss, 4) for loss in each.tolist()]
    (1.3863, [1.3863, 0.0])
    """
    found = linear_cross_entropy(
        hidden_TH,
        weight_VH,
        targets_T,
        bias_V=bias_V,
        form=LossForm(scale=scale, softcap=softcap),
        chunk_rows=chunk_rows,
    )
    return found.total, found.losses_T


class _LinearCrossEntropy(torch.autograd.Function):
    """Computes gradients in the forward pass, because the logits they need are not kept."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden_TH: Tensor,
        weight_VH: Tensor,
        bias_V: Tensor | None,
        targets_T: Tensor,
        form: LossForm,
        chunk_rows: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        needs_hidden, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        sum_dtype = torch.promote_types(hidden_TH.dtype, torch.float32)
        losses_T = torch.zeros(targets_T.shape, dtype=sum_dtype, device=hidden_TH.device)
        is_top_T = torch.zeros(targets_T.shape, dtype=torch.bool, device=hidden_TH.device)
        grad_hidden_TH = torch.zeros_like(hidden_TH) if needs_hidden else None
        grad_weight_VH = torch.zeros_like(weight_VH, dtype=sum_dtype) if needs_weight else None
        grad_bias_V = torch.zeros_like(bias_V, dtype=sum_dtype) if needs_bias and bias_V is not None else None
        places = torch.nonzero(targets_T != IGNORED).squeeze(1)
        with torch.autocast(hidden_TH.device.type, enabled=False):
            head_VH = weight_VH.to(hidden_TH.dtype)
            for rows_N in torch.split(places, chunk_rows):
                hidden_NH = hidden_TH[rows_N]
                logits_NV = hidden_NH @ head_VH.T
                if bias_V is not None:
                    logits_NV += bias_V.to(logits_NV.dtype)
                needs_gradient = needs_hidden or needs_weight or needs_bias
                found = cross_entropy_rows(logits_NV, targets_T[rows_N], form, needs_gradient=needs_gradient)
                losses_T[rows_N] = found.losses_N.to(sum_dtype)
                is_top_T[rows_N] = found.is_top_N
                if grad_hidden_TH is not None:
                    grad_hidden_TH[rows_N] = logits_NV @ head_VH
                if grad_weight_VH is not None:
                    grad_weight_VH = add_product(grad_weight_VH, logits_NV, hidden_NH)
                if grad_bias_V is not None:
                    grad_bias_V += logits_NV.sum(dim=0, dtype=sum_dtype)
        ctx.save_for_backward(grad_hidden_TH, grad_weight_VH, grad_bias_V)
        ctx.dtypes = (weight_VH.dtype, None if bias_V is None else bias_V.dtype)
        ctx.mark_non_differentiable(losses_T, is_top_T)
        return losses_T.sum(), losses_T, is_top_T

    @staticmethod
    def backward(ctx: Any, grad_total: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        hidden_TH, weight_VH, bias_V = ctx.saved_tensors
        weight_dtype, bias_dtype = ctx.dtypes
        return (
            None if hidden_TH is None else hidden_TH * grad_total.to(hidden_TH.dtype),
            None if weight_VH is None else (weight_VH * grad_total).to(weight_dtype),
            None if bias_V is None else (bias_V * grad_total).to(bias_dtype),
            None,
            None,
            None,
        )


def add_product(sum_VH: Tensor, rows_NV: Tensor, rows_NH: Tensor) -> Tensor:
    """Return ``sum + rows_NV' rows_NH``, added up in the dtype of the sum; the sum's memory may be used for it.

    A GPU multiplies the rounded rows and adds in float32; elsewhere they are widened first.

    Examples
    --------
    >>> add_product(torch.ones(1, 1), torch.tensor([[2.0]]), torch.tensor([[3.0]])).tolist()
    [[7.0]]
    """
    if rows_NV.dtype == sum_VH.dtype:
        return sum_VH.addmm_(rows_NV.T, rows_NH)
    if rows_NV.is_cuda:
        found: Tensor = torch.addmm(sum_VH, rows_NV.T, rows_NH, out_dtype=sum_VH.dtype)
        return found
    return sum_VH.addmm_(rows_NV.T.to(sum_VH.dtype), rows_NH.to(sum_VH.dtype))
