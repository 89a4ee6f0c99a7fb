"""Starts the processes of a training, answers rank 0, and ends all of them when one fails.

The caller's process trains nothing itself: it stays free to notice a death, Ctrl-C, or an error, whatever the others
wait for. Rank 0 calls back over its pipe, so events, callbacks and requests to stop stay in the caller's process.
Whatever happens, no process is left when `launch` returns.
"""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from gristmill.errors import GristmillError
from gristmill.train.distributed.worker import Call, Done, Failed, work

PRELOADED = ("gristmill.train.run", "transformers.models.auto.modeling_auto", "peft")
"""What the server of processes imports once, so that processes on a CPU start in a tenth of a second."""
GATHERING_S = 1.0
"""After a first failure: time for others to say what they met, of which the cause is picked."""
ENDING_S = 5.0
"""How long a process that has done its work may take to leave."""

Answers = Mapping[str, Callable[..., object]]
"""What rank 0 may call in the caller's process, by name."""


@dataclass(slots=True)
class _Member:
    """One process, seen from the caller's."""

    rank: int
    process: BaseProcess
    pipe: connection.Connection
    done: Done | None = None
    failed: Failed | None = None
    is_open: bool = True


def num_processes(asked: int | None) -> int:
    """Return how many processes train: one a GPU by default, one on a CPU.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-040`` for fewer than one, or more than there are GPUs.

    Examples
    --------
    >>> num_processes(1)
    1
    """
    num_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if asked is None:
        return max(1, num_gpus)
    if asked < 1 or (num_gpus and asked > num_gpus):
        have = f"this machine has {num_gpus} GPUs" if num_gpus else "it has to be at least 1"
        raise GristmillError("GM-TRAIN-040", f"`--processes` is `{asked}`; {have}")
    return asked


def launch(
    target: Callable[..., object], arguments: Sequence[object], *, size: int, answers: Answers
) -> object:
    """Run ``target(world, link, *arguments)`` in `size` processes, and return what it returns on rank 0.

    Parameters
    ----------
    target
        A function of a module; it and its arguments are pickled. `link` calls `answers` on rank 0.
    size
        Number of processes.
    answers
        Called in this process, one at a time. What they raise ends all processes and comes out of here.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-041`` when a process died, ``GM-TRAIN-042`` when they lost each other, or what a rank raised.
    """
    context = _context()
    members: list[_Member] = []
    with tempfile.TemporaryDirectory(prefix="gristmill-ranks-") as folder:
        try:
            for rank in range(size):
                members.append(_start(context, rank, size, Path(folder), target, arguments))
            return _serve(members, answers)
        finally:
            for member in members:
                if member.done is not None:
                    member.process.join(ENDING_S)
                member.process.kill()
            for member in members:
                member.process.join()
                member.pipe.close()


def _context() -> BaseContext:
    """Return how processes start: forked by a server that has imported torch, or, for GPUs, from nothing.

    A process must not be forked from one that has touched CUDA, and importing may touch it.
    """
    if torch.cuda.is_available():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    return context


def _start(
    context: BaseContext,
    rank: int,
    size: int,
    folder: Path,
    target: Callable[..., object],
    arguments: Sequence[object],
) -> _Member:
    ours, theirs = context.Pipe()
    process = context.Process(  # type: ignore[attr-defined]
        target=work,
        args=(rank, size, folder, theirs, target, tuple(arguments)),
        name=f"gristmill-rank-{rank}",
    )
    with _terminate_ignored():
        process.start()
    theirs.close()
    return _Member(rank, process, ours)


@contextmanager
def _terminate_ignored() -> Iterator[None]:
    """Let what starts inside ignore SIGTERM, as a group of processes gets it: the caller decides what it means."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _serve(members: list[_Member], answers: Answers) -> object:
    """Answer calls until every process is done; raise the cause when one is not."""
    failed_s: float | None = None
    while open_members := [member for member in members if member.is_open]:
        timeout = None if failed_s is None else failed_s + GATHERING_S - time.monotonic()
        if timeout is not None and timeout <= 0:
            break
        by_pipe = {member.pipe: member for member in open_members}
        for pipe in connection.wait(list(by_pipe), timeout):
            assert isinstance(pipe, connection.Connection), "these were asked for"
            member = by_pipe[pipe]
            _receive(member, answers, is_answered=failed_s is None)
            if failed_s is None and not member.is_open and member.done is None:
                failed_s = time.monotonic()
    if failed_s is not None:
        raise _cause(members)
    done = members[0].done
    assert done is not None, "no process failed"
    return done.value


def _receive(member: _Member, answers: Answers, *, is_answered: bool) -> None:
    try:
        message = member.pipe.recv()
    except (EOFError, ConnectionError):
        member.is_open = False
        return
    match message:
        case Call(name, values):
            if is_answered:
                member.pipe.send(answers[name](*values))
        case Done():
            member.done, member.is_open = message, False
        case Failed():
            member.failed, member.is_open = message, False


def _cause(members: list[_Member]) -> BaseException:
    """Return the failure that the others followed from."""
    failures = [member for member in members if member.failed is not None]
    for member in failures:
        assert member.failed is not None, "selected so"
        if isinstance(member.failed.error, GristmillError):
            return member.failed.error
    for member in failures:
        assert member.failed is not None, "selected so"
        if not member.failed.is_of_others:
            member.failed.error.add_note(f"on rank {member.rank}:\n{member.failed.trace}")
            return member.failed.error
    for member in members:
        if not member.is_open and member.done is None and member.failed is None:
            member.process.join()
            return _died(member)
    first = failures[0].failed
    assert first is not None, "selected so"
    return GristmillError(
        "GM-TRAIN-042",
        "the processes of the training lost each other",
        hint="the same command continues from the last checkpoint",
        context=(first.trace.strip().splitlines()[-1],),
    )


def _died(member: _Member) -> GristmillError:
    code = member.process.exitcode
    how = f"ended with exit code {code}"
    if code is not None and code < 0:
        how = f"was ended by signal {-code} ({signal.Signals(-code).name})"
    return GristmillError(
        "GM-TRAIN-041",
        f"rank {member.rank} of the training {how}",
        hint="the same command continues from the last checkpoint",
        context=("SIGKILL often comes from the system, when memory is short",)
        if code == -signal.SIGKILL
        else (),
    )
