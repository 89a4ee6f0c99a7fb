"""What a step really allocates on a CPU, as torch's own allocator reports it: the truth that `memory` is held to."""

from __future__ import annotations

from pathlib import Path

import torch
from shard_fixture import Made, write_run
from torch.autograd.profiler import profile

from gristmill.loader import Loader
from gristmill.shards import open_shards
from gristmill.train.activations import checkpoint_activations
from gristmill.train.config import TrainConfig
from gristmill.train.loop import StepSetup, train_step
from gristmill.train.lora import add_adapters
from gristmill.train.models import CausalModel, load_model
from gristmill.train.muon import body_matrices
from gristmill.train.optimiser import make_optimiser, set_learning_rate


def full_rows(folder: Path, length: int, number: int = 40, vocabulary: int = 64) -> Path:
    """Write a run whose documents fill a row each, which is what the model of memory assumes."""
    documents = [
        Made(tokens=[(place * 7 + document) % vocabulary for place in range(length)])
        for document in range(number)
    ]
    return write_run(folder, documents, documents[:4])


def ready_step(folder: Path, config: TrainConfig, *, rows_each: int, is_checkpointed: bool) -> StepSetup:
    """Return all that a step of real training needs."""
    device, dtype = torch.device("cpu"), torch.bfloat16 if config.precision == "bf16" else torch.float32
    causal = load_model(
        config.model,
        device=device,
        compute_dtype=dtype,
        is_frozen=config.has_adapters,
        is_quantised=config.method == "qlora",
        seed=config.seed,
    )
    if config.has_adapters:
        causal = add_adapters(causal, config.lora, seed=config.seed)
    if is_checkpointed:
        checkpoint_activations(causal)
    causal.model.train()
    optimiser = make_optimiser(
        causal.trainable(),
        betas=config.betas,
        weight_decay=config.weight_decay,
        name=config.optimiser,
        body=body_matrices(causal.model, causal.head),
    )
    set_learning_rate(optimiser, 1e-3)
    return StepSetup(
        causal=causal,
        parameters=causal.trainable(),
        optimiser=optimiser,
        shards=open_shards(folder, "train"),
        rows_each=rows_each,
        clip_norm=config.clip_norm,
        device=device,
    )


def real_peak_bytes(setup: StepSetup, config: TrainConfig) -> int:
    """Return the most bytes alive in the third step: what exists before it, and the allocator's own record of it."""
    loader = Loader(setup.shards, sequence_length=config.sequence_length, seed=0, num_epochs=None)
    for step in (1, 2):
        train_step(setup, loader.take(config.rows_per_step), step=step)
    rows = loader.take(config.rows_per_step)
    before = standing_bytes(setup.causal, setup.optimiser)
    with profile(profile_memory=True) as record:
        train_step(setup, rows, step=3)
    events = [event for event in record.kineto_results.events() if event.name() == "[memory]"]
    alive = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        alive += event.nbytes()
        most = max(most, alive)
    assert most > 0, "the profiler saw no allocation"
    return before + most


def standing_bytes(causal: CausalModel, optimiser: torch.optim.Optimizer) -> int:
    """Return the bytes of weights, buffers and the optimiser's states."""
    states = [value for state in optimiser.state.values() for value in state.values()]
    tensors = [*causal.model.parameters(), *causal.model.buffers(), *states]
    storages = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for tensor in tensors
        if isinstance(tensor, torch.Tensor)
    }
    return sum(storages.values())
