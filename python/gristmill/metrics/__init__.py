"""Pure statistics of predictions: how good, how sure, how certain that one model is better. Needs numpy only.

Not here: anything that runs a model or reads a file.
"""

from gristmill.metrics.calibration import (
    brier_score,
    calibration_error,
    fit_temperature,
    log_loss,
    softmax,
)
from gristmill.metrics.classification import ClassScores, accuracy, class_scores, confusion_matrix, macro_f1
from gristmill.metrics.comparisons import Difference, mcnemar_exact, paired_bootstrap
from gristmill.metrics.intervals import Interval, bootstrap_interval, t_interval, t_quantile

__all__ = [
    "ClassScores",
    "Difference",
    "Interval",
    "accuracy",
    "bootstrap_interval",
    "brier_score",
    "calibration_error",
    "class_scores",
    "confusion_matrix",
    "fit_temperature",
    "log_loss",
    "macro_f1",
    "mcnemar_exact",
    "paired_bootstrap",
    "softmax",
    "t_interval",
    "t_quantile",
]
