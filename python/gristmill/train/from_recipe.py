"""From a recipe file to a training run: `[train]`, the weights of the sources, the tokenizer, the run folder."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.errors import GristmillError
from gristmill.recipe import Recipe, load_recipe, use_table
from gristmill.shards import open_shards
from gristmill.train.config import LoraConfig, TrainConfig
from gristmill.train.events import make_event
from gristmill.train.stable import with_stable_values

if TYPE_CHECKING:
    from gristmill.plugins.active import ActiveOperator
    from gristmill.train.events import OnEvent
    from gristmill.train.result import TrainResult

PACKAGES = ("numpy", "safetensors", "torch", "transformers", "peft")
"""What the extra `train` installs."""


def train_config(recipe: Recipe) -> TrainConfig:
    """Return what a recipe's `[train]` says, with its paths made real.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-014`` when the recipe has no `[train]`.
    """
    section = recipe.train
    if section is None:
        raise GristmillError(
            "GM-TRAIN-014",
            "the recipe has no `[train]` section",
            hint="add `[train]` with `model` and `epochs`",
        )
    model = section.model
    tokens = recipe.tokens
    return TrainConfig(
        model=recipe.resolve(model) if isinstance(model, str) else dict(model.config),
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
        schedule=section.schedule,
        min_learning_rate_fraction=section.min_learning_rate_fraction,
        optimiser=section.optimiser,
        weight_decay=section.weight_decay,
        betas=section.betas,
        clip_norm=section.clip_norm,
        precision=section.precision,
        seed=section.seed,
        seeds=section.seeds,
        eval_every_steps=section.eval_every_steps,
        patience=section.patience,
        samples=section.samples,
        checkpoint_every_steps=section.checkpoint_every_steps,
        keep_checkpoints=section.keep_checkpoints,
        average=section.average,
        threads=section.threads,
        weights={source.name: source.weight for source in recipe.sources},
        mixing=None if section.mixing is None else section.mixing.model_dump(mode="json", exclude_none=True),
        tokenizer=None if tokens is None else recipe.resolve(tokens.tokenizer),
        allow_unproven_split=section.allow_unproven_split,
        sharding=section.sharding,
        activation_checkpointing=section.activation_checkpointing,
        lora=LoraConfig(
            rank=section.lora.rank,
            alpha=section.lora.alpha,
            dropout=section.lora.dropout,
            targets=section.lora.targets,
            rslora=section.lora.rslora,
            dora=section.lora.dora,
            also_train=section.lora.also_train,
        ),
    )


def stable_config(recipe: Recipe, config: TrainConfig, run_dir: Path) -> TrainConfig:
    """Return the configuration with values for little data where the split is small and the recipe leaves them open.

    Without shards of a training split, which training itself complains about, it stays as it is.
    """
    assert recipe.train is not None, "a configuration was made of it"
    try:
        shards = open_shards(run_dir, "train", verify=False)
    except GristmillError:
        return config
    return with_stable_values(
        config, recipe.train.model_fields_set, num_documents=len(shards), num_tokens=shards.num_tokens
    )


def require_packages() -> None:
    """Raise ``GM-TRAIN-013`` unless every package that training needs is installed. Nothing is imported.

    Examples
    --------
    >>> require_packages()
    """
    absent = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if absent:
        raise GristmillError(
            "GM-TRAIN-013",
            f"training needs packages that are not installed: {', '.join(f'`{name}`' for name in absent)}",
            hint="pip install 'gristmill[train]'",
        )


def wait_without_spinning() -> None:
    """Let torch's threads sleep while they wait for each other, unless the environment says how they should wait.

    By default they spin, which on a machine that does anything else takes most of the time from the thread that they
    wait for: five times slower with two busy cores. Sleeping costs some microseconds an operation. The setting is read
    when torch is loaded, so this does nothing after that.

    Examples
    --------
    >>> wait_without_spinning()
    >>> "OMP_WAIT_POLICY" in os.environ
    True
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def train_recipe(
    recipe_path: Path,
    *,
    output: Path | None = None,
    on_event: OnEvent,
    should_stop: Callable[[], bool] = lambda: False,
    seeds: int | None = None,
    processes: int | None = None,
) -> TrainResult:
    """Train as a recipe says, on the shards of its run folder or of `output`; with `seeds` of its own if given.

    `processes` is that of `gristmill.train.run.train`.

    Raises
    ------
    GristmillError
        ``GM-RECIPE-*`` for the recipe, ``GM-TRAIN-013`` without the training packages, and what `train` raises.
    """
    recipe = load_recipe(recipe_path)
    config = train_config(recipe)
    if seeds is not None:
        config = replace(config, seeds=seeds)
    require_packages()
    config = stable_config(recipe, config, output or recipe.output)
    for name, reason in config.chosen.items():
        on_event(make_event(0, 0, f"chose `{name} = {getattr(config, name):g}`: {reason}"))
    wait_without_spinning()
    from gristmill.train.run import train

    return train(
        config,
        output or recipe.output,
        on_event=on_event,
        should_stop=should_stop,
        callbacks=callbacks_of(recipe),
        processes=processes,
    )


def callbacks_of(recipe: Recipe) -> list[ActiveOperator]:
    """Return the callbacks that a recipe's `[train]` names, in order. Imports their plugins, and only those.

    Raises
    ------
    GristmillError
        GM-PLUGIN-001 to -009, ``GM-TRAIN-034`` for a tracker that is not installed.
    """
    if recipe.train is None or not recipe.train.callbacks:
        return []
    from gristmill.plugins.manager import PluginManager
    from gristmill.train.trackers import TRACKERS, activate_tracker

    names = [str(use_table(written)["use"]) for written in recipe.train.plugin_callbacks]
    manager = PluginManager.load(names, plugins_dir=recipe.plugins_dir)
    return [
        activate_tracker(table)
        if table["use"] in TRACKERS
        else manager.activate_as("trainer_callback", table)
        for table in map(use_table, recipe.train.callbacks)
    ]
