"""The learning rate of each step: a straight warm-up, then one of four shapes.

With p in (0, 1] the share of the steps after the warm-up that are done, and f the floor as a share of the peak:

- ``cosine``: f + (1 - f) (1 + cos(pi p)) / 2 (Loshchilov and Hutter 2017);
- ``linear``: f + (1 - f) (1 - p);
- ``wsd``: 1 for the first 80 % of all steps, then f + (1 - f) (1 - sqrt(q)) with q the share of the last 20 % that is
  done: warm-up, stable, decay (Hu et al. 2024, section 4), with the length and shape of Hägele et al. 2024, section 3;
- ``constant``: 1.
"""

from __future__ import annotations

import math

from gristmill.train.config import Schedule

WSD_DECAY_FRACTION = 0.2
"""Share of all steps in which `wsd` falls; Hägele et al. 2024 find 10 % to 20 % enough."""


def learning_rate(
    step: int,
    num_steps: int,
    *,
    peak: float,
    warmup_fraction: float,
    min_fraction: float,
    schedule: Schedule = "cosine",
) -> float:
    """Return the learning rate of a step, counted from 1.

    The warm-up takes ceil(warmup_fraction * num_steps) steps and reaches the peak with its last one; the last step
    of all has min_fraction * peak, unless the schedule is ``constant``.

    Examples
    --------
    >>> def rates(schedule):
    ...     options = {"peak": 1.0, "warmup_fraction": 0.4, "min_fraction": 0.1, "schedule": schedule}
    ...     return [round(learning_rate(step, 5, **options), 3) for step in range(1, 6)]
    >>> rates("cosine")
    [0.5, 1.0, 0.775, 0.325, 0.1]
    >>> rates("linear")
    [0.5, 1.0, 0.7, 0.4, 0.1]
    >>> rates("wsd")
    [0.5, 1.0, 1.0, 1.0, 0.1]
    >>> rates("constant")
    [0.5, 1.0, 1.0, 1.0, 1.0]
    """
    num_warmup = math.ceil(warmup_fraction * num_steps)
    if step <= num_warmup:
        return peak * step / num_warmup
    done = (step - num_warmup) / max(1, num_steps - num_warmup)
    if schedule == "cosine":
        height = 0.5 * (1 + math.cos(math.pi * done))
    elif schedule == "linear":
        height = 1 - done
    elif schedule == "wsd":
        num_falling = min(math.ceil(WSD_DECAY_FRACTION * num_steps), num_steps - num_warmup)
        num_left = num_steps - step
        height = 1 - math.sqrt(max(0.0, 1 - num_left / num_falling))
    else:
        return peak
    return peak * (min_fraction + (1 - min_fraction) * height)
