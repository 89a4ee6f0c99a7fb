# ruff: noqa: E501  # tables of patterns and words
"""`support.sentiment`: positive, neutral or negative, by a lexicon with negation, degree and emoji.

The rules are those of VADER (Hutto and Gilbert, ICWSM 2014), the constants too, where they can be said on
columns: a negation up to three words before turns a value round by -0.74, a word of degree before adds or
takes 0.293, capitals in a text that is not all capitals add 0.733, `but` makes what stands before count
half and what stands behind one and a half. The sum s becomes s / sqrt(s^2 + 15). Left out: idioms, and
question and exclamation marks. Lexicon: `lexicon.tsv`, made by `tools/make_lexicon.py` from VADER's (MIT)
and words of customer service.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from gristmill.plugins.api import Context, Field, Signal, frozen_config

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

NEGATIONS = (
    "not", "no", "never", "none", "nobody", "nothing", "neither", "nor", "without", "cannot", "cant", "can't", "wont", "won't",
    "dont", "don't", "doesnt", "doesn't", "didnt", "didn't", "isnt", "isn't", "arent", "aren't", "wasnt", "wasn't", "werent",
    "weren't", "hasnt", "hasn't", "havent", "haven't", "hadnt", "hadn't", "shouldnt", "shouldn't", "wouldnt", "wouldn't",
    "couldnt", "couldn't", "aint", "ain't", "hardly", "rarely", "barely",
)  # fmt: skip
BOOSTERS = (
    "absolutely", "amazingly", "completely", "really", "very", "so", "extremely", "totally", "incredibly", "super", "truly",
    "deeply", "highly", "especially", "particularly", "utterly", "too", "most", "more", "freaking", "fucking", "damn", "hella",
)  # fmt: skip
DAMPERS = (
    "almost",
    "kinda",
    "kind",
    "sorta",
    "sort",
    "slightly",
    "somewhat",
    "marginally",
    "partly",
    "less",
    "little",
)
NEGATION, DEGREE, CAPITALS, NORM = -0.74, 0.293, 0.733, 15.0
"""VADER's constants."""
PIECE = r"[A-Za-z]+(?:['’][A-Za-z]+)?|[:;=8xX][-^']?[()DPp/|\\oO*]|[\x{2600}-\x{27BF}\x{1F300}-\x{1FAFF}]"


def load_lexicon() -> dict[str, float]:
    """Return word to value, from -4 to 4.

    Examples
    --------
    >>> load_lexicon()["awesome"] > 0 > load_lexicon()["worst"]
    True
    """
    table = (importlib.resources.files(__package__) / "lexicon.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("# ")]
    return {word: float(value) for word, value, _ in rows}


@frozen_config
class SentimentConfig:
    """Recipe keys of `support.sentiment`."""

    positive: float = Field(default=0.35, doc="scores from here on are positive", minimum=0.0, maximum=1.0)
    negative: float = Field(default=-0.05, doc="scores up to here are negative", minimum=-1.0, maximum=0.0)


class Sentiment(Signal):
    """Sentiment of a text.

    ``score``: float32 in (-1, 1), 0 without words of the lexicon; null without words at all. ``label``:
    `positive`, `neutral` or `negative`; null with the score. ``num_positive``, ``num_negative``: words
    either way, after negation, uint32.
    """

    name, version = "sentiment", 1
    inputs = ("text",)
    outputs: ClassVar = {
        "score": "float32?",
        "label": "utf8?",
        "num_positive": "uint32",
        "num_negative": "uint32",
    }
    Config = SentimentConfig
    config: SentimentConfig

    def open(self, context: Context) -> None:
        """Load the lexicon."""
        import polars as pl

        del context
        lexicon = load_lexicon()
        self._lexicon = pl.DataFrame(
            {"word": list(lexicon), "value": list(lexicon.values())},
            schema={"word": pl.String, "value": pl.Float64},
        )

    def compute(self, batch: pa.RecordBatch) -> Mapping[str, pl.Series]:
        """Look every word up and let its three neighbours on the left change its value."""
        import polars as pl

        documents = pl.DataFrame({"text": pl.from_arrow(batch.column("text"))}).select(
            row=pl.int_range(pl.len(), dtype=pl.Int64), token=pl.col("text").str.extract_all(PIECE)
        )
        is_loud = (pl.col("token").str.to_uppercase() == pl.col("token")) & (
            pl.col("token").str.len_chars() > 1
        )
        word = pl.col("token").str.to_lowercase().str.replace_all("’", "'", literal=True)
        tokens = (
            documents.explode("token")
            .drop_nulls()
            .with_columns(word=word, is_loud=is_loud & pl.col("token").str.contains("[A-Z]"))
            .join(self._lexicon, left_on="token", right_on="word", how="left", maintain_order="left")
            .join(self._lexicon, on="word", how="left", maintain_order="left", suffix="_of_word")
            .with_columns(value=pl.coalesce("value", "value_of_word").fill_null(0.0))
        )

        def before(flag: pl.Expr, places: int) -> pl.Expr:
            shifted = [flag.shift(place).over("row").fill_null(False) for place in range(1, places + 1)]
            return pl.any_horizontal(shifted)

        sign = pl.col("value").sign()
        degree = (
            before(pl.col("word").is_in(BOOSTERS), 1).cast(pl.Float64)
            - before(pl.col("word").is_in(DAMPERS), 1).cast(pl.Float64)
        ) * DEGREE
        loud = (pl.col("is_loud") & ~pl.col("is_loud").all().over("row")).cast(pl.Float64) * CAPITALS
        tokens = tokens.with_columns(value=pl.col("value") + sign * (degree + loud))
        negated = before(pl.col("word").is_in(NEGATIONS), 3)
        is_but = pl.col("word") == "but"
        past_but = is_but.cum_sum().over("row") > 0
        weight = pl.when(~is_but.any().over("row")).then(1.0).when(past_but).then(1.5).otherwise(0.5)
        tokens = tokens.with_columns(
            value=pl.col("value") * pl.when(negated).then(NEGATION).otherwise(1.0) * weight
        )
        by_row = tokens.group_by("row").agg(
            total=pl.col("value").sum(),
            num_positive=(pl.col("value") > 0).sum(),
            num_negative=(pl.col("value") < 0).sum(),
        )
        joined = documents.select("row").join(by_row, on="row", how="left", maintain_order="left")
        score = (pl.col("total") / (pl.col("total") ** 2 + NORM).sqrt()).cast(pl.Float32)
        columns = joined.with_columns(score=score).select(
            "score",
            pl.when(pl.col("score") >= self.config.positive)
            .then(pl.lit("positive"))
            .when(pl.col("score") <= self.config.negative)
            .then(pl.lit("negative"))
            .when(pl.col("score").is_not_null())
            .then(pl.lit("neutral"))
            .alias("label"),
            pl.col("num_positive").fill_null(0).cast(pl.UInt32),
            pl.col("num_negative").fill_null(0).cast(pl.UInt32),
        )
        return {name: columns[name] for name in self.outputs}
