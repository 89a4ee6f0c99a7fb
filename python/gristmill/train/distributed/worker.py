"""What each process of a training runs: it joins the others, does its work, and tells the caller how it ended.

A process ignores Ctrl-C and SIGTERM, which are for the caller to interpret, and ends at once when the caller has died.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import connection
from pathlib import Path

import torch
import torch.distributed as dist

from gristmill.train.distributed.world import World

TIME_LIMIT = timedelta(minutes=30)
"""How long a rank waits for the others: above the writing of any checkpoint, below a lost night."""


@dataclass(frozen=True, slots=True)
class Call:
    """Rank 0 wants an answer."""

    name: str
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """A rank is at its end; rank 0 says with what."""

    value: object


@dataclass(frozen=True, slots=True)
class Failed:
    """A rank met an error; `is_of_others` when it is that another is gone."""

    error: BaseException
    trace: str
    is_of_others: bool


class Link:
    """The caller's process, seen from rank 0; on other ranks every call returns None at once."""

    def __init__(self, pipe: connection.Connection | None) -> None:
        self._pipe = pipe

    def call(self, name: str, *values: object) -> object:
        """Return what the caller's function of this name returns; values are pickled. Time: about 0.1 ms."""
        if self._pipe is None:
            return None
        self._pipe.send(Call(name, values))
        return self._pipe.recv()

    def on_event(self, event: Mapping[str, object]) -> None:
        """Tell the caller what happens."""
        self.call("on_event", event)


def work(
    rank: int,
    size: int,
    folder: Path,
    pipe: connection.Connection,
    target: Callable[..., object],
    arguments: tuple[object, ...],
) -> None:
    """Be one rank: the main function of a process that `launch` started."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _end_with_the_caller()
    try:
        world = _join(rank, size, folder)
        value = target(world, Link(pipe if world.is_main else None), *arguments)
        pipe.send(Done(value if world.is_main else None))
    except BaseException as error:  # noqa: BLE001 - the caller raises it
        pipe.send(Failed(_as_pickled(error), traceback.format_exc(), is_of_others=_is_of_others(error)))
        # Ending in order would wait for ranks that wait for this one.
        os._exit(1)
    dist.destroy_process_group()


def _join(rank: int, size: int, folder: Path) -> World:
    """Return this rank's world, once every rank is there. Nothing listens beyond this machine."""
    loopback = "lo" if Path("/sys/class/net/lo").exists() else "lo0"
    os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
    os.environ.setdefault("NCCL_SOCKET_IFNAME", loopback)
    has_gpus = torch.cuda.is_available()
    device = torch.device("cuda", rank) if has_gpus else torch.device("cpu")
    if has_gpus:
        torch.cuda.set_device(device)
    scratch = None
    if rank > 0:
        scratch = folder / f"rank-{rank}"
        scratch.mkdir()
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if has_gpus else "gloo",
        store=dist.FileStore(str(folder / "store"), size),  # type: ignore[attr-defined]
        rank=rank,
        world_size=size,
        timeout=TIME_LIMIT,
        device_id=device if has_gpus else None,
    )
    return World(rank=rank, size=size, device=device, scratch=scratch)


def _end_with_the_caller() -> None:
    """Watch the caller's process from a thread: without it nobody would end this one."""
    caller = multiprocessing.parent_process()
    assert caller is not None, "started by `launch`"

    def watch() -> None:
        connection.wait([caller.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="gristmill-caller", daemon=True).start()


def _is_of_others(error: BaseException) -> bool:
    """Say whether an error is only that another rank is gone or late."""
    return isinstance(error, dist.DistError) or (
        isinstance(error, RuntimeError) and "gloo" in str(error).lower()
    )


def _as_pickled(error: BaseException) -> BaseException:
    """Return the error, or one with its words if it cannot travel."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    except Exception:  # noqa: BLE001 - anything may be wrong with a foreign exception
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
