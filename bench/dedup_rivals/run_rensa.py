"""rensa's side: R-MinHash of all shingles and its streaming deduplicator, or its sampling "rho" sketch.

The deduplicator keeps a document unless an earlier kept one shares a band and has an *estimated* similarity of at least
`threshold`. The rho sketch goes into the one-shot index, which flags every document that has a partner and names none:
who stays is left to the caller.
"""

from __future__ import annotations

import time
from importlib.metadata import version

from measure import Task, run
from rensa import RMinHash, RMinHashDeduplicator, RMinHashLSH
from shingles import shingles

SEED = 42


def deduplicate(task: Task) -> dict[str, object]:
    """Cut into shingles in Python, sketch and decide in rensa."""
    begun = time.process_time()
    names, token_sets = [], []
    for name, text in task.read():
        names.append(name)
        token_sets.append(shingles(text))
    read_s = time.process_time() - begun
    bands, rows = int(task.settings["bands"]), int(task.settings["rows"])  # type: ignore[call-overload]
    threshold = float(task.settings["threshold"])  # type: ignore[arg-type]
    if task.settings["sketch"] == "rho":
        matrix = RMinHash.digest_matrix_from_token_sets_rho(token_sets, bands * rows, SEED)
        index = RMinHashLSH(threshold, bands * rows, bands)
        is_duplicate = index.query_duplicate_flags_matrix_one_shot(matrix)
    else:
        deduplicator = RMinHashDeduplicator(threshold, bands * rows, True, bands, SEED)
        kept = deduplicator.add_pairs(zip(names, token_sets, strict=True))
        is_duplicate = [not keep for keep in kept]
    task.write((name, duplicate, None) for name, duplicate in zip(names, is_duplicate, strict=True))
    return {"read_and_shingle_cpu_s": read_s}


if __name__ == "__main__":
    run(deduplicate, {"rensa": version("rensa")})
