"""Sums of token losses by document: loss_d = sum of losses[bounds_d : bounds_(d+1)].

Roofline: reads T losses once and writes D sums, 4 T + 4 D bytes in float32; one program a document, so the order
of each sum, and with it every bit, is the same each time.
"""

# ruff: noqa: N803, N806 - the suffixes of tensors are their shapes: T places, D documents

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gristmill.train.kernels.backend import jit, runs_triton, tl

_BLOCK = 1024


def segment_sum(values_T: Tensor, bounds: Tensor) -> Tensor:
    """Return the sum of each segment, [D], in the dtype of the values; without gradient.

    Parameters
    ----------
    values_T
        [T], contiguous.
    bounds
        int32 or int64, D + 1, rising from 0 to T: where segments start, and the end. An empty segment sums to 0.

    Examples
    --------
    >>> segment_sum(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 2, 2, 3])).tolist()
    [3.0, 0.0, 4.0]
    """
    number = len(bounds) - 1
    if not runs_triton(values_T) or number == 0:
        return segment_sum_twin(values_T, bounds)
    found_D = values_T.new_empty(number)
    _sum_segments[(number,)](values_T.contiguous(), bounds.contiguous(), found_D, BLOCK=_BLOCK, num_warps=4)
    return found_D


def segment_sum_twin(values_T: Tensor, bounds: Tensor) -> Tensor:
    """Return the same by plain torch operations.

    Examples
    --------
    >>> segment_sum_twin(torch.tensor([1.0, 2.0]), torch.tensor([0, 2])).tolist()
    [3.0]
    """
    lengths = bounds.diff().to(torch.int64)
    if len(lengths) == 0:
        return values_T.new_zeros(0)
    return torch.segment_reduce(values_T.detach(), "sum", lengths=lengths, initial=0)


@jit
def _sum_segments(values_ptr: Any, bounds_ptr: Any, found_ptr: Any, BLOCK: tl.constexpr) -> None:
    segment = tl.program_id(0).to(tl.int64)
    start = tl.load(bounds_ptr + segment).to(tl.int64)
    stop = tl.load(bounds_ptr + segment + 1).to(tl.int64)
    sums = tl.zeros([BLOCK], dtype=tl.float32)
    for block in range(start, stop, BLOCK):
        place = block + tl.arange(0, BLOCK)
        sums += tl.load(values_ptr + place, mask=place < stop, other=0.0).to(tl.float32)
    tl.store(found_ptr + segment, tl.sum(sums, axis=0).to(found_ptr.dtype.element_ty))
