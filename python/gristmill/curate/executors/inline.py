"""The executor with one worker: this process. No start-up cost, and a debugger sees everything."""

from __future__ import annotations

from collections import deque

from gristmill.curate.executors import TaskResult, TaskSpec
from gristmill.curate.task import TaskRunner


class InlineExecutor:
    """Runs tasks in the calling process, one after the other, in the order in which they were submitted."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, TaskSpec]] = deque()
        self._runner = TaskRunner()
        self._next_ticket = 0

    def submit(self, task: TaskSpec) -> int:
        """Queue the task; it runs in `wait_any`."""
        ticket = self._next_ticket
        self._next_ticket += 1
        self._waiting.append((ticket, task))
        return ticket

    def wait_any(self) -> TaskResult:
        """Run the oldest queued task and return what became of it."""
        ticket, task = self._waiting.popleft()
        try:
            return TaskResult(ticket=ticket, manifest=self._runner.run(task), error=None)
        except Exception as error:  # noqa: BLE001 - whatever a task raises is its result, as from another process
            return TaskResult(ticket=ticket, manifest=None, error=error)

    def cancel(self) -> None:
        """Forget queued tasks."""
        self._waiting.clear()
        self._runner.close()

    def capacity(self) -> int:
        """Return 1."""
        return 1
