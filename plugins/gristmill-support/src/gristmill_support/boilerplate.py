"""`support.agent_boilerplate` and `support.strip_agent_boilerplate`: the set phrases of customer service.

`boilerplate.tsv` holds patterns of whole sentences by category, written for this package after the canned
replies that help desks offer (greeting, thanks, apology, hold, closing, survey, ticket, channel). A
sentence counts only if all of it fits.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from gristmill.plugins.api import Expr, Field, Signal, Transform, col, frozen_config, when
from gristmill_support.turns import LABEL

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

Category = Literal["greeting", "thanks", "apology", "hold", "closing", "survey", "ticket", "channel"]
CATEGORIES: tuple[Category, ...] = (
    "greeting",
    "thanks",
    "apology",
    "hold",
    "closing",
    "survey",
    "ticket",
    "channel",
)
_SENTENCE = r"[^.!?\n]*(?:\.[0-9a-z][^.!?\n]*)*(?:[.!?]+|\n|$)"
"""Text up to a full stop, exclamation mark, question mark or line end; a point within a word ends nothing."""


def load_patterns() -> dict[str, list[str]]:
    """Return category to patterns, in the order of the table.

    Examples
    --------
    >>> sorted(load_patterns())[:2]
    ['apology', 'channel']
    """
    table = (importlib.resources.files(__package__) / "boilerplate.tsv").read_text(encoding="utf-8")
    patterns: dict[str, list[str]] = {}
    for line in table.splitlines():
        if not line.startswith("#"):
            category, pattern = line.split("\t")
            patterns.setdefault(category, []).append(pattern)
    return patterns


def _whole(patterns: list[str]) -> str:
    return rf"^(?:{'|'.join(patterns)})[\s.,!?:;)\x{{1F600}}-\x{{1F64F}}-]*$"


class AgentBoilerplate(Signal):
    """Set phrases of customer service in a document.

    ``boilerplate_fraction``: characters in such sentences over characters in all sentences, labels of
    speakers left out, in [0, 1]; null without text. ``num_<category>``, uint32: sentences of each category.
    """

    name, version = "agent_boilerplate", 1
    inputs = ("text",)
    outputs: ClassVar = {
        "boilerplate_fraction": "float32?",
        **{f"num_{name}": "uint32" for name in CATEGORIES},
    }

    def compute(self, batch: pa.RecordBatch) -> Mapping[str, pl.Series]:
        """Take the texts apart into sentences and match each as a whole."""
        import polars as pl

        documents = pl.DataFrame({"text": pl.from_arrow(batch.column("text"))}).select(
            row=pl.int_range(pl.len(), dtype=pl.Int64),
            sentence=pl.col("text").str.replace_all(LABEL, "").str.extract_all(_SENTENCE),
        )
        sentences = (
            documents.explode("sentence")
            .drop_nulls()
            .with_columns(pl.col("sentence").str.strip_chars().str.to_lowercase())
            .filter(pl.col("sentence").str.len_bytes() > 0)
        )
        category = pl.lit(None, pl.String)
        for name, patterns in reversed(load_patterns().items()):
            matches = pl.col("sentence").str.len_bytes() < 400
            category = (
                pl.when(matches & pl.col("sentence").str.contains(_whole(patterns)))
                .then(pl.lit(name))
                .otherwise(category)
            )
        by_row = (
            sentences.with_columns(
                category=category, length=pl.col("sentence").str.len_chars().cast(pl.Int64)
            )
            .group_by("row")
            .agg(
                total=pl.col("length").sum(),
                known=pl.col("length").filter(pl.col("category").is_not_null()).sum(),
                **{f"num_{name}": (pl.col("category") == name).sum() for name in CATEGORIES},
            )
        )
        joined = documents.select("row").join(by_row, on="row", how="left", maintain_order="left")
        share = pl.when(pl.col("total") > 0).then(pl.col("known") / pl.col("total")).cast(pl.Float32)
        columns = joined.select(
            share.alias("boilerplate_fraction"),
            *(pl.col(f"num_{name}").fill_null(0).cast(pl.UInt32) for name in CATEGORIES),
        )
        return {name: columns[name] for name in self.outputs}


@frozen_config
class StripAgentBoilerplateConfig:
    """Recipe keys of `support.strip_agent_boilerplate`."""

    categories: tuple[Category, ...] = Field(
        default=CATEGORIES, doc="categories of sentences that are taken out"
    )


class StripAgentBoilerplate(Transform):
    """A text without the set phrases of customer service; labels of speakers stay.

    A sentence goes if it begins a line or follows another sentence, and all of it fits a pattern.
    """

    name, version = "strip_agent_boilerplate", 1
    Config = StripAgentBoilerplateConfig
    config: StripAgentBoilerplateConfig

    def expr(self) -> Expr:
        """Return one replacement for all categories, applied until neighbours are gone, too."""
        patterns = [
            item
            for name, items in load_patterns().items()
            if name in self.config.categories
            for item in items
        ]
        bounded = [pattern.replace(".{", "[^.!?\\n]{") for pattern in patterns]
        start = r"(?P<before>(?m:^)[ \t]*|[.!?:][ \t]+)"
        pattern = rf"(?i){start}(?:{'|'.join(bounded)})[ \t]*(?:[.!?]+|(?:,[ \t]*)?(?m:$))"
        text = col("text")
        for _ in range(3):
            text = text.str.replace_all(pattern, "${before}")
        tidy = (
            text.str.replace_all(r"([.!?:])[ \t]{2,}", "${1} ")
            .str.replace_all(r"(?m)[ \t]+$", "")
            .str.replace_all(r"\n{3,}", "\n\n")
            .str.strip_chars()
        )
        return when(text == col("text")).then(col("text")).otherwise(tidy)
