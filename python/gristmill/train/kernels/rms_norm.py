"""RMSNorm with its weight's gradient, in the three ways that families round it, and with the residual sum before it.

r = 1 / sqrt(mean(x^2) + eps), n = x r, y = n w' with w' = w + offset (Zhang and Sennrich 2019, equation 4).
With m = dy w': dx = r (m - n mean(m n)), dw = sum over rows of dy n.

Casting, as the families do it: ``llama`` rounds n to the dtype of x, then multiplies by w (Llama, Qwen, Mistral);
``gemma`` multiplies in float32 and rounds once (Gemma with offset 1, Gemma 4 and OLMo 2 with offset 0);
``none`` computes in the dtype of x throughout, for proofs in float64.

Roofline, N rows of H columns of b bytes: forward reads x and writes y, 2 N H b; backward reads x and dy and writes
dx, 3 N H b. At 3 TB/s and bf16 that is 1.3 and 2.0 ns for a row of 1,000 columns.
"""

# ruff: noqa: N803, N806 - the suffixes of tensors are their shapes: N rows, H columns, P programs

from __future__ import annotations

from typing import Any, Literal, cast

import torch
from torch import Tensor

from gristmill.train.kernels.backend import block_of, jit, num_warps_of, runs_triton, tl

Casting = Literal["llama", "gemma", "none"]

_PROGRAMS = 256
"""Partial sums of the weight's gradient: some for each multiprocessor of today's GPUs (132 on an H100)."""


def rms_norm(
    x: Tensor, weight_H: Tensor, *, eps: float, casting: Casting = "llama", offset: float = 0.0
) -> Tensor:
    """Return x normalised over its last dimension, in its dtype.

    Saved for the backward pass: x and, for each row, one float32; not the normalised rows.

    Parameters
    ----------
    x
        [..., H], any float dtype.
    weight_H
        [H].
    eps
        Added to the mean square.
    casting
        Where the family rounds; see the module.
    offset
        1.0 for families that store w - 1.

    Examples
    --------
    >>> rms_norm(torch.tensor([[3.0, 4.0]]), torch.ones(2), eps=0.0).mul(12.5**0.5).tolist()
    [[3.0, 4.0]]
    """
    return cast(Tensor, _RmsNorm.apply(x, weight_H, eps, casting, offset))  # type: ignore[no-untyped-call]


def add_rms_norm(
    x: Tensor,
    residual: Tensor,
    weight_H: Tensor,
    *,
    eps: float,
    casting: Casting = "llama",
    offset: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Return ``rms_norm(x + residual)`` and ``x + residual``, in one pass over memory where Triton runs.

    Examples
    --------
    >>> normed, total = add_rms_norm(torch.ones(1, 2), torch.ones(1, 2), torch.ones(2), eps=0.0)
    >>> normed.tolist(), total.tolist()
    ([[1.0, 1.0]], [[2.0, 2.0]])
    """
    found = _AddRmsNorm.apply(x, residual, weight_H, eps, casting, offset)  # type: ignore[no-untyped-call]
    return cast("tuple[Tensor, Tensor]", found)


def rms_norm_twin(
    x: Tensor, weight_H: Tensor, *, eps: float, casting: Casting = "llama", offset: float = 0.0
) -> Tensor:
    """Return the same as `rms_norm` by plain torch operations, differentiable by torch. The reference.

    Examples
    --------
    >>> x, weight = torch.randn(3, 8), torch.randn(8)
    >>> torch.allclose(rms_norm_twin(x, weight, eps=1e-6), rms_norm(x, weight, eps=1e-6), atol=1e-6)
    True
    """
    wide = x if casting == "none" else x.to(torch.promote_types(x.dtype, torch.float32))
    normed = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    if casting == "llama":
        return weight_H * normed.to(x.dtype) if offset == 0.0 else (weight_H + offset) * normed.to(x.dtype)
    return (normed * (weight_H.to(normed.dtype) + offset)).to(x.dtype)


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight_H: Tensor, eps: float, casting: Casting, offset: float) -> Tensor:
        rows_NH = x.reshape(-1, x.shape[-1])
        y_NH, inverse_N, _ = _forward(rows_NH, None, weight_H, eps, casting, offset)
        ctx.save_for_backward(rows_NH, weight_H, inverse_N)
        ctx.settings = (casting, offset)
        return y_NH.view(x.shape)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        dx, dw = _backward_of(ctx, grad, None)
        return (dx if dx is None else dx.view(grad.shape)), dw, None, None, None


class _AddRmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, residual: Tensor, weight_H: Tensor, eps: float, casting: Casting, offset: float
    ) -> tuple[Tensor, Tensor]:
        columns = x.shape[-1]
        y_NH, inverse_N, total_NH = _forward(
            x.reshape(-1, columns), residual.reshape(-1, columns), weight_H, eps, casting, offset
        )
        ctx.save_for_backward(total_NH, weight_H, inverse_N)
        ctx.settings = (casting, offset)
        return y_NH.view(x.shape), total_NH.view(x.shape)

    @staticmethod
    def backward(ctx: Any, grad: Tensor, grad_total: Tensor) -> tuple[Tensor | None, ...]:
        dx, dw = _backward_of(ctx, grad, grad_total)
        both = None if dx is None else dx.view(grad.shape)
        return both, both, dw, None, None, None


def _forward(
    x_NH: Tensor,
    residual_NH: Tensor | None,
    weight_H: Tensor,
    eps: float,
    casting: Casting,
    offset: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return normalised rows, one over the root of each row's mean square, and what was normalised."""
    columns = x_NH.shape[1]
    if runs_triton(x_NH, weight_H, columns=columns) and casting != "none" and x_NH.numel() > 0:
        return _forward_triton(x_NH, residual_NH, weight_H, eps, casting, offset)
    total_NH = x_NH if residual_NH is None else x_NH + residual_NH
    wide_NH = total_NH if casting == "none" else total_NH.to(torch.promote_types(x_NH.dtype, torch.float32))
    inverse_N = torch.rsqrt(wide_NH.square().mean(1) + eps)
    normed_NH = wide_NH * inverse_N[:, None]
    if casting == "llama":
        return normed_NH.to(x_NH.dtype) * (weight_H + offset).to(x_NH.dtype), inverse_N, total_NH
    return (normed_NH * (weight_H.to(normed_NH.dtype) + offset)).to(x_NH.dtype), inverse_N, total_NH


def _backward_of(ctx: Any, grad: Tensor, grad_total: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    rows_NH, weight_H, inverse_N = ctx.saved_tensors
    casting, offset = ctx.settings
    needs_weight = ctx.needs_input_grad[2 if grad_total is not None else 1]
    columns = rows_NH.shape[1]
    grad_NH = grad.reshape(-1, columns)
    total_NH = None if grad_total is None else grad_total.reshape(-1, columns)
    if runs_triton(rows_NH, weight_H, columns=columns) and casting != "none" and rows_NH.numel() > 0:
        return _backward_triton(
            rows_NH, grad_NH, total_NH, weight_H, inverse_N, casting, offset, needs_weight
        )
    wide = inverse_N.dtype
    normed_NH = rows_NH.to(wide) * inverse_N[:, None]
    m_NH = grad_NH.to(wide) * (weight_H.to(wide) + offset)
    dx_NH = inverse_N[:, None] * (m_NH - normed_NH * (m_NH * normed_NH).mean(1, keepdim=True))
    if total_NH is not None:
        dx_NH = dx_NH + total_NH.to(wide)
    if not needs_weight:
        return dx_NH.to(rows_NH.dtype), None
    # What w was multiplied by: with `llama` the rounded rows.
    factor_NH = normed_NH.to(rows_NH.dtype).to(wide) if casting == "llama" else normed_NH
    return dx_NH.to(rows_NH.dtype), (grad_NH.to(wide) * factor_NH).sum(0).to(weight_H.dtype)


def _forward_triton(
    x_NH: Tensor,
    residual_NH: Tensor | None,
    weight_H: Tensor,
    eps: float,
    casting: Casting,
    offset: float,
) -> tuple[Tensor, Tensor, Tensor]:
    x_NH = x_NH.contiguous()
    rows, columns = x_NH.shape
    y_NH, inverse_N = torch.empty_like(x_NH), x_NH.new_empty(rows, dtype=torch.float32)
    total_NH = x_NH if residual_NH is None else torch.empty_like(x_NH)
    block = block_of(columns)
    _forward_rows[(rows,)](
        x_NH,
        x_NH if residual_NH is None else residual_NH.contiguous(),
        total_NH,
        weight_H.contiguous(),
        y_NH,
        inverse_N,
        columns,
        eps,
        offset,
        HAS_RESIDUAL=residual_NH is not None,
        ROUNDS_FIRST=casting == "llama",
        BLOCK=block,
        num_warps=num_warps_of(block),
    )
    return y_NH, inverse_N, total_NH


def _backward_triton(
    x_NH: Tensor,
    grad_NH: Tensor,
    total_NH: Tensor | None,
    weight_H: Tensor,
    inverse_N: Tensor,
    casting: Casting,
    offset: float,
    needs_weight: bool,
) -> tuple[Tensor, Tensor | None]:
    rows, columns = x_NH.shape
    dx_NH = torch.empty_like(x_NH)
    num_programs = min(rows, _PROGRAMS)
    partial_PH = x_NH.new_empty((num_programs, columns), dtype=torch.float32)
    block = block_of(columns)
    _backward_rows[(num_programs,)](
        x_NH,
        grad_NH.contiguous(),
        grad_NH if total_NH is None else total_NH.contiguous(),
        weight_H.contiguous(),
        inverse_N,
        dx_NH,
        partial_PH,
        rows,
        columns,
        offset,
        HAS_TOTAL=total_NH is not None,
        NEEDS_WEIGHT=needs_weight,
        ROUNDS_FIRST=casting == "llama",
        BLOCK=block,
        num_warps=num_warps_of(block),
    )
    return dx_NH, partial_PH.sum(0).to(weight_H.dtype) if needs_weight else None


@jit
def _forward_rows(  # noqa: PLR0913, PLR0917 - the kernel's arguments
    x_ptr: Any,
    residual_ptr: Any,
    total_ptr: Any,
    weight_ptr: Any,
    y_ptr: Any,
    inverse_ptr: Any,
    columns: Any,
    eps: Any,
    offset: Any,
    HAS_RESIDUAL: tl.constexpr,
    ROUNDS_FIRST: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    row = tl.program_id(0).to(tl.int64)  # offsets pass 2^31 elements
    place = tl.arange(0, BLOCK)
    inside = place < columns
    # Rows are widened as they are loaded: the interpreter computes nothing right in bf16.
    x = tl.load(x_ptr + row * columns + place, mask=inside, other=0.0).to(tl.float32)
    if HAS_RESIDUAL:
        x += tl.load(residual_ptr + row * columns + place, mask=inside, other=0.0).to(tl.float32)
        x = x.to(total_ptr.dtype.element_ty).to(tl.float32)  # the sum is rounded before it is normalised
        tl.store(total_ptr + row * columns + place, x.to(total_ptr.dtype.element_ty), mask=inside)
    inverse = 1.0 / tl.sqrt(tl.sum(x * x, axis=0) / columns + eps)
    tl.store(inverse_ptr + row, inverse)
    weight = tl.load(weight_ptr + place, mask=inside, other=0.0).to(tl.float32) + offset
    normed = x * inverse
    if ROUNDS_FIRST:
        normed = normed.to(y_ptr.dtype.element_ty).to(tl.float32)
    tl.store(y_ptr + row * columns + place, (normed * weight).to(y_ptr.dtype.element_ty), mask=inside)


@jit
def _backward_rows(  # noqa: PLR0913, PLR0917 - the kernel's arguments
    x_ptr: Any,
    grad_ptr: Any,
    total_ptr: Any,
    weight_ptr: Any,
    inverse_ptr: Any,
    dx_ptr: Any,
    partial_ptr: Any,
    rows: Any,
    columns: Any,
    offset: Any,
    HAS_TOTAL: tl.constexpr,
    NEEDS_WEIGHT: tl.constexpr,
    ROUNDS_FIRST: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    program = tl.program_id(0)
    place = tl.arange(0, BLOCK)
    inside = place < columns
    weight = tl.load(weight_ptr + place, mask=inside, other=0.0).to(tl.float32) + offset
    sums = tl.zeros([BLOCK], dtype=tl.float32)
    # Each program takes every n-th row and adds up the weight's gradient in registers: no atomics, so the order of
    # the sum, and with it every bit, is the same each time.
    for row in range(program, rows, tl.num_programs(0)):
        start = tl.cast(row, tl.int64) * columns
        x = tl.load(x_ptr + start + place, mask=inside, other=0.0).to(tl.float32)
        grad = tl.load(grad_ptr + start + place, mask=inside, other=0.0).to(tl.float32)
        inverse = tl.load(inverse_ptr + row)
        normed = x * inverse
        m = grad * weight
        dx = inverse * (m - normed * (tl.sum(m * normed, axis=0) / columns))
        if HAS_TOTAL:
            dx += tl.load(total_ptr + start + place, mask=inside, other=0.0).to(tl.float32)
        tl.store(dx_ptr + start + place, dx.to(dx_ptr.dtype.element_ty), mask=inside)
        if NEEDS_WEIGHT:
            if ROUNDS_FIRST:
                normed = normed.to(x_ptr.dtype.element_ty).to(tl.float32)
            sums += grad * normed
    if NEEDS_WEIGHT:
        tl.store(partial_ptr + program.to(tl.int64) * columns + place, sums, mask=inside)
