"""Recall and precision of near-duplicate removal, against every pair of an exact join.

python bench/known_pairs/recall.py --corpus DATA/corpus

A removal is right when the similarity of the pair, computed by the join, is at least `min_similarity`. Recall at J is
the share of the documents with a partner of at least J that are found: removed, or kept in a cluster with the removed.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import time
from pathlib import Path

import pyarrow as pa
import zstandard
from exact_join import exact_join
from families import make

import gristmill

LEVELS = (0.8, 0.85, 0.9, 0.95)


def english_texts(corpus: Path, number: int, seed: int) -> list[str]:
    """Return different English texts of 200 to 1,500 words, shuffled."""
    texts: dict[str, str] = {}
    for path in sorted(corpus.glob("documents-*.jsonl.zst")):
        with path.open("rb") as file:
            lines = io.TextIOWrapper(
                zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True), encoding="utf-8"
            )
            for line in lines:
                document = json.loads(line)
                words = document["text"].split() if document.get("lang") == "en" else []
                if len(words) >= 200 and document["text"].isascii():
                    chosen = words[:1500]
                    # Pages of one site begin alike: the middle tells them apart.
                    texts.setdefault(" ".join(chosen[100:110]), " ".join(chosen))
    found = sorted(texts.values())
    random.Random(seed).shuffle(found)
    return found[:number]


def main() -> None:
    """Make the set, join it exactly, run the removal, print and write figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--families", type=int, default=1500)
    parser.add_argument("--templates", type=int, default=20)
    parser.add_argument("--min-similarity", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent.parent / "results" / "known_pairs"
    )
    arguments = parser.parse_args()
    texts = english_texts(arguments.corpus, arguments.families + arguments.templates * 61, arguments.seed)
    num_families = min(arguments.families, len(texts) - arguments.templates * 61)
    documents = list(
        make(texts, num_families=num_families, num_templates=arguments.templates, seed=arguments.seed)
    )
    begun = time.perf_counter()
    pairs = exact_join([document.text for document in documents], 0.2)
    print(
        f"{len(documents)} documents, {len(pairs)} pairs of at least 0.2 ({time.perf_counter() - begun:.0f} s)",
        flush=True,
    )
    table = pa.table({"text": [document.text for document in documents]})
    found = gristmill.near_duplicates(table, min_similarity=arguments.min_similarity)
    duplicate_of = found.column("duplicate_of").to_pylist()
    is_found = [cluster is not None for cluster in found.column("cluster").to_pylist()]
    removals = [(min(a, b), max(a, b)) for a, b in enumerate(duplicate_of) if b is not None]
    wrong = [pair for pair in removals if pairs.get(pair, 0.0) < arguments.min_similarity]
    figures: dict[str, object] = {
        "documents": len(documents),
        "pairs_from_0.2": len(pairs),
        "removals": len(removals),
        "wrong_removals": len(wrong),
        "recall": {},
    }
    print(f"removed {len(removals)}, of which {len(wrong)} below {arguments.min_similarity}")
    for level in LEVELS:
        with_partner = {place for pair, value in pairs.items() if value >= level for place in pair}
        hits = sum(is_found[place] for place in with_partner)
        figures["recall"][str(level)] = {"documents": len(with_partner), "found": hits}  # type: ignore[index]
        print(
            f"J >= {level}: {hits} of {len(with_partner)} documents with a partner found "
            f"({hits / len(with_partner):.4f})"
        )
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
