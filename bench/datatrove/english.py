"""Picks the English documents on which filters are compared: `lang` is "en", every twentieth by the hash of its id."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

import zstandard


def is_chosen(document_id: str) -> bool:
    """Return whether the document of that id is one of the twentieth: SHA-256 of the id, modulo 20, is 0."""
    return int.from_bytes(hashlib.sha256(document_id.encode()).digest()[:8], "big") % 20 == 0


def english_documents(corpus: Path) -> Iterator[tuple[str, str]]:
    """Yield id and text of every chosen document, in file order."""
    for path in sorted(corpus.glob("documents-*.jsonl.zst")):
        with path.open("rb") as file:
            lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
            for line in lines:
                document = json.loads(line)
                if document.get("lang") == "en" and is_chosen(document["id"]):
                    yield document["id"], document["text"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("output", type=Path, help="JSONL with `id` and `text`")
    arguments = parser.parse_args()
    with arguments.output.open("w", encoding="utf-8") as out:
        for document_id, text in english_documents(arguments.corpus):
            out.write(json.dumps({"id": document_id, "text": text}, ensure_ascii=False) + "\n")
