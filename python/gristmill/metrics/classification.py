"""Accuracy, precision, recall and F1 of predicted classes.

Classes are numbers from 0 to C - 1; N predictions. Time and memory: one pass, and C * C counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Classes = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassScores:
    """Scores of each class: arrays of C.

    Parameters
    ----------
    support
        int64: how often the class is right.
    predicted
        int64: how often it was predicted.
    precision
        float64 in [0, 1]: share of its predictions that are right; 0 where it was never predicted.
    recall
        float64 in [0, 1]: share of its cases that were found; 0 where it has none.
    f1
        float64 in [0, 1]: 2 TP / (support + predicted); NaN where the class has no case and no prediction, for then
        there is nothing to score.
    """

    support: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    precision: Floats
    recall: Floats
    f1: Floats


def accuracy(labels: Classes, predictions: Classes) -> float:
    """Return the share of predictions that are right, in [0, 1]; NaN for none.

    Examples
    --------
    >>> accuracy(np.array([0, 1, 1]), np.array([0, 1, 0]))
    0.6666666666666666
    """
    _check(labels, predictions)
    return float(np.mean(labels == predictions)) if len(labels) else float("nan")


def confusion_matrix(labels: Classes, predictions: Classes, *, num_classes: int) -> npt.NDArray[np.int64]:
    """Return counts, int64 [C, C]: row the right class, column the predicted one.

    Raises
    ------
    ValueError
        When a class is not in 0 .. C-1, or the two differ in length.

    Examples
    --------
    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 0]), num_classes=2).tolist()
    [[1, 0], [1, 1]]
    """
    _check(labels, predictions)
    for found in (labels, predictions):
        if len(found) and not (found.min() >= 0 and found.max() < num_classes):
            raise ValueError(f"a class outside of 0 .. {num_classes - 1}")
    places = labels.astype(np.int64) * num_classes + predictions
    return np.bincount(places, minlength=num_classes**2).reshape(num_classes, num_classes)


def class_scores(labels: Classes, predictions: Classes, *, num_classes: int) -> ClassScores:
    """Return precision, recall and F1 of every class.

    Examples
    --------
    >>> scores = class_scores(np.array([0, 1, 1]), np.array([0, 1, 0]), num_classes=3)
    >>> scores.precision.tolist(), scores.recall.tolist()
    ([0.5, 1.0, 0.0], [1.0, 0.5, 0.0])
    >>> scores.f1.round(3).tolist()
    [0.667, 0.667, nan]
    """
    counts = confusion_matrix(labels, predictions, num_classes=num_classes)
    support, predicted, right = counts.sum(1), counts.sum(0), counts.diagonal()

    def share(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64], empty: float) -> Floats:
        return np.asarray(
            np.divide(part, whole, out=np.full(num_classes, empty), where=whole > 0), np.float64
        )

    return ClassScores(
        support=support,
        predicted=predicted,
        precision=share(right, predicted, 0.0),
        recall=share(right, support, 0.0),
        f1=share(2 * right, support + predicted, float("nan")),
    )


def macro_f1(labels: Classes, predictions: Classes, *, num_classes: int) -> float:
    """Return the mean of the F1 of all classes that have a case or a prediction, in [0, 1]; NaN where none has.

    The mean of F1 values, not the F1 of mean precision and recall (the two differ: Opitz and Burst 2019, "Macro F1 and
    macro F1"). A class that is absent from labels and predictions alike is left out, as scikit-learn does it when it
    is not told the classes; one that is only predicted, or only missed, counts as 0.

    Examples
    --------
    >>> round(macro_f1(np.array([0, 1, 1]), np.array([0, 1, 0]), num_classes=3), 3)
    0.667
    >>> macro_f1(np.array([0, 0]), np.array([0, 2]), num_classes=3)
    0.3333333333333333
    """
    f1 = class_scores(labels, predictions, num_classes=num_classes).f1
    there = f1[~np.isnan(f1)]
    return float(there.mean()) if len(there) else float("nan")


def _check(labels: Classes, predictions: Classes) -> None:
    if labels.shape != predictions.shape or labels.ndim != 1:
        raise ValueError(f"labels are {labels.shape}, predictions {predictions.shape}")
