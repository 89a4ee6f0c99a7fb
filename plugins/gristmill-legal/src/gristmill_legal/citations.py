"""`legal.citation_density`: how often a document cites law."""

from __future__ import annotations

from typing import ClassVar

from gristmill.plugins.api import Expr, Field, Float32, Signal, col, frozen_config, when
from gristmill_legal.citation_patterns import SYSTEMS, System, combined_pattern


@frozen_config
class CitationDensityConfig:
    """Recipe keys of `legal.citation_density`."""

    systems: tuple[System, ...] = Field(
        default=SYSTEMS, doc="legal systems whose forms of citation are counted"
    )

    def __post_init__(self) -> None:
        if not self.systems:
            raise ValueError("`systems` is empty")


class CitationDensity(Signal):
    """Citations of cases and statutes for each word; null for a document without words.

    A word is text between white space.
    Forms and their sources are in `citation_patterns`. Patterns find forms, not truth: a made-up citation
    counts too, and a product's version behind a section sign looks like one.
    """

    name, version = "citation_density", 1
    inputs = ("text",)
    outputs: ClassVar = {"citation_density": "float32?"}
    Config = CitationDensityConfig
    config: CitationDensityConfig

    def expr(self) -> Expr:
        """Return citations over words."""
        citations = col("text").str.count_matches(combined_pattern(self.config.systems))
        words = col("text").str.count_matches(r"\S+")
        return when(words > 0).then(citations / words).cast(Float32).alias("citation_density")
