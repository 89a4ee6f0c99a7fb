"""What a checkpoint holds of all ranks: whole tensors and everyone's random generators.

Tensors are whole whatever the sharding, so any number of ranks can continue. Functions are collective.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from gristmill.train.checkpoint import Checkpoint, load_latest, random_state, read_checkpoint
from gristmill.train.distributed.world import World


def whole_tensors(tensors: Mapping[str, Tensor], world: World) -> dict[str, Tensor]:
    """Return tensors that may be sharded as whole ones on rank 0, and nothing elsewhere.

    Memory: rank 0 holds all of them on the CPU, everyone one at a time on the device.
    """
    whole = {}
    for name, value in tensors.items():
        full = value.full_tensor().cpu() if hasattr(value, "full_tensor") else value
        if world.is_main:
            whole[name] = full
    return whole


def like(value: Tensor, parameter: nn.Parameter) -> Tensor:
    """Return a whole tensor as the parameter is held: on its device, and this rank's shard if it is sharded."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    value = value.to(parameter.device)
    held = parameter.data
    if not isinstance(held, DTensor) or value.shape != held.shape:
        return value
    return distribute_tensor(value, held.device_mesh, held.placements, src_data_rank=None)


def state_like(tensors: Mapping[str, Tensor], parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Return an optimiser's tensors, named ``<slot>/<parameter>``, each held as its parameter is."""
    return {name: like(value, parameters[name.partition("/")[2]]) for name, value in tensors.items()}


def random_states(world: World) -> dict[str, Tensor]:
    """Return the states of everyone's random generators on rank 0: those of rank r > 0 end in ``/r``."""
    found = world.gather(random_state())
    if found is None:
        return {}
    return {
        name if rank == 0 else f"{name}/{rank}": value
        for rank, states in enumerate(found)
        for name, value in states.items()
    }


def seed_rank(world: World, seed: int, step: int) -> None:
    """Give a rank above 0 random numbers of its own, for dropout. Rank 0 keeps those of a process by itself."""
    if not world.is_main:
        torch.manual_seed(rank_seed(seed, rank=world.rank, step=step))


def rank_seed(seed: int, *, rank: int, step: int) -> int:
    """Return the seed of a rank that begins, or joins, after a step.

    Examples
    --------
    >>> rank_seed(0, rank=1, step=0) != rank_seed(0, rank=2, step=0)
    True
    """
    digest = hashlib.sha256(f"{seed}/{rank}/{step}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def load_together(
    world: World, folder: Path, fingerprint: str, *, seed: int, on_ignored: Callable[[str], None]
) -> Checkpoint | None:
    """Return the checkpoint that rank 0 finds valid, on every rank, with this rank's random generators set."""
    found = load_latest(folder, fingerprint, on_ignored=on_ignored) if world.is_main else None
    path = world.broadcast(None if found is None else (folder, found.step))
    if path is None or world.is_main:
        return found
    seed_rank(world, seed, path[1])
    return read_checkpoint(*path, rank=world.rank)
