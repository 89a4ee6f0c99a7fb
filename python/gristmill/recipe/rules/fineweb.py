"""FineWeb's own line rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from gristmill.recipe.builtin import BuiltinStep, RuleStep, rules_of
from gristmill.recipe.step_base import ColumnKind, Rule
from gristmill.recipe.values import FractionLimit, Limit


class FinewebQuality(RuleStep):
    """Drops documents whose lines look like lists, menus and boilerplate."""

    use: Literal["fineweb_quality"]
    min_terminal_punctuation_fraction: FractionLimit = Field(
        0.12, description="Lines that end with an end mark, as a share of lines."
    )
    max_short_line_fraction: FractionLimit = Field(0.67, description="Short lines, as a share of lines.")
    short_line_length: int = Field(30, ge=0, description="A line of at most so many characters is short.")
    max_duplicate_character_fraction: FractionLimit = Field(
        0.01, description="Characters in repeated lines, as a share of all."
    )
    max_newline_word_ratio: Limit = Field(0.3, description="Line ends, by words.")

    semantics_known: ClassVar[tuple[str, ...]] = ("gristmill", "datatrove")
    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "terminal_punctuation_line_fraction": "float64",
        "short_line_fraction": "float64",
        "duplicate_line_character_fraction": "float64",
        "newline_word_ratio": "float64",
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        **rules_of(">=", min_terminal_punctuation_fraction="terminal_punctuation_line_fraction"),
        **rules_of(
            "<=",
            max_short_line_fraction="short_line_fraction",
            max_duplicate_character_fraction="duplicate_line_character_fraction",
            max_newline_word_ratio="newline_word_ratio",
        ),
    }
    source_note: ClassVar[str] = "Penedo et al. 2024, FineWeb, arXiv 2406.17557, section 3.6."


STEPS: Mapping[str, type[BuiltinStep]] = {"fineweb_quality": FinewebQuality}
"""Steps by the name that `use` gives."""
