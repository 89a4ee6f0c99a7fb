"""RedPajama-V2's quality signals that are rules over text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from gristmill.recipe.builtin import BuiltinStep, RuleStep, both, rules_of
from gristmill.recipe.step_base import ColumnKind, Rule
from gristmill.recipe.values import CountLimit, FractionLimit, Limit, TextTuple

_GRAMS = {
    **{f"max_top_{n}_gram_character_fraction": f"top_{n}_gram_character_fraction" for n in (2, 3, 4)},
    **{
        f"max_duplicate_{n}_gram_character_fraction": f"duplicate_{n}_gram_character_fraction"
        for n in range(5, 11)
    },
}


class RedpajamaSignals(RuleStep):
    """Measures what RedPajama-V2 measures; drops by the rules that its dataset card spells out."""

    use: Literal["redpajama_signals"]
    stop_words: TextTuple | None = Field(
        None, description="The stop words, in lower case; by default RedPajama's 570 English ones."
    )
    min_words: CountLimit = Field(50, description="Least number of words.")
    max_words: CountLimit = Field(10_000, description="Largest number of words.")
    min_mean_word_length: Limit = Field(3.0, description="Least mean length of words, in characters.")
    max_mean_word_length: Limit = Field(10.0, description="Largest mean length of words, in characters.")
    max_symbol_word_ratio: Limit = Field(0.1, description="Number signs and ellipses, by words.")
    max_bullet_line_fraction: FractionLimit = Field(
        0.9, description="Lines that begin with a bullet, as a share of lines."
    )
    max_top_2_gram_character_fraction: Limit = Field(
        0.2, description="Characters in the most frequent pair of words, as a share of all."
    )
    max_top_3_gram_character_fraction: Limit = Field(
        None, description="Characters in the most frequent 3 words in a row, as a share of all."
    )
    max_top_4_gram_character_fraction: Limit = Field(
        None, description="Characters in the most frequent 4 words in a row, as a share of all."
    )
    max_duplicate_5_gram_character_fraction: FractionLimit = Field(
        None, description="Characters in repeated runs of 5 words, as a share of all."
    )
    max_duplicate_6_gram_character_fraction: FractionLimit = Field(
        None, description="Characters in repeated runs of 6 words, as a share of all."
    )
    max_duplicate_7_gram_character_fraction: FractionLimit = Field(
        None, description="Characters in repeated runs of 7 words, as a share of all."
    )
    max_duplicate_8_gram_character_fraction: FractionLimit = Field(
        None, description="Characters in repeated runs of 8 words, as a share of all."
    )
    max_duplicate_9_gram_character_fraction: FractionLimit = Field(
        None, description="Characters in repeated runs of 9 words, as a share of all."
    )
    max_duplicate_10_gram_character_fraction: FractionLimit = Field(
        None, description="Characters in repeated runs of 10 words, as a share of all."
    )
    min_characters: CountLimit = Field(None, description="Least number of characters.")
    min_lines: CountLimit = Field(None, description="Least number of lines.")
    max_ellipsis_line_fraction: FractionLimit = Field(
        None, description="Lines that end with an ellipsis, as a share of lines."
    )
    max_no_alphabetic_word_fraction: FractionLimit = Field(
        None, description="Words without an ASCII letter, as a share of words."
    )
    min_unique_word_fraction: FractionLimit = Field(None, description="Different words, as a share of words.")
    min_unigram_entropy: Limit = Field(None, description="Least entropy of the words, in nats.")
    max_all_caps_word_fraction: FractionLimit = Field(
        None, description="Words in capitals, as a share of words."
    )
    min_sentences: CountLimit = Field(None, description="Least number of sentences.")
    max_lorem_ipsum_ratio: FractionLimit = Field(
        None, description="How often `lorem ipsum` occurs, by characters."
    )
    max_curly_bracket_ratio: FractionLimit = Field(None, description="Curly brackets, by characters.")
    min_stop_word_fraction: FractionLimit = Field(None, description="Stop words, as a share of words.")
    min_terminal_punctuation_line_fraction: FractionLimit = Field(
        None, description="Lines that end with `.`, `!`, `?` or `”`, as a share of lines."
    )
    max_javascript_words: CountLimit = Field(None, description="How often the word `javascript` occurs.")
    min_mean_line_words: Limit = Field(None, description="Least mean number of words a line.")
    max_mean_line_uppercase_fraction: FractionLimit = Field(
        None, description="Upper-case characters of a line, as a share of it, on average."
    )
    max_mean_line_numeric_fraction: FractionLimit = Field(
        None, description="Numeric characters of a line, as a share of it, on average."
    )

    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "num_characters": "uint32",
        "num_lines": "uint32",
        "num_words": "uint32",
        "mean_word_length": "float64",
        "symbol_word_ratio": "float64",
        "ellipsis_line_fraction": "float64",
        "no_alphabetic_word_fraction": "float64",
        "unique_word_fraction": "float64",
        "unigram_entropy": "float64",
        "all_caps_word_fraction": "float64",
        "num_sentences": "uint32",
        "lorem_ipsum_ratio": "float64",
        "curly_bracket_ratio": "float64",
        "stop_word_fraction": "float64",
        **dict.fromkeys(_GRAMS.values(), "float64"),
        "terminal_punctuation_line_fraction": "float64",
        "bullet_line_fraction": "float64",
        "num_javascript_words": "uint32",
        "mean_line_words": "float64",
        "mean_line_uppercase_fraction": "float64",
        "mean_line_numeric_fraction": "float64",
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        **both("min_words", "max_words", "num_words"),
        **both("min_mean_word_length", "max_mean_word_length", "mean_word_length"),
        **rules_of(
            "<=",
            max_symbol_word_ratio="symbol_word_ratio",
            max_bullet_line_fraction="bullet_line_fraction",
            **_GRAMS,
            max_ellipsis_line_fraction="ellipsis_line_fraction",
            max_no_alphabetic_word_fraction="no_alphabetic_word_fraction",
            max_all_caps_word_fraction="all_caps_word_fraction",
            max_lorem_ipsum_ratio="lorem_ipsum_ratio",
            max_curly_bracket_ratio="curly_bracket_ratio",
            max_javascript_words="num_javascript_words",
            max_mean_line_uppercase_fraction="mean_line_uppercase_fraction",
            max_mean_line_numeric_fraction="mean_line_numeric_fraction",
        ),
        **rules_of(
            ">=",
            min_characters="num_characters",
            min_lines="num_lines",
            min_unique_word_fraction="unique_word_fraction",
            min_unigram_entropy="unigram_entropy",
            min_sentences="num_sentences",
            min_stop_word_fraction="stop_word_fraction",
            min_terminal_punctuation_line_fraction="terminal_punctuation_line_fraction",
            min_mean_line_words="mean_line_words",
        ),
    }
    source_note: ClassVar[str] = (
        "Weber et al. 2024, RedPajama, arXiv 2411.12372; limits that are on: the dataset card of RedPajama-Data-V2."
    )


STEPS: Mapping[str, type[BuiltinStep]] = {"redpajama_signals": RedpajamaSignals}
"""Steps by the name that `use` gives."""
