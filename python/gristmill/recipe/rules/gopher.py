"""Gopher's rules: repetition and quality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from gristmill.recipe.builtin import BuiltinStep, RuleStep, both, rules_of
from gristmill.recipe.step_base import ColumnKind, Rule
from gristmill.recipe.values import CountLimit, FractionLimit, Limit, TextTuple

_REPETITION = {
    "max_duplicate_line_fraction": "duplicate_line_fraction",
    "max_duplicate_paragraph_fraction": "duplicate_paragraph_fraction",
    "max_duplicate_line_character_fraction": "duplicate_line_character_fraction",
    "max_duplicate_paragraph_character_fraction": "duplicate_paragraph_character_fraction",
    **{f"max_top_{n}_gram_character_fraction": f"top_{n}_gram_character_fraction" for n in (2, 3, 4)},
    **{
        f"max_duplicate_{n}_gram_character_fraction": f"duplicate_{n}_gram_character_fraction"
        for n in range(5, 11)
    },
}


class GopherRepetition(RuleStep):
    """Drops documents that repeat lines, paragraphs or word n-grams."""

    use: Literal["gopher_repetition"]
    max_duplicate_line_fraction: Limit = Field(0.30, description="Repeated lines, as a share of lines.")
    max_duplicate_paragraph_fraction: Limit = Field(
        0.30, description="Repeated paragraphs, as a share of paragraphs."
    )
    max_duplicate_line_character_fraction: Limit = Field(
        0.20, description="Characters in repeated lines, as a share of all."
    )
    max_duplicate_paragraph_character_fraction: Limit = Field(
        0.20, description="Characters in repeated paragraphs, as a share of all."
    )
    max_top_2_gram_character_fraction: Limit = Field(
        0.20, description="Characters in the most frequent pair of words, as a share of all."
    )
    max_top_3_gram_character_fraction: Limit = Field(
        0.18, description="Characters in the most frequent 3 words in a row, as a share of all."
    )
    max_top_4_gram_character_fraction: Limit = Field(
        0.16, description="Characters in the most frequent 4 words in a row, as a share of all."
    )
    max_duplicate_5_gram_character_fraction: Limit = Field(
        0.15, description="Characters in repeated runs of 5 words, as a share of all."
    )
    max_duplicate_6_gram_character_fraction: Limit = Field(
        0.14, description="Characters in repeated runs of 6 words, as a share of all."
    )
    max_duplicate_7_gram_character_fraction: Limit = Field(
        0.13, description="Characters in repeated runs of 7 words, as a share of all."
    )
    max_duplicate_8_gram_character_fraction: Limit = Field(
        0.12, description="Characters in repeated runs of 8 words, as a share of all."
    )
    max_duplicate_9_gram_character_fraction: Limit = Field(
        0.11, description="Characters in repeated runs of 9 words, as a share of all."
    )
    max_duplicate_10_gram_character_fraction: Limit = Field(
        0.10, description="Characters in repeated runs of 10 words, as a share of all."
    )

    semantics_known: ClassVar[tuple[str, ...]] = ("gristmill", "datatrove", "dolma", "nemo")
    columns: ClassVar[Mapping[str, ColumnKind]] = dict.fromkeys(_REPETITION.values(), "float64")
    rules: ClassVar[Mapping[str, Rule]] = rules_of("<=", **_REPETITION)
    source_note: ClassVar[str] = (
        "Rae et al. 2021, Scaling Language Models (Gopher), arXiv 2112.11446, table A1."
    )


class GopherQuality(RuleStep):
    """Drops documents whose words, symbols and lines are unlike prose."""

    use: Literal["gopher_quality"]
    min_words: CountLimit = Field(50, description="Least number of words.")
    max_words: CountLimit = Field(100_000, description="Largest number of words.")
    min_mean_word_length: Limit = Field(3.0, description="Least mean length of words, in characters.")
    max_mean_word_length: Limit = Field(10.0, description="Largest mean length of words, in characters.")
    max_hash_ratio: Limit = Field(0.1, description="Number signs, by words.")
    max_ellipsis_ratio: Limit = Field(0.1, description="Ellipses, by words.")
    max_bullet_line_fraction: FractionLimit = Field(
        0.9, description="Lines that begin with a bullet, as a share of lines."
    )
    max_ellipsis_line_fraction: FractionLimit = Field(
        0.3, description="Lines that end with an ellipsis, as a share of lines."
    )
    min_alphabetic_word_fraction: FractionLimit = Field(
        0.8, description="Words with at least one letter, as a share of words."
    )
    min_stop_words: CountLimit = Field(
        2, description="Least number of different stop words; the list suits one language."
    )
    stop_words: TextTuple = Field(
        ("the", "be", "to", "of", "and", "that", "have", "with"),
        description="The stop words; give other ones, or a `where`, for languages other than English.",
    )

    semantics_known: ClassVar[tuple[str, ...]] = ("gristmill", "datatrove", "dolma", "nemo")
    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "num_words": "uint32",
        "mean_word_length": "float64",
        "hash_ratio": "float64",
        "ellipsis_ratio": "float64",
        "bullet_line_fraction": "float64",
        "ellipsis_line_fraction": "float64",
        "alphabetic_word_fraction": "float64",
        "num_stop_words": "uint32",
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        **both("min_words", "max_words", "num_words"),
        **both("min_mean_word_length", "max_mean_word_length", "mean_word_length"),
        **rules_of(
            "<=",
            max_hash_ratio="hash_ratio",
            max_ellipsis_ratio="ellipsis_ratio",
            max_bullet_line_fraction="bullet_line_fraction",
            max_ellipsis_line_fraction="ellipsis_line_fraction",
        ),
        **rules_of(
            ">=", min_alphabetic_word_fraction="alphabetic_word_fraction", min_stop_words="num_stop_words"
        ),
    }
    source_note: ClassVar[str] = (
        "Rae et al. 2021, Scaling Language Models (Gopher), arXiv 2112.11446, section A.1.1."
    )


STEPS: Mapping[str, type[BuiltinStep]] = {
    "gopher_repetition": GopherRepetition,
    "gopher_quality": GopherQuality,
}
"""Steps by the name that `use` gives."""
