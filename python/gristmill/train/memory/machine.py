"""What memory there is: the device's own, or the machine's within its control group."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

CONTEXT_BYTES = 640 << 20
"""What a CUDA context and the libraries' workspaces take before a tensor exists: an allowance, not measured here."""
FRAGMENTATION = 0.05
"""Share of a GPU's memory that the caching allocator may hold without using it: an allowance, not measured here."""
SPARE = 0.05
"""Share of the memory left alone: the operating system's, and what operations use inside themselves."""
_CGROUP_LIMITS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """A device and its memory.

    Parameters
    ----------
    name
        Of the device.
    device_type
        ``cpu`` or ``cuda``.
    total_bytes
        All of it.
    free_bytes
        What nobody uses now.
    overhead_bytes
        What training takes beside its tensors and does not have yet: on a GPU context and fragmentation.

    Examples
    --------
    >>> machine = Machine(
    ...     name="a", device_type="cpu", total_bytes=1000, free_bytes=500, overhead_bytes=75
    ... )
    >>> machine.budget_bytes
    400
    """

    name: str
    device_type: str
    total_bytes: int
    free_bytes: int
    overhead_bytes: int

    @property
    def budget_bytes(self) -> int:
        """Bytes that tensors may take.

        Of a GPU, what there is in all, so that the same recipe gets the same choice whoever else is on it; of a CPU,
        what is free now.
        """
        there_is = self.total_bytes if self.device_type == "cuda" else self.free_bytes
        return max(0, round(there_is * (1 - SPARE)) - self.overhead_bytes)


def machine_of(device: torch.device, *, memory_bytes: int | None = None) -> Machine:
    """Return the device and its memory; with `memory_bytes`, as if it had that much and all of it were free.

    Examples
    --------
    >>> machine_of(torch.device("cpu"), memory_bytes=1 << 30).budget_bytes
    1020054733
    """
    if device.type == "cuda":
        free_bytes, total_bytes = torch.cuda.mem_get_info(device)
        name = torch.cuda.get_device_name(device)
    else:
        free_bytes, total_bytes = _host_memory()
        name = f"CPU with {torch.get_num_threads()} threads"
    if memory_bytes is not None:
        free_bytes = total_bytes = memory_bytes
    overhead_bytes = CONTEXT_BYTES + round(FRAGMENTATION * total_bytes) if device.type == "cuda" else 0
    return Machine(
        name=name,
        device_type=device.type,
        total_bytes=total_bytes,
        free_bytes=free_bytes,
        overhead_bytes=overhead_bytes,
    )


def used_bytes(device: torch.device) -> int:
    """Return what this process has used at most of a GPU, or uses now of the machine.

    Examples
    --------
    >>> used_bytes(torch.device("cpu")) > 0
    True
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _host_memory() -> tuple[int, int]:
    """Return free and total bytes of the machine, or of the control group where that has less."""
    found = {
        name: int(rest.split()[0]) * 1024
        for name, _, rest in (line.partition(":") for line in Path("/proc/meminfo").read_text().splitlines())
        if name in ("MemTotal", "MemAvailable")
    }
    free_bytes, total_bytes = found["MemAvailable"], found["MemTotal"]
    for limit, used in _group_limits():
        total_bytes, free_bytes = min(total_bytes, limit), min(free_bytes, max(0, limit - used))
    return free_bytes, total_bytes


def _group_limits() -> Iterator[tuple[int, int]]:
    for limit_path, used_path in _CGROUP_LIMITS:
        try:
            yield int(Path(limit_path).read_text()), int(Path(used_path).read_text())
        except (OSError, ValueError):
            continue  # No such control group, or "max".
