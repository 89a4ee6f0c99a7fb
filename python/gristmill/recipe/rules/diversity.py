"""How varied a text is: its vocabulary, and how far it can be compressed. Nobody publishes limits; all are off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from gristmill.recipe.builtin import BuiltinStep, RuleStep, both, rules_of
from gristmill.recipe.step_base import ColumnKind, Rule
from gristmill.recipe.values import CountLimit, FractionLimit, Limit


def _number(value: object) -> object:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


_MOVING_AVERAGE = {"min_moving_average_type_token_ratio": "moving_average_type_token_ratio"}


class LexicalDiversity(RuleStep):
    """Measures how many different words a text has; drops nothing unless asked to."""

    use: Literal["lexical_diversity"]
    min_distinct_words: CountLimit = Field(None, description="Least number of different words.")
    min_type_token_ratio: FractionLimit = Field(None, description="Different words, as a share of words.")
    max_type_token_ratio: FractionLimit = Field(None, description="Different words, as a share of words.")
    min_moving_average_type_token_ratio: FractionLimit = Field(
        None, description="Mean share of different words in so many words in a row."
    )
    min_word_entropy: Limit = Field(None, description="Least entropy of the words, in nats.")
    max_hapax_fraction: FractionLimit = Field(None, description="Words that occur once, as a share of words.")
    min_mtld: Limit = Field(None, description="Least measure of textual lexical diversity.")
    max_top_word_fraction: FractionLimit = Field(
        None, description="Copies of the most frequent word, as a share of words."
    )
    max_top_two_words_fraction: FractionLimit = Field(
        None, description="Copies of the two most frequent words, as a share of words."
    )
    window: int = Field(50, ge=1, description="Words in a row for the moving average.")
    mtld_ratio: Annotated[float, Field(gt=0.0, lt=1.0), BeforeValidator(_number)] = Field(
        0.72, description="Share of different words at which MTLD begins anew."
    )

    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "num_distinct_words": "uint32",
        "type_token_ratio": "float64",
        "moving_average_type_token_ratio": "float64",
        "word_entropy": "float64",
        "hapax_fraction": "float64",
        "mtld": "float64",
        "top_word_fraction": "float64",
        "top_two_words_fraction": "float64",
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        **rules_of(">=", min_distinct_words="num_distinct_words"),
        **both("min_type_token_ratio", "max_type_token_ratio", "type_token_ratio"),
        **rules_of(">=", **_MOVING_AVERAGE),
        **rules_of(">=", min_word_entropy="word_entropy"),
        **rules_of("<=", max_hapax_fraction="hapax_fraction"),
        **rules_of(">=", min_mtld="mtld"),
        **rules_of(
            "<=",
            max_top_word_fraction="top_word_fraction",
            max_top_two_words_fraction="top_two_words_fraction",
        ),
    }
    source_note: ClassVar[str] = (
        "Weber et al. 2024, RedPajama, arXiv 2411.12372 (entropy, share of different words); Covington and McFall 2010 "
        "(moving average); McCarthy and Jarvis 2010 (MTLD); Muennighoff et al. 2024, OLMoE, arXiv 2409.02060 (most "
        "frequent words)."
    )


class CompressionRatio(RuleStep):
    """Measures how far a text can be compressed; drops nothing unless asked to."""

    use: Literal["compression_ratio"]
    min_compression_ratio: Limit = Field(
        None, description="Least share of bytes that compression leaves; repetition is below."
    )
    max_compression_ratio: Limit = Field(
        None, description="Largest share of bytes that compression leaves; noise is above."
    )
    min_characters_per_byte: FractionLimit = Field(None, description="Characters, as a share of bytes.")
    max_characters_per_byte: FractionLimit = Field(None, description="Characters, as a share of bytes.")
    level: int = Field(6, ge=1, le=9, description="Effort of the compression, from 1 (fast) to 9 (small).")

    columns: ClassVar[Mapping[str, ColumnKind]] = {
        "compression_ratio": "float64",
        "characters_per_byte": "float64",
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        **both("min_compression_ratio", "max_compression_ratio", "compression_ratio"),
        **both("min_characters_per_byte", "max_characters_per_byte", "characters_per_byte"),
    }
    source_note: ClassVar[str] = "datamap-rs annotates the same with gzip; nobody publishes limits."


STEPS: Mapping[str, type[BuiltinStep]] = {
    "lexical_diversity": LexicalDiversity,
    "compression_ratio": CompressionRatio,
}
"""Steps by the name that `use` gives."""
