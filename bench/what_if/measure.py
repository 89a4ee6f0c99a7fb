"""Times `gristmill what-if` as a process on a folder that `generate.py` made.

    nice -n -5 python bench/what_if/measure.py OUT --figures bench/results/what_if/figures.json

Prints seconds, least of the repetitions, and the peak memory of the process. Cold: the folder's files were dropped
from the page cache before. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

QUESTIONS = {
    "one limit stricter": ["--set", "min_words=100"],
    "one limit looser": ["--set", "max_top_2_gram_character_fraction=0.25"],
    "a fraction where lang is en": ["--set", "min_alphabetic_word_fraction=0.7"],
    "one rule off": ["--set", "min_stop_words=false"],
    "four limits": [
        *("--set", "min_words=100", "--set", "max_top_2_gram_character_fraction=0.25"),
        *("--set", "max_short_line_fraction=0.5", "--set", "min_alphabetic_word_fraction=0.7"),
    ],
    "one limit, twenty examples": ["--set", "min_words=100", "--show", "20"],
}


def forget(folder: Path) -> None:
    """Drop the tables of a folder from the page cache."""
    for path in folder.rglob("*.parquet"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def ask(out: Path, arguments: list[str]) -> tuple[float, float, dict[str, object]]:
    """Return wall seconds, processor seconds and the answer of one command."""
    command = [
        str(Path(sys.executable).with_name("gristmill")),
        "what-if",
        str(out / "recipe.toml"),
        *arguments,
        "--json",
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    wall_s = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall_s, cpu_s, json.loads(done.stdout)


def main() -> None:
    """Ask every question."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--figures", type=Path)
    options = parser.parse_args()
    questions = []
    rows = 0
    for name, arguments in QUESTIONS.items():
        forget(options.out)
        cold_s, _, answer = ask(options.out, arguments)
        runs = [ask(options.out, arguments)[:2] for _ in range(options.repetitions)]
        rows = answer["before"]["documents_in"]  # type: ignore[index]
        found = {
            "question": name,
            "arguments": arguments,
            "cold_s": round(cold_s, 2),
            "warm_s": [round(wall, 2) for wall, _ in runs],
            "warm_cpu_s": round(statistics.median(cpu for _, cpu in runs), 2),
            "enters": answer["enters"]["documents"],  # type: ignore[index]
            "leaves": answer["leaves"]["documents"],  # type: ignore[index]
        }
        questions.append(found)
        print(f"{name}: cold {cold_s:.2f} s, warm {min(wall for wall, _ in runs):.2f} s", flush=True)
    figures = {
        "rows": rows,
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "bytes": sum(path.stat().st_size for path in options.out.rglob("*.parquet")),
        # Of the largest of them.
        "load_average": os.getloadavg()[0],
        "peak_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10,
        "questions": questions,
    }
    if options.figures is not None:
        options.figures.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
