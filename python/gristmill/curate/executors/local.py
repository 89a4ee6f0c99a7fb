"""The executor for one machine: worker processes that run one task at a time, watched over by the driver.

A worker that dies (a crashing plugin, the kernel's out-of-memory killer, an operator's kill) is replaced and its task
is run again, at most `MAX_ATTEMPTS` times; tasks commit atomically, so a second attempt can do no harm. Workers are
fresh interpreters, never forks: native threads and locks do not survive a fork.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
from collections import deque
from dataclasses import dataclass, field
from typing import IO

from gristmill.curate.executors import TaskResult, TaskSpec
from gristmill.errors import GristmillError

MAX_ATTEMPTS = 3


@dataclass(slots=True)
class _Job:
    ticket: int
    task: TaskSpec
    attempts: int = 0


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    job: _Job | None = None
    received: bytearray = field(default_factory=bytearray)

    @property
    def answers(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def end(self) -> None:
        """Wait for a killed process and close its pipes."""
        self.process.wait()
        self.answers.close()
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def send(self, job: _Job) -> None:
        job.attempts += 1
        self.job = job
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(job.task).encode() + b"\n")
        self.process.stdin.flush()


class LocalExecutor:
    """Runs up to `workers` tasks at the same time, each in a process of its own.

    Parameters
    ----------
    workers
        Number of worker processes, at least 1. They start with the first task that needs them.
    """

    def __init__(self, workers: int) -> None:
        self._limit = workers
        self._workers: list[_Worker] = []
        self._waiting: deque[_Job] = deque()
        self._selector = selectors.DefaultSelector()
        self._next_ticket = 0

    def submit(self, task: TaskSpec) -> int:
        """Queue the task, and start it if a worker is free."""
        job = _Job(self._next_ticket, task)
        self._next_ticket += 1
        self._waiting.append(job)
        self._dispatch()
        return job.ticket

    def wait_any(self) -> TaskResult:
        """Return the next finished task."""
        while True:
            self._dispatch()
            for key, _ in self._selector.select():
                result = self._read(key.data)
                if result is not None:
                    return result

    def capacity(self) -> int:
        """Return the number of worker processes."""
        return self._limit

    def cancel(self) -> None:
        """End the workers. What they had not committed is lost, and done again by the next run."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.end()
        self._workers.clear()
        self._waiting.clear()
        self._selector.close()

    def _dispatch(self) -> None:
        while self._waiting:
            idle = next((worker for worker in self._workers if worker.job is None), None)
            if idle is None:
                if len(self._workers) >= self._limit:
                    return
                idle = self._start()
            job = self._waiting.popleft()
            try:
                idle.send(job)
            except BrokenPipeError:
                idle.job = None
                self._waiting.appendleft(job)
                self._bury(idle)

    def _start(self) -> _Worker:
        environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "POLARS_MAX_THREADS": "1"}
        # Native calls run in a thread each. glibc would give every new thread an arena of its own and keep them all:
        # four times the corpus then took half as much memory again.
        environment.setdefault("MALLOC_ARENA_MAX", "1")
        process = subprocess.Popen(
            [sys.executable, "-m", "gristmill.curate.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            # Ctrl-C at a terminal reaches the driver alone, which then ends its workers.
            process_group=0,
        )
        worker = _Worker(process)
        self._workers.append(worker)
        self._selector.register(worker.answers, selectors.EVENT_READ, worker)
        return worker

    def _bury(self, worker: _Worker) -> None:
        self._selector.unregister(worker.answers)
        self._workers.remove(worker)
        worker.process.kill()
        worker.end()

    def _read(self, worker: _Worker) -> TaskResult | None:
        chunk = os.read(worker.answers.fileno(), 1 << 16)
        if not chunk:
            return self._died(worker)
        worker.received += chunk
        if not worker.received.endswith(b"\n"):
            return None
        answer = json.loads(bytes(worker.received))
        worker.received.clear()
        job, worker.job = worker.job, None
        assert job is not None
        return TaskResult(
            ticket=job.ticket, manifest=answer.get("manifest"), error=_error(answer.get("error"))
        )

    def _died(self, worker: _Worker) -> TaskResult | None:
        job = worker.job
        worker.process.wait()
        status = worker.process.returncode
        self._bury(worker)
        if job is None:
            return None
        if job.attempts < MAX_ATTEMPTS:
            self._waiting.appendleft(job)
            return None
        hint = "look for the kernel's out-of-memory killer, or run with `--workers 1` to see the fault"
        if job.task.get("plugins"):
            hint += '; a plugin that crashes: `isolation = "process"` for its step'
        error = GristmillError(
            "GM-RUN-003",
            f"a worker died {job.attempts} times on the same task (last status `{status}`)",
            hint=hint,
        )
        return TaskResult(ticket=job.ticket, manifest=None, error=error)


def _error(answer: dict[str, object] | None) -> Exception | None:
    if answer is None:
        return None
    context = answer.get("context")
    lines = tuple(str(line) for line in context) if isinstance(context, list) else ()
    hint = answer.get("hint")
    return GristmillError(
        str(answer["code"]), str(answer["message"]), hint=None if hint is None else str(hint), context=lines
    )
