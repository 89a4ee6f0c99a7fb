"""`gristmill doctor`: versions, extras, processor, memory and disk: what a report of a fault should have with it."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.cli.main import EXTRAS, UNUSED_EXTRAS
from gristmill.cli.options import add_verb, printer_of
from gristmill.cli.text import one_line
from gristmill.errors import ExitCode

if TYPE_CHECKING:
    from gristmill.cli.options import Subparsers

PACKAGES = ("gristmill", "numpy", "pyarrow", "polars", "pydantic", "pluggy")
CPU_FEATURES = ("sse4_2", "avx2", "fma", "avx512f", "avx512bw", "amx_bf16", "neon", "asimd", "sve")


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    parser = add_verb(
        subparsers,
        "doctor",
        run,
        description="Show versions, extras, processor features, memory and disk.",
    )
    parser.add_argument(
        "--tokenizer",
        metavar="PATH",
        type=Path,
        help="also show what a tokenizer's file or a model folder holds: kind, path taken, control tokens",
    )


def run(options: argparse.Namespace) -> int:
    """Print what is here."""
    printer = printer_of(options)
    found = examine()
    if options.tokenizer is not None:
        found |= examine_tokenizer(options.tokenizer)
    width = max(len(name) for name in found)
    for name, value in found.items():
        text = ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)
        printer.data(f"{name.ljust(width)}  {text or 'none'}")
    printer.result({"doctor": found})
    return ExitCode.DONE


def examine() -> dict[str, object]:
    """Return what is known of this machine and installation, by name. Imports no extra."""
    found: dict[str, object] = {"python": platform.python_version(), "system": platform.platform()}
    found |= {name: _version(name) for name in PACKAGES}
    found["native module"] = _native_module()
    for extra, packages in EXTRAS.items():
        if extra in UNUSED_EXTRAS:
            found[f"extra {extra}"] = "not used by this version"
            continue
        missing = [name for name in packages if _version(name) == "not installed"]
        have = ", ".join(f"{name} {_version(name)}" for name in packages)
        found[f"extra {extra}"] = (
            have if not missing else f'not installed: `pip install "gristmill[{extra}]"`'
        )
    found["tokenizer"] = "own path for known families of BPE, else the `tokenizers` library, compiled in"
    found["processor"] = f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} cores, {platform.machine()}"
    found["processor features"] = cpu_features()
    found["graphics driver"] = "NVIDIA" if Path("/proc/driver/nvidia/version").exists() else "none"
    total, available = memory_bytes()
    found["memory"] = f"{_gib(available)} free of {_gib(total)}"
    disk = shutil.disk_usage(Path.cwd())
    found["disk here"] = f"{_gib(disk.free)} free of {_gib(disk.total)}"
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _native_module() -> str:
    try:
        from gristmill import _native
    except ImportError as error:
        return f"cannot be loaded: {error}"
    return f"{_native.__version__}, {_native.BUILD_PROFILE}"


def cpu_features(file: Path = Path("/proc/cpuinfo")) -> list[str]:
    """Return the features of the processor that matter for speed."""
    try:
        words = set(file.read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return []
    return [feature for feature in CPU_FEATURES if feature in words]


def memory_bytes(root: Path = Path("/")) -> tuple[int, int]:
    """Return memory in all and free, in bytes; a container's limit counts if it is lower."""
    numbers = {}
    for line in (root / "proc/meminfo").read_text(encoding="utf-8").splitlines():
        name, _, rest = line.partition(":")
        numbers[name] = int(rest.split()[0]) * 1024
    total, available = numbers["MemTotal"], numbers["MemAvailable"]
    group = root / "sys/fs/cgroup"
    try:
        limit = int((group / "memory.max").read_text(encoding="utf-8"))
        used = int((group / "memory.current").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return total, available  # no limit, or "max"
    return min(total, limit), min(available, max(0, limit - used))


def examine_tokenizer(path: Path) -> dict[str, object]:
    """Return what a tokenizer is, which way its texts take and why, and its control tokens with their ids.

    Raises
    ------
    GristmillError
        ``GM-TOKENS-001`` when there is no tokenizer.
    """
    from gristmill.curate.tokens import read_facts, tokenizer_file

    facts = read_facts(tokenizer_file(path), special="plain")
    taken = "gristmill's own, which gave the ids of its library on every text compared"
    if facts.differs is not None:
        taken = f"the `tokenizers` library: gristmill's own differs at {facts.differs}"
    elif facts.library_reason is not None:
        taken = f"the `tokenizers` library: {facts.library_reason}"
    return {
        "tokenizer file": f"{facts.kind}, {facts.vocabulary_size:,} ids",
        "tokenizer path": taken,
        "control tokens": [f"{one_line(name, 60)} ({number})" for name, number in facts.control_tokens],
    }


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / (1 << 30):.1f} GiB"
