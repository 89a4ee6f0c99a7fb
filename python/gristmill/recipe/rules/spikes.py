"""The guard against jumps of the training loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from gristmill.recipe.builtin import BuiltinStep, RuleStep, rules_of
from gristmill.recipe.step_base import ColumnKind, Rule
from gristmill.recipe.values import CountLimit


class RepeatedNgramsGuard(RuleStep):
    """Drops documents that say the same few words over and over, which makes the training loss jump."""

    use: Literal["repeated_ngrams_guard"]
    max_repeats: CountLimit = Field(31, description="Largest number of copies of a sequence in a row.")
    min_period: int = Field(1, ge=1, description="Words and rows of marks in the shortest sequence.")
    max_period: int = Field(13, ge=1, description="Words and rows of marks in the longest sequence.")

    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "num_repeats": "uint32",
        "repeat_period": "uint32",
        "repeat_start": "uint32",
        "repeat_bytes": "uint32",
    }
    rules: ClassVar[Mapping[str, Rule]] = rules_of("<=", max_repeats="num_repeats")
    source_note: ClassVar[str] = "Walsh et al. 2024, 2 OLMo 2 Furious, arXiv 2501.00656, section 3.1."

    @model_validator(mode="after")
    def _ordered_periods(self) -> Self:
        if self.min_period > self.max_period:
            raise PydanticCustomError("periods", "`min_period` is above `max_period`")
        return self


STEPS: Mapping[str, type[BuiltinStep]] = {"repeated_ngrams_guard": RepeatedNgramsGuard}
"""Steps by the name that `use` gives."""
