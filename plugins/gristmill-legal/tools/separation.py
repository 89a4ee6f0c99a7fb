# a script that prints
"""Prints how the signals are distributed over collections of documents, and how well they tell two apart.

    python tools/separation.py contracts=clauses.jsonl:text tweets=tweets.csv:text
    licences=files.parquet:text:kind=licence

Needs numpy, as polars' ranks do here. Each argument is NAME=FILE:FIELD, with :COLUMN=VALUE behind it to take
some rows only. The first collection is compared with every other by the area under the ROC curve: 0.5 tells
nothing, 1.0 everything.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from gristmill.plugins.operators import Signal
from gristmill.plugins.testing import run
from gristmill_legal import CitationDensity, ClauseStructure, LicenceBoilerplate

OPERATORS: tuple[type[Signal], ...] = (CitationDensity, ClauseStructure, LicenceBoilerplate)
MAX_DOCUMENTS = 5000
THRESHOLDS = {"drafting_word_fraction": 0.02, "boilerplate_fraction": 0.2}
"""Shares of documents at and above these are printed too."""


def read(path: str, field: str, condition: str | None) -> list[str]:
    """Return the first 5,000 texts of a file that are not empty."""
    suffix = Path(path).suffix
    if suffix == ".parquet":
        table = pl.read_parquet(path)
    elif suffix == ".csv":
        table = pl.read_csv(path)
    else:
        table = pl.read_ndjson(path)
    if condition:
        column, _, value = condition.partition("=")
        table = table.filter(table[column] == value)
    return [str(text) for text in table[field].drop_nulls().head(MAX_DOCUMENTS) if text.strip()]


def area_under_curve(positive: pl.Series, negative: pl.Series) -> float:
    """Return the chance that a document of the first has a higher value than one of the second, ties half."""
    values = pl.concat([positive.cast(pl.Float64), negative.cast(pl.Float64)]).fill_null(0.0)
    ranks = float(values.rank("average").to_numpy()[: len(positive)].sum())
    num_positive, num_negative = len(positive), len(negative)
    return (ranks - num_positive * (num_positive + 1) / 2) / (num_positive * num_negative)


def main(arguments: list[str]) -> None:
    """Print two tables."""
    measured: dict[str, dict[str, pl.Series]] = {}
    for argument in arguments:
        name, _, rest = argument.partition("=")
        path, field, *condition = rest.split(":")
        texts = read(path, field, condition[0] if condition else None)
        columns: dict[str, pl.Series] = {}
        for operator in OPERATORS:
            for column, values in run(operator, texts).items():
                columns[column] = pl.Series(values, dtype=pl.String if column == "licence" else None)
        measured[name] = columns
        print(f"\n{name}: {len(texts)} documents")
        for column, series in columns.items():
            if column == "licence":
                counts = series.drop_nulls().value_counts(sort=True)
                print(f"  {column:26} " + ", ".join(f"{row[0]} {row[1]}" for row in counts.rows()))
                continue
            points = [series.quantile(q, "nearest") or 0.0 for q in (0.1, 0.5, 0.9, 0.99)]
            shown = "  ".join(f"{point:8.4f}" for point in points)
            share = (series > 0).sum() / len(series)
            print(f"  {column:26} p10 p50 p90 p99 {shown}   above 0: {share:6.1%}")
        for column, limit in THRESHOLDS.items():
            print(f"  {column} >= {limit}: {(columns[column].fill_null(0) >= limit).sum() / len(texts):.1%}")
    first, *others = measured
    print(f"\nAUC of {first} against")
    for other in others:
        areas = {
            column: area_under_curve(measured[first][column], measured[other][column])
            for column in measured[first]
            if column != "licence"
        }
        print(f"  {other:12} " + "  ".join(f"{column} {area:.3f}" for column, area in areas.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
