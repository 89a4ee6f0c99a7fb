"""Gated linear units, h = act(e) g: SwiGLU with act = silu, GeGLU with act = gelu in its tanh form (Shazeer 2020).

With s = sigmoid(e): silu(e) = e s, silu'(e) = s (1 + e (1 - s)). With u = sqrt(2/pi) (e + 0.044715 e^3):
gelu(e) = e/2 (1 + tanh u), gelu'(e) = (1 + tanh u)/2 + e/2 (1 - tanh^2 u) sqrt(2/pi) (1 + 3 0.044715 e^2).
dg = dh act(e), de = dh g act'(e).

Roofline, N elements of b bytes: forward reads e and g and writes h, 3 N b; backward reads e, g and dh and writes
de and dg (and h, where the caller needs it again), 5 to 6 N b.
"""

# ruff: noqa: N803 - constants of a kernel are written in capitals

from __future__ import annotations

import math
from typing import Any, Literal, cast

import torch
from torch import Tensor
from torch.nn import functional

from gristmill.train.kernels.backend import jit, runs_triton, tl

Activation = Literal["silu", "gelu_tanh"]

_BLOCK = 1024
_SQRT_2_PI = math.sqrt(2 / math.pi)
_CUBIC = 0.044715


def glu(gate: Tensor, up: Tensor, *, activation: Activation = "silu") -> Tensor:
    """Return act(gate) * up, of the shape and dtype of both. Arithmetic is float32 or wider.

    Saved for the backward pass: gate and up, which are there anyway.

    Examples
    --------
    >>> glu(torch.zeros(2), torch.ones(2)).tolist()
    [0.0, 0.0]
    """
    return cast(Tensor, _Glu.apply(gate, up, activation))  # type: ignore[no-untyped-call]


def glu_twin(gate: Tensor, up: Tensor, *, activation: Activation = "silu") -> Tensor:
    """Return the same by plain torch operations, differentiable by torch. The reference.

    Examples
    --------
    >>> gate, up = torch.randn(8), torch.randn(8)
    >>> torch.allclose(glu_twin(gate, up), glu(gate, up), atol=1e-6)
    True
    """
    wide = gate.to(torch.promote_types(gate.dtype, torch.float32))
    acted = functional.silu(wide) if activation == "silu" else functional.gelu(wide, approximate="tanh")
    return (acted * up.to(wide.dtype)).to(gate.dtype)


class _Glu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor, activation: Activation) -> Tensor:
        ctx.save_for_backward(gate, up)
        ctx.activation = activation
        return glu_forward(gate, up, activation)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        gate, up = ctx.saved_tensors
        # Grad may be another's too, and gate and up are the caller's: nothing is written over here.
        de, dg, _ = glu_backward(gate, up, grad, ctx.activation, in_place=False)
        return de, dg, None


def glu_forward(gate: Tensor, up: Tensor, activation: Activation) -> Tensor:
    """Return act(gate) * up, without autograd.

    Examples
    --------
    >>> glu_forward(torch.zeros(2), torch.ones(2), "gelu_tanh").tolist()
    [0.0, 0.0]
    """
    if not runs_triton(gate, up) or gate.numel() == 0:
        return glu_twin(gate, up, activation=activation)
    gate, up = gate.contiguous(), up.contiguous()
    out = torch.empty_like(gate)
    size = gate.numel()
    _forward_elements[(-(-size // _BLOCK),)](
        gate, up, out, size, IS_SILU=activation == "silu", BLOCK=_BLOCK, num_warps=4
    )
    return out


def glu_backward(
    gate: Tensor, up: Tensor, grad: Tensor, activation: Activation, *, in_place: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of gate and up, and h = act(gate) * up once more, without autograd.

    Parameters
    ----------
    in_place
        Write them over gate, up and grad, in this order, which must be contiguous and nobody else's. Saves three
        buffers of that size.

    Examples
    --------
    >>> [part.tolist() for part in glu_backward(torch.zeros(1), torch.ones(1), torch.ones(1), "silu", in_place=False)]
    [[0.5], [0.0], [0.0]]
    """
    if not runs_triton(gate, up, grad) or gate.numel() == 0:
        found = _backward_twin(gate, up, grad, activation)
        if not in_place:
            return found
        for target, part in zip((gate, up, grad), found, strict=True):
            target.copy_(part)
        return gate, up, grad
    if in_place:
        out = (gate, up, grad)
    else:
        gate, up, grad = gate.contiguous(), up.contiguous(), grad.contiguous()
        out = (torch.empty_like(gate), torch.empty_like(up), torch.empty_like(grad))
    size = gate.numel()
    _backward_elements[(-(-size // _BLOCK),)](
        gate, up, grad, *out, size, IS_SILU=activation == "silu", BLOCK=_BLOCK, num_warps=4
    )
    return out


def _backward_twin(
    gate: Tensor, up: Tensor, grad: Tensor, activation: Activation
) -> tuple[Tensor, Tensor, Tensor]:
    wide = torch.promote_types(gate.dtype, torch.float32)
    e, g, dh = gate.to(wide), up.to(wide), grad.to(wide)
    if activation == "silu":
        s = torch.sigmoid(e)
        acted, slope = e * s, s * (1 + e * (1 - s))
    else:
        t = torch.tanh(_SQRT_2_PI * (e + _CUBIC * e**3))
        acted = 0.5 * e * (1 + t)
        slope = 0.5 * (1 + t) + 0.5 * e * (1 - t * t) * _SQRT_2_PI * (1 + 3 * _CUBIC * e * e)
    return (dh * g * slope).to(gate.dtype), (dh * acted).to(gate.dtype), (acted * g).to(gate.dtype)


@jit
def _forward_elements(
    gate_ptr: Any, up_ptr: Any, out_ptr: Any, size: Any, IS_SILU: tl.constexpr, BLOCK: tl.constexpr
) -> None:
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < size
    e = tl.load(gate_ptr + place, mask=inside, other=0.0).to(tl.float32)
    g = tl.load(up_ptr + place, mask=inside, other=0.0).to(tl.float32)
    # tanh(u) = 2 sigmoid(2u) - 1; Triton has no tanh of its own on every target.
    inner = e if IS_SILU else 1.5957691216057308 * (e + 0.044715 * e * e * e)
    acted = e * tl.sigmoid(inner)
    tl.store(out_ptr + place, (acted * g).to(out_ptr.dtype.element_ty), mask=inside)


@jit
def _backward_elements(  # noqa: PLR0913, PLR0917 - the kernel's arguments
    gate_ptr: Any,
    up_ptr: Any,
    grad_ptr: Any,
    de_ptr: Any,
    dg_ptr: Any,
    h_ptr: Any,
    size: Any,
    IS_SILU: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < size
    e = tl.load(gate_ptr + place, mask=inside, other=0.0).to(tl.float32)
    g = tl.load(up_ptr + place, mask=inside, other=0.0).to(tl.float32)
    dh = tl.load(grad_ptr + place, mask=inside, other=0.0).to(tl.float32)
    if IS_SILU:
        s = tl.sigmoid(e)
        acted = e * s
        slope = s * (1 + e * (1 - s))
    else:
        s = tl.sigmoid(1.5957691216057308 * (e + 0.044715 * e * e * e))
        acted = e * s
        slope = s + e * s * (1 - s) * 1.5957691216057308 * (1 + 0.134145 * e * e)
    tl.store(de_ptr + place, (dh * g * slope).to(de_ptr.dtype.element_ty), mask=inside)
    tl.store(dg_ptr + place, (dh * acted).to(dg_ptr.dtype.element_ty), mask=inside)
    tl.store(h_ptr + place, (acted * g).to(h_ptr.dtype.element_ty), mask=inside)
