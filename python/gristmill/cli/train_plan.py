"""`gristmill train --plan`: memory by kind, arithmetic, time and cost of a training, before anything loads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.cli.printer import Printer
from gristmill.cli.text import counted

if TYPE_CHECKING:
    from gristmill.recipe import Recipe
    from gristmill.train.memory.foresight import Alternative, Foresight, Length

KINDS = {
    "weights": "the model",
    "adapters": "adapters, and what is trained beside them",
    "optimiser": "the optimiser's states",
    "gradients": "gradients of what is trained",
    "activations": "activations kept for the backward pass",
    "loss": "a chunk of logits and its gradient",
    "backward": "gradients of activations, and what is computed again",
    "batch": "token ids and targets",
}
"""What the kinds of a footprint are, in the order in which they are shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingPlan:
    """What a training would need.

    Parameters
    ----------
    foresight
        Memory and speed.
    length
        Steps, tokens and epochs, as far as they are known.
    others
        Other settings.
    batch_tokens
        Room of a step.
    num_seeds
        How often it is trained.
    """

    foresight: Foresight
    length: Length
    others: list[Alternative]
    batch_tokens: int
    num_seeds: int

    @property
    def seconds(self) -> float | None:
        """Estimated time of all seeds, without validation and export."""
        seconds = self.foresight.seconds(self.length)
        return None if seconds is None else seconds * self.num_seeds

    def cost(self, price_per_hour: float | None) -> float | None:
        """Return what that time costs, in the unit of the price."""
        if price_per_hour is None or self.seconds is None:
            return None
        return self.seconds / 3600 * price_per_hour

    def to_json(self, price_per_hour: float | None) -> dict[str, object]:
        """Return plain values; sizes in bytes, time in seconds."""
        return {
            **self.foresight.to_json(),
            "steps": self.length.num_steps,
            "tokens": self.length.num_tokens,
            "epochs": self.length.epochs,
            "seeds": self.num_seeds,
            "seconds": self.seconds,
            "cost": self.cost(price_per_hour),
            "others": [
                {
                    "setting": other.setting,
                    "peak_bytes": other.peak_bytes,
                    "fits": other.fits,
                    "tokens_per_s": other.tokens_per_s,
                }
                for other in self.others
            ],
        }


def plan_training(
    recipe: Recipe,
    *,
    output: Path | None,
    memory_bytes: int | None,
    with_others: bool = True,
    seeds: int | None = None,
) -> TrainingPlan:
    """Return what a recipe's training would need on this machine. No weights are read.

    Parameters
    ----------
    memory_bytes
        As if the device had that much; None: what it has.
    with_others
        Whether other settings are looked at, which takes as long again for each.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-061`` when it cannot be foreseen, and what a model that is not there raises.
    """
    from gristmill.train.from_recipe import (
        require_packages,
        stable_config,
        train_config,
        wait_without_spinning,
    )

    config = train_config(recipe)
    require_packages()
    run_dir = output or recipe.output
    config = stable_config(recipe, config, run_dir)
    wait_without_spinning()
    import torch

    from gristmill.train.memory.foresight import alternatives, foresee, length_of, open_shards_if_there
    from gristmill.train.models import resolve_precision

    if config.threads is not None:
        torch.set_num_threads(config.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = resolve_precision(config.precision, device)
    foresight = foresee(config, device=device, compute_dtype=dtype, memory_bytes=memory_bytes)
    others = (
        alternatives(foresight, device=device, compute_dtype=dtype, memory_bytes=memory_bytes)
        if with_others
        else []
    )
    return TrainingPlan(
        foresight=foresight,
        length=length_of(config, open_shards_if_there(run_dir)),
        others=others,
        batch_tokens=config.batch_tokens,
        num_seeds=config.seeds if seeds is None else seeds,
    )


def show_plan(plan: TrainingPlan, printer: Printer, *, price_per_hour: float | None) -> None:
    """Print a plan for a reader."""
    for line in plan_lines(plan, price_per_hour=price_per_hour):
        printer.data(line)


def plan_lines(plan: TrainingPlan, *, price_per_hour: float | None) -> Iterator[str]:
    """Yield the lines of a plan."""
    foresight = plan.foresight
    footprint, machine = foresight.choice.footprint, foresight.machine
    yield short_line(plan)
    by_kind: dict[str, int] = {str(kind): num_bytes for kind, num_bytes in footprint.peak.items()}
    width = max(map(len, KINDS.values()))
    for kind, meaning in KINDS.items():
        num_bytes = by_kind.get(kind, 0)
        if num_bytes:
            yield f"  {meaning:<{width}}  {size(num_bytes):>10}"
    moment = "at most at once, in the " + footprint.moment + ("" if footprint.moment == "update" else " pass")
    yield f"  {moment:<{width}}  {size(footprint.peak_bytes):>10}"
    if machine.overhead_bytes:
        yield f"  {'allowance for context and fragmentation':<{width}}  {size(machine.overhead_bytes):>10}"
    yield f"  {'of ' + machine.name:<{width}}  {size(machine.total_bytes):>10}"
    kept_bytes = round(footprint.kept_bytes / footprint.micro_batch_tokens)
    yield f"  activations a token: {size(kept_bytes)}"
    yield (
        f"parameters: {footprint.num_parameters:,}, of which {footprint.num_trained:,} "
        f"({footprint.num_trained / footprint.num_parameters:.2%}) are trained"
    )
    yield (
        f"arithmetic: {foresight.flops_per_token / 1e9:.3g} GFLOP a token; "
        f"{foresight.speed.flops_per_s / 1e12:.3g} TFLOP/s were measured here"
    )
    yield from _length_lines(plan, price_per_hour)
    if plan.others:
        yield ""
        yield "other settings, by the same count"
        width = max(len(other.setting) for other in plan.others)
        for other in plan.others:
            fits = "fits" if other.fits else "does not fit"
            yield (
                f"  {other.setting:<{width}}  {size(other.peak_bytes):>10}  {fits:<12}  "
                f"about {other.tokens_per_s:,.0f} tokens/s"
            )


def short_line(plan: TrainingPlan) -> str:
    """Return what a step needs and whether it fits, in a line."""
    choice, machine = plan.foresight.choice, plan.foresight.machine
    kept = "computed again" if choice.is_checkpointed else "kept"
    text = (
        f"memory: a step of {plan.batch_tokens:,} tokens, {choice.footprint.micro_batch_tokens:,} at a time with "
        f"activations {kept}, needs {size(choice.footprint.peak_bytes)}"
    )
    return text if choice.fits else f"{text}; only {size(machine.budget_bytes)} can be counted on"


def _length_lines(plan: TrainingPlan, price_per_hour: float | None) -> Iterator[str]:
    length = plan.length
    parts = []
    if length.num_steps is not None:
        parts.append(counted(length.num_steps, "step"))
    if length.num_tokens is not None:
        parts.append(f"{length.num_tokens:,} tokens")
    if length.epochs is not None:
        parts.append(f"{length.epochs:.3g} epochs")
    if plan.num_seeds > 1:
        parts.append(f"{plan.num_seeds} times")
    yield f"length: {', '.join(parts) or 'known once the shards are there'}"
    if plan.seconds is None:
        yield f"speed: about {plan.foresight.tokens_per_s:,.0f} tokens/s (an estimate)"
        return
    cost = plan.cost(price_per_hour)
    priced = "" if cost is None else f", cost {cost:,.2f} at {price_per_hour:g} an hour"
    yield (
        f"time: about {duration(plan.seconds)} at {plan.foresight.tokens_per_s:,.0f} tokens/s{priced} "
        "(an estimate, without validation and export)"
    )


def duration(seconds: float) -> str:
    """Return a time for a reader.

    Examples
    --------
    >>> duration(7.4), duration(150), duration(4000), duration(200_000)
    ('7 s', '2 min 30 s', '1 h 6 min', '2 d 7 h')
    """
    whole = max(1, round(seconds))
    for unit, per_unit, smaller, per_smaller in (
        ("d", 86_400, "h", 3600),
        ("h", 3600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= per_unit:
            return f"{whole // per_unit} {unit} {whole % per_unit // per_smaller} {smaller}"
    return f"{whole} s"


def size(num_bytes: int) -> str:
    """Return bytes for a reader.

    Examples
    --------
    >>> size(3 << 29), size(5 << 20), size(2000)
    ('1.50 GiB', '5.0 MiB', '2.0 KiB')
    """
    for unit, scale, digits in (("GiB", 1 << 30, 2), ("MiB", 1 << 20, 1)):
        if num_bytes >= scale:
            return f"{num_bytes / scale:.{digits}f} {unit}"
    return f"{num_bytes / 1024:.1f} KiB"
