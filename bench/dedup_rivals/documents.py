"""Makes the documents that all tools get, and the truth about them: every pair of at least half similarity.

Two kinds: the set with known similarities (`bench/known_pairs`), and English documents of a corpus as they are, with
whatever duplicates they have. Only ASCII, because the exact join's words are gristmill's words there.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import zstandard

sys.path.insert(0, str(Path(__file__).parent.parent / "known_pairs"))

from exact_join import exact_join
from families import make
from recall import english_texts

LEAST = 0.5
MIN_WORDS = 20


def corpus_documents(corpus: Path) -> Iterator[tuple[str, str]]:
    """Yield id and text of every English ASCII document of at least 20 words."""
    for path in sorted(corpus.glob("documents-*.jsonl.zst")):
        with path.open("rb") as file:
            stream = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
            for line in io.TextIOWrapper(stream, encoding="utf-8"):
                document = json.loads(line)
                text = document["text"]
                if document.get("lang") == "en" and text.isascii() and len(text.split()) >= MIN_WORDS:
                    yield document["id"], text


def drawn(corpus: Path, number: int, max_bytes: int) -> list[tuple[str, str]]:
    """Return the `number` documents of at most `max_bytes` whose ids have the smallest SHA-256."""
    found = [(name, text) for name, text in corpus_documents(corpus) if len(text) <= max_bytes]
    found.sort(key=lambda pair: hashlib.sha256(pair[0].encode()).digest())
    return found[:number]


def write(
    folder: Path, corpus: Path, *, num_families: int, num_templates: int, num_corpus: int, seed: int
) -> None:
    """Write `documents.jsonl` (id, text) and `truth.json` (pairs by position, text bytes) into the folder."""
    texts = english_texts(corpus, num_families + num_templates * 61, seed)
    if len(texts) < num_families + num_templates * 61:
        raise SystemExit(f"the corpus has {len(texts)} texts for the known pairs: ask for fewer families")
    known = make(texts, num_families=num_families, num_templates=num_templates, seed=seed)
    documents = [(f"{made.origin}:{number}", made.text) for number, made in enumerate(known)]
    documents += drawn(corpus, num_corpus, 100_000)
    with (folder / "documents.jsonl").open("w", encoding="utf-8") as file:
        for name, text in documents:
            file.write(json.dumps({"id": name, "text": text}) + "\n")
    pairs = exact_join([text for _, text in documents], LEAST)
    truth = {
        "documents": len(documents),
        "known_pairs_documents": len(documents) - num_corpus,
        "text_bytes": sum(len(text) for _, text in documents),
        "pairs": [[left, right, round(value, 6)] for (left, right), value in sorted(pairs.items())],
    }
    (folder / "truth.json").write_text(json.dumps(truth), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with documents-*.jsonl.zst")
    parser.add_argument("--families", type=int, default=500)
    parser.add_argument("--templates", type=int, default=5)
    parser.add_argument("--corpus-documents", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("folder", type=Path, help="gets documents.jsonl and truth.json")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    write(
        arguments.folder,
        arguments.corpus,
        num_families=arguments.families,
        num_templates=arguments.templates,
        num_corpus=arguments.corpus_documents,
        seed=arguments.seed,
    )
