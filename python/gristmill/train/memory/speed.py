"""How fast this machine is, measured in half a second and remembered, and what a step's operations take at that speed.

Three numbers: matrix products, movement of memory, and the cost of starting an operation at all. Each operation takes
the longer of its arithmetic and its movement (the roofline of Williams, Waterman and Patterson 2009), plus the start.
It is an estimate: kernels of other shapes than the measured ones run faster or slower.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from gristmill.train.files import read_json, write_json
from gristmill.train.memory.footprint import Footprint, Work

MATRIX_SIZE = {"cpu": 1024, "cuda": 8192}
MOVED_FLOATS = {"cpu": 1 << 23, "cuda": 1 << 28}
NUM_OPERATIONS = 300
NUM_REPEATS = 5
"""The fastest of so many counts: others only show what else the machine was doing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """What a device does in a second.

    Parameters
    ----------
    flops_per_s
        Floating-point operations in large matrix products of a dtype.
    bytes_per_s
        Bytes read and written by a large addition.
    seconds_per_operation
        What an operation on next to nothing takes, with its part of the backward pass.

    Examples
    --------
    >>> speed = Speed(flops_per_s=1e9, bytes_per_s=1e9, seconds_per_operation=1e-5)
    >>> round(speed.seconds({(2 * 10**9, 10**6): 2, (0, 0): 100}), 5)
    4.00102
    """

    flops_per_s: float
    bytes_per_s: float
    seconds_per_operation: float

    def seconds(self, work: Work) -> float:
        """Return what this work takes, one operation after the other."""
        return sum(
            times * (max(flops / self.flops_per_s, moved / self.bytes_per_s) + self.seconds_per_operation)
            for (flops, moved), times in work.items()
        )


def seconds_per_step(footprint: Footprint, speed: Speed, *, batch_tokens: int) -> float:
    """Return what a step of so many tokens takes: its micro-batches and one update."""
    num_micro_batches = batch_tokens / footprint.micro_batch_tokens
    return num_micro_batches * speed.seconds(footprint.micro_batch_work) + speed.seconds(
        footprint.update_work
    )


def speed_of(device: torch.device, dtype: torch.dtype, *, cache: Path | None = None) -> Speed:
    """Return the speed of a device for matrix products of a dtype: remembered, or measured now.

    Parameters
    ----------
    cache
        File that remembers; by default `gristmill/speed.json` in the user's cache folder. It may be removed.
    """
    path = _cache_file() if cache is None else cache
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    key = f"{name}, {torch.get_num_threads()} threads, {dtype}, torch {torch.__version__}"
    known = read_json(path) or {}
    found = known.get(key)
    if isinstance(found, Mapping) and found.keys() == set(Speed.__slots__):
        return Speed(**found)
    measured = measure(device, dtype)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {**known, key: asdict(measured)})
    except OSError:
        pass  # A read-only home: the next call measures again.
    return measured


def measure(device: torch.device, dtype: torch.dtype) -> Speed:
    """Return the speed of a device, measured. Time: 0.3 s on two cores of a CPU, less on a GPU."""
    size, number = MATRIX_SIZE[device.type], MOVED_FLOATS[device.type]
    # Filled, not drawn: nobody's random numbers change.
    left = torch.full((size, size), 0.5, device=device, dtype=dtype)
    floats = torch.full((number,), 0.5, device=device)
    result = torch.empty_like(floats)
    small = torch.full((8,), 0.5, device=device, requires_grad=True)

    def start_many() -> None:
        value = small
        for _ in range(NUM_OPERATIONS // 2):
            value = value * 1.0
        value.sum().backward()  # type: ignore[no-untyped-call]

    return Speed(
        flops_per_s=2 * size**3 / _fastest(lambda: torch.mm(left, left), device),
        bytes_per_s=8 * number / _fastest(lambda: torch.add(floats, 1.0, out=result), device),
        seconds_per_operation=_fastest(start_many, device) / NUM_OPERATIONS,
    )


def _fastest(call: Callable[[], object], device: torch.device) -> float:
    seconds = []
    for _ in range(NUM_REPEATS):
        started_s = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - started_s)
    return min(seconds)


def _cache_file() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gristmill" / "speed.json"


def _processor() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        if line.startswith("model name")
    ]
    return names[0] if names else "CPU"
