"""Compares ids with the `tokenizers` library on drawn texts and, if there are any, on a corpus.

    python bench/parity/tokens/compare_ids.py TOKENIZER.json... --seconds 60 --corpus DATA/corpus

Both modes: `hf` against the library as it loads the file, `plain` against the library with the control tokens taken out
of the file. Prints the first text that differs, and ends with 1 then.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from tokenizers import Tokenizer as Library

import gristmill

sys.path.insert(0, str(Path(__file__).parents[3] / "tests" / "parity" / "tokens"))

from nasty import texts

BATCH = 500


def plain_library(file: Path) -> Library:
    """Return the library's tokenizer without control tokens, made without gristmill's code."""
    tokenizer = json.loads(file.read_bytes())
    vocabulary = tokenizer["model"]["vocab"]
    tokenizer["added_tokens"] = [
        token
        for token in tokenizer["added_tokens"]
        if not token["special"] and token["content"] in vocabulary
    ]
    return Library.from_str(json.dumps(tokenizer))


def documents(corpus: Path) -> Iterator[str]:
    """Yield the texts of every JSON lines file of a corpus."""
    for path in sorted(corpus.glob("*.jsonl.*")):
        for table in gristmill.read([path]):
            yield from (text for text in table.column("text").to_pylist() if text is not None)


def batches(source: Iterator[str]) -> Iterator[list[str]]:
    """Yield lists of texts."""
    batch: list[str] = []
    for text in source:
        batch.append(text)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def first_difference(batch: list[str], ours: gristmill.Tokenizer, library: Library) -> str | None:
    """Return a report of the first text whose ids differ."""
    found = ours.encode_batch(pa.array(batch, pa.large_utf8())).to_pylist()
    expected = library.encode_batch_fast(batch, add_special_tokens=False)
    for text, ids, encoding in zip(batch, found, expected, strict=True):
        if ids != encoding.ids:
            at = next((i for i, (a, b) in enumerate(zip(ids, encoding.ids, strict=False)) if a != b), 0)
            return (
                f"{text[:2000]!r}\n  ours    {ids[max(0, at - 3) : at + 8]}\n"
                f"  library {encoding.ids[max(0, at - 3) : at + 8]} from token {max(0, at - 3)}"
            )
    return None


def main() -> None:
    """Compare and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tokenizers", type=Path, nargs="+")
    parser.add_argument("--corpus", type=Path)
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="of drawn texts, for each tokenizer and mode"
    )
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    failed = False
    for file in arguments.tokenizers:
        for mode in ("hf", "plain"):
            library = Library.from_file(str(file)) if mode == "hf" else plain_library(file)
            library.no_truncation()
            ours = gristmill.Tokenizer(file, mode)
            compared, difference, started = 0, None, time.monotonic()

            def drawn(started: float = started) -> Iterator[list[str]]:
                seed = arguments.seed
                while time.monotonic() - started < arguments.seconds:
                    yield list(texts(seed, BATCH))
                    seed += 1

            sources = [drawn()]
            if arguments.corpus is not None:
                sources.append(batches(documents(arguments.corpus)))
            for source in sources:
                for batch in source:
                    difference = first_difference(batch, ours, library)
                    if difference is not None:
                        break
                    compared += len(batch)
                if difference is not None:
                    break
            route = ours.library_reason or "own path"
            print(f"{file.name} {mode} ({route}): {compared:,} texts equal", flush=True)
            if difference is not None:
                failed = True
                print(f"  differs: {difference}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
