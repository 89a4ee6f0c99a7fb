"""What every tool's script shares: documents in, decisions out, time and memory. Standard library only."""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Task:
    """What a tool is asked to do.

    Parameters
    ----------
    documents
        JSONL of `id` and `text`.
    decisions
        Where decisions go.
    scratch
        An empty folder.
    settings
        The tool's own, from `settings.json`.
    """

    documents: Path
    decisions: Path
    scratch: Path
    settings: dict[str, object]

    def read(self) -> Iterator[tuple[str, str]]:
        """Yield id and text."""
        with self.documents.open(encoding="utf-8") as file:
            for line in file:
                document = json.loads(line)
                yield document["id"], document["text"]

    def write(self, decisions: Iterable[tuple[str, bool, str | None]]) -> None:
        """Write id, whether the document is a duplicate, and of which (None where the tool does not say)."""
        with self.decisions.open("w", encoding="utf-8") as file:
            for name, is_duplicate, duplicate_of in decisions:
                row = {"id": name, "is_duplicate": is_duplicate, "duplicate_of": duplicate_of}
                file.write(json.dumps(row) + "\n")


def cpu_s() -> float:
    """Return the CPU time of this process and its children so far."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def peak_bytes() -> int:
    """Return this process' peak resident memory. Not `ru_maxrss`, which starts with the parent's."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run(deduplicate: Callable[[Task], object], versions: dict[str, str]) -> None:
    """Read the command line, deduplicate under the clock, print one JSON object as the last line.

    What `deduplicate` returns, if it is a dict, is added to the object.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("documents", type=Path)
    parser.add_argument("decisions", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("settings", type=json.loads)
    arguments = parser.parse_args()
    task = Task(
        documents=arguments.documents,
        decisions=arguments.decisions,
        scratch=arguments.scratch,
        settings=arguments.settings,
    )
    imported_bytes = peak_bytes()
    begun_cpu, begun = cpu_s(), time.perf_counter()
    more = deduplicate(task)
    figures: dict[str, object] = {
        "wall_s": time.perf_counter() - begun,
        "cpu_s": cpu_s() - begun_cpu,
        "own_peak_bytes": peak_bytes(),
        "imported_bytes": imported_bytes,
        "versions": versions,
    }
    if isinstance(more, dict):
        figures.update(more)
    print(json.dumps(figures))
