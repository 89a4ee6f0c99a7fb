"""The validation split in the loop: measured, written down, told, and the judge of when to stop."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from gristmill.errors import GristmillError
from gristmill.shards import Shards
from gristmill.train.class_evaluation import ClassEvaluation, evaluate_classes
from gristmill.train.config import TrainConfig
from gristmill.train.distributed.parallel import Parallel, as_parallel
from gristmill.train.evaluation import Evaluation, evaluate_loss
from gristmill.train.models import CausalModel
from gristmill.train.progress import Announcer
from gristmill.train.records import Records
from gristmill.train.token_bytes import bytes_of_tokens


class Validation:
    """Measures the validation loss when asked; does nothing without a validation split.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-030`` for `patience` without a validation split.
    """

    def __init__(
        self,
        config: TrainConfig,
        shards: Shards | None,
        causal: CausalModel | Parallel,
        records: Records,
        announcer: Announcer,
        device: torch.device,
    ) -> None:
        if config.patience is not None and shards is None:
            raise GristmillError(
                "GM-TRAIN-030",
                "`patience` is set, but there is no validation split whose loss could stop improving",
                hint="hold documents out with `[split]` and curate again, or leave `patience` out",
            )
        self._config = config
        self._shards = shards
        self._parallel = as_parallel(causal)
        self._records = records
        self._announcer = announcer
        self._device = device
        self._token_bytes = None if shards is None else bytes_of_tokens(tokenizer_of(config))

    def is_due(self) -> bool:
        """Say whether the recipe asks for a measurement after this step."""
        every = self._config.eval_every_steps
        return every is not None and self._announcer.progress.step % every == 0

    def is_enough(self) -> bool:
        """Say whether the loss has not improved for `patience` measurements."""
        patience, since = self._config.patience, self._announcer.progress.evaluations_since_best
        return patience is not None and since >= patience

    def is_best(self) -> bool:
        """Say whether the measurement after this step is the lowest so far, and is to be kept."""
        progress = self._announcer.progress
        return self._config.patience is not None and progress.best_step == progress.step

    def evaluate(self) -> Evaluation | ClassEvaluation | None:
        """Return what the model as it is makes of the validation split; None without one."""
        if self._shards is None:
            return None
        if self._config.task == "classify":
            return evaluate_classes(
                self._parallel.plain,
                self._shards,
                sequence_length=self._config.sequence_length,
                rows_each=self._config.rows_per_micro_batch(self._device.type),
                device=self._device,
            )
        return evaluate_loss(
            self._parallel,
            self._shards,
            sequence_length=self._config.sequence_length,
            rows_each=self._config.rows_per_micro_batch(self._device.type),
            device=self._device,
            token_bytes=self._token_bytes,
        )

    def measure(self) -> None:
        """Measure the validation loss of the model as it is, and write it down."""
        announcer, progress = self._announcer, self._announcer.progress
        if self._shards is not None:
            announcer.say("measuring the validation loss")
        found = self.evaluate()
        if found is None:
            return
        measured = {"step": progress.step, **found.to_json()}
        self._records.metric(measured)
        announcer.tell("on_evaluation", measured)
        if progress.step == 0:
            progress.first_validation_loss = found.loss
        else:
            self._judge(found.loss)
        progress.last_validation_loss = found.loss
        announcer.say(_message(found), validation_loss=found.loss)

    def _judge(self, loss: float | None) -> None:
        """Compare with the best loss after any step so far; the untrained model does not compete."""
        progress = self._announcer.progress
        best = progress.best_validation_loss
        if loss is not None and (best is None or loss < best):
            progress.best_validation_loss, progress.best_step = loss, progress.step
            progress.evaluations_since_best = 0
        else:
            progress.evaluations_since_best += 1


def tokenizer_of(config: TrainConfig) -> Path | None:
    """Return the tokenizer that the recipe names, else the one in the model's folder, else None.

    Examples
    --------
    >>> tokenizer_of(TrainConfig(model="no/such/model", epochs=1)) is None
    True
    """
    if config.tokenizer is not None:
        return config.tokenizer
    if isinstance(config.model, Mapping) or not (Path(config.model) / "tokenizer.json").is_file():
        return None
    return Path(config.model)


def _message(found: Evaluation | ClassEvaluation) -> str:
    if isinstance(found, ClassEvaluation):
        return found.message()
    if found.loss is None:
        return "the validation loss is not finite"
    perplexity = "beyond all bounds" if found.perplexity is None else f"{found.perplexity:.2f}"
    bits = "" if found.bits_per_byte is None else f", {found.bits_per_byte:.4f} bits a byte"
    return f"validation loss {found.loss:.4f}, perplexity {perplexity}{bits}"
