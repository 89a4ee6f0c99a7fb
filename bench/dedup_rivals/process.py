"""Runs one tool once in its own process and weighs it: time, processor time, peak memory of the process tree."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
SAMPLE_S = 0.1
THREAD_SETTINGS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "POLARS_MAX_THREADS",
)


def once(
    python: str, script: str, documents: Path, settings: Mapping[str, object], scratch: Path
) -> dict[str, object]:
    """Return what the tool printed, with `process_wall_s`, `process_cpu_s` (imports included) and `peak_bytes`.

    `peak_bytes` is the larger of what the process says of itself and the largest sum of proportional resident memory
    over it and its descendants, looked at 10 times a second.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    (scratch / "work").mkdir()
    command = [
        python,
        str(HERE / script),
        str(documents),
        str(scratch / "decisions.jsonl"),
        str(scratch / "work"),
        json.dumps(settings),
    ]
    one_thread = dict.fromkeys(THREAD_SETTINGS, "1")
    begun = time.perf_counter()
    with (scratch / "stdout").open("wb") as out, (scratch / "stderr").open("wb") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, env={**os.environ, **one_thread})
        sampler = _Sampler(process.pid)
        sampler.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        sampler.stop()
    if process.returncode != 0:
        tail = (scratch / "stderr").read_text(encoding="utf-8", errors="replace")[-3000:]
        raise SystemExit(f"{script} failed with {process.returncode}:\n{tail}")
    lines = (scratch / "stdout").read_text(encoding="utf-8").strip().splitlines()
    figures: dict[str, object] = json.loads(lines[-1])
    figures["process_wall_s"] = wall_s
    figures["process_cpu_s"] = usage.ru_utime + usage.ru_stime
    figures["peak_bytes"] = max(int(figures["own_peak_bytes"]), sampler.peak_bytes)  # type: ignore[call-overload]
    return figures


class _Sampler(threading.Thread):
    """Looks at the resident memory of a process and its descendants until stopped."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self._root = root
        self._is_over = threading.Event()
        self.peak_bytes = 0

    def run(self) -> None:
        while not self._is_over.wait(SAMPLE_S):
            self.peak_bytes = max(self.peak_bytes, _tree_bytes(self._root))

    def stop(self) -> None:
        self._is_over.set()
        self.join()


def _tree_bytes(root: int) -> int:
    total, waiting = 0, [root]
    while waiting:
        place = Path("/proc") / str(waiting.pop())
        try:
            total += _proportional_bytes(place)
            for task in (place / "task").iterdir():
                waiting += map(int, (task / "children").read_text(encoding="ascii").split())
        except OSError:
            # It ended between two looks.
            continue
    return total


def _proportional_bytes(place: Path) -> int:
    for line in (place / "smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
