"""Prints accuracy and macro-F1 of `support.sentiment` on labelled texts.

    python tools/sentiment_accuracy.py tweets.csv [--tune]

Reads the columns `text` and `airline_sentiment`. Texts are split by a hash into a half that the words of
`by_hand.tsv` and the thresholds were chosen on, and one that they were not. `--tune` prints the best
thresholds on the first half.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import polars as pl

from gristmill.plugins.testing import run
from gristmill_support import Sentiment

LABELS = ("negative", "neutral", "positive")


def scores(truth: pl.Series, guess: pl.Series) -> tuple[float, float, dict[str, float]]:
    """Return accuracy, macro-F1 and F1 by label."""
    by_label = {}
    for label in LABELS:
        hits = ((truth == label) & (guess == label)).sum()
        by_label[label] = 2 * hits / max(1, (truth == label).sum() + (guess == label).sum())
    return float((truth == guess).mean()), sum(by_label.values()) / len(LABELS), by_label


def main(path: Path, *, tune: bool) -> None:
    """Print a line for each half."""
    table = pl.read_csv(path)
    found = run(Sentiment, table["text"].to_list())
    halves = [hashlib.blake2b(text.encode()).digest()[0] % 2 for text in table["text"]]
    table = table.with_columns(
        guess=pl.Series(found["label"]), score=pl.Series(found["score"]), half=pl.Series(halves)
    )
    for half, name in enumerate(("chosen on", "held out")):
        part = table.filter(pl.col("half") == half)
        accuracy, macro, by_label = scores(part["airline_sentiment"], part["guess"].fill_null("neutral"))
        f1 = "  ".join(f"{label} {value:.3f}" for label, value in by_label.items())
        majority = (part["airline_sentiment"] == "negative").mean()
        print(
            f"{name}: {len(part)} texts, accuracy {accuracy:.3f} (always negative: {majority:.3f}), "
            f"macro-F1 {macro:.3f}, F1 {f1}"
        )
    if tune:
        part = table.filter(pl.col("half") == 0)
        results = []
        for low in (-0.4, -0.3, -0.2, -0.15, -0.1, -0.05, 0.0):
            for high in (0.1, 0.2, 0.3, 0.35, 0.4, 0.5, 0.6):
                score = pl.col("score").fill_null(0)
                label = (
                    pl.when(score >= high)
                    .then(pl.lit("positive"))
                    .when(score <= low)
                    .then(pl.lit("negative"))
                    .otherwise(pl.lit("neutral"))
                )
                results.append(
                    (scores(part["airline_sentiment"], part.select(label).to_series())[:2], low, high)
                )
        for result in sorted(results, key=lambda item: -item[0][1])[:5]:
            print(result)


if __name__ == "__main__":
    main(Path(sys.argv[1]), tune="--tune" in sys.argv)
