"""What the tests of the split share: families of near duplicates, and the slow, obvious search for pairs."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow.parquet as pq

VOCABULARY = [
    f"{head}{tail}" for head in "bdfgklmnprst" for tail in ("a", "e", "i", "o", "u", "ano", "eki", "ilu")
]

RECIPE = """
[run]
output = "run"
seed = 7
partition_bytes = "24KiB"

[[source]]
name = "one"
paths = ["one-*.jsonl"]
id = "id"

[[source]]
name = "two"
paths = ["two-*.jsonl"]
id = "id"
"""


def text_of(family: int, *, changed: int = 0, words: int = 100) -> str:
    """Return a text of its family, in which so many words at the end are its own: (96 - n) / (96 + n) similar."""
    drawn = random.Random(family).choices(VOCABULARY, k=words)
    own = random.Random(f"{family}/{changed}").sample(range(10**6), changed)
    return " ".join([*drawn[: words - changed], *(f"x{number}" for number in own)])


def families(number: int, *, first: int = 0) -> list[dict[str, object]]:
    """Return documents of so many families of one to five, alike from 0.8 to 1.0, in an order that parts them."""
    rows: list[dict[str, object]] = []
    for family in range(first, first + number):
        for member in range(1 + family % 5):
            changed = (member * (family % 4) * 2) % 11
            rows.append({"id": f"f{family}-{member}", "text": text_of(family, changed=changed)})
    random.Random(first).shuffle(rows)
    return rows


def write(folder: Path, rows: Sequence[Mapping[str, object]], split: str, *, recipe: str = RECIPE) -> Path:
    """Write rows into four files of two sources, and a recipe with that split; return the recipe's path."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("one-0", "two-0", "one-1", "two-1")
    for start, name in enumerate(names):
        write_rows(folder / f"{name}.jsonl", rows[start :: len(names)])
    path = folder / "recipe.toml"
    path.write_text(f"{recipe}\n{split}\n", encoding="utf-8")
    return path


def write_rows(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write a file of JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def kept(run: Path) -> list[dict[str, object]]:
    """Return the rows of `documents/`, with the fields of their metadata."""
    rows = [
        row
        for part in sorted((run / "documents").glob("*.parquet"))
        for row in pq.read_table(part).to_pylist()
    ]
    return [{**json.loads(row["metadata"] or "{}"), **row} for row in rows]


def rejected(run: Path) -> list[dict[str, object]]:
    """Return the rows of `rejects/`."""
    return [
        row for part in sorted((run / "rejects").glob("*.parquet")) for row in pq.read_table(part).to_pylist()
    ]


def sides(run: Path) -> dict[str, str]:
    """Return the side of every kept document, by identifier."""
    return {str(row["id"]): str(row["split"]) for row in kept(run)}


def shingles(text: str, size: int = 5) -> frozenset[tuple[str, ...]]:
    """Return the runs of words of a text, which has letters, digits and spaces alone."""
    words = text.lower().split()
    return frozenset(tuple(words[at : at + size]) for at in range(max(1, len(words) - size + 1)))


def straddling(run: Path, least: float = 0.8) -> int:
    """Count pairs on two sides that are so similar, by comparing all pairs."""
    rows = [(str(row["split"]), shingles(str(row["text"]))) for row in kept(run)]
    count = 0
    for at, (side, one) in enumerate(rows):
        for other_side, other in rows[at + 1 :]:
            if side != other_side:
                count += len(one & other) >= least * len(one | other)
    return count
