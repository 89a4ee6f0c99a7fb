"""NeMo Curator's heuristics, without Gopher's rules: those are `semantics = "nemo"` of Gopher's steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from gristmill.recipe.builtin import BuiltinStep, RuleStep, rules_of
from gristmill.recipe.step_base import ColumnKind, Rule
from gristmill.recipe.values import CountLimit, FractionLimit, Text


class NemoHeuristics(RuleStep):
    """Drops documents of symbols, numbers, addresses, boilerplate or unfinished lines, as NeMo Curator does."""

    use: Literal["nemo_heuristics"]
    max_non_alphanumeric_fraction: FractionLimit = Field(
        0.25, description="Characters that are no ASCII letter, digit, line feed, `?`, `!`, `,` or `.`."
    )
    max_digit_fraction: FractionLimit = Field(0.15, description="Digits, as a share of characters.")
    max_url_character_fraction: FractionLimit = Field(
        0.2, description="Characters of web addresses, as a share of all."
    )
    max_white_space_fraction: FractionLimit = Field(
        0.25, description="White space, as a share of characters."
    )
    max_parenthesis_fraction: FractionLimit = Field(0.1, description="Brackets, as a share of characters.")
    max_longest_word_length: CountLimit = Field(1000, description="Characters of the longest word.")
    max_boilerplate_paragraph_fraction: FractionLimit = Field(
        0.4, description="Paragraphs about cookies, privacy or terms of use, as a share of paragraphs."
    )
    max_unended_line_fraction: FractionLimit = Field(
        0.85, description="Lines that do not end with an end mark, as a share of lines."
    )
    drop_pornographic_url: bool = Field(
        True, description="Drop documents with a web address that has `porn` in it."
    )
    substring: Text | None = Field(None, description="What documents have to contain; by default nothing.")
    substring_position: Literal["any", "prefix", "suffix"] = Field(
        "any", description="Where `substring` has to be: anywhere, at the very start or at the very end."
    )
    drop_without_substring: bool = Field(
        True, description="Drop documents without `substring`, if one is given."
    )

    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "non_alphanumeric_fraction": "float64",
        "digit_fraction": "float64",
        "url_character_fraction": "float64",
        "white_space_fraction": "float64",
        "parenthesis_fraction": "float64",
        "longest_word_length": "uint32",
        "boilerplate_paragraph_fraction": "float64",
        "unended_line_fraction": "float64",
        "has_pornographic_url": "bool",
        "lacks_substring": "bool",
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        **rules_of(
            "<=",
            max_non_alphanumeric_fraction="non_alphanumeric_fraction",
            max_digit_fraction="digit_fraction",
            max_url_character_fraction="url_character_fraction",
            max_white_space_fraction="white_space_fraction",
            max_parenthesis_fraction="parenthesis_fraction",
            max_longest_word_length="longest_word_length",
            max_boilerplate_paragraph_fraction="boilerplate_paragraph_fraction",
            max_unended_line_fraction="unended_line_fraction",
        ),
        **rules_of(
            "==", drop_pornographic_url="has_pornographic_url", drop_without_substring="lacks_substring"
        ),
    }
    source_note: ClassVar[str] = (
        "NVIDIA NeMo Curator 1.4.0, `nemo_curator.stages.text.filters.heuristic.string`, with its defaults."
    )


STEPS: Mapping[str, type[BuiltinStep]] = {"nemo_heuristics": NemoHeuristics}
"""Steps by the name that `use` gives."""
