"""What the parts of a plugin call cost by themselves, in CPU milliseconds over some documents; median of five.

python bench/plugins/parts.py INPUT.jsonl.zst --documents 12000
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.plugins.capture import captured_output
from gristmill.plugins.guard import state_kept
from gristmill.plugins.wire import batch_to_bytes

REPEATS = 5


def cpu_ms(part: Callable[[], object]) -> float:
    """Return the median CPU time of a part."""
    times = []
    for _ in range(REPEATS):
        started = time.process_time()
        part()
        times.append(time.process_time() - started)
    return statistics.median(times) * 1e3


def guards() -> None:
    """Enter and leave what stands around each call, a hundred times."""
    for _ in range(100):
        with captured_output("bench.parts"), state_kept("bench.parts"):
            pass


def main() -> None:
    """Print a line for each part."""
    from gristmill.plugins.guard import checksum

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--documents", type=int, default=12_000)
    options = parser.parse_args()
    with pa.input_stream(options.source) as stream:
        lines = stream.read().splitlines()[: options.documents]
    texts = pa.array([json.loads(line)["text"] for line in lines], pa.large_utf8())
    batch = pa.record_batch({"text": texts})
    parts: dict[str, Callable[[], object]] = {
        "pyarrow counts commas": lambda: pc.count_substring(texts, ","),
        "polars counts commas": lambda: pl.from_arrow(batch).select(
            pl.col("text").str.count_matches(",", literal=True)
        ),
        "two checksums of the input": lambda: (checksum(batch), checksum(batch)),
        "a hundred calls' guards": guards,
        "the batch as an Arrow stream": lambda: batch_to_bytes(batch),
    }
    for name, part in parts.items():
        sys.stdout.write(f"{name:30} {cpu_ms(part):7.1f} ms\n")


if __name__ == "__main__":
    main()
