"""C4's rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from gristmill.recipe.builtin import BuiltinStep, RuleStep
from gristmill.recipe.step_base import ColumnKind, Rule
from gristmill.recipe.values import CountLimit


class C4Quality(RuleStep):
    """Removes lines that are not sentences, then drops documents with too little left or with code and filler."""

    use: Literal["c4_quality"]
    require_terminal_punctuation: bool = Field(True, description="Remove lines that end without an end mark.")
    min_words_per_line: int = Field(3, ge=0, description="Remove lines with fewer words; 0 keeps all.")
    max_word_length: int = Field(
        1000, ge=0, description="Remove lines with a word of more characters; 0 keeps all."
    )
    remove_javascript: bool = Field(True, description="Remove lines that mention JavaScript.")
    remove_policy: bool = Field(
        True, description="Remove lines about cookies, privacy policies and terms of use."
    )
    remove_citations: bool = Field(
        True, description="Cut `[12]`, `[edit]` and `[citation needed]` out of lines."
    )
    min_sentences: CountLimit = Field(5, description="Least number of sentences in the lines that were kept.")
    drop_lorem_ipsum: bool = Field(True, description="Drop documents with `lorem ipsum`.")
    drop_curly_bracket: bool = Field(True, description="Drop documents with a `{`, which is mostly code.")

    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "num_sentences": "uint32",
        "has_lorem_ipsum": "bool",
        "has_curly_bracket": "bool",
        "num_lines_removed": "uint32",
        "num_lines_kept": "uint32",
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        "min_sentences": Rule(column="num_sentences", keep=">=", rule="num_sentences"),
        "drop_lorem_ipsum": Rule(column="has_lorem_ipsum", keep="==", rule="has_lorem_ipsum"),
        "drop_curly_bracket": Rule(column="has_curly_bracket", keep="==", rule="has_curly_bracket"),
    }
    edits_text: ClassVar[bool] = True
    source_note: ClassVar[str] = "Raffel et al. 2020, T5, arXiv 1910.10683, section 2.2."


STEPS: Mapping[str, type[BuiltinStep]] = {"c4_quality": C4Quality}
"""Steps by the name that `use` gives."""
