"""What one operation costs: floating-point operations, and bytes that it reads and writes.

Matrix products and attention are counted exactly, with causal attention at half of all pairs; everything else counts
as movement of bytes, which is what it costs. A multiplication and its addition are two operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

BACKWARD_FACTOR = 2.5
"""An attention's backward pass has five products of the size of the forward pass's two (Dao 2022, section 3.1)."""


def num_flops(func: torch._ops.OpOverload, args: Sequence[object]) -> int:
    """Return the floating-point operations of one operation's matrix products; 0 for anything else.

    Examples
    --------
    >>> num_flops(torch.ops.aten.mm.default, [torch.zeros(2, 3), torch.zeros(3, 5)])
    60
    """
    name = str(func).partition(".")[2].partition(".")[0]  # "aten.mm.default"
    tensors = [value for value in args if isinstance(value, Tensor)]
    if name in ("mm", "bmm"):
        return 2 * prod(tensors[0].shape) * tensors[1].shape[-1]
    if name in ("addmm", "addmm_", "baddbmm", "baddbmm_"):
        return 2 * prod(tensors[1].shape) * tensors[2].shape[-1]
    if "attention" in name or "varlen_attn" in name:
        return _attention_flops(name, args, tensors)
    return 0


def _attention_flops(name: str, args: Sequence[object], tensors: Sequence[Tensor]) -> int:
    is_backward = "backward" in name
    query, key = tensors[1:3] if is_backward else tensors[:2]
    if query.ndim == 4:
        # [B, A, T, D] with [B, A, S, D]: two products over all pairs.
        pairs, scale = prod(query.shape[:2]) * query.shape[2] * key.shape[2], 4 * query.shape[3]
        is_causal = any(value is True for value in args)
    else:
        # [T, A, D] and documents no longer than the largest integer given.
        longest = max((value for value in args if isinstance(value, int)), default=query.shape[0])
        pairs, scale, is_causal = query.shape[0] * longest * query.shape[1], 4 * query.shape[2], True
    forward = pairs * scale / (2 if is_causal else 1)
    return round(forward * (BACKWARD_FACTOR if is_backward else 1))


def moved_bytes(args: Sequence[object], output: object) -> int:
    """Return the bytes that an operation reads and writes; 0 for a view.

    Examples
    --------
    >>> x = torch.zeros(4)
    >>> moved_bytes([x, x], x + x), moved_bytes([x], x.view(2, 2))
    (48, 0)
    """
    given = [leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor)]
    made = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
    storages = {tensor.untyped_storage()._cdata for tensor in given}  # noqa: SLF001
    if made and all(
        tensor.untyped_storage()._cdata in storages and not any(tensor is one for one in given)  # noqa: SLF001
        for tensor in made
    ):
        return 0
    return sum(tensor.numel() * tensor.element_size() for tensor in (*given, *made))
