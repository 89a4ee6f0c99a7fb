"""Everything that is foreseen of a training, and what else would fit: the content of `gristmill train --plan`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from gristmill.errors import GristmillError
from gristmill.loader import Loader, Mixing
from gristmill.train.config import TrainConfig
from gristmill.train.memory.choice import Choice, choose
from gristmill.train.memory.footprint import BlankModel
from gristmill.train.memory.machine import Machine, machine_of
from gristmill.train.memory.speed import Speed, seconds_per_step, speed_of

if TYPE_CHECKING:
    from gristmill.shards import Shards


@dataclass(frozen=True, kw_only=True, slots=True)
class Length:
    """How long a training lasts; None where only the curated shards could tell.

    Parameters
    ----------
    num_steps
        Optimiser steps.
    num_tokens
        Tokens placed in rows, an upper bound: rows need not be full.
    epochs
        Passes over the training split.
    """

    num_steps: int | None
    num_tokens: int | None
    epochs: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Foresight:
    """What a training will need.

    Parameters
    ----------
    config
        With the choice written out.
    choice
        What was chosen, and what a step needs.
    machine
        What there is.
    speed
        How fast it is.
    flops_per_token
        Of the matrix products of a token, forward and backward, without what checkpointing does twice.
    tokens_per_s
        Estimate.
    """

    config: TrainConfig
    choice: Choice
    machine: Machine
    speed: Speed
    flops_per_token: float
    tokens_per_s: float

    def seconds(self, length: Length) -> float | None:
        """Return the estimated time of a training of this length, without validation and export."""
        return None if length.num_tokens is None else length.num_tokens / self.tokens_per_s

    def to_json(self) -> dict[str, object]:
        """Return plain values; sizes in bytes."""
        footprint = self.choice.footprint
        return {
            "device": self.machine.name,
            "total_bytes": self.machine.total_bytes,
            "free_bytes": self.machine.free_bytes,
            "budget_bytes": self.machine.budget_bytes,
            "overhead_bytes": self.machine.overhead_bytes,
            "fits": self.choice.fits,
            "micro_batch_tokens": footprint.micro_batch_tokens,
            "activation_checkpointing": self.choice.is_checkpointed,
            "peak_bytes": footprint.peak_bytes,
            "peak": dict(footprint.peak),
            "moment": footprint.moment,
            "activation_bytes_per_token": footprint.kept_bytes / footprint.micro_batch_tokens,
            "num_parameters": footprint.num_parameters,
            "num_trained": footprint.num_trained,
            "flops_per_token": self.flops_per_token,
            "flops_per_s": self.speed.flops_per_s,
            "tokens_per_s": self.tokens_per_s,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Alternative:
    """Another setting and what a step needs with it.

    Parameters
    ----------
    setting
        As it stands in a recipe.
    peak_bytes
        Most bytes at once.
    fits
        Whether there is as much.
    tokens_per_s
        Estimate.
    """

    setting: str
    peak_bytes: int
    fits: bool
    tokens_per_s: float


def foresee(
    config: TrainConfig,
    *,
    device: torch.device,
    compute_dtype: torch.dtype,
    memory_bytes: int | None = None,
) -> Foresight:
    """Return what a training will need on this device, with what is chosen where the configuration says nothing.

    Time: under a second for a small model, some seconds for a deep one; half a second more the first time on a machine.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-061`` when it cannot be foreseen.
    """
    machine = machine_of(device, memory_bytes=memory_bytes)
    blank = BlankModel(config, device=device, compute_dtype=compute_dtype)
    choice = choose(config, blank, machine)
    footprint = choice.footprint
    plain = (
        blank.step(rows_each=choice.rows_each, is_checkpointed=False) if choice.is_checkpointed else footprint
    )
    speed = speed_of(device, compute_dtype)
    step_s = seconds_per_step(footprint, speed, batch_tokens=config.batch_tokens)
    return Foresight(
        config=choice.applied_to(config),
        choice=choice,
        machine=machine,
        speed=speed,
        flops_per_token=plain.flops_per_token,
        tokens_per_s=config.batch_tokens / step_s,
    )


def length_of(config: TrainConfig, shards: Shards | None) -> Length:
    """Return how long a training lasts, as far as shards are there to tell."""
    if config.steps is not None:
        num_steps: int | None = config.steps
        num_tokens: int | None = config.steps * config.rows_per_step * config.sequence_length
    elif shards is None:
        num_tokens = config.tokens
        num_steps = None if num_tokens is None else -(-num_tokens // config.batch_tokens)
    else:
        loader = Loader(
            shards,
            sequence_length=config.sequence_length,
            seed=config.seed,
            num_epochs=None,
            weights=config.weights,
            mixing=None if config.mixing is None else Mixing.from_json(config.mixing),
            total_tokens=config.tokens or round((config.epochs or 1) * shards.num_tokens),
        )
        num_steps = -(-loader.count_rows(epochs=config.epochs, tokens=config.tokens) // config.rows_per_step)
        num_tokens = config.tokens or round((config.epochs or 1) * shards.num_tokens)
    epochs = config.epochs
    if epochs is None and shards is not None and num_tokens is not None:
        epochs = num_tokens / max(1, shards.num_tokens)
    return Length(num_steps=num_steps, num_tokens=num_tokens, epochs=epochs)


def alternatives(
    foresight: Foresight, *, device: torch.device, compute_dtype: torch.dtype, memory_bytes: int | None = None
) -> list[Alternative]:
    """Return what other settings would need, from the one that changes least to the one that changes most."""
    found = []
    for setting, config in _other_settings(foresight):
        try:
            other = foresee(config, device=device, compute_dtype=compute_dtype, memory_bytes=memory_bytes)
        except GristmillError as error:
            if error.code in ("GM-TRAIN-061", "GM-TRAIN-005"):
                continue  # No such variant of this architecture.
            raise
        found.append(
            Alternative(
                setting=setting,
                peak_bytes=other.choice.footprint.peak_bytes,
                fits=other.choice.fits,
                tokens_per_s=other.tokens_per_s,
            )
        )
    return found


def _other_settings(foresight: Foresight) -> Iterator[tuple[str, TrainConfig]]:
    config, choice = foresight.config, foresight.choice
    one_row = replace(config, micro_batch_tokens=config.sequence_length)
    if choice.rows_each > 1:
        yield f"micro_batch_tokens = {config.sequence_length}", one_row
    if not choice.is_checkpointed:
        yield "activation_checkpointing = true", replace(config, activation_checkpointing=True)
    smallest = replace(one_row, activation_checkpointing=True)
    if config.method == "full" and not isinstance(config.model, Mapping):
        yield 'method = "lora"', replace(config, method="lora")
        if not choice.is_checkpointed:
            yield 'method = "lora", activation_checkpointing = true', replace(smallest, method="lora")
    half = config.sequence_length // 2
    if half >= 2:
        shorter = replace(config, sequence_length=half, micro_batch_tokens=half)
        yield f"sequence_length = {half}", shorter


def open_shards_if_there(run_dir: Path) -> Shards | None:
    """Return the training split of a finished run; None before it is curated."""
    from gristmill.shards import open_shards

    try:
        return open_shards(run_dir, "train")
    except GristmillError as error:
        if error.code in ("GM-SHARDS-001", "GM-SHARDS-003"):
            return None
        raise
