r"""Writes `golden.json`: datatrove's signatures of real and of awkward texts. Needs datatrove 0.10.1 and spaCy.

python bench/parity/minhash/datatrove.py rust/core/src/segment/english/golden.json \
    examples/quickstart/corpus/{books,manuals}.jsonl.zst > rust/core/src/minhash/datatrove/golden.json
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import zstandard
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
from datatrove.utils.hashing import HashConfig

KINDS = (
    # Bands, rows, words, seed, hash, texts: datatrove's default, FineWeb's, and each other way once.
    (14, 8, 5, 1, "xxhash", 64, 40),
    (14, 8, 5, 1, "sha1", 64, 12),
    (20, 13, 3, 7, "xxhash", 32, 6),
    (9, 7, 13, 123456789, "sha1", 32, 6),
)
SKIPPED, MAX_CHARACTERS = 400, 1200
PUBLIC_DOMAIN = ("bible-kjv-text", "dict-devil", "sqlite3-doc")


def texts(paths: list[Path]) -> list[str]:
    """Return parts of the documents, and the sentences of the tokenizer's golden file in fives."""
    sentences = [row[0] for row in json.loads(paths[0].read_text(encoding="utf-8"))]
    found = [" ".join(sentences[start : start + 5]) for start in range(0, len(sentences), 5)]
    for path in paths[1:]:
        with zstandard.open(path, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        documents = [row["text"] for row in rows if row["source"] in PUBLIC_DOMAIN]
        found += [text[SKIPPED:][:MAX_CHARACTERS] for text in documents[:: len(documents) // 20 + 1]]
    # From the end, where the documents stand; a short text has no signature.
    return ["too short to sign", *found[::-1]]


def main() -> None:
    """Print the file."""
    chosen = texts([Path(argument) for argument in sys.argv[1:]])[: KINDS[0][-1]]
    kinds = []
    for bands, rows, words, seed, function, precision, num_texts in KINDS:
        config = MinhashConfig(
            n_grams=words,
            num_buckets=bands,
            hashes_per_bucket=rows,
            seed=seed,
            hash_config=HashConfig(precision=precision, hash_fc=function),
        )
        step = MinhashDedupSignature(tempfile.gettempdir(), config=config)
        signatures = []
        for text in chosen[:num_texts]:
            shingles = step.get_shingles(text)
            signed = step.get_signature(shingles) if shingles.size else []
            signatures.append([minimum for band in signed for minimum in band])
        kinds.append(
            {
                "bands": bands,
                "rows": rows,
                "n_grams": words,
                "seed": seed,
                "hash": {"function": function, "precision": precision},
                "signatures": signatures,
            }
        )
    json.dump({"texts": chosen, "kinds": kinds}, sys.stdout, ensure_ascii=False, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
