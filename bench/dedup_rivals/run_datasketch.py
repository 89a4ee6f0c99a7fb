"""datasketch's side: a MinHash of each document's shingles, asked of and added to a `MinHashLSH`, in input order.

A document goes if the index returns a kept one for it: the usual recipe. The index returns what shares a band and
checks no similarity.
"""

from __future__ import annotations

import time
from importlib.metadata import version

from datasketch import MinHash, MinHashLSH
from measure import Task, run
from shingles import shingles


def deduplicate(task: Task) -> dict[str, object]:
    """Cut into shingles, sketch, query and insert, document by document."""
    bands, rows = int(task.settings["bands"]), int(task.settings["rows"])  # type: ignore[call-overload]
    index = MinHashLSH(num_perm=bands * rows, params=(bands, rows))
    decisions: list[tuple[str, bool, str | None]] = []
    begun = time.process_time()
    names, byte_sets = [], []
    for name, text in task.read():
        names.append(name)
        byte_sets.append([shingle.encode() for shingle in shingles(text)])
    shingle_s = time.process_time() - begun
    # `generator` draws the permutations once for all documents: the fastest way that the library has.
    for name, sketch in zip(names, MinHash.generator(byte_sets, num_perm=bands * rows, seed=1), strict=True):
        similar = index.query(sketch)
        if similar:
            decisions.append((name, True, min(similar)))
        else:
            index.insert(name, sketch, check_duplication=False)
            decisions.append((name, False, None))
    task.write(decisions)
    return {"read_and_shingle_cpu_s": shingle_s}


if __name__ == "__main__":
    run(deduplicate, {"datasketch": version("datasketch"), "numpy": version("numpy")})
