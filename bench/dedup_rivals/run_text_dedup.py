"""text-dedup's side: its `text_dedup.minhash` command with one process, called inside this one.

It joins everything that shares a band into clusters and keeps the first document of each.
"""

from __future__ import annotations

import os
from importlib.metadata import version

os.environ["HF_HUB_OFFLINE"] = "1"

import datasets
from measure import Task, run
from text_dedup import minhash


def deduplicate(task: Task) -> None:
    """Run the command; what it did not keep is a duplicate."""
    settings = task.settings
    bands, rows = int(settings["bands"]), int(settings["rows"])  # type: ignore[call-overload]
    options = {
        "path": "json",
        "data_files": task.documents,
        "split": "train",
        "cache_dir": task.scratch / "cache",
        "output": task.scratch / "kept",
        "column": "text",
        "ngram": 5,
        "min_length": 5,
        "num_perm": bands * rows,
        "b": bands,
        "r": rows,
        "hash_func": "xxh3",
        "hash_bits": settings["hash_bits"],
        "num_proc": 1,
        "batch_size": 10_000,
    }
    arguments = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    minhash.main(arguments, standalone_mode=False)
    kept = set(datasets.load_from_disk(str(task.scratch / "kept"))["id"])
    task.write((name, name not in kept, None) for name, _ in task.read())


if __name__ == "__main__":
    run(deduplicate, {name: version(name) for name in ("text-dedup", "datasets", "numpy", "xxhash")})
