"""How many token ids a text has. The engine counts them, beside its rules: it needs a tokenizer's file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from gristmill.recipe.builtin import BuiltinStep, RuleStep, both, rules_of
from gristmill.recipe.step_base import ColumnKind, Rule
from gristmill.recipe.values import CountLimit, FractionLimit, Limit, Text, as_tuple, told


class TokenStatistics(RuleStep):
    """Counts the ids of a tokenizer; drops nothing unless asked to."""

    use: Literal["token_statistics"]
    min_tokens: CountLimit = Field(None, description="Least number of token ids.")
    max_tokens: CountLimit = Field(None, description="Largest number of token ids.")
    min_tokens_per_byte: Limit = Field(
        None, description="Least number of token ids a byte; repetition is below."
    )
    max_tokens_per_byte: Limit = Field(
        None, description="Largest number of token ids a byte; what the vocabulary was not made for is above."
    )
    max_unknown_fraction: FractionLimit = Field(
        None, description="Ids that stand for what the vocabulary lacks, as a share of ids."
    )
    tokenizer: Text | None = Field(
        None,
        description="The tokenizer's file, or a folder that holds one, relative to the recipe's folder; by default "
        "that of `[tokens]`.",
    )
    special: (
        Annotated[
            Literal["plain", "hf"] | tuple[Text, ...],
            BeforeValidator(as_tuple),
            told('must be "plain", "hf" or a list of tokens'),
        ]
        | None
    ) = Field(
        None,
        description='As in `[tokens]`, and by default what stands there; "plain" for a `tokenizer` of the step\'s own.',
    )

    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "num_tokens": "uint32",
        "tokens_per_byte": "float64",
        "unknown_fraction": "float64",
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        **both("min_tokens", "max_tokens", "num_tokens"),
        **both("min_tokens_per_byte", "max_tokens_per_byte", "tokens_per_byte"),
        **rules_of("<=", max_unknown_fraction="unknown_fraction"),
    }
    source_note: ClassVar[str] = (
        "datatrove's `TokensCounter` and Data-Juicer's `token_num_filter` count, the latter with a limit of 10; nobody "
        "publishes limits for the others."
    )


STEPS: Mapping[str, type[BuiltinStep]] = {"token_statistics": TokenStatistics}
"""Steps by the name that `use` gives."""
