"""Times datatrove's signatures from text: `signature_datatrove.py DOCUMENTS.jsonl CONFIG SIGNATURES`.

CONFIG is a JSON object: `bands`, `rows`, `function` and `precision`. Prints one JSON object with the processor seconds
of shingles and minima, and writes the signatures as a line of JSON for each document, `null` for one that has none.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
from datatrove.utils.hashing import HashConfig


def main() -> None:
    """Sign every document once."""
    documents, given, signatures = sys.argv[1:]
    settings = json.loads(given)
    with Path(documents).open(encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    config = MinhashConfig(
        n_grams=5,
        num_buckets=settings["bands"],
        hashes_per_bucket=settings["rows"],
        hash_config=HashConfig(precision=settings["precision"], hash_fc=settings["function"]),
    )
    step = MinhashDedupSignature(tempfile.gettempdir(), config=config)
    # The English tokenizer loads before the clock starts.
    step.get_signature(step.get_shingles("One text of more than five words."))
    signed = []
    begun = time.process_time()
    for text in texts:
        shingles = step.get_shingles(text)
        signed.append(step.get_signature(shingles) if shingles.size else None)
    seconds = time.process_time() - begun
    with Path(signatures).open("w", encoding="utf-8") as out:
        for signature in signed:
            flat = None if signature is None else [minimum for band in signature for minimum in band]
            out.write(json.dumps(flat, separators=(",", ":")) + "\n")
    versions = {name: version(name) for name in ("datatrove", "spacy", "xxhash", "numpy")}
    print(json.dumps({"seconds": seconds, "versions": versions}))


if __name__ == "__main__":
    main()
