"""One process's part of a training: what it holds open, and the loop over steps.

Order of writing, which makes resuming exact: metrics and pieces of a step, then the checkpoint that includes it; the
export; then `result.json`, which says that all is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import nn

from gristmill.errors import GristmillError
from gristmill.shards import Shards
from gristmill.train.callbacks import Callbacks
from gristmill.train.checkpoint import Checkpoint, save_checkpoint
from gristmill.train.chosen_weights import averaged_steps, choose_weights, put_weights
from gristmill.train.config import TrainConfig
from gristmill.train.distributed.parallel import Parallel, as_parallel
from gristmill.train.distributed.state import (
    like,
    load_together,
    random_states,
    state_like,
    whole_tensors,
)
from gristmill.train.document_losses import DocumentLosses
from gristmill.train.events import OnEvent, make_event
from gristmill.train.feed import Feed
from gristmill.train.loop import StepResult, StepSetup, train_step
from gristmill.train.loss_scale import LossScale
from gristmill.train.models import CausalModel
from gristmill.train.muon import body_matrices
from gristmill.train.optimiser import load_state_tensors, make_optimiser, set_learning_rate, state_tensors
from gristmill.train.outcome import export_trained, result_of
from gristmill.train.progress import Announcer, Progress
from gristmill.train.proof.closing import settled_ledger
from gristmill.train.records import Records
from gristmill.train.result import TrainResult, write_result
from gristmill.train.samples import Samples
from gristmill.train.schedule import learning_rate
from gristmill.train.validation import Validation

CHECKPOINTS_IN_A_RUN = 10


class Session:
    """One process's part of a training: what it holds open, and the loop over steps."""

    def __init__(  # noqa: PLR0913  # all that one process holds open
        self,
        config: TrainConfig,
        folder: Path,
        shards: Shards,
        validation: Shards | None,
        causal: CausalModel | Parallel,
        device: torch.device,
        fingerprint: str,
        on_event: OnEvent,
        *,
        callbacks: Callbacks | None = None,
    ) -> None:
        self._config = config
        self._folder = folder
        self._parallel = parallel = as_parallel(causal)
        self._fingerprint = fingerprint
        self._parameters: dict[str, nn.Parameter] = parallel.trainable()
        self._optimiser = make_optimiser(
            self._parameters,
            betas=config.betas,
            weight_decay=config.weight_decay,
            name=config.optimiser,
            body=body_matrices(parallel.model, parallel.plain.head),
        )
        self._setup = StepSetup(
            causal=parallel,
            parameters=self._parameters,
            optimiser=self._optimiser,
            shards=shards,
            rows_each=config.rows_per_micro_batch(device.type),
            clip_norm=config.clip_norm,
            device=device,
            loss_scale=LossScale() if parallel.plain.compute_dtype == torch.float16 else None,
        )
        self._records = Records(folder, DocumentLosses(shards))
        on_event(make_event(0, 0, "planning rows"))
        self._feed = Feed(config, shards)
        self._num_steps = self._feed.num_steps
        self._every = config.checkpoint_every_steps or -(-self._num_steps // CHECKPOINTS_IN_A_RUN)
        self._progress = Progress()
        self._announcer = Announcer(
            self._progress,
            self._num_steps,
            folder,
            on_event,
            Callbacks([], on_event=on_event) if callbacks is None else callbacks,
        )
        self._validation = Validation(config, validation, parallel, self._records, self._announcer, device)
        self._samples = Samples(config, folder, stop=shards.metadata.end_of_text)

    def train(self, should_stop: Callable[[], bool]) -> TrainResult:
        """Continue from the latest checkpoint, or start; go to the end unless told to stop."""
        try:
            return self._train(should_stop)
        finally:
            self._feed.close()

    def _train(self, should_stop: Callable[[], bool]) -> TrainResult:
        started_s = time.monotonic()
        self._resume()
        self._parallel.model.train()
        announcer, progress = self._announcer, self._progress
        announcer.tell("on_run_start")
        if progress.step == 0:
            self._evaluate()
        first_step, steps_s = progress.step, 0.0
        while progress.step < self._num_steps and not self._validation.is_enough():
            step_started_s = time.monotonic()
            tokens_per_s = self._step()
            steps_s += time.monotonic() - step_started_s
            seconds_left = steps_s / (progress.step - first_step) * (self._num_steps - progress.step)
            loss = progress.last_loss
            announcer.say(
                "step skipped: not finite" if loss is None else f"loss {loss:.4f}",
                loss=loss,
                tokens_per_s=tokens_per_s,
                seconds_left=seconds_left,
            )
            is_last = progress.step == self._num_steps
            if is_last or self._validation.is_due():
                self._evaluate()
            is_last = is_last or self._validation.is_enough()
            is_stopping = not is_last and self._parallel.world.any(should_stop())
            if is_last or is_stopping or progress.step % self._every == 0 or self._validation.is_best():
                self._checkpoint()
            if is_stopping:
                announcer.say("stopped; the same command continues")
                announcer.tell("on_run_end", False)  # the one fact that the method takes
                return self._result(is_complete=False, seconds=time.monotonic() - started_s)
        exported = self._choose_weights()
        announcer.say("exporting the model")
        whole = self._parallel.whole()
        if whole is not None:
            export_trained(self._config, whole, self._folder, self._setup.shards, self._progress)
        seconds = time.monotonic() - started_s
        result = replace(self._result(is_complete=True, seconds=seconds), exported=exported)
        if self._parallel.world.is_main:
            write_result(self._folder, self._fingerprint, result)
        announcer.tell("on_run_end", True)  # the one fact that the method takes
        return result

    def _step(self) -> float:
        """Do the next step and write it down; return its tokens a second."""
        config, progress = self._config, self._progress
        step = progress.step + 1
        started_s = time.monotonic()
        rows = self._feed.next_rows(step)
        rate = learning_rate(
            step,
            self._num_steps,
            peak=config.learning_rate,
            warmup_fraction=config.warmup_fraction,
            min_fraction=config.min_learning_rate_fraction,
            schedule=config.schedule,
        )
        set_learning_rate(self._optimiser, rate)
        result = train_step(self._setup, rows, step=step)
        seconds = time.monotonic() - started_s
        progress.step = step
        progress.last_loss = None if result.is_skipped else result.loss
        progress.trained_tokens += result.num_trained
        progress.placed_tokens += result.num_tokens
        metric = self._metric(result, rate)
        self._records.metric(metric)
        self._records.pieces(result.pieces)
        tokens_per_s = result.num_tokens / seconds
        self._records.timing(
            {
                "step": step,
                "time": time.time(),
                "seconds": seconds,
                "loader_seconds": self._feed.waited_s,
                "loader_idle_seconds": min(seconds, self._feed.loader_idle_s()),
                "tokens_per_s": tokens_per_s,
            }
        )
        self._announcer.tell("on_step_end", {**metric, "tokens_per_s": tokens_per_s})
        self._stop_after_skips(result)
        return tokens_per_s

    def _metric(self, result: StepResult, rate: float) -> dict[str, object]:
        metric: dict[str, object] = {
            "step": self._progress.step,
            "loss": result.loss,
            "tokens": self._progress.placed_tokens,
            "trained_tokens": self._progress.trained_tokens,
            "learning_rate": rate,
            "gradient_norm": result.gradient_norm,
            "epoch": self._feed.epoch,
        }
        if result.is_overflow:
            metric["overflow"] = True
        if result.is_skipped:
            metric["skipped"] = True
            metric["documents"] = sorted({piece.doc for piece in result.pieces})
        return metric

    def _stop_after_skips(self, result: StepResult) -> None:
        progress = self._progress
        progress.overflows += result.is_overflow
        progress.skipped_in_a_row = progress.skipped_in_a_row + 1 if result.is_skipped else 0
        if progress.skipped_in_a_row >= self._config.max_skipped_steps:
            self._records.flush()
            raise GristmillError(
                "GM-TRAIN-012",
                f"loss or gradient was not finite in {progress.skipped_in_a_row} steps in a row, "
                f"up to step {progress.step}",
                hint='lower `learning_rate`, or set `precision = "fp32"`',
                context=(f"the documents of each such step are in `{self._folder / 'metrics.jsonl'}`",),
            )

    def _evaluate(self) -> None:
        self._validation.measure()
        if self._config.samples and (whole := self._parallel.whole()) is not None:
            self._samples.take(self._progress.step, whole)

    def _checkpoint(self) -> None:
        self._records.flush()
        scale, world = self._setup.loss_scale, self._parallel.world
        checkpoint = Checkpoint(
            step=self._progress.step,
            fingerprint=self._fingerprint,
            weights=whole_tensors(self._parameters, world),
            optimiser=whole_tensors(state_tensors(self._optimiser, self._parameters), world),
            random=random_states(world),
            state={
                "progress": asdict(self._progress),
                "loader": self._feed.state(),
                "loss_scale": None if scale is None else asdict(scale),
                "machine": self._machine(),
            },
        )
        if not world.is_main:
            return
        path = save_checkpoint(
            self._folder / "checkpoints",
            checkpoint,
            keep=self._config.keep_checkpoints,
            best=self._progress.best_step if self._config.patience is not None else None,
            also=averaged_steps(
                self._config.average, every=self._every, step=self._progress.step, num_steps=self._num_steps
            ),
        )
        self._announcer.tell("on_checkpoint", path)

    def _resume(self) -> None:
        announcer = self._announcer
        found = load_together(
            self._parallel.world,
            self._folder / "checkpoints",
            self._fingerprint,
            seed=self._config.seed,
            on_ignored=lambda reason: announcer.say(f"checkpoint ignored: {reason}"),
        )
        self._records.rewind(found.step if found else 0)
        self._samples.rewind(found.step if found else 0)
        if found is None:
            return
        with torch.no_grad():
            for name, value in self._parameters.items():
                value.copy_(like(found.weights[name], value))
        load_state_tensors(self._optimiser, self._parameters, state_like(found.optimiser, self._parameters))
        progress, loader = found.state["progress"], found.state["loader"]
        assert isinstance(progress, Mapping), "written by _checkpoint"
        assert isinstance(loader, Mapping), "written by _checkpoint"
        for name, value in progress.items():
            setattr(self._progress, name, value)
        self._feed.resume(loader)
        scale, scale_state = self._setup.loss_scale, found.state["loss_scale"]
        if scale is not None and isinstance(scale_state, Mapping):
            scale.restore(scale_state)
        announcer.is_resumed = True
        announcer.say(f"continuing after step {found.step}")
        made_by, machine = found.state.get("machine"), self._machine()
        if made_by not in (None, machine):
            announcer.say(
                f"the checkpoint was made with {made_by}, this training has {machine}: "
                "losses can differ in their last digits"
            )

    def _machine(self) -> str:
        """Return what else decides the last digits of losses."""
        return f"{torch.get_num_threads()} threads" + self._parallel.described()

    def _choose_weights(self) -> dict[str, object]:
        """Put into the model what is exported, and return what that is, for the result."""
        progress = self._progress
        chosen = choose_weights(self._config, progress, every=self._every, num_steps=self._num_steps)
        # Ranks above 0 have no checkpoints of their own.
        checkpoints = self._parallel.world.broadcast(self._folder / "checkpoints")
        put_weights(chosen, self._parameters, checkpoints, self._fingerprint)
        loss = progress.last_validation_loss
        if chosen.kind == "best":
            self._announcer.say(f"the validation loss was lowest after step {progress.best_step}")
            loss = progress.best_validation_loss
        if chosen.kind == "average":
            found = self._validation.evaluate()
            loss = None if found is None else found.loss
        return {"weights": chosen.kind, "steps": list(chosen.steps), "validation_loss": loss}

    def _result(self, *, is_complete: bool, seconds: float) -> TrainResult:
        return result_of(
            self._config,
            self._progress,
            self._folder,
            ledger=settled_ledger(
                self._feed.ledger(),
                self._config,
                self._setup.shards,
                self._folder,
                self._progress,
                is_complete=is_complete,
            ),
            is_complete=is_complete,
            seconds=seconds,
        )
