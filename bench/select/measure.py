"""Prints how far choosing enriches a corpus with what resembles a target, and what it costs.

A pool is made of real documents and short texts, with half of a set of questions hidden among them; the other half is
the target. A choice is good for so many of the hidden questions as it keeps, against a random sample of the same size.
Beside that stands the divergence of the target's words from those of what is kept, KL(target || kept) in nats over
10,000 hashed uni- and bigrams, which the authors of DSIR found to predict accuracy. Questions are in the pool at most
once; none of the target is.

    python bench/select/measure.py --corpus DATA/corpus --questions DATA/labelled/gsm8k/test.jsonl --documents 20000

Time is CPU seconds of a run's processes and what they are more than those of a run that chooses nothing (less is
written and tokenised where less is kept); memory is the largest resident set. Linux only.
"""

from __future__ import annotations

import argparse
import gzip
import io
import itertools
import json
import math
import os
import platform
import re
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import zstandard

WORD = re.compile(r"\w+")
BUCKETS = 10_000

HEAD = """
[run]
output = "{output}"
partition_bytes = "16MiB"
[[source]]
name = "pool"
paths = ["pool.jsonl"]
id = "id"
"""
TARGET = 'use = "select"\nby = "importance"\ntarget = ["target.jsonl"]\ntarget_text = "question"\n'


def steps(num_kept: int) -> dict[str, str]:
    """Return what is compared, as steps of a recipe."""
    keep = f"keep = {{ documents = {num_kept} }}\n"
    select = f"[[step]]\n{TARGET}{keep}"
    return {
        "nothing": "",
        "random sample": f'[[step]]\nuse = "sample"\ndocuments = {num_kept}\n',
        "importance, top": f"{select}noise = false\n",
        "importance, Gumbel": select,
        "importance, top, at least 20 words": f"{select}noise = false\nmin_words = 20\n",
        "importance, top, sums": f"{select}noise = false\nweigh_words = false\n",
        "importance, top, diverse": f"{select}noise = false\n"
        "diversity = { ngram_words = 5, min_new = 0.5, expected_ngrams = 10000000 }\n",
    }


def pool(corpus: Path, num_documents: int) -> Iterator[str]:
    """Yield texts, half of them documents and half short ones, in file order."""
    files = (sorted(corpus.glob("documents-*.jsonl.zst")), [corpus / "short-texts.jsonl.gz"])
    for paths in files:
        left = num_documents // 2
        for path in paths:
            for line in lines(path):
                if not left:
                    break
                left -= 1
                yield json.loads(line)["text"]


def lines(path: Path) -> Iterator[str]:
    """Yield the lines of a compressed file."""
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as handle:
            yield from handle
        return
    with path.open("rb") as raw:
        yield from io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(raw), encoding="utf-8")


def features(texts: Iterable[str]) -> Counter[int]:
    """Return hashed words and pairs of words; the hash is not gristmill's."""
    counts: Counter[int] = Counter()
    for text in texts:
        words = WORD.findall(text.lower())
        counts.update(zlib.crc32(word.encode()) % BUCKETS for word in words)
        counts.update(
            zlib.crc32(f"{first} {second}".encode()) % BUCKETS for first, second in itertools.pairwise(words)
        )
    return counts


def divergence(target: Counter[int], kept: Counter[int]) -> float:
    """Return KL(target || kept) in nats, with one added to each bucket of what is kept."""
    of_target, of_kept = target.total(), kept.total() + BUCKETS
    return sum(
        count / of_target * math.log(count / of_target / ((kept[bucket] + 1) / of_kept))
        for bucket, count in target.items()
    )


CHILD = """
import json, re, resource, sys
from pathlib import Path
from gristmill.curate.run import curate

curate(sys.argv[1], workers=1)
# Not ru_maxrss of this process, which remembers the size of the one that started it.
own = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
workers = resource.getrusage(resource.RUSAGE_CHILDREN)
driver = resource.getrusage(resource.RUSAGE_SELF)
cpu_s = sum(used.ru_utime + used.ru_stime for used in (driver, workers))
print(json.dumps({"cpu_s": round(cpu_s, 2), "driver_mib": own >> 10, "worker_mib": workers.ru_maxrss >> 10}))
"""


def measure(folder: Path, name: str, recipe: str) -> dict[str, object]:
    """Run one recipe in a process of its own and return what it took."""
    output = name.replace(" ", "-").replace(",", "")
    path = folder / f"{output}.toml"
    path.write_text(HEAD.format(output=output) + recipe, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], check=True, capture_output=True, text=True
    )
    return {**json.loads(done.stdout), "run": str(folder / output)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--corpus", type=Path, required=True, help="folder of documents-*.jsonl.zst and short texts"
    )
    parser.add_argument("--questions", type=Path, required=True, help="JSON Lines with the field `question`")
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--without-times", action="store_true", help="for builds that are not optimised")
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    options = parser.parse_args()
    questions = [json.loads(line)["question"] for line in options.questions.read_text("utf-8").splitlines()]
    hidden, target = questions[::2], questions[1::2]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        texts = [*pool(options.corpus, options.documents), *hidden]
        first_hidden = len(texts) - len(hidden)
        with (folder / "pool.jsonl").open("w", encoding="utf-8") as handle:
            for number, text in enumerate(texts):
                handle.write(json.dumps({"id": str(number), "text": text}) + "\n")
        (folder / "target.jsonl").write_text(
            "".join(json.dumps({"question": text}) + "\n" for text in target), encoding="utf-8"
        )
        wanted = features(target)
        rows = []
        for name, recipe in steps(2 * len(hidden)).items():
            row = {"choice": name, **measure(folder, name, recipe)}
            import polars as pl

            kept = pl.scan_parquet(f"{row.pop('run')}/documents/*.parquet").select("id", "text").collect()
            found = sum(int(number) >= first_hidden for number in kept["id"])
            row |= {
                "kept": kept.height,
                "hidden_kept": found,
                "recall": round(found / len(hidden), 4),
                "share_hidden": round(found / max(1, kept.height), 4),
                "kl_nats": round(divergence(wanted, features(kept["text"])), 3),
                "mean_words": round(
                    sum(len(WORD.findall(text)) for text in kept["text"]) / max(1, kept.height), 1
                ),
            }
            rows.append(row)
            print(json.dumps(row), flush=True)
    base = float(str(rows[0]["cpu_s"]))
    for row in rows:
        if options.without_times:
            del row["cpu_s"]
            continue
        row["cpu_s_more"] = round(float(str(row["cpu_s"])) - base, 2)
    result = {
        "pool": {
            "documents": len(texts),
            "bytes": sum(len(text.encode()) for text in texts),
            "hidden": len(hidden),
        },
        "target": len(target),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "rows": rows,
    }
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
