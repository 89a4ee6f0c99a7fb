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
    from gristmill.recipe import Recipe
    from gristmill.train.config import TrainConfig
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


def run(options: argparse.Namespace) -> int:
    """Train."""
    from gristmill.recipe import load_recipe

    printer = printer_of(options)
    recipe = load_recipe(options.recipe)
    result = train_with_progress(recipe, options.output or recipe.output, printer)
    show(result, printer)
    printer.result({"train": result_values(result)})
    return ExitCode.DONE


def train_with_progress(recipe: Recipe, run_folder: Path, printer: Printer) -> TrainResult:
    """Return what a training came to, with progress while it goes.

    The first Ctrl-C (or SIGTERM) ends it after the current step, with a checkpoint; a second one at once.

    Raises
    ------
    GristmillError
        ``GM-CLI-010`` without `[train]`, ``GM-RUN-130`` when it was interrupted, or what training raises.
    """
    if recipe.train is None:
        raise GristmillError(
            "GM-CLI-010", "the recipe has no `[train]`", hint='add `[train]` with `model = "models/name"`'
        )
    from gristmill.train.run import train

    config = train_config(recipe)
    with Progress.for_printer(printer) as progress, _stop_requests() as asked:
        result = train(config, run_folder, on_event=progress, should_stop=asked.is_set)
    if not result.is_complete:
        raise GristmillError(
            "GM-RUN-130",
            f"interrupted after step {result.steps}; a checkpoint is saved",
            hint="the same command continues where this one stopped",
        )
    return result


def train_config(recipe: Recipe) -> TrainConfig:
    """Return `[train]` as training takes it: real paths, and the weights of the sources."""
    from gristmill.train.config import LoraConfig, TrainConfig

    assert recipe.train is not None
    section = recipe.train
    model = section.model
    return TrainConfig(
        model=recipe.resolve(model) if isinstance(model, str) else model.config,
        method=section.method,
        task=section.task,
        sequence_length=section.sequence_length,
        batch_tokens=section.batch_tokens,
        micro_batch_tokens=section.micro_batch_tokens,
        epochs=section.epochs,
        steps=section.steps,
        tokens=section.tokens,
        learning_rate=section.learning_rate,
        warmup_fraction=section.warmup_fraction,
        min_learning_rate_fraction=section.min_learning_rate_fraction,
        weight_decay=section.weight_decay,
        betas=section.betas,
        clip_norm=section.clip_norm,
        precision=section.precision,
        seed=section.seed,
        eval_every_steps=section.eval_every_steps,
        checkpoint_every_steps=section.checkpoint_every_steps,
        keep_checkpoints=section.keep_checkpoints,
        threads=section.threads,
        weights={source.name: source.weight for source in recipe.sources},
        tokenizer=recipe.resolve(recipe.tokens.tokenizer) if recipe.tokens is not None else None,
        lora=LoraConfig(**section.lora.model_dump()),
    )


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
