"""How well the classes of the validation split are found, whole and by source.

Shapes: N labelled documents, C classes.
"""

# ruff: noqa: N803, N806 - the suffixes of tensors are their shapes

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from gristmill.loader import Loader
from gristmill.metrics import accuracy, calibration_error, log_loss, macro_f1, softmax
from gristmill.shards import Shards
from gristmill.train.batches import collate
from gristmill.train.classify import class_logits
from gristmill.train.models import CausalModel


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassEvaluation:
    """Scores of a split, or of one source's part of it.

    Parameters
    ----------
    loss
        Mean cross-entropy, in nats a document; None when a logit is not finite, and then all scores are None.
    num_documents
        Labelled documents.
    accuracy, macro_f1, calibration_error
        As in `gristmill.metrics`; calibration of the probability of the predicted class, 15 bins of equal mass.
    sources
        The same by source, for those with a labelled document.
    """

    loss: float | None
    num_documents: int
    accuracy: float | None
    macro_f1: float | None
    calibration_error: float | None
    sources: Mapping[str, ClassEvaluation] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Return the values of a line in `metrics.jsonl`."""
        found: dict[str, object] = {
            "validation_loss": self.loss,
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "calibration_error": self.calibration_error,
            "validation_documents": self.num_documents,
        }
        if self.sources:
            found["sources"] = {name: part.to_json() for name, part in self.sources.items()}
        return found

    def message(self) -> str:
        """Return what is said while training.

        Examples
        --------
        >>> evaluation_of(np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([0, 1])).message()
        'validation loss 0.2201, accuracy 1.0000, macro F1 1.0000'
        """
        if self.loss is None:
            return "the validation loss is not finite"
        return f"validation loss {self.loss:.4f}, accuracy {self.accuracy:.4f}, macro F1 {self.macro_f1:.4f}"


def evaluation_of(
    logits_NC: npt.NDArray[np.float64],
    labels: npt.NDArray[np.int64],
    *,
    sources: Mapping[str, ClassEvaluation] | None = None,
) -> ClassEvaluation:
    """Return the scores of these logits.

    Examples
    --------
    >>> evaluation_of(np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([0, 0])).accuracy
    0.5
    """
    if not np.isfinite(logits_NC).all():
        return ClassEvaluation(
            loss=None,
            num_documents=len(labels),
            accuracy=None,
            macro_f1=None,
            calibration_error=None,
            sources=sources or {},
        )
    predictions = logits_NC.argmax(axis=1)
    confidences = softmax(logits_NC).max(axis=1)
    return ClassEvaluation(
        loss=log_loss(logits_NC, labels),
        num_documents=len(labels),
        accuracy=accuracy(labels, predictions),
        macro_f1=macro_f1(labels, predictions, num_classes=logits_NC.shape[1]),
        calibration_error=calibration_error(confidences, predictions == labels),
        sources=sources or {},
    )


def evaluate_classes(
    causal: CausalModel, shards: Shards, *, sequence_length: int, rows_each: int, device: torch.device
) -> ClassEvaluation | None:
    """Return the scores of a split; None when no document of it has a label.

    Each document is seen once, in shard order, without dropout. Time: one forward pass over the split.
    """
    if shards.num_tokens == 0:
        return None
    loader = Loader(shards, sequence_length=sequence_length, seed=0, is_shuffled=False)
    was_training = causal.model.training
    causal.model.eval()
    found, labels, sources = [], [], []
    with torch.no_grad():
        while (batch := loader.next_batch(num_rows=rows_each)) is not None:
            found.append(class_logits(causal, collate(batch.rows(), device)).double().cpu().numpy())
            labels.append(batch.labels.copy())
            sources.append(batch.sources.copy())
    causal.model.train(was_training)
    label, source, logits_NC = np.concatenate(labels), np.concatenate(sources), np.concatenate(found)
    is_labelled = label >= 0
    if not is_labelled.any():
        return None
    parts = {}
    for number, name in enumerate(shards.sources):
        own = is_labelled & (source == number)
        if own.any():
            parts[name] = evaluation_of(logits_NC[own], label[own])
    return evaluation_of(logits_NC[is_labelled], label[is_labelled], sources=parts)
