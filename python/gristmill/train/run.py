"""A training run from shards to an exported model; the same call continues where an earlier one stopped.

Everything lies in `train/` of the run folder. Not here: the loop over steps (`session`).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from gristmill.errors import GristmillError
from gristmill.plugins.active import ActiveOperator
from gristmill.shards import Shards, open_shards
from gristmill.shards.split_proof import require_proof
from gristmill.train.callbacks import Callbacks, LinkedCallbacks
from gristmill.train.classify import prove_classifier
from gristmill.train.config import Sharding, TrainConfig
from gristmill.train.distributed.launch import launch, num_processes
from gristmill.train.distributed.parallel import distribute
from gristmill.train.distributed.state import seed_rank
from gristmill.train.distributed.worker import Link
from gristmill.train.distributed.world import World
from gristmill.train.events import OnEvent, make_event
from gristmill.train.files import faults_of_the_machine, lock, read_json, write_json
from gristmill.train.fingerprint import fingerprint_of
from gristmill.train.make_model import make_model
from gristmill.train.memory.settle import chosen_values, record_outcome, settle, with_known_choice
from gristmill.train.models import CausalModel, resolve_precision
from gristmill.train.probe import prove
from gristmill.train.proof import prove_splits
from gristmill.train.quiet import without_progress_bars
from gristmill.train.result import TrainResult, finished_result
from gristmill.train.session import Session
from gristmill.train.tasks import check_task

OWNED = (
    "checkpoints",
    "batches",
    "model",
    "adapter",
    "metrics.jsonl",
    "timings.jsonl",
    "samples.jsonl",
    "document_losses.parquet",
    "proof.json",
    "result.json",
)
"""What a training makes in its folder, and what a training with other settings replaces."""


def train(
    config: TrainConfig,
    run_dir: Path,
    *,
    on_event: OnEvent,
    should_stop: Callable[[], bool] = lambda: False,
    callbacks: Sequence[ActiveOperator] = (),
    folder: Path | None = None,
    processes: int | None = None,
) -> TrainResult:
    """Train on the shards of a finished run, and return what came out.

    Parameters
    ----------
    config
        What to do.
    run_dir
        The run folder, whose shards are trained on.
    on_event
        Receives ``{"stage": "train", "done": step, "total": steps, "message": ...}``, with ``tokens_per_s`` and
        ``seconds_left`` while steps are done.
    should_stop
        Asked after each step; when true, a checkpoint is written and the result says that training is not
        complete.
    callbacks
        Plugins' callbacks, in order; they change nothing, and so are no part of the training's fingerprint.
    folder
        Where everything is written; None: `train/` of the run folder.
    processes
        How many train; None: one a GPU, one on a CPU. With several, what is given above is still called in this
        process.

    Raises
    ------
    GristmillError
        ``GM-SHARDS-*``, ``GM-SPLIT-005``, ``GM-LOADER-*`` and ``GM-TRAIN-*``: see their pages.
    """
    if config.seeds > 1:
        from gristmill.train.seeds import train_seeds

        return train_seeds(
            config,
            run_dir,
            on_event=on_event,
            should_stop=should_stop,
            callbacks=callbacks,
            folder=folder,
            processes=processes,
        )
    folder = run_dir / "train" if folder is None else folder
    told = Callbacks(callbacks, on_event=on_event, seed=config.seed)
    size = num_processes(processes)
    if size == 1:
        return train_in(World(), config, run_dir, folder, on_event, should_stop, told)
    answers: dict[str, Callable[..., object]] = {
        "on_event": on_event,
        "should_stop": should_stop,
        "open_callbacks": told.open,
        "tell_callbacks": told.tell,
        "close_callbacks": told.close,
    }
    try:
        result = launch(_train_as_rank, (config, run_dir, folder), size=size, answers=answers)
    finally:
        told.close()
    assert isinstance(result, TrainResult), "what rank 0 returns"
    return result


def _train_as_rank(world: World, link: Link, config: TrainConfig, run_dir: Path, folder: Path) -> TrainResult:
    """Be one of several processes. Ranks above 0 speak to nobody and write into a folder that is thrown away."""
    if config.threads is None and world.device.type == "cpu":
        torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // world.size))
    return train_in(
        world,
        config,
        run_dir,
        folder if world.scratch is None else world.scratch,
        link.on_event,
        lambda: bool(link.call("should_stop")),
        LinkedCallbacks(link),
    )


def train_in(
    world: World,
    config: TrainConfig,
    run_dir: Path,
    folder: Path,
    on_event: OnEvent,
    should_stop: Callable[[], bool],
    callbacks: Callbacks,
) -> TrainResult:
    """Train as one of the processes of a world; see `train`."""
    on_event(make_event(0, 0, "verifying shards"))
    shards, validation = _open(world, config, run_dir, on_event)
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder):
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        device = world.device
        compute_dtype = resolve_precision(config.precision, device)
        settings = _settings(config, device)
        foresight = None
        if world.is_main:
            known = with_known_choice(config, _known_choice(folder, settings))
            config, foresight = settle(known, device=device, compute_dtype=compute_dtype, on_event=on_event)
        config = world.broadcast(config)
        fingerprint = done = None
        if world.is_main:
            fingerprint = fingerprint_of(config, shards, validation, compute_dtype, device)
            done = finished_result(folder, fingerprint)
        fingerprint, done = world.broadcast((fingerprint, done))
        assert fingerprint is not None, "rank 0 has made it"
        if done is not None:
            on_event(make_event(done.steps, done.steps, "nothing to do: this training is finished"))
            return done
        training = {"fingerprint": fingerprint, "config": settings, "chosen": chosen_values(foresight)}
        _claim(folder, training, on_event)
        if world.is_main:
            prove_splits(run_dir, folder, shards, validation, config.tokenizer, on_event)

        def make(place: torch.device) -> CausalModel:
            return make_model(config, shards, device=place, compute_dtype=compute_dtype, on_event=on_event)

        probe = prove_classifier if config.task == "classify" else prove
        with without_progress_bars():
            parallel = distribute(world, _sharding(config), make, probe=probe)
        seed_rank(world, config.seed, step=0)
        with callbacks as told, without_progress_bars(), faults_of_the_machine(folder):
            session = Session(
                config, folder, shards, validation, parallel, device, fingerprint, on_event, callbacks=told
            )
            result = session.train(should_stop)
            if result.is_complete and world.is_main:
                record_outcome(folder, foresight, device)
            return result


def _sharding(config: TrainConfig) -> Sharding:
    """Return how a model is shared out: heads of classes are read outside of the parts that are put together."""
    if config.task != "classify":
        return config.sharding
    if config.sharding == "fsdp":
        raise GristmillError(
            "GM-TRAIN-040",
            '`sharding = "fsdp"` trains no classifiers',
            hint='leave it out: with `task = "classify"` every process has a copy of the model',
        )
    return "ddp"


def _open(
    world: World, config: TrainConfig, run_dir: Path, on_event: OnEvent
) -> tuple[Shards, Shards | None]:
    """Return the training and the validation split, verified by rank 0 for all."""
    found = None
    if world.is_main:
        shards = open_shards(run_dir, "train")
        if not config.allow_unproven_split:
            require_proof(run_dir)
        check_task(config.task, run_dir, shards, sequence_length=config.sequence_length)
        found = (shards, _open_validation(run_dir, on_event))
    manifests = [None if split is None else split.manifest for split in found or (None, None)]
    first, second = world.broadcast(manifests)
    if found is not None:
        return found
    assert first is not None, "rank 0 has opened it"
    return Shards(first), None if second is None else Shards(second)


def _open_validation(run_dir: Path, on_event: OnEvent) -> Shards | None:
    try:
        validation = open_shards(run_dir, "validation")
    except GristmillError as error:
        if error.code != "GM-SHARDS-003":
            raise
        validation = None
    if validation is None or validation.num_tokens == 0:
        on_event(make_event(0, 0, "no validation split: its loss is not measured"))
        return None
    return validation


def _settings(config: TrainConfig, device: torch.device) -> dict[str, object]:
    """Return what is asked for as JSON values, before anything is chosen."""
    settings = asdict(config)
    settings["model"] = dict(config.model) if isinstance(config.model, Mapping) else str(config.model)
    settings["tokenizer"] = None if config.tokenizer is None else str(config.tokenizer)
    settings["device"] = device.type
    return settings


def _known_choice(folder: Path, settings: Mapping[str, object]) -> object:
    """Return what an earlier call with the same settings chose."""
    known = read_json(folder / "training.json") or {}
    # Through JSON, so that tuples and lists do not differ.
    return known.get("chosen") if known.get("config") == json.loads(json.dumps(settings)) else None


def _claim(folder: Path, training: Mapping[str, object], on_event: OnEvent) -> None:
    """Make the folder this training's own: what one with other settings left is removed."""
    path = folder / "training.json"
    known = read_json(path)
    if known is not None and known.get("fingerprint") == training["fingerprint"]:
        return
    left = [name for name in OWNED if (folder / name).exists()]
    if left:
        on_event(make_event(0, 0, "settings, model or shards have changed: training starts anew"))
    for name in left:
        target = folder / name
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink()
    write_json(path, training)
