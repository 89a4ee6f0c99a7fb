"""Compares ids with the `tokenizers` library on drawn texts and, if there are any, on a corpus.

    python bench/parity/tokens/compare_ids.py TOKENIZER.json... --seconds 60 --corpus DATA/corpus

Both modes: `hf` against the library as it loads the file, `plain` against the library with the control tokens taken out
of the file. Prints the first text that differs, and ends with 1 then. `--kept FOLDER` keeps digests of the library's
ids of each batch there, so that a later run over the same texts asks the library only where ours differ from them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute
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
    """Yield the texts of every JSON lines, Parquet and plain text file of a corpus."""
    for path in (*sorted(corpus.glob("*.jsonl.*")), *sorted(corpus.glob("*.parquet"))):
        for table in gristmill.read([path]):
            yield from (text for text in table.column("text").to_pylist() if text is not None)
    yield from (path.read_bytes().decode(errors="replace") for path in sorted(corpus.rglob("*.txt")))


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


def ids_digest(lists: pa.Array) -> str:
    """Return a digest of lists of ids and of their lengths."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(pyarrow.compute.list_value_length(lists).cast(pa.int64()).to_numpy().tobytes())
    digest.update(lists.flatten().cast(pa.uint32()).to_numpy().tobytes())
    return digest.hexdigest()


class Kept:
    """Digests of the library's ids, batch by batch, in a file that grows; without a folder, nothing is kept."""

    def __init__(self, folder: Path | None, file: Path, mode: str) -> None:
        self.path = None
        self.digests: dict[str, str] = {}
        if folder is not None:
            tokenizer = hashlib.blake2b(file.read_bytes(), digest_size=8).hexdigest()
            self.path = folder / f"{file.stem}-{tokenizer}-{mode}.tsv"
            folder.mkdir(parents=True, exist_ok=True)
            lines = self.path.read_text().splitlines() if self.path.exists() else []
            self.digests = dict(line.split("\t") for line in lines)

    def key(self, batch: list[str]) -> str:
        """Return what the texts of a batch are known by."""
        return hashlib.blake2b("\0\1".join(batch).encode(), digest_size=16).hexdigest()

    def add(self, key: str, digest: str) -> None:
        """Keep one more digest."""
        if self.path is not None:
            with self.path.open("a") as out:
                out.write(f"{key}\t{digest}\n")


def first_difference(batch: list[str], ours: gristmill.Tokenizer, library: Library, kept: Kept) -> str | None:
    """Return a report of the first text whose ids differ."""
    lists = ours.encode_batch(pa.array(batch, pa.large_utf8()))
    lists = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else pa.array(lists)
    key = kept.key(batch)
    if kept.digests.get(key) == ids_digest(lists):
        return None
    expected = library.encode_batch_fast(batch, add_special_tokens=False)
    found = lists.to_pylist()
    for text, ids, encoding in zip(batch, found, expected, strict=True):
        if ids != encoding.ids:
            at = next((i for i, (a, b) in enumerate(zip(ids, encoding.ids, strict=False)) if a != b), 0)
            return (
                f"{text[:2000]!r}\n  ours    {ids[max(0, at - 3) : at + 8]}\n"
                f"  library {encoding.ids[max(0, at - 3) : at + 8]} from token {max(0, at - 3)}"
            )
    kept.add(key, ids_digest(lists))
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
    parser.add_argument("--kept", type=Path, help="a folder for digests of the library's ids")
    arguments = parser.parse_args()
    failed = False
    for file in arguments.tokenizers:
        for mode in ("hf", "plain"):
            library = Library.from_file(str(file)) if mode == "hf" else plain_library(file)
            library.no_truncation()
            ours = gristmill.Tokenizer(file, mode)
            kept = Kept(arguments.kept, file, mode)
            nothing = Kept(None, file, mode)
            compared, difference, started = 0, None, time.monotonic()

            def drawn(started: float = started) -> Iterator[list[str]]:
                seed = arguments.seed
                while time.monotonic() - started < arguments.seconds:
                    yield list(texts(seed, BATCH))
                    seed += 1

            sources = [drawn()]
            if arguments.corpus is not None:
                sources.append(batches(documents(arguments.corpus)))
            for source, keeper in zip(sources, (nothing, kept), strict=False):
                for batch in source:
                    difference = first_difference(batch, ours, library, keeper)
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
