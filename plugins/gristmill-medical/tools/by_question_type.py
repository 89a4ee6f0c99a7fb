# a script that prints
"""Prints by question type what the package finds in MedQuAD's answers.

python tools/by_question_type.py qa.jsonl
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import polars as pl

from gristmill.plugins.testing import run
from gristmill_medical import Deidentify, Dosages, Identifiers, NoIdentifiers


def main(path: Path) -> None:
    """Print shares of answers and the documents that change."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    texts = [row["answer"] for row in rows]
    frame = pl.DataFrame({"question type": [row["qtype"] for row in rows]})
    for operator in (Identifiers, Dosages, NoIdentifiers):
        frame = frame.with_columns(pl.Series(name, values) for name, values in run(operator, texts).items())
    shares = {
        "identifiers": pl.col("num_identifiers") > 0,
        "without dates and URLs": ~pl.col("keep"),
        "amounts": pl.col("num_amounts") > 0,
        "routes": pl.col("num_routes") > 0,
        "complete dosages": pl.col("num_complete") > 0,
    }
    table = frame.group_by("question type").agg(
        pl.len().alias("answers"),
        *[(share.mean() * 100).round(1).alias(name) for name, share in shares.items()],
    )
    with pl.Config(tbl_rows=30, tbl_cols=10, tbl_width_chars=140):
        print(table.sort("answers", "question type", descending=[True, False]))
    changed = [before != after for before, after in zip(texts, run(Deidentify, texts)["text"], strict=True)]
    counts = frame.select(pl.selectors.starts_with("num_")).sum().row(0, named=True)
    print(f"{sum(changed)} of {len(texts)} answers change;", {name: n for name, n in counts.items() if n})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
