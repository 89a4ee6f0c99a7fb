"""Whether one model is better than another on the same items."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gristmill.metrics.intervals import NUM_DRAWS, Indices, resampled


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Statistic of the second minus that of the first.

    Parameters
    ----------
    value, low, high
        The difference and its interval.
    p_value
        Two-sided, in (0, 1]: how often draws, moved so that there is no difference, give one as large.
    """

    value: float
    low: float
    high: float
    p_value: float

    def to_json(self) -> dict[str, float]:
        """Return it as plain values."""
        return {"value": self.value, "low": self.low, "high": self.high, "p_value": self.p_value}


def mcnemar_exact(first_is_right: npt.NDArray[np.bool_], second_is_right: npt.NDArray[np.bool_]) -> float:
    """Return the two-sided p-value of McNemar's exact test for two models on the same items, in (0, 1].

    Of the b + c items that only one of them gets right, b go to the first; without a difference that is binomial with
    1/2. p = min(1, 2 P(X <= min(b, c))) (McNemar 1947; exact form: Agresti, Categorical Data Analysis, section 11.1).
    Items that both get right or wrong say nothing. Time: b + c terms.

    Examples
    --------
    >>> first = np.array([True] * 2 + [False] * 10 + [True] * 50)
    >>> second = np.array([False] * 2 + [True] * 10 + [True] * 50)
    >>> round(mcnemar_exact(first, second), 4)
    0.0386
    """
    only_first = int(np.count_nonzero(first_is_right & ~second_is_right))
    only_second = int(np.count_nonzero(second_is_right & ~first_is_right))
    number, fewer = only_first + only_second, min(only_first, only_second)
    # Whole numbers: exact for any number of items.
    ways = sum(math.comb(number, count) for count in range(fewer + 1))
    return min(1.0, float(2 * ways / 2**number))


def paired_bootstrap(
    first: Callable[[Indices], float],
    second: Callable[[Indices], float],
    num_items: int,
    *,
    groups: npt.NDArray[np.integer] | None = None,
    confidence: float = 0.95,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> Difference:
    """Return how far the second model's statistic lies above the first's, both on the same draws of items.

    The interval is that of percentiles; the p-value counts draws whose difference is further from the observed one
    than that is from zero, with one added to both counts (Efron and Tibshirani 1993, chapters 13 and 16; Davison and
    Hinkley 1997, section 4.2). Pairing takes out what makes items easy or hard for both.

    Parameters
    ----------
    first, second
        Take positions of items, with repeats, and return a statistic on them.
    num_items, groups, confidence, num_draws, seed
        As in `bootstrap_interval`. Time: `num_draws` calls of both.

    Examples
    --------
    >>> first = np.array([1.0] * 60 + [0.0] * 40)
    >>> second = np.array([1.0] * 75 + [0.0] * 25)
    >>> found = paired_bootstrap(lambda at: float(first[at].mean()), lambda at: float(second[at].mean()), 100)
    >>> round(found.value, 2), found.low > 0, found.p_value < 0.01
    (0.15, True, True)
    """
    chance = np.random.default_rng(seed)
    everything = np.arange(num_items)
    value = second(everything) - first(everything)
    found = []
    for _ in range(num_draws):
        items = resampled(num_items, groups=groups, chance=chance)
        found.append(second(items) - first(items))
    draws = np.array([draw for draw in found if not math.isnan(draw)])
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    num_further = int(np.count_nonzero(np.abs(draws - value) >= abs(value)))
    return Difference(
        value=value, low=float(low), high=float(high), p_value=(num_further + 1) / (len(draws) + 1)
    )
