"""Prints how the labels of a run are distributed, and a `sample` step that balances them.

    python tools/label_balance.py run --field label [--at-most 1.5]

Reads `documents/` of a run folder; the label is a field of the input, kept in `metadata` (or a column of
that name). Printed: documents by label, entropy in bits over that of equal shares, the largest label over
the smallest, and the shares that bring every label down to `--at-most` times the smallest one.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import polars as pl


def count_labels(run: Path, field: str) -> pl.DataFrame:
    """Return label and number of documents, most frequent first; null is a label of its own."""
    documents = pl.scan_parquet(run / "documents" / "*.parquet")
    if field in documents.collect_schema():
        label = pl.col(field).cast(pl.String)
    else:
        label = pl.col("metadata").str.json_path_match(f"$.{field}")
    counted = (
        documents.select(label=label)
        .group_by("label")
        .agg(pl.len().cast(pl.Int64).alias("documents"))
        .collect()
    )
    return counted.sort("documents", "label", descending=[True, False])


def relative_entropy(counts: list[int]) -> float:
    """Return entropy over its maximum for so many labels: 1.0 is balanced; 1.0 for a single label.

    Examples
    --------
    >>> relative_entropy([10, 10]), round(relative_entropy([3, 1]), 3)
    (1.0, 0.811)
    """
    if len(counts) < 2:
        return 1.0
    total = sum(counts)
    return -sum(n / total * math.log(n / total) for n in counts if n) / math.log(len(counts))


def main() -> None:
    """Print the table and the step."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--field", default="label")
    parser.add_argument("--at-most", type=float, default=1.0)
    arguments = parser.parse_args()
    table = count_labels(arguments.run, arguments.field)
    counts = table["documents"].to_list()
    for label, number in table.rows():
        print(f"{number:9,} {number / sum(counts):6.1%}  {label}")
    print(
        f"labels {len(counts)}, relative entropy {relative_entropy(counts):.3f}, "
        f"imbalance {max(counts) / min(counts):.1f}"
    )
    target = min(counts) * arguments.at_most
    shares = [
        f'"{label}" = {target / number:.4f}'
        for label, number in table.rows()
        if number > target and label is not None
    ]
    if shares:
        print(f'\n[[step]]\nuse = "sample"\nby = "{arguments.field}"\nper = {{ {", ".join(shares)} }}')


if __name__ == "__main__":
    main()
