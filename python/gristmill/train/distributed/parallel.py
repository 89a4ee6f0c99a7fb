"""A model that several processes train: whole copies whose gradients are summed (DDP), or shards of one (FSDP2).

Both sum gradients over ranks. Neither averages: the loop has divided by the tokens of the whole step already, so a sum
is the gradient of the mean over all of them, whatever each rank had.
"""

from __future__ import annotations

import os
import types
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Literal, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from gristmill.train.batches import MicroBatch
from gristmill.train.config import Sharding
from gristmill.train.distributed.state import whole_tensors
from gristmill.train.distributed.world import World
from gristmill.train.models import CausalModel
from gristmill.train.probe import prove

BYTES_TRAINED = 16
"""A trained float32 parameter: itself, its gradient, and AdamW's two averages, 4 bytes each."""
SHARE_OF_MEMORY = 0.6
"""Of a device, for what a copy holds between steps; the rest is for activations."""

Losses = Callable[[MicroBatch], tuple[Tensor, Tensor]]
"""Of a micro-batch: the summed loss with gradient, and the loss of each place without."""


class Parallel:
    """A model as the ranks of a world train it.

    Parameters
    ----------
    plain
        The model; with FSDP2 its parameters are shards.
    world
        Who trains it.
    losses
        `CausalModel.losses`, through whatever sums the gradients.
    replicas
        What holds back the sum, for whole copies.
    make
        Makes the model anew, for shards, which cannot be put together in place.

    Examples
    --------
    A model by itself is `as_parallel(causal)`.
    """

    def __init__(
        self,
        plain: CausalModel,
        world: World,
        *,
        losses: Losses | None = None,
        replicas: DistributedDataParallel | None = None,
        make: Callable[[], CausalModel] | None = None,
    ) -> None:
        self.plain = plain
        self.world = world
        self.losses: Losses = plain.losses if losses is None else losses
        self._replicas = replicas
        self._make = make

    @property
    def model(self) -> nn.Module:
        """The network."""
        return self.plain.model

    def trainable(self) -> dict[str, nn.Parameter]:
        """Return the parameters that are trained, by name: shards of them, with FSDP2."""
        return self.plain.trainable()

    @property
    def sharding(self) -> str:
        """How it is trained: ``none``, ``ddp`` or ``fsdp``."""
        return "fsdp" if self._make is not None else "none" if self._replicas is None else "ddp"

    def described(self) -> str:
        """Return a few words about who trains it; none for a process by itself."""
        return "" if self.world.is_alone else f", {self.world.size} processes ({self.sharding})"

    def whole(self) -> CausalModel | None:
        """Return the model with its present weights on rank 0, on the CPU if it is sharded; None elsewhere."""
        if self._make is None:
            return self.plain if self.world.is_main else None
        weights = whole_tensors(self.trainable(), self.world)
        if not self.world.is_main:
            return None
        made = self._make()
        with torch.no_grad():
            for name, value in made.trainable().items():
                value.copy_(weights[name])
        return made

    def accumulating(self, *, is_last: bool) -> AbstractContextManager[None]:
        """Return a block around forward and backward of a micro-batch; copies exchange gradients in the last only.

        Shards exchange them in each: holding them back would keep whole gradients, and sharding is for saving that.
        """
        if self._replicas is None or is_last:
            return nullcontext()
        return cast("AbstractContextManager[None]", self._replicas.no_sync())


def as_parallel(causal: CausalModel | Parallel) -> Parallel:
    """Return a model as the one of a world of one, unless it is of some world already."""
    if isinstance(causal, Parallel):
        return causal
    return Parallel(causal, World(device=causal.head.weight.device))


def clip_gradients(parameters: Iterable[nn.Parameter], limit: float) -> float:
    """Scale gradients down to a norm of at most `limit`, and return the norm before: of all shards together.

    Examples
    --------
    >>> weight = nn.Parameter(torch.zeros(2))
    >>> weight.grad = torch.tensor([3.0, 4.0])
    >>> clip_gradients([weight], 1.0)
    5.0
    """
    norm = torch.nn.utils.clip_grad_norm_(parameters, limit)
    return float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)


def distribute(
    world: World,
    sharding: Sharding,
    make: Callable[[torch.device], CausalModel],
    *,
    probe: Callable[[CausalModel, torch.device], float] = prove,
) -> Parallel:
    """Return a model as this world trains it, on the world's device. Collective.

    Parameters
    ----------
    world
        Who trains it.
    sharding
        ``ddp``, ``fsdp``, or ``auto``: ``ddp`` where a copy fits. No effect on a world of one.
    make
        Returns the model on a device, the same on every rank. Several ranks make it on the CPU first, for a shard may
        fit where the whole does not.
    probe
        Proves a copy on its device, where attention may be computed by other kernels than on the CPU.
    """
    if world.is_alone:
        return Parallel(make(world.device), world)
    on_cpu = partial(make, torch.device("cpu"))
    causal = on_cpu()
    if sharding == "auto":
        sharding = world.broadcast(choose_sharding(causal, world.device))
    return _shard(causal, world, on_cpu) if sharding == "fsdp" else _replicate(causal, world, probe)


def choose_sharding(causal: CausalModel, device: torch.device) -> Literal["ddp", "fsdp"]:
    """Return ``ddp`` where what a copy holds between steps takes at most `SHARE_OF_MEMORY`, else ``fsdp``."""
    needed = sum(
        value.numel() * (BYTES_TRAINED if value.requires_grad else value.element_size())
        for value in causal.model.parameters()
    )
    if device.type == "cuda":
        present = torch.cuda.get_device_properties(device).total_memory
    else:
        present = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // dist.get_world_size()
    return "ddp" if needed <= SHARE_OF_MEMORY * present else "fsdp"


class _WithLosses(nn.Module):
    """Makes the losses of a model the forward pass of a module, which is what DDP wraps."""

    def __init__(self, causal: CausalModel) -> None:
        super().__init__()
        self.network = causal.model
        self._losses = causal.losses

    def forward(self, batch: MicroBatch) -> tuple[Tensor, Tensor]:
        return self._losses(batch)


def _replicate(
    causal: CausalModel, world: World, probe: Callable[[CausalModel, torch.device], float]
) -> Parallel:
    causal.model.to(world.device)
    if world.device.type != "cpu":
        probe(causal, world.device)
    replicas = DistributedDataParallel(_WithLosses(causal), gradient_as_bucket_view=True)
    # Tables of positions, the same everywhere. The argument for this has another name in each version of torch.
    replicas.broadcast_buffers = False
    # torch compares annotations, which here are strings; a lambda has none.
    replicas.register_comm_hook(None, lambda _, bucket: _sum_of_bucket(bucket))
    return Parallel(causal, world, losses=replicas, replicas=replicas)


def _sum_of_bucket(bucket: Any) -> torch.futures.Future[Tensor]:
    """Sum a bucket of gradients over ranks. DDP by itself would divide by their number."""
    work = dist.all_reduce(bucket.buffer(), async_op=True)
    assert work is not None, "it is asynchronous"
    return cast("torch.futures.Future[Tensor]", work.get_future().then(lambda done: done.value()[0]))


def _shard(causal: CausalModel, world: World, make: Callable[[], CausalModel]) -> Parallel:
    """Shard each decoder layer by itself, and the rest (embedding, last norm, head) as one."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    base = causal.model
    if hasattr(base, "get_base_model"):
        base = cast(nn.Module, base.get_base_model())  # type: ignore[operator]
    mesh = init_device_mesh(world.device.type, (world.size,))
    # No mixed precision here: numbers are those of one device.
    sharded = [fully_shard(module, mesh=mesh) for module in (*decoder_layers(causal.backbone), base)]
    for module in sharded:
        module.set_gradient_divide_factor(1.0)
        # Otherwise the factor becomes a scaled sum, which only NCCL has.
        module.set_force_sum_reduction_for_comms(enable=True)

    # The loss reads the head's weight, which is whole only inside of a forward method.
    def losses(_: nn.Module, batch: MicroBatch) -> tuple[Tensor, Tensor]:
        return causal.losses(batch)

    base.gristmill_losses = types.MethodType(losses, base)  # type: ignore[assignment]
    register_fsdp_forward_method(base, "gristmill_losses")
    return Parallel(causal, world, losses=cast(Losses, base.gristmill_losses), make=make)


def decoder_layers(backbone: nn.Module) -> list[nn.Module]:
    """Return the layers of a decoder: its longest list of modules.

    Examples
    --------
    >>> decoder_layers(nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])}))
    [Linear(in_features=2, out_features=2, bias=True), Linear(in_features=2, out_features=2, bias=True)]
    """
    lists = [list(module) for module in backbone.modules() if isinstance(module, nn.ModuleList)]
    return max(lists, key=len) if lists else []
