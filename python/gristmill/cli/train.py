"""`gristmill train`: shards to checkpoints and an exported model; continues whatever an earlier run left."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from gristmill.cli.options import add_recipe, add_verb, printer_of
from gristmill.cli.printer import Printer
from gristmill.cli.progress import Progress
from gristmill.errors import ExitCode, GristmillError

if TYPE_CHECKING:
    from gristmill.cli.options import Subparsers
    from gristmill.train.result import TrainResult


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    parser = add_verb(
        subparsers,
        "train",
        run,
        description="Train the model that `[train]` describes on the shards of a curated run. The same command "
        "continues after an interruption, with the same losses.",
    )
    add_recipe(parser)
    parser.add_argument(
        "--output", metavar="DIR", type=Path, help="run folder; by default the recipe's `output`"
    )
    parser.add_argument(
        "--seeds",
        metavar="N",
        type=int,
        help="train N times, with `seed` and the numbers after it; by default `seeds` of the recipe",
    )
    parser.add_argument(
        "--processes",
        metavar="N",
        type=int,
        help="processes that train together; by default one a GPU, and one on a CPU",
    )
    parser.add_argument(
        "--plan",
        action="store_true",
        help="say what the training would need (memory by kind, arithmetic, time) and train nothing",
    )
    parser.add_argument(
        "--price-per-hour",
        metavar="PRICE",
        type=float,
        help="with `--plan`: what an hour of the machine costs",
    )
    parser.add_argument(
        "--memory", metavar="SIZE", help='with `--plan`: as if the device had that much, for example "24GiB"'
    )


def run(options: argparse.Namespace) -> int:
    """Train."""
    printer = printer_of(options)
    if options.plan:
        return _plan(options, printer)
    result = train_with_progress(
        options.recipe, options.output, printer, seeds=options.seeds, processes=options.processes
    )
    show(result, printer)
    printer.result({"train": result_values(result)})
    return ExitCode.DONE


def _plan(options: argparse.Namespace, printer: Printer) -> int:
    from gristmill.cli.train_plan import plan_training, show_plan
    from gristmill.recipe import load_recipe
    from gristmill.recipe.values import parse_bytes

    try:
        memory_bytes = None if options.memory is None else parse_bytes(options.memory)
    except ValueError as error:
        raise GristmillError("GM-CLI-001", f"`--memory` is `{options.memory}`", hint=str(error)) from error
    plan = plan_training(
        load_recipe(options.recipe), output=options.output, memory_bytes=memory_bytes, seeds=options.seeds
    )
    show_plan(plan, printer, price_per_hour=options.price_per_hour)
    printer.result({"plan": plan.to_json(options.price_per_hour)})
    return ExitCode.DONE if plan.foresight.choice.fits else ExitCode.GATE


def train_with_progress(
    recipe: Path,
    output: Path | None,
    printer: Printer,
    *,
    seeds: int | None = None,
    processes: int | None = None,
) -> TrainResult:
    """Return what a training came to, with progress while it goes.

    The first Ctrl-C (or SIGTERM) ends it after the current step, with a checkpoint; a second one at once.

    Raises
    ------
    GristmillError
        ``GM-RUN-130`` when it was interrupted, or what training raises.
    """
    from gristmill.train.from_recipe import train_recipe

    with Progress.for_printer(printer) as progress, _stop_requests() as asked:
        result = train_recipe(
            recipe,
            output=output,
            on_event=progress,
            should_stop=asked.is_set,
            seeds=seeds,
            processes=processes,
        )
    if not result.is_complete:
        raise GristmillError(
            "GM-RUN-130",
            f"interrupted after step {result.steps}; a checkpoint is saved",
            hint="the same command continues where this one stopped",
        )
    return result


def show(result: TrainResult, printer: Printer) -> None:
    """Print what a training came to."""
    if result.first_validation_loss is not None and result.last_validation_loss is not None:
        printer.data(
            f"validation loss    {result.first_validation_loss:.4f} before, {result.last_validation_loss:.4f} after"
        )
    printer.data(f"steps              {result.steps:,}")
    printer.data(f"trained tokens     {result.trained_tokens:,}")
    for name, path in (("model", result.model), ("adapter", result.adapter)):
        if path is not None:
            printer.data(f"{name:<18} {path}")
    _show_seeds(result, printer)
    if result.was_finished:
        printer.talk("nothing to do: this training was finished before")


def _show_seeds(result: TrainResult, printer: Printer) -> None:
    found = result.seeds.get("metrics")
    for name, values in found.items() if isinstance(found, dict) else ():
        interval = (
            "" if values["low"] is None else f", 95 % interval {values['low']:.4f} to {values['high']:.4f}"
        )
        spread = "" if values["sd"] is None else f", sd {values['sd']:.4f}"
        label = f"{name.replace('_', ' ')} over seeds"
        printer.data(f"{label:<18} mean {values['mean']:.4f}{spread}{interval}")
    if result.seeds:
        printer.data(f"best seed          {result.seeds['best']}")
    for seed in result.seeds.get("collapsed", ()):  # type: ignore[attr-defined]
        printer.talk(f"seed {seed} collapsed: it learnt less than half as much as the best")


def result_values(result: TrainResult) -> dict[str, object]:
    """Return a result as JSON values."""
    return {
        "folder": str(result.folder),
        "was_finished": result.was_finished,
        "steps": result.steps,
        "loss": result.loss,
        "first_validation_loss": result.first_validation_loss,
        "last_validation_loss": result.last_validation_loss,
        "trained_tokens": result.trained_tokens,
        "model": None if result.model is None else str(result.model),
        "adapter": None if result.adapter is None else str(result.adapter),
        "exported": dict(result.exported),
        "waits": dict(result.waits),
        "seeds": dict(result.seeds),
        "seconds": result.seconds,
    }


@contextmanager
def _stop_requests() -> Iterator[threading.Event]:
    """Yield an event that the first Ctrl-C or SIGTERM sets; the second Ctrl-C interrupts as usual."""
    asked = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
