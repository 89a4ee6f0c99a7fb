"""Deliveries of families of edited copies that share an index, for the tests of indexes."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

from tests.support import WORDS

RECIPE = """
[run]
output = "run"

[[source]]
name = "web"
paths = ["*.jsonl"]
id = "id"

[[step]]
use = "gopher_quality"
min_stop_words = false
min_words = 5

[[step]]
use = "exact_dedup"

[[step]]
use = "minhash_dedup"
bands = 20
rows = 3
shingle_words = 3
min_similarity = 0.6

[dedup]
index = "../index"
"""


def families(seed: int, *, num_documents: int = 60, num_families: int = 12) -> list[str]:
    """Return texts of which many are edited or plain copies of each other; a few are too short to pass."""
    numbers = random.Random(seed)
    bases = [[numbers.choice(WORDS) for _ in range(numbers.randint(12, 60))] for _ in range(num_families)]
    texts = []
    for _ in range(num_documents):
        words = list(numbers.choice(bases))
        for _ in range(numbers.choice((0, 0, 1, 2, 6))):
            words[numbers.randrange(len(words))] = f"{numbers.choice(WORDS)}{numbers.randrange(50)}"
        texts.append(" ".join(words[: numbers.choice((3, len(words), len(words), len(words)))]))
    return texts


def write_delivery(folder: Path, name: str, texts: Sequence[str], *, recipe: str = RECIPE) -> Path:
    """Write a delivery into a folder of its own, in two files, and return its recipe."""
    home = folder / name
    home.mkdir(parents=True)
    rows = [json.dumps({"id": f"{name}-{number}", "text": text}) + "\n" for number, text in enumerate(texts)]
    half = len(rows) // 2
    (home / f"{name}-1.jsonl").write_text("".join(rows[:half]), encoding="utf-8")
    (home / f"{name}-2.jsonl").write_text("".join(rows[half:]), encoding="utf-8")
    path = home / "recipe.toml"
    # A file a partition, so that segments are made of several.
    path.write_text(recipe.replace("[run]\n", "[run]\npartition_bytes = 1000\n"), encoding="utf-8")
    return path


def three_deliveries(folder: Path, seed: int, *, recipe: str = RECIPE) -> list[Path]:
    """Write three deliveries of one set of families and return their recipes."""
    texts = families(seed, num_documents=150)
    return [
        write_delivery(folder, name, texts[50 * number : 50 * (number + 1)], recipe=recipe)
        for number, name in enumerate(("spring", "summer", "autumn"))
    ]
