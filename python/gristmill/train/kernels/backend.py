"""Which of its two versions a kernel runs: Triton's or the torch twin's.

Every kernel has both. The twin is plain torch, for any device and dtype, and what the Triton version is tested
against. Triton runs on a GPU where it is installed, and on a CPU in its interpreter (``TRITON_INTERPRET=1``), for
tests.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from torch import Tensor

try:
    import triton
    import triton.language as tl
except ImportError:  # macOS and Windows have no wheels; the twins do the work there
    triton, tl = None, None

__all__ = ["MAX_FUSED_COLUMNS", "block_of", "jit", "num_warps_of", "runs_triton", "tl"]

MAX_FUSED_COLUMNS = 65_536
"""Longest row that one Triton program holds in registers; longer rows go through the twin."""


def jit(function: Callable[..., object]) -> Any:
    """Compile a function with Triton at its first launch; without Triton return it as it is, never to be called."""
    return function if triton is None else triton.jit(function)


def runs_triton(*tensors: Tensor, columns: int = 1) -> bool:
    """Return whether a kernel on these tensors runs in Triton.

    Parameters
    ----------
    tensors
        What the kernel reads and writes, on one device.
    columns
        Length of the rows that a program holds.

    Examples
    --------
    >>> import torch
    >>> runs_triton(torch.zeros(2, dtype=torch.float64))
    False
    """
    if triton is None or columns > MAX_FUSED_COLUMNS:
        return False
    if any(tensor.dtype.itemsize > 4 and tensor.is_floating_point() for tensor in tensors):
        return False  # float64 is for proofs, which are the twin's
    return tensors[0].is_cuda or os.environ.get("TRITON_INTERPRET") == "1"


def block_of(columns: int) -> int:
    """Return the power of two that holds a row.

    Examples
    --------
    >>> block_of(576), block_of(1)
    (1024, 1)
    """
    return 1 << max(0, columns - 1).bit_length()


def num_warps_of(block: int) -> int:
    """Return the warps of a program: eight elements a thread, at most 16 warps.

    Examples
    --------
    >>> num_warps_of(1024), num_warps_of(32_768)
    (4, 16)
    """
    return min(16, max(1, block // 256))
