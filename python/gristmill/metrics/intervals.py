"""Intervals for a mean over few runs, and for any statistic over many items."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]

NUM_DRAWS = 10_000
"""Draws of a bootstrap: the ends of a 95 % interval then move by about a fiftieth of its width from seed to seed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """An estimate and the ends of its interval.

    Examples
    --------
    >>> Interval(value=0.5, low=0.4, high=0.7).to_json()
    {'value': 0.5, 'low': 0.4, 'high': 0.7}
    """

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """Return it as plain values."""
        return {"value": self.value, "low": self.low, "high": self.high}


def t_quantile(probability: float, degrees: int) -> float:
    """Return the quantile of Student's t distribution with whole degrees of freedom.

    The distribution function is Abramowitz and Stegun 1964, 26.7.3 and 26.7.4 (finite sums of cosines), inverted by
    bisection to 1e-12 of the angle. Time: degrees * 60 products.

    Examples
    --------
    >>> round(t_quantile(0.975, 2), 3), round(t_quantile(0.975, 9), 3)
    (4.303, 2.262)
    """
    if degrees < 1 or not 0 < probability < 1:
        raise ValueError(f"probability {probability}, {degrees} degrees of freedom")
    low, high = -math.pi / 2, math.pi / 2
    while high - low > 1e-13:
        middle = (low + high) / 2
        low, high = (middle, high) if _t_probability(middle, degrees) < probability else (low, middle)
    return math.tan((low + high) / 2) * math.sqrt(degrees)


def _t_probability(angle: float, degrees: int) -> float:
    """Return P(t <= tan(angle) * sqrt(degrees))."""
    sine, cosine = math.sin(angle), math.cos(angle)
    is_odd = degrees % 2 == 1
    term, total = (cosine, cosine) if is_odd else (1.0, 1.0)
    for place in range(3 if is_odd else 2, degrees - 1, 2):
        term *= cosine**2 * (place - 1) / place
        total += term
    if not is_odd:
        return 0.5 + 0.5 * sine * total
    inside = angle if degrees == 1 else angle + sine * total
    return 0.5 + inside / math.pi


def t_interval(values: Sequence[float], *, confidence: float = 0.95) -> Interval:
    """Return mean +- t * s / sqrt(n): the interval of a mean over n independent runs, such as seeds (Student 1908).

    s has n - 1 in its denominator. For one value the interval is unbounded.

    Examples
    --------
    >>> interval = t_interval([0.90, 0.92, 0.94])
    >>> round(interval.value, 4), round(interval.low, 4), round(interval.high, 4)
    (0.92, 0.8703, 0.9697)
    """
    if not values:
        raise ValueError("no values")
    mean = float(np.mean(values))
    if len(values) == 1:
        return Interval(value=mean, low=-math.inf, high=math.inf)
    reach = (
        t_quantile((1 + confidence) / 2, len(values) - 1)
        * float(np.std(values, ddof=1))
        / math.sqrt(len(values))
    )
    return Interval(value=mean, low=mean - reach, high=mean + reach)


def resampled(
    num_items: int, *, groups: npt.NDArray[np.integer] | None, chance: np.random.Generator
) -> Indices:
    """Return positions of items drawn with replacement: whole groups where there are any, else single items.

    Examples
    --------
    >>> found = resampled(4, groups=np.array([7, 7, 9, 9]), chance=np.random.default_rng(0))
    >>> sorted(set(np.bincount(found, minlength=4)[[0, 2]] - np.bincount(found, minlength=4)[[1, 3]]))
    [np.int64(0)]
    """
    if groups is None:
        return chance.integers(0, num_items, num_items)
    _, group_of = np.unique(groups, return_inverse=True)
    members = np.argsort(group_of, kind="stable")
    sizes = np.bincount(group_of)
    starts = np.cumsum(sizes) - sizes
    drawn = chance.integers(0, len(sizes), len(sizes))
    return np.concatenate([members[starts[one] : starts[one] + sizes[one]] for one in drawn])


def bootstrap_interval(
    statistic: Callable[[Indices], float],
    num_items: int,
    *,
    groups: npt.NDArray[np.integer] | None = None,
    confidence: float = 0.95,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> Interval:
    """Return a percentile bootstrap interval of a statistic of items (Efron and Tibshirani 1993, chapter 13).

    Parameters
    ----------
    statistic
        Takes positions of items, with repeats, and returns its value on them.
    num_items
        Items there are.
    groups
        Group of each item, where items are not independent (messages of a sender): groups are drawn, not items.
    confidence
        In (0, 1).
    num_draws, seed
        Draws; the same seed gives the same interval. Time: `num_draws` calls of the statistic.

    Draws on which the statistic is NaN are left out.

    Examples
    --------
    >>> right = np.array([1.0] * 80 + [0.0] * 20)
    >>> interval = bootstrap_interval(lambda items: float(right[items].mean()), 100)
    >>> interval.value, 0.70 < interval.low < 0.74, 0.86 < interval.high < 0.89
    (0.8, True, True)
    """
    chance = np.random.default_rng(seed)
    draws = [statistic(resampled(num_items, groups=groups, chance=chance)) for _ in range(num_draws)]
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(np.array(draws), [tail, 1 - tail])
    return Interval(value=statistic(np.arange(num_items)), low=float(low), high=float(high))
