"""Values for fine-tuning on little data, where the recipe leaves them open.

Fine-tuning on few documents is unstable with the values that suit large sets: of twenty seeds some fail (Mosbach et al.
2021, "On the stability of fine-tuning BERT"; Zhang et al. 2021, "Revisiting few-sample BERT fine-tuning"). Both find
the same remedy: AdamW with its bias correction (ours always has it), a small rate with a longer warm-up, small batches,
and more epochs than usual. Mosbach et al.: 2e-5, warm-up over 10 %, 16 documents a batch, 20 epochs. The length of a
training is always the recipe's, so it is not chosen here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from gristmill.train.config import TrainConfig

SMALL_DOCUMENTS = 10_000
"""Zhang et al. call fewer than ten thousand examples few."""
LEARNING_RATE = 2e-5
WARMUP_FRACTION = 0.1
DOCUMENTS_PER_STEP = 16


def with_stable_values(
    config: TrainConfig, given: Collection[str], *, num_documents: int, num_tokens: int
) -> TrainConfig:
    """Return a configuration with what was chosen in it, and why in its `chosen`; the same one for a large split.

    A model from scratch is left alone: these values are for weights that already know something.

    Parameters
    ----------
    config
        As the recipe says, defaults filled in.
    given
        Keys of `[train]` that the recipe holds.
    num_documents, num_tokens
        Of the training split.

    Examples
    --------
    >>> config = TrainConfig(model="models/small", method="full", epochs=20, sequence_length=512)
    >>> found = with_stable_values(config, {"epochs", "learning_rate"}, num_documents=900, num_tokens=90_000)
    >>> found.learning_rate, found.warmup_fraction, found.batch_tokens
    (0.0002, 0.1, 1536)
    """
    if isinstance(config.model, Mapping) or not 0 < num_documents < SMALL_DOCUMENTS:
        return config
    rows = max(1, round(DOCUMENTS_PER_STEP * num_tokens / num_documents / config.sequence_length))
    values: dict[str, float | int] = {
        "warmup_fraction": WARMUP_FRACTION,
        "batch_tokens": min(config.batch_tokens, rows * config.sequence_length),
    }
    if config.method == "full":
        values["learning_rate"] = LEARNING_RATE
    reasons = {
        "warmup_fraction": "a longer warm-up keeps seeds from failing (Mosbach et al. 2021)",
        "batch_tokens": f"about {DOCUMENTS_PER_STEP} documents a step (Mosbach et al. 2021)",
        "learning_rate": "a small rate for all weights (Mosbach et al. 2021)",
    }
    chosen = {name: value for name, value in values.items() if name not in given}
    why = {
        name: f"{reasons[name]}, for there are only {num_documents:,} documents" for name in sorted(chosen)
    }
    return replace(config, chosen=why, **chosen)  # type: ignore[arg-type]
