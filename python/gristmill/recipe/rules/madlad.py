"""MADLAD-400's rules over sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from gristmill.recipe.builtin import BuiltinStep, RuleStep, rules_of
from gristmill.recipe.step_base import ColumnKind, Rule
from gristmill.recipe.values import CountLimit, Fraction, FractionLimit, as_tuple

_Mark = Literal["list_case", "abnormal_length", "technical", "cursed"]


class MadladQuality(RuleStep):
    """Drops documents with few sentences, or with many that are lists, codes, fragments or known junk."""

    use: Literal["madlad_quality"]
    questionable: Annotated[tuple[_Mark, ...], Field(min_length=1), BeforeValidator(as_tuple)] = Field(
        ("list_case", "abnormal_length", "technical", "cursed"),
        description="Rules whose sentences are questionable: `list_case`, `abnormal_length`, `technical`, `cursed`.",
    )
    min_list_case_words: int = Field(
        12, ge=0, description="A sentence is in list case only if it has so many words."
    )
    max_capital_word_fraction: Fraction = Field(
        0.5, description="A sentence is in list case if a larger share of its words starts with a capital."
    )
    min_sentence_characters: int = Field(20, ge=0, description="A sentence of fewer characters is abnormal.")
    max_sentence_characters: int = Field(500, ge=0, description="A sentence of more characters is abnormal.")
    max_technical_fraction: Fraction = Field(
        0.2, description="A sentence is technical if a larger share of it is digits and `{}+/()>`."
    )
    min_sentences: CountLimit = Field(5, description="Least number of sentences.")
    max_questionable_sentence_fraction: FractionLimit = Field(
        0.2, description="Questionable sentences, as a share of sentences."
    )
    max_list_case_sentence_fraction: FractionLimit = Field(
        None, description="Sentences in list case, as a share of sentences."
    )
    max_abnormal_length_sentence_fraction: FractionLimit = Field(
        None, description="Sentences of abnormal length, as a share of sentences."
    )
    max_technical_sentence_fraction: FractionLimit = Field(
        None, description="Technical sentences, as a share of sentences."
    )
    max_cursed_sentence_fraction: FractionLimit = Field(
        None, description='Sentences with a "cursed" substring, as a share of sentences.'
    )

    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "num_sentences": "uint32",
        "questionable_sentence_fraction": "float64",
        "list_case_sentence_fraction": "float64",
        "abnormal_length_sentence_fraction": "float64",
        "technical_sentence_fraction": "float64",
        "cursed_sentence_fraction": "float64",
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        **rules_of(">=", min_sentences="num_sentences"),
        **rules_of(
            "<=",
            max_questionable_sentence_fraction="questionable_sentence_fraction",
            max_list_case_sentence_fraction="list_case_sentence_fraction",
            max_abnormal_length_sentence_fraction="abnormal_length_sentence_fraction",
            max_technical_sentence_fraction="technical_sentence_fraction",
            max_cursed_sentence_fraction="cursed_sentence_fraction",
        ),
    }
    source_note: ClassVar[str] = (
        "Kudugunta et al. 2023, MADLAD-400, arXiv 2309.04662, section 2.3 and dataset card; sentences as datamap-rs "
        "cuts them."
    )


STEPS: Mapping[str, type[BuiltinStep]] = {"madlad_quality": MadladQuality}
"""Steps by the name that `use` gives."""
