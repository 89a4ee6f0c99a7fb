"""Which rows of a step a rank computes, and the losses of all ranks as one vector again.

Every rank knows the rows of the whole step (packing them costs some nanoseconds a token), so all know how many tokens
are trained before the first forward pass, and nothing about them has to be sent. Rank r computes rows r, r + R, ...

Shapes: T places of a step, in the order of its rows.
"""

# ruff: noqa: N806 - the suffixes of tensors are their shapes

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gristmill.loader import Row
from gristmill.train.distributed.world import World


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One micro-batch of a rank.

    Parameters
    ----------
    rows
        What is computed.
    weight
        1.0; 0.0 for a rank that has no rows left while others have. It computes the first row of the step again and
        adds nothing, because gradients are summed by all or by none.
    is_last
        Whether gradients are summed over ranks after it.
    """

    rows: Sequence[Row]
    weight: float
    is_last: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """The part of one rank in a step.

    Parameters
    ----------
    rows
        The rows of the whole step, at least one.
    rows_each
        Rows of a micro-batch.
    world
        Who shares them.

    Examples
    --------
    >>> row = Row(tokens=np.arange(2), positions=np.arange(2), targets=np.arange(2), pieces=())
    >>> world = World(rank=1, size=2, device=torch.device("cpu"))
    >>> [(len(part.rows), part.weight) for part in Share(rows=[row] * 5, rows_each=2, world=world).parts()]
    [(2, 1.0), (1, 0.0)]
    """

    rows: Sequence[Row]
    rows_each: int
    world: World

    def own(self) -> range:
        """Return the numbers of this rank's rows."""
        return range(self.world.rank, len(self.rows), self.world.size)

    def parts(self) -> Iterator[Part]:
        """Yield this rank's micro-batches, as many as every other rank has."""
        own = self.own()
        most = -(-len(self.rows) // self.world.size)
        for start in range(0, most, self.rows_each):
            numbers = own[start : start + self.rows_each]
            is_last = start + self.rows_each >= most
            if numbers:
                yield Part(rows=[self.rows[number] for number in numbers], weight=1.0, is_last=is_last)
            else:
                yield Part(rows=self.rows[:1], weight=0.0, is_last=is_last)

    def assemble(self, losses: Sequence[Tensor]) -> npt.NDArray[np.float64]:
        """Return the loss of every place of the step, [T], the same bits on every rank.

        Each place is computed by one rank and is 0 in the vectors of all others, so the sum rounds nothing. This is
        the only transfer from the device in a step.

        Parameters
        ----------
        losses
            Of every place, a tensor a part.
        """
        counted = [found_T for found_T, part in zip(losses, self.parts(), strict=True) if part.weight > 0]
        if self.world.is_alone:
            return torch.cat(counted).to("cpu", torch.float64).numpy()
        starts = np.concatenate([[0], np.cumsum([len(row.tokens) for row in self.rows])])
        step_losses_T = torch.zeros(int(starts[-1]), dtype=torch.float64, device=self.world.device)
        if counted:
            places = np.concatenate([np.arange(starts[number], starts[number + 1]) for number in self.own()])
            step_losses_T[torch.from_numpy(places).to(self.world.device)] = torch.cat(counted).double()
        return self.world.add(step_losses_T).cpu().numpy()
