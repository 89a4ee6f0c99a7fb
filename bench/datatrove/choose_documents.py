"""Picks English documents of the corpus for the comparison, and lists them by id. Run in gristmill's environment."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import zstandard

KINDS = {"html", "man", "text", "book"}


def select(corpus: Path, output: Path, *, max_bytes: int) -> list[str]:
    """Write English documents of `corpus` to `output` as JSONL until their text exceeds `max_bytes`; return the ids.

    Documents come in file order; those shorter than 200 characters are left out, since neither side does anything
    with them.
    """
    ids: list[str] = []
    num_bytes = 0
    with output.open("w", encoding="utf-8") as out:
        for path in sorted(corpus.glob("documents-*.jsonl.zst")):
            with path.open("rb") as file:
                lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
                for line in lines:
                    document = json.loads(line)
                    text = document["text"]
                    if document.get("lang") != "en" or document.get("kind") not in KINDS or len(text) < 200:
                        continue
                    out.write(json.dumps({"id": document["id"], "text": text}, ensure_ascii=False) + "\n")
                    ids.append(document["id"])
                    num_bytes += len(text.encode())
                    if num_bytes >= max_bytes:
                        return ids
    return ids


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--max-bytes", type=int, default=12_000_000)
    arguments = parser.parse_args()
    chosen = select(arguments.corpus, arguments.output, max_bytes=arguments.max_bytes)
    arguments.output.with_suffix(".ids.txt").write_text("\n".join(chosen) + "\n", encoding="utf-8")
    print(json.dumps({"documents": len(chosen)}))
