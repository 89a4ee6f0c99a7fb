"""How far the host keeps a step away from the run: its process, its deadline, its memory.

None of this changes a byte of what a good document gives, so none of it is in an operator's fingerprint. Not here:
how it is enforced (`guard` in this process, `isolated` in one of its own).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from gristmill.errors import GristmillError

if TYPE_CHECKING:
    from gristmill.plugins.operators import Operator

Isolation = Literal["none", "process"]
CONTAINMENT_KEYS = ("isolation", "deadline", "max_memory")
"""Recipe keys of a plugin step that say how it is contained."""
DEFAULT_DEADLINE_S = 600.0
MIN_MEMORY_BYTES = 128 << 20
"""An interpreter with Arrow and polars has taken about half of this before the operator does anything."""
_DURATION = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?) ?(?P<unit>ms|s|min|h)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True, kw_only=True, slots=True)
class Containment:
    """How a step is kept away from the run.

    Parameters
    ----------
    isolation
        ``"process"``: the operator lives in a process of its own; ``"none"``: in the run's.
    deadline_s
        Longest time for a batch, and for a document alone.
    max_memory_bytes
        Largest private memory of the operator's process; None without a limit.
    """

    isolation: Isolation = "none"
    deadline_s: float = DEFAULT_DEADLINE_S
    max_memory_bytes: int | None = None

    def describe(self) -> dict[str, object]:
        """Return it as the recipe's keys, for a plan."""
        return {
            "isolation": self.isolation,
            "deadline": f"{self.deadline_s:g}s",
            "max_memory": self.max_memory_bytes,
        }

    @classmethod
    def described(cls, description: Mapping[str, object]) -> Containment:
        """Return what `describe` described.

        Examples
        --------
        >>> Containment.described(Containment(deadline_s=5.0).describe()).words[:42]
        "in the run's process, 5 s a batch for Pyth"
        """
        return cls(
            isolation=cast(Isolation, description["isolation"]),
            deadline_s=parse_duration(description["deadline"]),
            max_memory_bytes=cast("int | None", description["max_memory"]),
        )

    @property
    def words(self) -> str:
        """What a plan says about it."""
        if self.isolation == "process":
            memory = "" if self.max_memory_bytes is None else f", {self.max_memory_bytes >> 20:,} MiB"
            return f"in a process of its own, {self.deadline_s:g} s a batch{memory}"
        return (
            f"in the run's process, {self.deadline_s:g} s a batch for Python code; native code that hangs or "
            'crashes needs `isolation = "process"`'
        )


def parse_containment(operator: type[Operator], step: Mapping[str, object], use: str) -> Containment:
    """Return how a recipe step is contained: its keys, else the operator's class attributes, else the defaults.

    Raises
    ------
    GristmillError
        GM-PLUGIN-009 for a value that does not fit.
    """
    wanted = {
        key: step[key] if step.get(key) is not None else getattr(operator, key, None)
        for key in CONTAINMENT_KEYS
    }
    isolation = wanted["isolation"] or "none"
    if isolation not in ("none", "process"):
        raise _refused(use, "isolation", '`"none"` or `"process"`', isolation)
    deadline_s = DEFAULT_DEADLINE_S
    if wanted["deadline"] is not None:
        deadline_s = parse_duration(wanted["deadline"])
        if deadline_s <= 0:
            raise _refused(use, "deadline", 'a time such as `"60s"` or `"10min"`', wanted["deadline"])
    max_memory_bytes = None
    if isolation == "process":
        if wanted["max_memory"] is not None:
            max_memory_bytes = _memory(use, wanted["max_memory"])
    elif step.get("max_memory") is not None:
        raise GristmillError(
            "GM-PLUGIN-009",
            f'`{use}`: key `max_memory` needs `isolation = "process"`',
            hint="memory is a process's; the run's own cannot be capped for one step",
        )
    return Containment(
        isolation=cast(Isolation, isolation), deadline_s=deadline_s, max_memory_bytes=max_memory_bytes
    )


def parse_duration(value: object) -> float:
    """Return a time in seconds, or 0.0 for what is none.

    Parameters
    ----------
    value
        A number of seconds, or a number with a unit: ms, s, min or h.

    Examples
    --------
    >>> parse_duration("1.5min"), parse_duration(2), parse_duration("soon")
    (90.0, 2.0, 0.0)
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    return 0.0 if match is None else float(match["number"]) * _UNIT_S[match["unit"]]


def _memory(use: str, value: object) -> int:
    from gristmill.recipe.values import parse_bytes

    try:
        num_bytes = parse_bytes(value)
    except ValueError:
        num_bytes = 0
    if num_bytes < MIN_MEMORY_BYTES:
        raise _refused(use, "max_memory", f'a size from {MIN_MEMORY_BYTES >> 20}MiB, such as `"2GiB"`', value)
    return num_bytes


def _refused(use: str, key: str, wanted: str, value: object) -> GristmillError:
    return GristmillError("GM-PLUGIN-009", f"`{use}`: key `{key}` must be {wanted}, not `{value}`")
