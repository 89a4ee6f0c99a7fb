"""The mathematics that fused kernels may replace, as plain torch functions.

This is the one place where a faster version is swapped in: the loop calls these names and nothing behind them. Each
function states shapes and dtypes, so a replacement can be tested against it. Today: the loss over the vocabulary.

Shapes: T places of a micro-batch, N trained places of a chunk, H hidden size, V vocabulary.
"""

# ruff: noqa: N803, N806 - the suffixes of tensors are their shapes

from __future__ import annotations

import torch
from torch import Tensor

IGNORED = -100
CHUNK_BYTES = 128 << 20
"""Size of the float32 logits that exist at any time."""


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
    """Return the summed cross-entropy of next-token predictions, and the loss of each place.

    The logits z = softcap * tanh(scale * (h W' + b) / softcap) of all places never exist together: they are made for
    `chunk_rows` trained places at a time, turned into the gradient, and dropped. Places whose target is -100 cost
    nothing. Sums, softmax and the gradient of W are float32 (float64 for float64 inputs) whatever the inputs are.
    Time: two matrix products of the head with a frozen W, three with a trained one.

    Parameters
    ----------
    hidden_TH
        Output of the backbone.
    weight_VH, bias_V
        The head.
    targets_T
        int64; the id to predict at each place, -100 for none.
    scale, softcap
        What some families do to their logits.
    chunk_rows
        Trained places at a time; None: what fits `CHUNK_BYTES`.

    Returns
    -------
    tuple
        Scalar sum, with gradient; and [T] losses without gradient, 0 where nothing is predicted.

    Examples
    --------
    >>> hidden, weight = torch.zeros(2, 3), torch.zeros(4, 3)
    >>> total, each = token_cross_entropy(hidden, weight, torch.tensor([1, -100]))
    >>> round(total.item(), 4), [round(loss, 4) for loss in each.tolist()]
    (1.3863, [1.3863, 0.0])
    """
    if chunk_rows is None:
        chunk_rows = max(256, CHUNK_BYTES // (4 * weight_VH.shape[0]))
    total, losses_T = _ChunkedCrossEntropy.apply(  # type: ignore[no-untyped-call]
        hidden_TH, weight_VH, bias_V, targets_T, scale, softcap, chunk_rows
    )
    return total, losses_T


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Computes gradients in the forward pass, because the logits they need are not kept."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        hidden_TH: Tensor,
        weight_VH: Tensor,
        bias_V: Tensor | None,
        targets_T: Tensor,
        scale: float,
        softcap: float | None,
        chunk_rows: int,
    ) -> tuple[Tensor, Tensor]:
        needs_hidden, needs_weight, needs_bias = ctx.needs_input_grad[:3]  # type: ignore[attr-defined]
        sum_dtype = torch.promote_types(hidden_TH.dtype, torch.float32)
        losses_T = torch.zeros(targets_T.shape, dtype=sum_dtype, device=hidden_TH.device)
        grad_hidden_TH = torch.zeros_like(hidden_TH) if needs_hidden else None
        grad_weight_VH = torch.zeros_like(weight_VH, dtype=sum_dtype) if needs_weight else None
        grad_bias_V = torch.zeros_like(bias_V, dtype=sum_dtype) if needs_bias and bias_V is not None else None
        places = torch.nonzero(targets_T != IGNORED).squeeze(1)
        with torch.autocast(hidden_TH.device.type, enabled=False):
            head_VH = weight_VH.to(hidden_TH.dtype)
            for rows_N in torch.split(places, chunk_rows):
                hidden_NH, targets_N = hidden_TH[rows_N], targets_T[rows_N]
                logits_NV = (hidden_NH @ head_VH.T).to(sum_dtype)
                if bias_V is not None:
                    logits_NV += bias_V
                logits_NV *= scale
                if softcap is not None:
                    logits_NV = softcap * torch.tanh(logits_NV / softcap)
                log_sum_N = torch.logsumexp(logits_NV, dim=1)
                losses_T[rows_N] = log_sum_N - logits_NV.gather(1, targets_N[:, None]).squeeze(1)
                if not (needs_hidden or needs_weight or needs_bias):
                    continue
                slope_NV = None if softcap is None else 1 - (logits_NV / softcap) ** 2
                grad_NV = torch.exp_(logits_NV.sub_(log_sum_N[:, None]))
                grad_NV.scatter_add_(1, targets_N[:, None], grad_NV.new_full((len(rows_N), 1), -1.0))
                if slope_NV is not None:
                    grad_NV *= slope_NV
                grad_NV *= scale
                if grad_hidden_TH is not None:
                    grad_hidden_TH[rows_N] = grad_NV.to(head_VH.dtype) @ head_VH
                if grad_weight_VH is not None:
                    grad_weight_VH.addmm_(grad_NV.T, hidden_NH.to(sum_dtype))
                if grad_bias_V is not None:
                    grad_bias_V += grad_NV.sum(dim=0)
        ctx.save_for_backward(grad_hidden_TH, grad_weight_VH, grad_bias_V)  # type: ignore[arg-type]
        ctx.dtypes = (weight_VH.dtype, None if bias_V is None else bias_V.dtype)  # type: ignore[attr-defined]
        ctx.mark_non_differentiable(losses_T)
        return losses_T.sum(), losses_T

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, grad_total: Tensor, _: Tensor
    ) -> tuple[Tensor | None, ...]:
        hidden_TH, weight_VH, bias_V = ctx.saved_tensors  # type: ignore[attr-defined]
        weight_dtype, bias_dtype = ctx.dtypes  # type: ignore[attr-defined]
        return (
            None if hidden_TH is None else hidden_TH * grad_total.to(hidden_TH.dtype),
            None if weight_VH is None else (weight_VH * grad_total).to(weight_dtype),
            None if bias_V is None else (bias_V * grad_total).to(bias_dtype),
            None,
            None,
            None,
            None,
        )
