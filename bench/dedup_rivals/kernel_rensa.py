"""Times rensa's sketches on shingles that are cut already: `kernel_rensa.py DOCUMENTS.jsonl FLAGS BANDS ROWS ROUNDS`.

Prints one JSON object with the processor seconds of each round for every way that rensa has and, for scale, of cutting
the shingles in Python; and writes for the full and the rho sketch a line for each document: 1 if its one-shot index of
the same bands flags it, else 0.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from rensa import CMinHash, RMinHash, RMinHashLSH
from shingles import shingles

SEED = 42


def main() -> None:
    """Cut shingles, time, flag."""
    documents, flags_path, bands, rows, rounds = sys.argv[1:]
    num_perm = int(bands) * int(rows)
    with Path(documents).open(encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    begun = time.process_time()
    token_sets = [shingles(text) for text in texts]
    cut_s = time.process_time() - begun
    hash_sets = RMinHash.hash_token_sets(token_sets)

    def updates(kind: type) -> list[object]:
        sketches = []
        for tokens in token_sets:
            sketch = kind(num_perm, SEED)
            sketch.update(tokens)
            sketches.append(sketch)
        return sketches

    ways: dict[str, Callable[[], object]] = {
        "RMinHash.update, document by document": lambda: updates(RMinHash),
        "CMinHash.update, document by document": lambda: updates(CMinHash),
        "RMinHash.digest_matrix_from_token_sets": lambda: RMinHash.digest_matrix_from_token_sets(
            token_sets, num_perm, SEED
        ),
        "CMinHash.digests64_from_token_sets": lambda: CMinHash.digests64_from_token_sets(
            token_sets, num_perm, SEED
        ),
        "RMinHash.digest_matrix_from_token_hash_sets": lambda: RMinHash.digest_matrix_from_token_hash_sets(
            hash_sets, num_perm, SEED
        ),
        "RMinHash.digest_matrix_from_token_sets_rho": lambda: RMinHash.digest_matrix_from_token_sets_rho(
            token_sets, num_perm, SEED
        ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    seconds["cutting the shingles in Python, in none of the others"] = [cut_s]
    results: dict[str, object] = {}
    for _ in range(int(rounds)):
        for name, way in ways.items():
            begun = time.process_time()
            results[name] = way()
            seconds[name].append(time.process_time() - begun)
    for kind in ("", "_rho"):
        index = RMinHashLSH(0.8, num_perm, int(bands))
        flags = index.query_duplicate_flags_matrix_one_shot(
            results[f"RMinHash.digest_matrix_from_token_sets{kind}"]
        )
        Path(flags_path + kind).write_text("".join(f"{flag:d}\n" for flag in flags), encoding="ascii")
    print(
        json.dumps(
            {
                "seconds": seconds,
                "num_shingles": sum(map(len, token_sets)),
                "version": version("rensa"),
            }
        )
    )


if __name__ == "__main__":
    main()
