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
        "--processes",
        metavar="N",
        type=int,
        help="processes that train together; by default one a GPU, and one on a CPU",
    )


def run(options: argparse.Namespace) -> int:
    """Train."""
    printer = printer_of(options)
    result = train_with_progress(options.recipe, options.output, printer, processes=options.processes)
    show(result, printer)
    printer.result({"train": result_values(result)})
    return ExitCode.DONE


def train_with_progress(
    recipe: Path, output: Path | None, printer: Printer, *, processes: int | None = None
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
            recipe, output=output, on_event=progress, should_stop=asked.is_set, processes=processes
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
    if result.was_finished:
        printer.talk("nothing to do: this training was finished before")


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
