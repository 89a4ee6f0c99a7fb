"""datatrove's side: its four stages (signatures, buckets, clusters, filter), one task after the other in this process.

It joins everything that shares a band into clusters and keeps one document of each.
"""

from __future__ import annotations

import json
from importlib.metadata import version

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.word_tokenizers import load_word_tokenizer
from measure import Task, run


def deduplicate(task: Task) -> None:
    """Run the stages; the filter writes what it removes."""
    scratch = task.scratch
    (scratch / "input").mkdir()
    (scratch / "input" / "documents.jsonl").symlink_to(task.documents.resolve())
    bands, rows = int(task.settings["bands"]), int(task.settings["rows"])  # type: ignore[call-overload]
    config = MinhashConfig(n_grams=5, num_buckets=bands, hashes_per_bucket=rows)

    def stage(name: str, num_tasks: int, *steps: object) -> None:
        LocalPipelineExecutor(
            pipeline=list(steps), tasks=num_tasks, workers=1, logging_dir=str(scratch / "logs" / name)
        ).run()

    reader = JsonlReader(str(scratch / "input"), compression=None)
    removed = JsonlWriter(str(scratch / "removed"), compression=None)
    signatures, buckets, remove = (str(scratch / name) for name in ("signatures", "buckets", "remove"))
    stage("1", 1, reader, MinhashDedupSignature(signatures, config=config))
    stage("2", bands, MinhashDedupBuckets(signatures, buckets, config=config))
    stage("3", 1, MinhashDedupCluster(buckets, remove, config=config))
    stage("4", 1, reader, MinhashDedupFilter(remove, exclusion_writer=removed))
    gone = {
        json.loads(line)["id"]
        for path in (scratch / "removed").glob("*.jsonl")
        for line in path.open(encoding="utf-8")
    }
    task.write((name, name in gone, None) for name, _ in task.read())


if __name__ == "__main__":
    # The English tokenizer loads before the clock starts.
    load_word_tokenizer("eng").word_tokenize("One short text.")
    run(deduplicate, {name: version(name) for name in ("datatrove", "spacy", "xxhash", "numpy")})
