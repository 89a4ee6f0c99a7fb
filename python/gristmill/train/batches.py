"""From packed rows to the tensors of one forward pass.

Shapes: T tokens of a micro-batch, D documents (pieces) in it.
"""

# ruff: noqa: N815 - the suffixes of tensors are their shapes

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gristmill.loader import Piece, Row


@dataclass(frozen=True, kw_only=True, slots=True)
class MicroBatch:
    """Rows laid end to end, without padding.

    Parameters
    ----------
    tokens_T, positions_T, targets_T
        int64; positions restart with each piece, targets are -100 where nothing is predicted.
    bounds
        int32, D + 1: where each piece starts, and the end.
    max_length
        Tokens of the longest piece.
    pieces
        The pieces, in order.
    """

    tokens_T: Tensor
    positions_T: Tensor
    targets_T: Tensor
    bounds: Tensor
    max_length: int
    pieces: tuple[Piece, ...]


def collate(rows: Sequence[Row], device: torch.device) -> MicroBatch:
    """Return one micro-batch of these rows.

    Examples
    --------
    >>> row = Row(
    ...     tokens=np.array([5, 6, 7]),
    ...     positions=np.array([0, 1, 0]),
    ...     targets=np.array([6, -100, -100]),
    ...     pieces=(Piece(0, 0, 2), Piece(1, 0, 1)),
    ... )
    >>> batch = collate([row, row], torch.device("cpu"))
    >>> batch.bounds.tolist(), batch.max_length
    ([0, 2, 3, 5, 6], 2)
    """
    pieces = tuple(piece for row in rows for piece in row.pieces)
    lengths = [piece.length for piece in pieces]
    bounds = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)

    def tensor(arrays: list[np.ndarray[tuple[int], np.dtype[np.int64]]]) -> Tensor:
        return torch.from_numpy(np.concatenate(arrays)).to(device, non_blocking=True)

    return MicroBatch(
        tokens_T=tensor([row.tokens for row in rows]),
        positions_T=tensor([row.positions for row in rows]),
        targets_T=tensor([row.targets for row in rows]),
        bounds=torch.from_numpy(bounds).to(device),
        max_length=max(lengths),
        pieces=pieces,
    )


def micro_batches(rows: Sequence[Row], rows_each: int, device: torch.device) -> Iterator[MicroBatch]:
    """Yield the rows of a step, `rows_each` at a time."""
    for start in range(0, len(rows), rows_each):
        yield collate(rows[start : start + rows_each], device)
