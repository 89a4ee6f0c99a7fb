"""Whether probabilities mean what they say.

N predictions of C classes; probabilities are float64 [N, C], rows add up to 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Classes = npt.NDArray[np.integer]

_GOLDEN = (5**0.5 - 1) / 2
_TEMPERATURES = (0.01, 100.0)
"""Where `fit_temperature` looks."""


def softmax(logits: Floats) -> Floats:
    """Return probabilities, float64 [N, C], of logits.

    Examples
    --------
    >>> softmax(np.array([[0.0, 0.0], [1000.0, 0.0]])).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), np.float64)


def log_loss(logits: Floats, labels: Classes) -> float:
    """Return the mean negative log-likelihood of the labels, in nats, from logits.

    Examples
    --------
    >>> round(log_loss(np.array([[0.0, 0.0]]), np.array([1])), 4)
    0.6931
    """
    highest = logits.max(axis=1)
    total = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    return float(np.mean(total - logits[np.arange(len(labels)), labels]))


def brier_score(probabilities: Floats, labels: Classes) -> float:
    """Return the mean over predictions of sum_c (p_c - [c is right])^2, in [0, 2].

    The original form of Brier 1950 ("Verification of forecasts expressed in terms of probability"), for any number of
    classes; for two it is twice the form that looks at one class only.

    Examples
    --------
    >>> brier_score(np.array([[0.8, 0.2], [0.5, 0.5]]), np.array([0, 1]))
    0.29
    """
    right = np.zeros_like(probabilities)
    right[np.arange(len(labels)), labels] = 1.0
    return float(((probabilities - right) ** 2).sum(axis=1).mean())


def calibration_error(confidences: Floats, is_right: npt.NDArray[np.bool_], *, num_bins: int = 15) -> float:
    """Return the expected calibration error over bins of equal mass, in [0, 1].

    sum_b n_b / N * |mean confidence in b - share that is right in b|. Predictions are sorted by confidence and cut
    into `num_bins` bins whose sizes differ by one at most (Nguyen and O'Connor 2015, "Posterior calibration and
    exploratory analysis"; Nixon et al. 2019, "Measuring calibration in deep learning", for why bins of equal width
    mislead). 15 bins as in Guo et al. 2017. Predictions of equal confidence stay in one bin, so that their order
    decides nothing. NaN without predictions. Time: one sort.

    Examples
    --------
    >>> round(calibration_error(np.array([0.9, 0.9, 0.6, 0.6]), np.array([True, True, True, False]), num_bins=2), 3)
    0.1
    """
    number = len(confidences)
    if number == 0:
        return float("nan")
    order = np.argsort(confidences, kind="stable")
    sorted_, right = confidences[order], is_right[order].astype(np.float64)
    cuts = np.round(np.linspace(0, number, min(num_bins, number) + 1)).astype(np.int64)
    # A cut between equal confidences moves in front of them.
    cuts = np.unique(np.searchsorted(sorted_, sorted_[cuts[:-1]], side="left"))
    sums = np.add.reduceat(sorted_ - right, cuts)
    return float(np.abs(sums).sum() / number)


def fit_temperature(logits: Floats, labels: Classes) -> float:
    """Return the temperature T that makes softmax(logits / T) most likely, in [0.01, 100].

    Guo et al. 2017, "On calibration of modern neural networks". The loss as a function of log T has one minimum
    (it is convex in 1 / T), found by golden-section search to a relative 1e-8. Fit it on data that the model was not
    trained on, and use it on other data; it changes no prediction. Time: some 50 passes.

    Examples
    --------
    >>> logits = np.array([[4.0, 0.0]] * 4)
    >>> round(fit_temperature(logits, np.array([0, 0, 0, 1])), 3)  # three in four: a logit of log 3
    3.641
    """
    low, high = np.log(_TEMPERATURES[0]), np.log(_TEMPERATURES[1])
    while high - low > 1e-8:
        width = _GOLDEN * (high - low)
        left, right = high - width, low + width
        if log_loss(logits / np.exp(left), labels) <= log_loss(logits / np.exp(right), labels):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))
