"""datatrove's side of the comparison: prints the CPU time of the whole pipeline as JSON. Run in its own environment."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path

from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.exact_dedup import (
    ExactDedupConfig,
    ExactDedupFilter,
    ExactDedupSignature,
    ExactFindDedups,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter


def text_of(document):  # noqa: ANN001, ANN201
    """Return what exact dedup compares."""
    return document.text


def run(input_folder: Path, scratch: Path) -> int:
    """Run every stage with one task in this process, and return the number of documents kept."""

    def stage(name: str, *steps: object) -> None:
        LocalPipelineExecutor(
            pipeline=list(steps), tasks=1, workers=1, logging_dir=str(scratch / "logs" / name)
        ).run()

    def read(folder: str) -> JsonlReader:
        return JsonlReader(str(scratch / folder), compression=None)

    def write(folder: str) -> JsonlWriter:
        return JsonlWriter(str(scratch / folder), compression=None)

    exact = ExactDedupConfig(content_getter=text_of)
    minhash = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
    stage(
        "filters",
        JsonlReader(str(input_folder), compression=None),
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        C4QualityFilter(filter_no_terminal_punct=False),
        FineWebQualityFilter(),
        write("filtered"),
    )
    stage("exact1", read("filtered"), ExactDedupSignature(str(scratch / "exact-sigs"), config=exact))
    stage("exact2", ExactFindDedups(str(scratch / "exact-sigs"), str(scratch / "exact-dups"), config=exact))
    stage(
        "exact3",
        read("filtered"),
        ExactDedupFilter(str(scratch / "exact-dups"), config=exact),
        write("exact"),
    )
    stage("min1", read("exact"), MinhashDedupSignature(str(scratch / "sigs"), config=minhash))
    LocalPipelineExecutor(
        pipeline=[MinhashDedupBuckets(str(scratch / "sigs"), str(scratch / "buckets"), config=minhash)],
        tasks=minhash.num_buckets,
        workers=1,
        logging_dir=str(scratch / "logs" / "min2"),
    ).run()
    stage("min3", MinhashDedupCluster(str(scratch / "buckets"), str(scratch / "remove"), config=minhash))
    stage("min4", read("exact"), MinhashDedupFilter(str(scratch / "remove")), write("final"))
    return sum(1 for path in (scratch / "final").glob("*.jsonl") for _ in path.open("rb"))


def main() -> None:
    """Run once and print ``{"cpu_s", "kept"}``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", type=Path)
    parser.add_argument("scratch", type=Path)
    arguments = parser.parse_args()
    shutil.rmtree(arguments.scratch, ignore_errors=True)
    (arguments.scratch / "input").mkdir(parents=True)
    (arguments.scratch / "input" / "documents.jsonl").symlink_to(arguments.input.resolve())
    warm_up()
    started = time.process_time()
    kept = run(arguments.scratch / "input", arguments.scratch)
    cpu_s = time.process_time() - started
    print(json.dumps({"cpu_s": cpu_s, "kept": kept}))


def warm_up() -> None:
    """Load the word tokenizer before the clock starts; it is not part of the measurement."""
    document = Document(text="One short text that has a few words. " * 20, id="0")
    for step in (GopherRepetitionFilter(), GopherQualityFilter(), C4QualityFilter(), FineWebQualityFilter()):
        step.filter(document)


if __name__ == "__main__":
    main()
