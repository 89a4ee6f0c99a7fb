"""Frozen linear layers with low-rank adapters: one layer, a block's gated MLP, its three attention projections.

One layer, y = x W' + b + s (m x A') B' (Hu et al. 2021, equation 3; m is the dropout mask, already divided by its
keep rate): with u = dy B, dA = s u' (m x), dB = s dy' (m x A'), dx = dy W + s m (u A). The frozen W has no gradient.

MLP, y = down(act(gate(x)) up(x)): e = gate(x) and g = up(x) are kept, h = act(e) g is made again by the kernel
that also gives de and dg, over the memory of e, g and dh. Kept per token of width H and inner width I: x, e, g, (H
+ 2 I) b bytes, where autograd keeps x, e, act(e), g, h and three products with A, (H + 4 I + 3 r) b at least.

Projections of one input: [A_q; A_k; A_v] are multiplied at once, x is kept once.

Products are the library's; adapters may be float32 beside a rounded W: they are rounded for the product, their
gradients are not.
"""

# ruff: noqa: N803, N806, N815 - the suffixes of tensors are their shapes: T tokens, I inputs, O outputs, R rank

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from gristmill.train.kernels.glu import Activation, glu_backward, glu_forward


@dataclass(frozen=True, kw_only=True, slots=True)
class FrozenLinear:
    """A layer whose own weights are not trained.

    Parameters
    ----------
    weight
        Gives W, [O, I]; called once in each direction, so that a quantised layer holds no copy in between.
    bias_O
        Its bias, or None.
    a_RI, b_OR
        The adapter; None for a layer without.
    scale
        s.
    """

    weight: Callable[[], Tensor]
    bias_O: Tensor | None = None
    a_RI: Tensor | None = None
    b_OR: Tensor | None = None
    scale: float = 1.0


def lora_linear(x: Tensor, layer: FrozenLinear, *, dropout: float = 0.0) -> Tensor:
    """Return the layer of x, [..., O].

    Parameters
    ----------
    x
        [..., I].
    layer
        The layer, with an adapter.
    dropout
        Share of the adapter's inputs that are zeroed; by torch's random generator of the device.

    Examples
    --------
    >>> weight, a, b = torch.eye(2), torch.ones(1, 2), torch.ones(2, 1)
    >>> layer = FrozenLinear(weight=lambda: weight, a_RI=a, b_OR=b, scale=0.5)
    >>> lora_linear(torch.tensor([[1.0, 2.0]]), layer).tolist()
    [[2.5, 3.5]]
    """
    return lora_projections(x, (layer,), dropout=dropout)[0]


def lora_projections(
    x: Tensor, layers: Sequence[FrozenLinear], *, dropout: float = 0.0
) -> tuple[Tensor, ...]:
    """Return several layers of one input: the queries, keys and values of attention. One dropout mask serves all.

    Examples
    --------
    >>> weight = torch.eye(2)
    >>> layer = FrozenLinear(weight=lambda: weight, a_RI=torch.ones(1, 2), b_OR=torch.ones(2, 1))
    >>> [part.tolist() for part in lora_projections(torch.tensor([[1.0, 2.0]]), (layer, layer))]
    [[[4.0, 5.0]], [[4.0, 5.0]]]
    """
    adapters = [tensor for layer in layers for tensor in (layer.a_RI, layer.b_OR)]
    found = _Projections.apply(x, _mask(x, dropout), tuple(layers), *adapters)  # type: ignore[no-untyped-call]
    return cast("tuple[Tensor, ...]", found)


def lora_mlp(
    x: Tensor,
    gate: FrozenLinear,
    up: FrozenLinear,
    down: FrozenLinear,
    *,
    activation: Activation = "silu",
    dropout: float = 0.0,
) -> Tensor:
    """Return down(act(gate(x)) * up(x)). Its gradient can be taken once: the backward pass writes over what was kept.

    Examples
    --------
    >>> weight = torch.eye(2)
    >>> layer = FrozenLinear(weight=lambda: weight)
    >>> lora_mlp(torch.tensor([[0.0, 0.0]]), layer, layer, layer).tolist()
    [[0.0, 0.0]]
    """
    adapters = [tensor for layer in (gate, up, down) for tensor in (layer.a_RI, layer.b_OR)]
    inner_mask = None
    if dropout and down.a_RI is not None and torch.is_grad_enabled():
        width = down.a_RI.shape[1]
        inner_mask = _mask(x.new_empty((*x.shape[:-1], width)), dropout)
    found = _Mlp.apply(  # type: ignore[no-untyped-call]
        x, _mask(x, dropout), inner_mask, (gate, up, down), activation, *adapters
    )
    return cast(Tensor, found)


def _mask(x: Tensor, dropout: float) -> Tensor | None:
    """Return which inputs are kept, of the shape of x, divided by the share that is; None without dropout."""
    if dropout == 0.0:
        return None
    keep = torch.empty(x.shape, dtype=torch.float32, device=x.device).bernoulli_(1 - dropout)
    return keep.div_(1 - dropout).to(_compute_dtype(x))


def _compute_dtype(x: Tensor) -> torch.dtype:
    """Return the dtype that products are made in: autocast's where that is on."""
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype


def _flat(x: Tensor) -> Tensor:
    return x.reshape(-1, x.shape[-1])


def _product(rows_TO: Tensor, rows_TI: Tensor, like: Tensor) -> Tensor:
    """Return rows_TO' rows_TI in the dtype of a parameter, which is float32 beside rounded rows."""
    if rows_TO.is_cuda and rows_TO.dtype != like.dtype and like.dtype == torch.float32:
        found: Tensor = torch.mm(rows_TO.T, rows_TI, out_dtype=torch.float32)
        return found
    if like.dtype.itemsize > rows_TO.dtype.itemsize:
        return rows_TO.T.to(like.dtype) @ rows_TI.to(like.dtype)
    return (rows_TO.T @ rows_TI).to(like.dtype)


def _apply(x_TI: Tensor, xa_TR: Tensor | None, layer: FrozenLinear) -> Tensor:
    """Return the layer of rows whose product with A is known."""
    weight_OI = layer.weight().to(x_TI.dtype)
    bias_O = None if layer.bias_O is None else layer.bias_O.to(x_TI.dtype)
    y_TO = torch.nn.functional.linear(x_TI, weight_OI, bias_O)
    if xa_TR is not None and layer.b_OR is not None:
        y_TO = y_TO.addmm_(xa_TR, layer.b_OR.to(x_TI.dtype).T, alpha=layer.scale)
    return y_TO


def _down_products(
    x_TI: Tensor, mask_TI: Tensor | None, layers: Sequence[FrozenLinear]
) -> list[Tensor | None]:
    """Return the products with each A, all made at once."""
    stacked = [layer.a_RI for layer in layers if layer.a_RI is not None]
    if not stacked:
        return [None] * len(layers)
    source_TI = x_TI if mask_TI is None else x_TI * mask_TI
    parts = iter(
        (source_TI @ torch.cat([a.to(x_TI.dtype) for a in stacked]).T).split(  # type: ignore[no-untyped-call]
            [len(a) for a in stacked], dim=1
        )
    )
    return [None if layer.a_RI is None else next(parts) for layer in layers]


def _layer_gradients(
    layer: FrozenLinear, grad_TO: Tensor, xa_TR: Tensor | None, source_TI: Tensor
) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]:
    """Return dy W, the adapter's part of dx before the mask, dA and dB."""
    own_TI = grad_TO @ layer.weight().to(grad_TO.dtype)
    if xa_TR is None or layer.a_RI is None or layer.b_OR is None:
        return own_TI, None, None, None
    u_TR = (grad_TO @ layer.b_OR.to(grad_TO.dtype)) * layer.scale
    da_RI = _product(u_TR, source_TI, layer.a_RI)
    db_OR = _product(grad_TO, xa_TR, layer.b_OR) * layer.scale
    return own_TI, u_TR @ layer.a_RI.to(grad_TO.dtype), da_RI, db_OR


def _input_gradient(parts: Sequence[tuple[Tensor, Tensor | None]], mask_TI: Tensor | None) -> Tensor:
    dx_TI = parts[0][0]
    for own_TI, _ in parts[1:]:
        dx_TI = dx_TI.add_(own_TI)
    adapters = [part for _, part in parts if part is not None]
    for part_TI in adapters:
        dx_TI = dx_TI.add_(part_TI) if mask_TI is None else dx_TI.addcmul_(part_TI, mask_TI)
    return dx_TI


class _Projections(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, mask: Tensor | None, layers: tuple[FrozenLinear, ...], *_: Tensor | None
    ) -> tuple[Tensor, ...]:
        dtype = _compute_dtype(x)
        with torch.autocast(x.device.type, enabled=False):
            x_TI = _flat(x).to(dtype)
            mask_TI = None if mask is None else _flat(mask)
            products = _down_products(x_TI, mask_TI, layers)
            out = [_apply(x_TI, xa_TR, layer) for layer, xa_TR in zip(layers, products, strict=True)]
        ctx.save_for_backward(x_TI, mask_TI)
        ctx.layers, ctx.dtype = layers, x.dtype
        return tuple(y_TO.view(*x.shape[:-1], y_TO.shape[-1]) for y_TO in out)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x_TI, mask_TI = ctx.saved_tensors
        with torch.autocast(x_TI.device.type, enabled=False):
            source_TI = x_TI if mask_TI is None else x_TI * mask_TI
            products = _down_products(x_TI, mask_TI, ctx.layers)
            parts, adapters = [], []
            for layer, grad, xa_TR in zip(ctx.layers, grads, products, strict=True):
                own, part, da, db = _layer_gradients(layer, _flat(grad).to(x_TI.dtype), xa_TR, source_TI)
                parts.append((own, part))
                adapters += [da, db]
            dx = _input_gradient(parts, mask_TI) if ctx.needs_input_grad[0] else None
        shaped = None if dx is None else dx.view(*grads[0].shape[:-1], dx.shape[-1]).to(ctx.dtype)
        return shaped, None, None, *adapters


class _Mlp(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        mask: Tensor | None,
        inner_mask: Tensor | None,
        layers: tuple[FrozenLinear, FrozenLinear, FrozenLinear],
        activation: Activation,
        *_: Tensor | None,
    ) -> Tensor:
        gate, up, down = layers
        dtype = _compute_dtype(x)
        with torch.autocast(x.device.type, enabled=False):
            x_TI = _flat(x).to(dtype)
            mask_TI = None if mask is None else _flat(mask)
            inner_TI = None if inner_mask is None else _flat(inner_mask).to(dtype)
            xa_gate, xa_up = _down_products(x_TI, mask_TI, (gate, up))
            e_TI, g_TI = _apply(x_TI, xa_gate, gate), _apply(x_TI, xa_up, up)
            h_TI = glu_forward(e_TI, g_TI, activation)
            y_TO = _apply(h_TI, _down_products(h_TI, inner_TI, (down,))[0], down)
        ctx.save_for_backward(x_TI, mask_TI, inner_TI, e_TI, g_TI)
        ctx.layers, ctx.activation, ctx.dtype, ctx.is_spent = layers, activation, x.dtype, False
        return y_TO.view(*x.shape[:-1], y_TO.shape[-1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.is_spent:
            raise RuntimeError("the gradient of a fused MLP can be taken once; what it needs is written over")
        ctx.is_spent = True
        gate, up, down = ctx.layers
        x_TI, mask_TI, inner_TI, e_TI, g_TI = ctx.saved_tensors
        with torch.autocast(x_TI.device.type, enabled=False):
            grad_TO = _flat(grad).to(x_TI.dtype)
            # dh first: h, which the adapter of `down` needs, comes with de and dg.
            dh_TI = grad_TO @ down.weight().to(grad_TO.dtype)
            u_TR = None
            if down.a_RI is not None and down.b_OR is not None:
                u_TR = (grad_TO @ down.b_OR.to(grad_TO.dtype)) * down.scale
                part_TI = u_TR @ down.a_RI.to(grad_TO.dtype)
                dh_TI = dh_TI.add_(part_TI) if inner_TI is None else dh_TI.addcmul_(part_TI, inner_TI)
                del part_TI
            de_TI, dg_TI, h_TI = glu_backward(e_TI, g_TI, dh_TI, ctx.activation, in_place=True)
            da_down = db_down = None
            if u_TR is not None and down.a_RI is not None and down.b_OR is not None:
                source_TI = h_TI if inner_TI is None else h_TI * inner_TI
                da_down = _product(u_TR, source_TI, down.a_RI)
                db_down = _product(grad_TO, source_TI @ down.a_RI.to(grad_TO.dtype).T, down.b_OR) * down.scale
            source_TI = x_TI if mask_TI is None else x_TI * mask_TI
            xa_gate, xa_up = _down_products(x_TI, mask_TI, (gate, up))
            own_gate, part_gate, da_gate, db_gate = _layer_gradients(gate, de_TI, xa_gate, source_TI)
            own_up, part_up, da_up, db_up = _layer_gradients(up, dg_TI, xa_up, source_TI)
            dx = _input_gradient([(own_gate, part_gate), (own_up, part_up)], mask_TI)
        shaped = dx.view(*grad.shape[:-1], dx.shape[-1]).to(ctx.dtype) if ctx.needs_input_grad[0] else None
        return shaped, None, None, None, None, da_gate, db_gate, da_up, db_up, da_down, db_down
