"""Rotary position embedding on pairs (i, i + D/2), queries and keys alike (Su et al. 2021, in the half-split form).

y1 = x1 cos1 - x2 sin1, y2 = x2 cos2 + x1 sin2, with the halves 1 and 2 of each head. The gradient is the same
rotation with the angles negated: dx1 = dy1 cos1 + dy2 sin2, dx2 = dy2 cos2 - dy1 sin1. Tables come from the model,
gathered by position, so every scaling (linear, dynamic, YaRN, Llama 3, LongRoPE) and packed documents need nothing
here; where only a part of each head is rotated, they are shorter than the head.

Roofline, N elements of b bytes: reads and writes each once, 2 N b; tables stay in cache.
"""

# ruff: noqa: N803 - the suffixes of tensors are their shapes: B batch, A heads, T places, D head size, R rotated

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from gristmill.train.kernels.backend import block_of, jit, num_warps_of, runs_triton, tl


def rope(x_BATD: Tensor, cos_BTR: Tensor, sin_BTR: Tensor, *, in_place: bool = False) -> Tensor:
    """Return queries or keys, rotated by their positions, of the same shape, dtype and layout.

    Nothing is saved for the backward pass but the tables.

    Parameters
    ----------
    x_BATD
        [B, A, T, D]; memory in the order B, T, A, D, as a projection leaves it, is taken without a copy.
    cos_BTR, sin_BTR
        [B or 1, T, R] with an even R of at most D; the halves of R are the tables of the halves of the head.
    in_place
        Write over `x_BATD`, which must be no view of a tensor with gradient. torch then raises, should an operation
        before have kept it for its own gradient.

    Examples
    --------
    >>> x, half = torch.tensor([[[[1.0, 0.0]]]]), torch.full((1, 1, 2), 0.5**0.5)
    >>> [round(value, 4) for value in rope(x, half, half).flatten().tolist()]
    [0.7071, 0.7071]
    """
    return cast(Tensor, _Rope.apply(x_BATD, cos_BTR, sin_BTR, in_place))  # type: ignore[no-untyped-call]


def rope_twin(x_BATD: Tensor, cos_BTR: Tensor, sin_BTR: Tensor) -> Tensor:
    """Return the same by plain torch operations, differentiable by torch. The reference.

    Examples
    --------
    >>> x, angles = torch.randn(1, 2, 3, 4), torch.randn(1, 3, 4)
    >>> torch.allclose(rope_twin(x, angles.cos(), angles.sin()), rope(x, angles.cos(), angles.sin()), atol=1e-6)
    True
    """
    rotated = cos_BTR.shape[-1]
    wide = torch.promote_types(x_BATD.dtype, torch.float32)
    cos, sin = cos_BTR[:, None].to(wide), sin_BTR[:, None].to(wide)
    first, second = x_BATD[..., :rotated].to(wide).chunk(2, dim=-1)
    cos1, cos2 = cos.chunk(2, dim=-1)
    sin1, sin2 = sin.chunk(2, dim=-1)
    halves = (first * cos1 - second * sin1).to(x_BATD.dtype), (second * cos2 + first * sin2).to(x_BATD.dtype)
    return torch.cat([*halves, x_BATD[..., rotated:]], dim=-1)


class _Rope(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor, in_place: bool) -> Tensor:
        ctx.save_for_backward(cos, sin)
        if in_place:
            ctx.mark_dirty(x)
        return _rotate(x, cos, sin, is_back=False, in_place=in_place)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        return _rotate(grad, cos, sin, is_back=True, in_place=False), None, None, None


def _rotate(x: Tensor, cos: Tensor, sin: Tensor, *, is_back: bool, in_place: bool) -> Tensor:
    if runs_triton(x, cos, sin, columns=x.shape[-1]) and x.numel() > 0:
        return _rotate_triton(x, cos, sin, is_back=is_back, in_place=in_place)
    if is_back:
        # The rotation back has the tables of the other half: dx1 = dy1 cos1 + dy2 sin2.
        sin1, sin2 = sin.chunk(2, dim=-1)
        sin = torch.cat([-sin2, -sin1], dim=-1)
    found = rope_twin(x, cos, sin)
    return x.copy_(found) if in_place else found


def _rotate_triton(x: Tensor, cos: Tensor, sin: Tensor, *, is_back: bool, in_place: bool) -> Tensor:
    batch, heads, places, width = x.shape
    source = x if x.stride(-1) == 1 else x.contiguous()
    out = (
        x if in_place else torch.empty_strided(source.shape, source.stride(), dtype=x.dtype, device=x.device)
    )
    if out is not x and source.numel() != out.untyped_storage().nbytes() // out.itemsize:
        out = torch.empty_like(source, memory_format=torch.contiguous_format)  # an expanded gradient has gaps
    block = block_of(width // 2 + width % 2)
    _rotate_heads[(batch * places, heads)](
        source,
        out,
        cos.contiguous(),
        sin.contiguous(),
        places,
        width,
        cos.shape[-1] // 2,
        0 if cos.shape[0] == 1 else 1,
        *source.stride()[:3],
        *out.stride()[:3],
        IS_BACK=is_back,
        BLOCK=block,
        REST=block_of(max(1, width - cos.shape[-1])),
        HAS_REST=width > cos.shape[-1] and not in_place,
        num_warps=num_warps_of(block),
    )
    return out


@jit
def _rotate_heads(  # noqa: PLR0913, PLR0917 - the kernel's arguments
    x_ptr: Any,
    y_ptr: Any,
    cos_ptr: Any,
    sin_ptr: Any,
    places: Any,
    width: Any,
    half: Any,
    has_batch: Any,
    x_batch: Any,
    x_head: Any,
    x_place: Any,
    y_batch: Any,
    y_head: Any,
    y_place: Any,
    IS_BACK: tl.constexpr,
    BLOCK: tl.constexpr,
    REST: tl.constexpr,
    HAS_REST: tl.constexpr,
) -> None:
    item = tl.program_id(0)
    head = tl.program_id(1).to(tl.int64)
    batch = (item // places).to(tl.int64)
    place = (item % places).to(tl.int64)
    pair = tl.arange(0, BLOCK)
    inside = pair < half
    table = (batch * has_batch * places + place) * half * 2 + pair
    cos1 = tl.load(cos_ptr + table, mask=inside, other=0.0).to(tl.float32)
    cos2 = tl.load(cos_ptr + table + half, mask=inside, other=0.0).to(tl.float32)
    sin1 = tl.load(sin_ptr + table, mask=inside, other=0.0).to(tl.float32)
    sin2 = tl.load(sin_ptr + table + half, mask=inside, other=0.0).to(tl.float32)
    source = x_ptr + batch * x_batch + head * x_head + place * x_place
    target = y_ptr + batch * y_batch + head * y_head + place * y_place
    first = tl.load(source + pair, mask=inside, other=0.0).to(tl.float32)
    second = tl.load(source + half + pair, mask=inside, other=0.0).to(tl.float32)
    if IS_BACK:
        one = first * cos1 + second * sin2
        two = second * cos2 - first * sin1
    else:
        one = first * cos1 - second * sin1
        two = second * cos2 + first * sin2
    tl.store(target + pair, one.to(y_ptr.dtype.element_ty), mask=inside)
    tl.store(target + half + pair, two.to(y_ptr.dtype.element_ty), mask=inside)
    if HAS_REST:
        rest = 2 * half + tl.arange(0, REST)
        tl.store(target + rest, tl.load(source + rest, mask=rest < width), mask=rest < width)
