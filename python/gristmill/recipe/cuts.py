"""Steps that cut parts out of texts and are no other step's mode. Not here: `exact_dedup`, which can also do that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from gristmill.recipe.builtin import BuiltinStep
from gristmill.recipe.values import Fraction


class BloomDedup(BuiltinStep):
    """Removes lines or paragraphs, and whole documents, most of whose word n-grams a Bloom filter has seen before."""

    use: Literal["bloom_dedup"]
    unit: Literal["paragraph", "line"] = Field(
        "line", description="What is looked up and removed; the paragraphs of DCLM's `bff` are lines."
    )
    ngram_words: int = Field(
        13,
        ge=1,
        le=1000,
        description="Words in an n-gram; a unit with fewer words stays and is not remembered.",
    )
    min_overlap: Fraction = Field(
        0.8, gt=0, description="A unit goes when at least this share of its n-grams was seen before."
    )
    whole_documents: bool = Field(
        True,
        description="Also remove a document as a whole when this share of all its n-grams was seen before it came.",
    )
    expected_ngrams: int = Field(
        1_000_000_000,
        ge=1,
        lt=1 << 48,
        description="Different n-grams in all texts, about one a word: what the filter is made for. At a rate of 0.01 "
        "it takes 10 bits for each, 1.25 GB by default.",
    )
    false_positive_rate: float = Field(
        0.01,
        gt=0,
        lt=1,
        description="Share of new n-grams that are taken for seen ones once that many are in.",
    )
    min_words_left: int | None = Field(
        None,
        ge=1,
        description="A document that lost text and has fewer words left is dropped; by default one without text is.",
    )

    is_dedup: ClassVar[bool] = True
    source_note: ClassVar[str] = (
        "`bff` of DCLM (Li et al. 2024) and Dolma: 13-grams, overlap 0.8, rate 0.01; blocked filter after Putze, "
        "Sanders and Singler 2007."
    )

    @field_validator("where", check_fields=False)
    @classmethod
    def _all_documents(cls, value: dict[str, object]) -> dict[str, object]:
        if value:
            raise PydanticCustomError("where", "dedup compares all documents; `where` cannot be used here")
        return value

    def cut(self) -> Mapping[str, object]:
        """Return how units are looked up."""
        return {
            "producer": "bloom",
            "separators": "lines",
            "min_words_left": self.min_words_left,
            "options": {
                "unit": self.unit,
                "ngram_words": self.ngram_words,
                "min_overlap": self.min_overlap,
                "whole_documents": self.whole_documents,
                "expected_ngrams": self.expected_ngrams,
                "false_positive_rate": self.false_positive_rate,
            },
        }
