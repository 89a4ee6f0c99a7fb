"""Prints what comparing embeddings costs: pairs and vectors a CPU second, and peak memory, of both ways of blocking.

The vectors are random: a share of them lie around others at a cosine of about 0.97, the rest point anywhere. Times are
CPU seconds, so that other work on the machine counts little; memory is the peak resident set of a process each, less
that of one that only makes the table. Linux only.

    python bench/semantic/measure.py --vectors 100000 --dimension 384
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa

CHOICES = ("nothing", "hyperplanes", "all")


def make_table(num_vectors: int, dimension: int, *, copies: float = 0.2) -> pa.Table:
    """Return vectors of which a share are near copies of others."""
    random = np.random.default_rng(20261130)
    vectors = random.standard_normal((num_vectors, dimension), dtype=np.float32)
    num_copies = int(copies * num_vectors)
    origins = random.integers(0, num_vectors - num_copies, num_copies)
    # Noise of a quarter of the length: cosine 1 / sqrt(1 + 0.25^2) = 0.970.
    vectors[num_vectors - num_copies :] = vectors[origins] + 0.25 * vectors[num_vectors - num_copies :]
    flat = pa.array(vectors.reshape(-1))
    return pa.table({"v": pa.FixedSizeListArray.from_arrays(flat, dimension)})


def run(choice: str, num_vectors: int, dimension: int, min_similarity: float) -> dict[str, object]:
    """Measure one way in this process."""
    import gristmill

    table = make_table(num_vectors, dimension)
    before = time.process_time()
    started = time.monotonic()
    removed = 0
    if choice != "nothing":
        found = gristmill.near_duplicates(
            table, embedding="v", min_similarity=min_similarity, blocking=choice, memory_bytes=256 << 20
        )
        removed = num_vectors - found.column("duplicate_of").null_count
    return {
        "blocking": choice,
        "removed": removed,
        "cpu_s": round(time.process_time() - before, 2),
        "wall_s": round(time.monotonic() - started, 2),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


def main() -> None:
    """Measure both ways, each in a process of its own, and print a line each and the machine."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--min-similarity", type=float, default=0.95)
    parser.add_argument("--one", choices=CHOICES, help="measure only this, in this process")
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(run(options.one, options.vectors, options.dimension, options.min_similarity)))
        return
    results = []
    for choice in CHOICES:
        command = [sys.executable, __file__, *sys.argv[1:], "--one", choice]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        results.append(json.loads(done.stdout))
    base = results[0]["peak_mib"]
    pairs = options.vectors * (options.vectors - 1) // 2
    for result in results[1:]:
        result["peak_mib_beside_the_table"] = result["peak_mib"] - base
        result["vectors_per_cpu_s"] = round(options.vectors / result["cpu_s"])
        if result["blocking"] == "all":
            result["million_pairs_per_cpu_s"] = round(pairs / result["cpu_s"] / 1e6, 1)
        print(json.dumps(result))
    machine = {
        "vectors": options.vectors,
        "dimension": options.dimension,
        "pairs": pairs,
        "machine": platform.processor() or platform.machine(),
        "load": os.getloadavg()[0],
    }
    print(json.dumps(machine))


if __name__ == "__main__":
    main()
