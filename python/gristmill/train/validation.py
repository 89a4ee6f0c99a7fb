"""The validation split in the loop: measured, written down, told to whoever watches."""

from __future__ import annotations

import torch

from gristmill.shards import Shards
from gristmill.train.config import TrainConfig
from gristmill.train.distributed.parallel import Parallel
from gristmill.train.evaluation import evaluate_loss
from gristmill.train.models import CausalModel
from gristmill.train.progress import Announcer
from gristmill.train.records import Records


class Validation:
    """Measures the validation loss when asked; does nothing without a validation split."""

    def __init__(
        self,
        config: TrainConfig,
        shards: Shards | None,
        causal: CausalModel | Parallel,
        records: Records,
        announcer: Announcer,
        device: torch.device,
    ) -> None:
        self._config = config
        self._shards = shards
        self._causal = causal
        self._records = records
        self._announcer = announcer
        self._device = device

    def is_due(self) -> bool:
        """Say whether the recipe asks for a measurement after this step."""
        every = self._config.eval_every_steps
        return every is not None and self._announcer.progress.step % every == 0

    def measure(self) -> None:
        """Measure the validation loss of the model as it is."""
        if self._shards is None:
            return
        announcer, progress = self._announcer, self._announcer.progress
        announcer.say("measuring the validation loss")
        found = evaluate_loss(
            self._causal,
            self._shards,
            sequence_length=self._config.sequence_length,
            rows_each=self._config.rows_per_micro_batch(self._device.type),
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
        announcer.tell("on_evaluation", measured)
        if progress.step == 0:
            progress.first_validation_loss = found.loss
        progress.last_validation_loss = found.loss
        message = "the validation loss is not finite"
        if found.loss is not None:
            perplexity = "beyond all bounds" if found.perplexity is None else f"{found.perplexity:.2f}"
            message = f"validation loss {found.loss:.4f}, perplexity {perplexity}"
        announcer.say(message, validation_loss=found.loss)
