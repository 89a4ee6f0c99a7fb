"""Settles before a training loads anything what its recipe leaves open, and says afterwards how it came out.

A choice is kept: the same settings on the same device continue with what they began with, whatever is free by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch

from gristmill.errors import GristmillError
from gristmill.train.config import TrainConfig
from gristmill.train.events import OnEvent, make_event
from gristmill.train.files import read_json, write_json
from gristmill.train.memory.foresight import Foresight, foresee
from gristmill.train.memory.machine import used_bytes
from gristmill.train.records import read_timings

HOPELESS = 1.15
"""A step foreseen at more than this share of all memory is refused: beyond what the foresight can be wrong by."""


def with_known_choice(config: TrainConfig, chosen: object) -> TrainConfig:
    """Return the configuration with what an earlier call chose, as `training.json` says it.

    Examples
    --------
    >>> config = TrainConfig(model="m", epochs=1, sequence_length=64)
    >>> with_known_choice(config, {"micro_batch_tokens": 128, "activation_checkpointing": True}).micro_batch_tokens
    128
    """
    if not isinstance(chosen, Mapping):
        return config
    tokens, is_checkpointed = chosen.get("micro_batch_tokens"), chosen.get("activation_checkpointing")
    if not isinstance(tokens, int) or not isinstance(is_checkpointed, bool):
        return config
    return replace(config, micro_batch_tokens=tokens, activation_checkpointing=is_checkpointed)


def settle(
    config: TrainConfig, *, device: torch.device, compute_dtype: torch.dtype, on_event: OnEvent
) -> tuple[TrainConfig, Foresight | None]:
    """Return the configuration with everything chosen, and what is foreseen; None where it cannot be.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-060`` for a step that the device's memory cannot hold.
    """
    try:
        foresight = foresee(config, device=device, compute_dtype=compute_dtype)
    except GristmillError as error:
        if error.code != "GM-TRAIN-061":
            raise
        on_event(make_event(0, 0, f"caution: {error.message}"))
        return replace(config, activation_checkpointing=config.activation_checkpointing is True), None
    peak_bytes, machine = foresight.choice.footprint.peak_bytes, foresight.machine
    if peak_bytes > HOPELESS * machine.total_bytes:
        raise GristmillError(
            "GM-TRAIN-060",
            f"a step needs {gibibytes(peak_bytes)}, and {machine.name} has {gibibytes(machine.total_bytes)}",
            hint="`gristmill train RECIPE --plan` shows what it is for and what would fit",
        )
    on_event(make_event(0, 0, described(foresight), foreseen=foresight.to_json()))
    return foresight.config, foresight


def described(foresight: Foresight) -> str:
    """Return the choice in a line."""
    choice, machine = foresight.choice, foresight.machine
    kept = "recomputed" if choice.is_checkpointed else "kept"
    text = (
        f"a step needs {gibibytes(choice.footprint.peak_bytes)} of {gibibytes(machine.total_bytes)}: "
        f"micro-batches of {choice.footprint.micro_batch_tokens:,} tokens, activations {kept}"
    )
    return (
        text if choice.fits else f"caution: {text}; only {gibibytes(machine.budget_bytes)} can be counted on"
    )


def chosen_values(foresight: Foresight | None) -> dict[str, object] | None:
    """Return what `training.json` keeps of a choice: it depends on settings and device only."""
    if foresight is None:
        return None
    footprint = foresight.choice.footprint
    return {
        "micro_batch_tokens": footprint.micro_batch_tokens,
        "activation_checkpointing": foresight.choice.is_checkpointed,
        "peak_bytes": footprint.peak_bytes,
        "peak": dict(footprint.peak),
        "flops_per_token": foresight.flops_per_token,
    }


def record_outcome(folder: Path, foresight: Foresight | None, device: torch.device) -> None:
    """Add to `result.json` what was foreseen and what came: memory of a step on a GPU, and tokens a second."""
    found = read_json(folder / "result.json")
    rates = [float(str(timing["tokens_per_s"])) for timing in read_timings(folder)]
    if foresight is None or found is None or not rates:
        return
    measured = median(rates)
    peak_bytes = foresight.choice.footprint.peak_bytes
    found["foreseen"] = {
        "tokens_per_s": foresight.tokens_per_s,
        "measured_tokens_per_s": measured,
        "tokens_per_s_ratio": measured / foresight.tokens_per_s,
        "peak_bytes": peak_bytes,
        "measured_peak_bytes": used_bytes(device) if device.type == "cuda" else None,
        "model_flops_utilisation": measured * foresight.flops_per_token / foresight.speed.flops_per_s,
    }
    write_json(folder / "result.json", found)


def gibibytes(num_bytes: int) -> str:
    """Return a size for people.

    Examples
    --------
    >>> gibibytes(3 << 29), gibibytes(5 << 20), gibibytes(2000)
    ('1.50 GiB', '5.0 MiB', '2.0 KiB')
    """
    if num_bytes >= 1 << 30:
        return f"{num_bytes / (1 << 30):.2f} GiB"
    if num_bytes >= 1 << 20:
        return f"{num_bytes / (1 << 20):.1f} MiB"
    return f"{num_bytes / 1024:.1f} KiB"
