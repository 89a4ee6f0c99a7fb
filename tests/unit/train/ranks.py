"""What the processes of tests do: functions of a module, as `launch` needs them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tiny import LLAMA

from gristmill.errors import GristmillError
from gristmill.loader import Loader, Row
from gristmill.shards import Shards, open_shards
from gristmill.train.config import LoraConfig
from gristmill.train.distributed.parallel import Parallel, distribute
from gristmill.train.distributed.state import whole_tensors
from gristmill.train.distributed.worker import Link
from gristmill.train.distributed.world import World
from gristmill.train.evaluation import evaluate_loss
from gristmill.train.loop import StepSetup, train_step
from gristmill.train.lora import add_adapters
from gristmill.train.models import CausalModel, load_model
from gristmill.train.optimiser import make_optimiser, set_learning_rate

CPU = torch.device("cpu")
NUM_STEPS = 3


def make(method: str, dtype: torch.dtype, device: torch.device) -> CausalModel:
    """Return a tiny model in this dtype: whole, or with adapters that already do something."""
    is_lora = method == "lora"
    tied = LLAMA | {"tie_word_embeddings": True}
    causal = load_model(
        LLAMA if is_lora else tied, device=device, compute_dtype=torch.float32, is_frozen=is_lora, seed=1
    )
    if is_lora:
        causal = add_adapters(causal, LoraConfig(rank=4), seed=1)
    causal.model.to(dtype)
    chance = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, value in causal.trainable().items():
            if "lora_B" in name:
                value.copy_(0.1 * torch.randn(value.shape, generator=chance, dtype=dtype))
    return replace(causal, compute_dtype=dtype)


def steps(parallel: Parallel, shards: Shards, rows: list[list[Row]]) -> dict[str, object]:
    """Do a few steps, and return losses, norms, the gradients of each step, and the weights after all."""
    parameters = parallel.trainable()
    optimiser = make_optimiser(parameters, betas=(0.9, 0.95), weight_decay=0.1)
    set_learning_rate(optimiser, 1e-2)
    gradients: list[dict[str, np.ndarray]] = []

    def remember(*_: object) -> None:
        found = {name: value.grad for name, value in parameters.items()}
        gradients.append(arrays(whole_tensors(found, parallel.world)))

    optimiser.register_step_pre_hook(remember)
    setup = StepSetup(
        causal=parallel,
        parameters=parameters,
        optimiser=optimiser,
        shards=shards,
        rows_each=2,
        clip_norm=1.0,
        device=CPU,
    )
    results = [train_step(setup, found, step=number) for number, found in enumerate(rows, 1)]
    return {
        "losses": [result.loss for result in results],
        "norms": [result.gradient_norm for result in results],
        "pieces": [result.pieces for result in results],
        "validation": evaluate_loss(parallel, shards, sequence_length=64, rows_each=2, device=CPU),
        "gradients": gradients,
        "weights": arrays(whole_tensors(parameters, parallel.world)),
    }


def arrays(tensors: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Return copies as arrays, which travel between processes by themselves."""
    return {name: value.detach().numpy().copy() for name, value in tensors.items()}


def rows_of(shards: Shards) -> list[list[Row]]:
    """Return the rows of three steps: ragged for two ranks, fewer than two ranks, and even."""
    loader = Loader(shards, sequence_length=64, seed=0)
    return [loader.take(7), loader.take(1), loader.take(4)]


def all_ways(world: World, _: Link, run_dir: Path) -> dict[tuple[str, str, str], dict[str, object]]:
    """Train in every way, by this world and by one process; return both for each."""
    torch.set_num_threads(1)
    shards = open_shards(run_dir)
    rows = rows_of(shards)
    found = {}
    for method in ("full", "lora"):
        for dtype in (torch.float64,):
            for sharding in ("ddp", "fsdp"):
                parallel = distribute(world, sharding, lambda device, m=method, d=dtype: make(m, d, device))
                assert parallel.sharding == sharding
                found[method, str(dtype), sharding] = steps(parallel, shards, rows)
    return found


def one_is_not_finite(world: World, _: Link, run_dir: Path) -> list[object]:
    """Let one rank alone meet a loss that is not finite; return what rank 0 did in this step and the next."""
    torch.set_num_threads(1)
    shards = open_shards(run_dir)
    rows = rows_of(shards)
    parallel = distribute(world, "ddp", lambda device: make("full", torch.float32, device))
    plain, is_bad = parallel.losses, [True]

    def losses(batch):
        total, losses_T = plain(batch)  # noqa: N806 - a shape
        return total, losses_T * float("nan") if world.rank == 1 and is_bad[0] else losses_T

    parallel.losses = losses
    before = [value.detach().clone() for value in parallel.trainable().values()]
    setup = StepSetup(
        causal=parallel,
        parameters=parallel.trainable(),
        optimiser=make_optimiser(parallel.trainable(), betas=(0.9, 0.95), weight_decay=0.1),
        shards=shards,
        rows_each=2,
        clip_norm=1.0,
        device=CPU,
    )
    set_learning_rate(setup.optimiser, 1e-2)
    first = train_step(setup, rows[0], step=1)
    after = list(parallel.trainable().values())
    is_same = all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    is_bad[0] = False
    second = train_step(setup, rows[0], step=2)
    return [first.is_skipped, is_same, second.is_skipped]


def talks(world: World, link: Link, number: int) -> object:
    """Ask the caller something on every rank; only rank 0 is answered."""
    world.wait()
    answer = link.call("twice", number)
    assert (answer is None) == (world.rank > 0)
    return answer, world.gather(world.rank), os.getpid()


def fails(world: World, _: Link, how: str) -> None:
    """Let rank 1 end in some way while rank 0 waits for it."""
    if world.rank == 1:
        match how:
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exit":
                os._exit(5)
            case "error":
                raise GristmillError("GM-TRAIN-007", "nothing to learn")
            case "bug":
                raise LookupError("a bug")
    world.wait()


def hangs(world: World, link: Link) -> None:
    """Say that it is there, and wait for nobody."""
    link.call("here", os.getpid())
    signal.pause() if world.is_main else world.wait()


@contextmanager
def no_processes_left(found: list[int]) -> Iterator[None]:
    """Check that none of the processes in the list, filled inside the block, is alive after it."""
    yield
    for number in found:
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            continue
        raise AssertionError(f"process {number} is alive")
