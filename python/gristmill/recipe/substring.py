"""The step that cuts out passages which stand in the corpus already. Not here: finding them (the engine)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gristmill.recipe.builtin import BuiltinStep

DEFAULT_MIN_BYTES = 200
"""Some 50 tokens of English, the length that Lee et al. chose."""


class SubstringDedup(BuiltinStep):
    """Cuts out every long passage that stands in the corpus already, wherever it is in its document."""

    use: Literal["substring_dedup"]
    min_bytes: int | None = Field(
        None,
        ge=20,
        le=1_000_000,
        description="Passages of at least so many bytes of text go where they come again; by default 200, unless "
        "`min_words` is given.",
    )
    min_words: int | None = Field(
        None,
        ge=5,
        le=100_000,
        description="Instead of `min_bytes`: passages of at least so many words, each with what follows it up to the "
        "next. Takes less memory.",
    )
    whole_lines: bool = Field(
        False,
        description="Of a repeated passage only those lines go that lie in it from end to end.",
    )
    min_words_left: int | None = Field(
        None,
        ge=1,
        description="A document that lost passages and has fewer words left is dropped; by default one without any "
        "text left is.",
    )

    is_dedup: ClassVar[bool] = True
    source_note: ClassVar[str] = (
        "Lee et al. 2022, Deduplicating Training Data Makes Language Models Better: exact substrings by a suffix "
        "array, 50 tokens. What goes is chosen otherwise: here every passage that goes still stands."
    )

    @field_validator("where", check_fields=False)
    @classmethod
    def _all_documents(cls, value: dict[str, object]) -> dict[str, object]:
        if value:
            raise PydanticCustomError("where", "dedup compares all documents; `where` cannot be used here")
        return value

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.min_bytes is not None and self.min_words is not None:
            raise PydanticCustomError(
                "length", "`min_bytes` and `min_words` are two ways to say how long a passage is; give one"
            )
        return self

    def cut(self) -> Mapping[str, object]:
        """Return what passages go."""
        if self.min_words is not None:
            length = {"min_words": self.min_words}
        else:
            length = {"min_bytes": DEFAULT_MIN_BYTES if self.min_bytes is None else self.min_bytes}
        return {
            "producer": "passages",
            "separators": "none",
            "min_words_left": self.min_words_left,
            "options": {"length": length, "whole_lines": self.whole_lines},
        }
