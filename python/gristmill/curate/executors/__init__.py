"""Where tasks run.

An executor has four verbs: submit, wait for any, cancel, capacity. Only task descriptions and manifests, a few
kilobytes each, pass through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

TaskSpec = Mapping[str, object]
"""Description of a task: JSON values only, the same for every executor."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskResult:
    """What became of a submitted task.

    Parameters
    ----------
    ticket
        The number that `Executor.submit` gave.
    manifest
        The committed task manifest, or None when the task failed.
    error
        Why it failed, or None.
    """

    ticket: int
    manifest: Mapping[str, object] | None
    error: Exception | None


class Executor(Protocol):
    """Runs tasks somewhere; knows nothing of stages, documents or files."""

    def submit(self, task: TaskSpec) -> int:
        """Take a task and return its ticket. Returns at once."""
        ...

    def wait_any(self) -> TaskResult:
        """Return the next finished task; blocks while none is finished."""
        ...

    def cancel(self) -> None:
        """Stop all tasks and release everything. Committed work stays."""
        ...

    def capacity(self) -> int:
        """Return how many tasks run at the same time."""
        ...
