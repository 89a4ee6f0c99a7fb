"""What the numbers were taken on: processor, cores, memory, kernel, versions, load."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from gristmill.bench.contenders import CONTENDERS


def machine() -> dict[str, object]:
    """Return what the machine is, as JSON values; null where the system does not say.

    Examples
    --------
    >>> found = machine()
    >>> found["cores"] >= 1, found["system"] == platform.system()
    (True, True)
    """
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": _memory_bytes(),
        "system": platform.system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "load": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """Return the versions of gristmill, Python and every installed package that is measured."""
    import gristmill

    found = {"gristmill": gristmill.__version__, "python": platform.python_version()}
    found.update({one.package: one.version for one in CONTENDERS if one.package and one.version})
    return found


def _processor() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None
