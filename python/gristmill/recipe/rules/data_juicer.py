"""Data-Juicer's text filters that need no model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from gristmill.recipe.builtin import BuiltinStep, RuleStep, both
from gristmill.recipe.step_base import ColumnKind, Rule
from gristmill.recipe.values import CountLimit, FractionLimit, Limit, TextTuple


class DataJuicerText(RuleStep):
    """Drops short documents, and those with unusual characters, repetition or words, as Data-Juicer does."""

    use: Literal["data_juicer_text"]
    min_characters: CountLimit = Field(10, description="Least number of characters.")
    max_characters: CountLimit = Field(None, description="Largest number of characters.")
    min_words: CountLimit = Field(10, description="Least number of words.")
    max_words: CountLimit = Field(None, description="Largest number of words.")
    min_alphanumeric_fraction: FractionLimit = Field(
        0.25, description="Least share of letters and numbers, by characters."
    )
    max_alphanumeric_fraction: FractionLimit = Field(
        None, description="Largest share of letters and numbers."
    )
    min_special_character_fraction: FractionLimit = Field(
        None, description="Least share of special characters, by characters."
    )
    max_special_character_fraction: FractionLimit = Field(
        0.25, description="Largest share of special characters."
    )
    min_mean_line_length: Limit = Field(10.0, description="Least mean length of lines, in characters.")
    max_mean_line_length: Limit = Field(None, description="Largest mean length of lines, in characters.")
    min_longest_line_length: CountLimit = Field(
        10, description="Least length of the longest line, in characters."
    )
    max_longest_line_length: CountLimit = Field(
        None, description="Largest length of the longest line, in characters."
    )
    min_character_repetition_fraction: FractionLimit = Field(
        None, description="Least share of the most frequent character n-grams."
    )
    max_character_repetition_fraction: FractionLimit = Field(
        0.5, description="Largest share of the most frequent character n-grams."
    )
    character_repetition_length: int = Field(10, ge=1, lt=1 << 32, description="Characters of an n-gram.")
    min_word_repetition_fraction: FractionLimit = Field(
        None, description="Least share of word n-grams that occur again."
    )
    max_word_repetition_fraction: FractionLimit = Field(
        0.5, description="Largest share of word n-grams that occur again."
    )
    word_repetition_length: int = Field(10, ge=1, lt=1 << 32, description="Words of an n-gram.")
    min_stop_word_fraction: FractionLimit = Field(0.3, description="Least share of stop words, by words.")
    max_stop_word_fraction: FractionLimit = Field(None, description="Largest share of stop words, by words.")
    stop_words: TextTuple | None = Field(
        None, description="Stop words in lower case; by default Data-Juicer's 301 English ones."
    )
    min_flagged_word_fraction: FractionLimit = Field(
        None, description="Least share of flagged words, by words."
    )
    max_flagged_word_fraction: FractionLimit = Field(
        0.045, description="Largest share of flagged words, by words."
    )
    flagged_words: TextTuple | None = Field(
        None, description="Flagged words in lower case; by default Data-Juicer's 68 English ones."
    )

    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "num_characters": "uint32",
        "num_words": "uint32",
        "alphanumeric_fraction": "float64",
        "special_character_fraction": "float64",
        "mean_line_length": "float64",
        "longest_line_length": "uint32",
        "character_repetition_fraction": "float64",
        "word_repetition_fraction": "float64",
        "stop_word_fraction": "float64",
        "flagged_word_fraction": "float64",
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        **both("min_characters", "max_characters", "num_characters"),
        **both("min_words", "max_words", "num_words"),
        **both("min_alphanumeric_fraction", "max_alphanumeric_fraction", "alphanumeric_fraction"),
        **both(
            "min_special_character_fraction", "max_special_character_fraction", "special_character_fraction"
        ),
        **both("min_mean_line_length", "max_mean_line_length", "mean_line_length"),
        **both("min_longest_line_length", "max_longest_line_length", "longest_line_length"),
        **both(
            "min_character_repetition_fraction",
            "max_character_repetition_fraction",
            "character_repetition_fraction",
        ),
        **both("min_word_repetition_fraction", "max_word_repetition_fraction", "word_repetition_fraction"),
        **both("min_stop_word_fraction", "max_stop_word_fraction", "stop_word_fraction"),
        **both("min_flagged_word_fraction", "max_flagged_word_fraction", "flagged_word_fraction"),
    }
    source_note: ClassVar[str] = "Data-Juicer 1.6.1 (Chen et al. 2023, arXiv 2309.02033), with its defaults."


STEPS: Mapping[str, type[BuiltinStep]] = {"data_juicer_text": DataJuicerText}
"""Steps by the name that `use` gives."""
