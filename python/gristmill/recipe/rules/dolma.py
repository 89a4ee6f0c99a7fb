"""Dolma's taggers of text. Its `gopher_v1` is `semantics = "dolma"` of the Gopher steps, not here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from gristmill.recipe.builtin import BuiltinStep, RuleStep, both, rules_of
from gristmill.recipe.step_base import ColumnKind, Rule
from gristmill.recipe.values import CountLimit, FractionLimit

_SOURCE = "Soldaini et al. 2024, Dolma, arXiv 2402.00159; "


class DolmaC4(RuleStep):
    """Removes short lines and lines without end mark, then drops documents with code, filler or bad words."""

    use: Literal["dolma_c4"]
    remove_lines: bool = Field(
        True, description="Remove lines of fewer than three words and lines without an end mark."
    )
    drop_curly_bracket: bool = Field(True, description="Drop documents with a `{`.")
    drop_lorem_ipsum: bool = Field(True, description="Drop documents with `lorem ipsum`.")
    drop_javascript: bool = Field(True, description="Drop documents with `javascript`.")
    drop_naughty_word: bool = Field(
        True, description="Drop documents with a word or phrase of the English list of bad words."
    )

    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "has_curly_bracket": "bool",
        "has_lorem_ipsum": "bool",
        "has_javascript": "bool",
        "has_naughty_word": "bool",
        "num_lines": "uint32",
        "num_lines_without_end_mark": "uint32",
        "num_short_lines": "uint32",
    }
    rules: ClassVar[Mapping[str, Rule]] = rules_of(
        "==",
        drop_curly_bracket="has_curly_bracket",
        drop_lorem_ipsum="has_lorem_ipsum",
        drop_javascript="has_javascript",
        drop_naughty_word="has_naughty_word",
    )
    edits_text: ClassVar[bool] = True
    source_note: ClassVar[str] = _SOURCE + "tagger `c4_v2` and the mixer of its replication of C4."


class DolmaLength(RuleStep):
    """Counts bytes, characters, paragraphs and simple tokens; drops nothing unless a threshold is given."""

    use: Literal["dolma_length"]
    min_stripped_characters: CountLimit = Field(
        None, description="Least number of characters between the first and the last that is not white space."
    )
    max_stripped_characters: CountLimit = Field(None, description="Largest number of those characters.")
    min_pieces: CountLimit = Field(None, description="Least number of pieces.")
    max_pieces: CountLimit = Field(None, description="Largest number of pieces.")

    columns: ClassVar[Mapping[str, ColumnKind]] = dict.fromkeys(
        (
            "num_bytes",
            "num_characters",
            "num_stripped_characters",
            "num_pieces",
            "num_paragraphs",
            "num_paragraph_pieces",
        ),
        "uint32",
    )
    rules: ClassVar[Mapping[str, Rule]] = {
        **both("min_stripped_characters", "max_stripped_characters", "num_stripped_characters"),
        **both("min_pieces", "max_pieces", "num_pieces"),
    }
    source_note: ClassVar[str] = (
        _SOURCE
        + "taggers `bytes_length_v1`, `char_length_v1`, `char_length_strip_ws_v1`, `whitespace_tokenizer_v1` "
        "and `whitespace_tokenizer_with_paragraphs_v1`."
    )


class DolmaRepetitions(RuleStep):
    """Finds strings that stand four times or more in a row; drops nothing unless a threshold is given."""

    use: Literal["dolma_repetitions"]
    by_paragraph: bool = Field(False, description="Look at each line by itself.")
    max_copies: CountLimit = Field(None, description="Largest number of copies in a row.")
    max_repetition_length: CountLimit = Field(
        None, description="Largest number of characters of one string and its copies."
    )
    max_repetition_character_fraction: FractionLimit = Field(
        None, description="Characters in repetitions, as a share of all."
    )

    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "num_repetitions": "uint32",
        "most_copies": "uint32",
        "longest_repetition_length": "uint32",
        "repetition_character_fraction": "float64",
    }
    rules: ClassVar[Mapping[str, Rule]] = rules_of(
        "<=",
        max_copies="most_copies",
        max_repetition_length="longest_repetition_length",
        max_repetition_character_fraction="repetition_character_fraction",
    )
    source_note: ClassVar[str] = _SOURCE + "taggers `repetitions_v1` and `paragraph_repetitions_v1`."


class DolmaSymbolParagraphs(RuleStep):
    """Counts paragraphs of marks, symbols and emoji only; drops nothing unless a threshold is given."""

    use: Literal["dolma_symbol_paragraphs"]
    max_symbol_paragraphs: CountLimit = Field(None, description="Largest number of such paragraphs.")
    max_symbol_paragraph_fraction: FractionLimit = Field(
        None, description="Such paragraphs, as a share of paragraphs."
    )

    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "num_symbol_paragraphs": "uint32",
        "symbol_paragraph_fraction": "float64",
    }
    rules: ClassVar[Mapping[str, Rule]] = rules_of(
        "<=",
        max_symbol_paragraphs="num_symbol_paragraphs",
        max_symbol_paragraph_fraction="symbol_paragraph_fraction",
    )
    source_note: ClassVar[str] = _SOURCE + "tagger `not_alphanum_paragraph_v1`."


STEPS: Mapping[str, type[BuiltinStep]] = {
    "dolma_c4": DolmaC4,
    "dolma_length": DolmaLength,
    "dolma_repetitions": DolmaRepetitions,
    "dolma_symbol_paragraphs": DolmaSymbolParagraphs,
}
"""Steps by the name that `use` gives."""
