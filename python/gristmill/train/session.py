"""One process's part of a training: what it holds open, and the loop over steps.

Order of writing, which makes resuming exact: metrics and pieces of a step, then the checkpoint that includes it; the
export; then `result.json`, which says that all is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from gristmill.errors import GristmillError
from gristmill.loader import Loader, LoaderState, Mixing
from gristmill.plugins.callbacks import TrainingState
from gristmill.shards import Shards
from gristmill.train.callbacks import Callbacks
from gristmill.train.checkpoint import Checkpoint, load_latest, save_checkpoint
from gristmill.train.config import TrainConfig
from gristmill.train.document_losses import DocumentLosses
from gristmill.train.evaluation import evaluate_loss
from gristmill.train.events import OnEvent, make_event
from gristmill.train.export import export_model
from gristmill.train.loop import StepResult, StepSetup, train_step
from gristmill.train.models import CausalModel
from gristmill.train.optimiser import load_state_tensors, make_optimiser, set_learning_rate, state_tensors
from gristmill.train.records import Records
from gristmill.train.result import TrainResult, write_result
from gristmill.train.schedule import learning_rate

CHECKPOINTS_IN_A_RUN = 10


@dataclass(slots=True)
class Progress:
    """Counters that a checkpoint carries."""

    step: int = 0
    skipped_in_a_row: int = 0
    trained_tokens: int = 0
    placed_tokens: int = 0
    last_loss: float | None = None
    first_validation_loss: float | None = None
    last_validation_loss: float | None = None


class Session:
    """One process's part of a training: what it holds open, and the loop over steps."""

    def __init__(  # noqa: PLR0913  # all that one process holds open
        self,
        config: TrainConfig,
        folder: Path,
        shards: Shards,
        validation: Shards | None,
        causal: CausalModel,
        device: torch.device,
        fingerprint: str,
        on_event: OnEvent,
        *,
        callbacks: Callbacks | None = None,
    ) -> None:
        self._callbacks = Callbacks([], on_event=on_event) if callbacks is None else callbacks
        self._config = config
        self._folder = folder
        self._shards = shards
        self._validation = validation
        self._causal = causal
        self._device = device
        self._fingerprint = fingerprint
        self._on_event = on_event
        self._rows_each = config.rows_per_micro_batch(device.type)
        self._parameters: dict[str, nn.Parameter] = causal.trainable()
        self._optimiser = make_optimiser(
            self._parameters, betas=config.betas, weight_decay=config.weight_decay
        )
        self._setup = StepSetup(
            causal=causal,
            parameters=self._parameters,
            optimiser=self._optimiser,
            shards=shards,
            rows_each=self._rows_each,
            clip_norm=config.clip_norm,
            device=device,
        )
        self._records = Records(folder, DocumentLosses(shards))
        self._progress = Progress()
        self._first_step = 0
        self._loader = self._new_loader(None)
        on_event(make_event(0, 0, "planning rows"))
        if config.steps is not None:
            self._num_rows = config.steps * config.rows_per_step
        else:
            self._num_rows = self._loader.count_rows(epochs=config.epochs, tokens=config.tokens)
        self._num_steps = -(-self._num_rows // config.rows_per_step)

    def _new_loader(self, state: LoaderState | None) -> Loader:
        return Loader(
            self._shards,
            sequence_length=self._config.sequence_length,
            seed=self._config.seed,
            num_epochs=None,
            weights=self._config.weights,
            mixing=None if self._config.mixing is None else Mixing.from_json(self._config.mixing),
            total_tokens=self._total_tokens(),
            state=state,
        )

    def _total_tokens(self) -> int:
        """Length of the training in tokens, by which a mixture's phases are placed."""
        config = self._config
        if config.steps is not None:
            return config.steps * config.rows_per_step * config.sequence_length
        if config.tokens is not None:
            return config.tokens
        assert config.epochs is not None, "one of three is given"
        return round(config.epochs * self._shards.num_tokens)

    def train(self, should_stop: Callable[[], bool]) -> TrainResult:
        """Continue from the latest checkpoint, or start; go to the end unless told to stop."""
        started_s = time.monotonic()
        self._resume()
        self._causal.model.train()
        progress = self._progress
        self._first_step = progress.step
        self._tell("on_run_start")
        if progress.step == 0:
            self._validate()
        every = self._config.checkpoint_every_steps or -(-self._num_steps // CHECKPOINTS_IN_A_RUN)
        first_step, steps_s = progress.step, 0.0
        while progress.step < self._num_steps:
            step_started_s = time.monotonic()
            tokens_per_s = self._step()
            steps_s += time.monotonic() - step_started_s
            seconds_left = steps_s / (progress.step - first_step) * (self._num_steps - progress.step)
            self._on_event(
                make_event(
                    progress.step,
                    self._num_steps,
                    "step skipped: not finite"
                    if progress.last_loss is None
                    else f"loss {progress.last_loss:.4f}",
                    loss=progress.last_loss,
                    tokens_per_s=tokens_per_s,
                    seconds_left=seconds_left,
                )
            )
            is_last = progress.step == self._num_steps
            eval_every = self._config.eval_every_steps
            if is_last or (eval_every is not None and progress.step % eval_every == 0):
                self._validate()
            is_stopping = not is_last and should_stop()
            if is_last or is_stopping or progress.step % every == 0:
                self._checkpoint()
            if is_stopping:
                self._on_event(
                    make_event(progress.step, self._num_steps, "stopped; the same command continues")
                )
                self._tell("on_run_end", False)  # the one fact that the method takes
                return self._result(is_complete=False, seconds=time.monotonic() - started_s)
        self._on_event(make_event(progress.step, self._num_steps, "exporting the model"))
        self._export()
        result = self._result(is_complete=True, seconds=time.monotonic() - started_s)
        write_result(self._folder, self._fingerprint, result)
        self._tell("on_run_end", True)  # the one fact that the method takes
        return result

    def _tell(self, method: str, *values: object) -> None:
        """Tell the callbacks what happened and where the training is."""
        progress = self._progress
        state = TrainingState(
            step=progress.step,
            num_steps=self._num_steps,
            tokens=progress.placed_tokens,
            trained_tokens=progress.trained_tokens,
            folder=self._folder,
            is_resumed=self._first_step > 0,
        )
        self._callbacks.tell(method, state, *values)

    def _step(self) -> float:
        """Do the next step and write it down; return its tokens a second."""
        config, progress = self._config, self._progress
        step = progress.step + 1
        started_s = time.monotonic()
        num_rows = min(config.rows_per_step, self._num_rows - self._loader.ledger.rows)
        rows = self._loader.take(num_rows)
        if not rows:
            raise GristmillError(
                "GM-LOADER-007",
                f"every source of the mixture was read `max_epochs` times after {step - 1} of {self._num_steps} steps",
                hint="raise `max_epochs` in `mixing`, or train for less",
            )
        waited_s = time.monotonic() - started_s
        rate = learning_rate(
            step,
            self._num_steps,
            peak=config.learning_rate,
            warmup_fraction=config.warmup_fraction,
            min_fraction=config.min_learning_rate_fraction,
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
                "loader_seconds": waited_s,
                "tokens_per_s": tokens_per_s,
            }
        )
        self._tell("on_step_end", {**metric, "tokens_per_s": tokens_per_s})
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
            "epoch": self._loader.epoch,
        }
        if result.is_skipped:
            metric["skipped"] = True
            metric["documents"] = sorted({piece.doc for piece in result.pieces})
        return metric

    def _stop_after_skips(self, result: StepResult) -> None:
        progress = self._progress
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

    def _validate(self) -> None:
        if self._validation is None:
            return
        progress = self._progress
        self._on_event(make_event(progress.step, self._num_steps, "measuring the validation loss"))
        found = evaluate_loss(
            self._causal,
            self._validation,
            sequence_length=self._config.sequence_length,
            rows_each=self._rows_each,
            device=self._device,
        )
        if found is None:
            return
        measured: dict[str, object] = {
            "step": progress.step,
            "validation_loss": found.loss,
            "perplexity": found.perplexity,
            "validation_tokens": found.num_tokens,
        }
        self._records.metric(measured)
        self._tell("on_evaluation", measured)
        if progress.step == 0:
            progress.first_validation_loss = found.loss
        progress.last_validation_loss = found.loss
        message = "the validation loss is not finite"
        if found.loss is not None:
            perplexity = "beyond all bounds" if found.perplexity is None else f"{found.perplexity:.2f}"
            message = f"validation loss {found.loss:.4f}, perplexity {perplexity}"
        self._on_event(make_event(progress.step, self._num_steps, message, validation_loss=found.loss))

    def _checkpoint(self) -> None:
        self._records.flush()
        checkpoint = Checkpoint(
            step=self._progress.step,
            fingerprint=self._fingerprint,
            weights=dict(self._parameters),
            optimiser=state_tensors(self._optimiser, self._parameters),
            state={
                "progress": asdict(self._progress),
                "loader": self._loader.state().to_json(),
                "threads": torch.get_num_threads(),
            },
        )
        path = save_checkpoint(self._folder / "checkpoints", checkpoint, keep=self._config.keep_checkpoints)
        self._tell("on_checkpoint", path)

    def _export(self) -> None:
        config = self._config
        base = None if isinstance(config.model, Mapping) else Path(config.model)
        tokenizer = config.tokenizer
        if tokenizer is None and base is not None and (base / "tokenizer.json").is_file():
            tokenizer = base
        is_rounded = config.method == "lora" and self._causal.compute_dtype != torch.float32
        export_model(
            self._causal.model, self._folder, tokenizer=tokenizer, merge_onto=base if is_rounded else None
        )

    def _resume(self) -> None:
        def ignored(reason: str) -> None:
            self._on_event(make_event(0, self._num_steps, f"checkpoint ignored: {reason}"))

        found = load_latest(self._folder / "checkpoints", self._fingerprint, on_ignored=ignored)
        self._records.rewind(found.step if found else 0)
        if found is None:
            return
        with torch.no_grad():
            for name, value in self._parameters.items():
                value.copy_(found.weights[name])
        load_state_tensors(self._optimiser, self._parameters, found.optimiser)
        progress, loader = found.state["progress"], found.state["loader"]
        assert isinstance(progress, Mapping), "written by _checkpoint"
        assert isinstance(loader, Mapping), "written by _checkpoint"
        self._progress = Progress(**progress)
        self._loader = self._new_loader(LoaderState.from_json(loader))
        self._on_event(make_event(found.step, self._num_steps, f"continuing after step {found.step}"))
        threads = torch.get_num_threads()
        if found.state["threads"] != threads:
            self._on_event(
                make_event(
                    found.step,
                    self._num_steps,
                    f"the checkpoint was made with {found.state['threads']} threads, this process has {threads}: "
                    "losses can differ in their last digits",
                )
            )

    def _result(self, *, is_complete: bool, seconds: float) -> TrainResult:
        progress = self._progress
        return TrainResult(
            folder=self._folder,
            is_complete=is_complete,
            was_finished=False,
            steps=progress.step,
            loss=progress.last_loss,
            first_validation_loss=progress.first_validation_loss,
            last_validation_loss=progress.last_validation_loss,
            trained_tokens=progress.trained_tokens,
            ledger=self._loader.ledger.to_json(),
            model=self._folder / "model" if is_complete else None,
            adapter=self._folder / "adapter" if is_complete and self._config.method == "lora" else None,
            seconds=seconds,
        )
