"""The factor that keeps small gradients above float16's smallest number (Micikevicius et al. 2018, section 3.2).

The loss is multiplied by it before the backward pass and gradients are divided by it after. A gradient that overflows
says that it was too large: the step is left out and the factor halved. After 2,000 steps without that it is doubled.
Only with `precision = "fp16"`: bf16 and float32 have room enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FIRST_SCALE = 2.0**16
STEPS_TO_GROW = 2000
"""As in torch's `GradScaler`, with its first factor."""
LARGEST_SCALE = 2.0**24


@dataclass(slots=True)
class LossScale:
    """The factor, and the steps since it last changed.

    Examples
    --------
    >>> scale = LossScale()
    >>> scale.update(is_overflow=True)
    >>> scale.factor
    32768.0
    """

    factor: float = FIRST_SCALE
    num_steps: int = 0

    def restore(self, state: Mapping[str, object]) -> None:
        """Take over what a checkpoint holds."""
        self.factor, self.num_steps = float(str(state["factor"])), int(str(state["num_steps"]))

    def can_fall(self) -> bool:
        """Say whether an overflow is answered by a smaller factor; at 1 it is the gradient's own."""
        return self.factor > 1

    def update(self, *, is_overflow: bool) -> None:
        """Take note of a step."""
        self.num_steps += 1
        if is_overflow:
            self.factor, self.num_steps = max(1.0, self.factor / 2), 0
        elif self.num_steps >= STEPS_TO_GROW:
            self.factor, self.num_steps = min(LARGEST_SCALE, self.factor * 2), 0
