"""What one process knows of the others: its rank, and a few ways to agree. A world of one does nothing.

All methods are collective: every rank calls them in the same order, or all wait for ever (until the time limit of
`worker`). Not here: how processes are started (`launch`), how gradients are summed (`parallel`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


def default_device() -> torch.device:
    """Return the device that a process trains on by itself: a GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """The processes of one training, seen from one of them.

    Parameters
    ----------
    rank
        From 0 to size - 1. Rank 0 writes and speaks for all.
    size
        How many there are.
    device
        Where this one computes.
    scratch
        Where a rank above 0 may write: a folder of its own that is thrown away. None for rank 0.

    Examples
    --------
    >>> world = World(device=torch.device("cpu"))
    >>> world.is_main, world.any(True), world.broadcast("here"), world.gather(3)
    (True, True, 'here', [3])
    """

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=default_device)
    scratch: Path | None = None

    @property
    def is_main(self) -> bool:
        """Whether this is the rank that writes and speaks."""
        return self.rank == 0

    @property
    def is_alone(self) -> bool:
        """Whether there are no others."""
        return self.size == 1

    def add(self, values: Tensor) -> Tensor:
        """Return the sum over all ranks, in place; the same bits on each of them."""
        if not self.is_alone:
            dist.all_reduce(values)
        return values

    def any(self, fact: bool) -> bool:
        """Return whether it holds on any rank."""
        return bool(self.add(torch.tensor(int(fact)))) if not self.is_alone else fact

    def broadcast(self, value: T) -> T:
        """Return rank 0's value on every rank; it has to be picklable."""
        if self.is_alone:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        return box[0]

    def gather(self, value: T) -> list[T] | None:
        """Return everyone's values by rank on rank 0, and None elsewhere."""
        if self.is_alone:
            return [value]
        found: list[T] | None = [value] * self.size if self.is_main else None
        dist.gather_object(value, found, dst=0)
        return found

    def wait(self) -> None:
        """Return when every rank is here."""
        self.any(fact=False)
