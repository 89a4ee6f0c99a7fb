"""Line rules for web pages: RefinedWeb's, as DCLM implements them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from gristmill.recipe.builtin import BuiltinStep, RuleStep
from gristmill.recipe.step_base import ColumnKind, Rule
from gristmill.recipe.values import Fraction, FractionLimit, Text, as_tuple

_Phrases = Annotated[tuple[Text, ...], BeforeValidator(as_tuple)]


class RefinedwebLines(RuleStep):
    """Removes lines of capitals, numbers, counters and single words, then drops documents that lost too much."""

    use: Literal["refinedweb_lines"]
    max_line_uppercase_fraction: Fraction = Field(
        0.5, description="Remove lines with a larger share of upper-case characters."
    )
    max_line_digit_fraction: Fraction = Field(
        0.999999, description="Remove lines with a larger share of digits."
    )
    remove_counters: bool = Field(
        True, description="Remove lines such as `3 likes`, `1.2k views` or `12 comments`."
    )
    min_words_per_line: int = Field(
        2, ge=0, description="Remove lines with fewer words; empty lines stay, 0 keeps all."
    )
    max_phrase_line_words: int = Field(
        10, ge=0, description="Cut phrases out of lines of at most so many words; 0 leaves all lines alone."
    )
    phrases: _Phrases = Field(
        ("items in cart",),
        description="Phrases to cut out of short lines, in any case; `.` stands for any character.",
    )
    phrases_at_end: _Phrases = Field(
        ("Read more...",), description="Phrases to cut from the end of short lines."
    )
    phrases_at_start: _Phrases = Field(
        ("Sign-in",), description="Phrases to cut from the start of short lines."
    )
    max_removed_word_fraction: FractionLimit = Field(
        0.05, description="Words that the step removed, as a share of those that were there."
    )

    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "removed_word_fraction": "float64",
        "num_uppercase_lines": "uint32",
        "num_numeric_lines": "uint32",
        "num_counter_lines": "uint32",
        "num_few_word_lines": "uint32",
        "num_phrase_lines": "uint32",
        "num_lines_removed": "uint32",
        "num_lines_kept": "uint32",
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        "max_removed_word_fraction": Rule(
            column="removed_word_fraction", keep="<=", rule="removed_word_fraction"
        ),
    }
    edits_text: ClassVar[bool] = True
    source_note: ClassVar[str] = (
        "Penedo et al. 2023, RefinedWeb, arXiv 2306.01116, appendix G.2, as implemented by DCLM (Li et al. 2024, "
        "arXiv 2406.11794)."
    )


STEPS: Mapping[str, type[BuiltinStep]] = {"refinedweb_lines": RefinedwebLines}
"""Steps by the name that `use` gives."""
