"""The learning rate of each step: a straight warm-up, then half a cosine down to a floor."""

from __future__ import annotations

import math


def learning_rate(
    step: int, num_steps: int, *, peak: float, warmup_fraction: float, min_fraction: float
) -> float:
    """Return the learning rate of a step, counted from 1.

    The warm-up takes ceil(warmup_fraction * num_steps) steps and reaches the peak with its last one; the last step
    of all has min_fraction * peak.

    Examples
    --------
    >>> [round(learning_rate(step, 5, peak=1.0, warmup_fraction=0.4, min_fraction=0.1), 3) for step in range(1, 6)]
    [0.5, 1.0, 0.775, 0.325, 0.1]
    """
    num_warmup = math.ceil(warmup_fraction * num_steps)
    if step <= num_warmup:
        return peak * step / num_warmup
    progress = (step - num_warmup) / max(1, num_steps - num_warmup)
    return peak * (min_fraction + (1 - min_fraction) * 0.5 * (1 + math.cos(math.pi * progress)))
