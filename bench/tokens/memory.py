"""Prints the most memory that tokenising takes: a stream of texts whose words keep being new, and single long words.

    python bench/tokens/memory.py TOKENIZER.json --corpus DATA/corpus --megabytes 1000

The texts of the corpus come again and again, each time with other letters in place of some, drawn from a seed: so the
cache meets new words until the end. Long words are a million bytes each, of six kinds; their time is printed, too.
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

import gristmill

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def peak_megabytes() -> float:
    """Return the largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def long_words() -> Iterator[tuple[str, str]]:
    """Yield words of a million bytes."""
    draw = random.Random(1)
    size = 1_000_000
    yield "one letter", "a" * size
    yield "random letters", "".join(draw.choices(LETTERS, k=size))
    yield "spaces", " " * size
    yield "newlines", "\n" * size
    yield "equals signs", "=" * size
    yield "Chinese characters", "".join(chr(draw.randrange(0x4E00, 0x9FA6)) for _ in range(size // 3))


def main() -> None:
    """Encode and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--megabytes", type=float, default=1000.0)
    arguments = parser.parse_args()
    tables = [gristmill.read([min(arguments.corpus.glob("documents-*.jsonl.zst"))])]
    texts = [
        text for source in tables for table in source for text in table.column("text").to_pylist() if text
    ]
    before = peak_megabytes()
    tokenizer = gristmill.Tokenizer(arguments.tokenizer, "plain")
    print(f"texts {before:.0f} MB, with the tokenizer {peak_megabytes():.0f} MB", flush=True)
    done, salt = 0.0, 0
    while done < arguments.megabytes:
        draw = random.Random(salt)
        salted = str.maketrans(dict(zip(draw.sample(LETTERS, 4), draw.sample(LETTERS, 4), strict=True)))
        for first in range(0, len(texts), 200):
            batch = [text.translate(salted) for text in texts[first : first + 200]]
            tokenizer.encode_batch(pa.array(batch, pa.large_utf8()))
            done += sum(len(text.encode()) for text in batch) / 1e6
            if done >= arguments.megabytes:
                break
        salt += 1
    print(
        f"after {done:.0f} MB: peak {peak_megabytes():.0f} MB, {peak_megabytes() - before:.0f} above the texts"
    )
    for name, word in long_words():
        array = pa.array([word], pa.large_utf8())
        started = time.process_time()
        tokenizer.encode_batch(array)
        seconds = time.process_time() - started
        print(f"{name}: {seconds / len(word.encode()) * 1e6:.2f} us a byte")


if __name__ == "__main__":
    main()
