# ruff: noqa: E501  # patterns and tables, which read better unbroken
"""`finance.sentiment`: good and bad words of business news, with negations turned round.

The list `lexicon.tsv` was written for this package. The word list most used in research, that of Loughran and
McDonald, is licensed for academic use only; nothing of it is here. Who has a licence passes it as a file. Not here: who is
meant, irony, sentences.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from gristmill.plugins.api import Context, Field, Signal, frozen_config
from gristmill_finance.patterns import ascii_classes

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

GROUPS = {
    "accounting": "words of ASC 205-40 (going concern), 250 (restatements), 310 (receivables), 360 (impairment); IAS 36",
    "credit": "credit events of the 2014 ISDA Credit Derivatives Definitions, article IV; rating actions under 17 CFR 240.17g-7",
    "direction": "verbs and nouns of movement, as statistical offices use them of prices and output (BLS and Eurostat releases)",
    "distribution": "shareholder distributions: Regulation S-K, items 201 and 703",
    "labour": "workforce events: the WARN Act, 29 U.S.C. 2101",
    "law": "proceedings: Regulation S-K, item 103; Form 8-K, items 3.01 and 1.03",
    "results": "comparisons of results with plan and period: Regulation S-K, item 303 (management's discussion)",
}
"""Group to where its words were collected from. Words, not texts, were taken; the choice is ours."""

NEGATION = r"\b(?:not|no|never|without|neither|nor|hardly|cannot|[a-z]+n['’]t)\b"
"""Words that turn a word behind them round, within `negation_window` words."""


def parse_lexicon(text: str) -> dict[str, str]:
    r"""Return word (or phrase) to class, ``positive`` or ``negative``, from tab-separated lines; ``#`` opens a comment.

    Raises
    ------
    ValueError
        If a line has no class, or another one, or no word is left.

    Examples
    --------
    >>> parse_lexicon("# mine\nGain\tpositive\n")
    {'gain': 'positive'}
    """
    words: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition("\t")
        kind = rest.partition("\t")[0].strip().lower()
        if kind not in ("positive", "negative") or not word.strip():
            raise ValueError(
                f"line {number} of the lexicon is not `word<TAB>positive` or `word<TAB>negative`: `{line[:60]}`"
            )
        words[" ".join(word.lower().split())] = kind
    if not words:
        raise ValueError("the lexicon has no words")
    return words


def own_lexicon() -> dict[str, str]:
    """Return the words of this package's list."""
    return parse_lexicon((importlib.resources.files(__package__) / "lexicon.tsv").read_text(encoding="utf-8"))


@frozen_config
class SentimentConfig:
    """Recipe keys of `finance.sentiment`."""

    negation_window: int = Field(
        default=2,
        doc="words that may stand between a negation and the word it turns round",
        minimum=0,
        maximum=6,
    )
    lexicon: str = Field(
        default="", doc="a file of `word<TAB>positive|negative` instead of the list of this package"
    )
    lexicon_sha256: str = Field(
        default="",
        doc="the file's SHA-256: needed with `lexicon`, so that another file cannot give other results",
    )

    def __post_init__(self) -> None:
        if bool(self.lexicon) != bool(self.lexicon_sha256):
            raise ValueError("`lexicon` and `lexicon_sha256` go together")
        if self.lexicon_sha256 and not re.fullmatch(r"[0-9a-f]{64}", self.lexicon_sha256):
            raise ValueError("`lexicon_sha256` must be 64 hexadecimal digits in lower case")


class Sentiment(Signal):
    """Whether the words of a document are good or bad news.

    ``sentiment``: (positive - negative) / (positive + negative), float32 in [-1, 1]; null without such words.
    ``num_positive`` and ``num_negative``: uint32, after negated words have changed sides. ``sentiment_density``: both for
    each word, float32 in [0, 1]; null without words. English only. Words are found whole, in any case.
    """

    name, version = "sentiment", 1
    inputs = ("text",)
    outputs: ClassVar = {
        "sentiment": "float32?",
        "num_positive": "uint32",
        "num_negative": "uint32",
        "sentiment_density": "float32?",
    }
    Config = SentimentConfig
    config: SentimentConfig

    def open(self, context: Context) -> None:
        """Read the lexicon; raises if the file is not the one whose digest the recipe states."""
        del context
        words = own_lexicon()
        if self.config.lexicon:
            data = Path(self.config.lexicon).read_bytes()
            found = hashlib.sha256(data).hexdigest()
            if found != self.config.lexicon_sha256:
                raise ValueError(f"`{self.config.lexicon}` has SHA-256 {found}, not that of the recipe")
            words = parse_lexicon(data.decode("utf-8"))
        self._patterns = {
            kind: _one_of([word for word, its_kind in words.items() if its_kind == kind])
            for kind in ("positive", "negative")
        }

    def compute(self, batch: pa.RecordBatch) -> Mapping[str, pl.Series]:
        """Return the columns of a batch; all matching is native."""
        import polars as pl

        text = pl.col("text").str
        between = rf"(?:[^\w.!?]+[\w’'-]+){{0,{self.config.negation_window}}}?[^\w.!?]+"
        counted = {}
        for kind, pattern in self._patterns.items():
            negated = ascii_classes(NEGATION) + _ascii_brackets(between)
            counted[kind] = text.count_matches(f"(?i){pattern}").cast(pl.Int64)
            counted[f"negated_{kind}"] = text.count_matches(f"(?i){negated}{pattern}").cast(pl.Int64)
        positive = counted["positive"] - counted["negated_positive"] + counted["negated_negative"]
        negative = counted["negative"] - counted["negated_negative"] + counted["negated_positive"]
        words = text.count_matches(r"\S+")
        frame = pl.DataFrame({"text": pl.from_arrow(batch.column("text"))}).select(
            positive=positive, negative=negative, words=words
        )
        both = pl.col("positive") + pl.col("negative")
        share = pl.min_horizontal(both / pl.col("words"), pl.lit(1.0))
        columns = frame.select(
            sentiment=pl.when(both > 0)
            .then((pl.col("positive") - pl.col("negative")) / both)
            .cast(pl.Float32),
            num_positive=pl.col("positive").cast(pl.UInt32),
            num_negative=pl.col("negative").cast(pl.UInt32),
            sentiment_density=pl.when(pl.col("words") > 0).then(share).cast(pl.Float32),
        )
        return {name: columns[name] for name in self.outputs}


def _one_of(words: list[str]) -> str:
    # The longest first: `write-downs` before `write-down`. A pattern that never matches where there are no words.
    parts = [
        re.escape(word).replace(r"\ ", r"\s+") for word in sorted(words, key=lambda word: (-len(word), word))
    ]
    return rf"(?-u:\b)(?:{'|'.join(parts)})(?-u:\b)" if parts else r"[^\s\S]"


def _ascii_brackets(pattern: str) -> str:
    return pattern.replace(r"\w", "0-9A-Za-z_")
