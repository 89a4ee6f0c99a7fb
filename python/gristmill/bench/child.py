"""One measurement in a process of its own: reads a description on stdin, prints what it found as one JSON line.

Run as ``python -m gristmill.bench.child``. Once, before the clock runs, a few documents are worked on: what a contender
loads at its first call is not counted. Then chunk after chunk until the slice of time, or the sample, is used up.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from gristmill.bench.contenders import Chunk, Contender, Setting, Work, find
from gristmill.errors import GristmillError

WARM_UP_DOCUMENTS = 8


def main() -> None:
    """Measure what stdin describes."""
    task = json.loads(sys.stdin.read())
    try:
        found = _pipeline(task) if task["kind"] == "pipeline" else _contender(task)
    except GristmillError as error:
        found = {"error": error.message, "code": error.code, "hint": error.hint}
    except Exception as error:  # noqa: BLE001  # a rival may fail as it likes: it is told, and the others go on
        found = {"error": f"{type(error).__name__}: {error}"}
    sys.stdout.write("\n" + json.dumps(found) + "\n")


def peak_bytes() -> int:
    """Return the most memory that this process, or one that it waited for, has held at once."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return max(_own_peak_kib(), children) << 10


def _own_peak_kib() -> int:
    # `ru_maxrss` of a process begins with that of its parent; the high-water mark in /proc begins anew.
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _contender(task: Mapping[str, object]) -> dict[str, object]:
    contender = find(str(task["stage"]), str(task["name"]))
    setting = Setting(**cast(dict[str, Any], task["setting"]))
    work = contender.make(setting)
    return _measured(work, contender, Path(str(task["texts"])), cast(float, task["slice_s"]))


def _measured(work: Chunk, contender: Contender, texts: Path, slice_s: float) -> dict[str, object]:
    clock = time.perf_counter if contender.is_wall else time.process_time
    chunks = _chunks(texts, does_whole=contender.does_whole)
    first = next(chunks)
    work(first[:WARM_UP_DOCUMENTS])
    done: list[tuple[Work, float]] = []
    ends = time.perf_counter() + slice_s
    for chunk in chain([first], chunks):
        started = clock()
        finished = work(chunk)
        done.append((finished, clock() - started))
        if time.perf_counter() >= ends:
            break
    return {
        "seconds": sum(seconds for _, seconds in done),
        "bytes": sum(one.num_bytes for one, _ in done),
        "documents": sum(one.num_documents for one, _ in done),
        "tokens": sum(one.num_tokens for one, _ in done),
        "peak_bytes": peak_bytes(),
    }


def _chunks(texts: Path, *, does_whole: bool) -> Iterator[list[str]]:
    """Yield the sample's batches, each once: words seen before are quicker, and no corpus is read twice."""
    while does_whole:
        yield []
    with pa.OSFile(str(texts)) as file, pa.ipc.open_file(file) as reader:
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number).column("text").to_pylist()


def _pipeline(task: Mapping[str, object]) -> dict[str, object]:
    """Curate once; with one worker, tell the processor time of each stage, with more the time on the clock."""
    from gristmill.curate.run import curate

    workers = cast(int, task["workers"])
    clock = StageClock(is_cpu=workers == 1)
    run = curate(str(task["recipe"]), workers=workers, output=str(task["output"]), on_event=clock)
    clock.end()
    counts = run.counts
    tokens = cast(Mapping[str, Mapping[str, int]], counts["tokens"])
    return {
        "stages": clock.seconds,
        "seconds": sum(clock.seconds.values()),
        "wall_s": clock.wall_s,
        "documents": counts["documents_in"],
        "kept": counts["kept"],
        "tokens": sum(split["tokens"] for split in tokens.values()),
        "peak_bytes": peak_bytes(),
    }


class StageClock:
    """Adds up the time between events to the stage that was running.

    Parameters
    ----------
    is_cpu
        Processor time of this process, instead of the time on the clock.
    """

    def __init__(self, *, is_cpu: bool) -> None:
        self._clock = time.process_time if is_cpu else time.perf_counter
        self._began = time.perf_counter()
        self._stage = "plan"
        self._since = self._clock()
        self.seconds: dict[str, float] = {}
        self.wall_s = 0.0

    def __call__(self, event: Mapping[str, object]) -> None:
        """Give the stretch since the last event to the stage that worked in it."""
        stage = str(event["stage"])
        # A first event of a stage says that nothing of it is done: what came before is of the stage before.
        self._close(stage if event["done"] else self._stage)
        self._stage = stage

    def end(self) -> None:
        """Give the last stretch to the last stage."""
        self._close(self._stage)
        self.wall_s = time.perf_counter() - self._began

    def _close(self, stage: str) -> None:
        now = self._clock()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now


if __name__ == "__main__":
    main()
