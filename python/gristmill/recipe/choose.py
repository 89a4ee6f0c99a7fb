"""The steps that choose among the documents that all others keep: `sample`, `mix`, `select`.

Not here: what must hold between them and the rest of a recipe (`choose_checks`), and what the engine is told
(`gristmill.curate.choose`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gristmill.recipe.builtin import BuiltinStep
from gristmill.recipe.values import (
    ByteSize,
    Fraction,
    NotNegative,
    Number,
    Positive,
    Section,
    Text,
    TextTuple,
)

UNITS = ("documents", "bytes", "words", "tokens")
"""What amounts can be given in."""
SOURCE = "source"
"""Stands for the documents' source where a column can be named."""
IMPORTANCE = "importance"
"""Stands for the log importance weight where a column can be named."""

_SALT = Field(
    None,
    description="Decides which documents, with their keys; the same salt chooses the same ones, and a smaller "
    "choice is part of a larger one. By default the run's `seed`.",
)


class ChoiceStep(BuiltinStep):
    """What the choosing steps share."""

    is_choice: ClassVar[bool] = True
    choice_rules: ClassVar[tuple[str, str]]
    """Names in `rejects/` of documents beyond the cut-off, and of those that bring nothing new."""

    @field_validator("where", check_fields=False)
    @classmethod
    def _all_documents(cls, value: dict[str, object]) -> dict[str, object]:
        if value:
            raise PydanticCustomError(
                "where", "a choosing step looks at all documents that are kept; `where` cannot be used here"
            )
        return value

    @abstractmethod
    def unit(self) -> str:
        """Return what amounts are counted in, one of `UNITS`."""

    def strata(self) -> str | None:
        """Return what divides documents into strata: `SOURCE`, a column, or None for all in one."""
        return None


class Sample(ChoiceStep):
    """Keeps a random share or number of documents, the same ones for the same salt, overall or in each stratum."""

    use: Literal["sample"]
    fraction: Fraction | None = Field(
        None, gt=0.0, description="Share of the documents that stays, in each stratum."
    )
    documents: int | None = Field(None, ge=1, description="Instead of `fraction`: so many documents in all.")
    bytes: ByteSize | None = Field(
        None,
        description="Instead of `fraction`: so many bytes of text in all, as nearly as whole documents allow.",
    )
    words: int | None = Field(
        None,
        ge=1,
        description="Instead of `fraction`: so many words (tokens with a letter or a number) in all.",
    )
    tokens: int | None = Field(
        None, ge=1, description="Instead of `fraction`: so many ids of the recipe's tokenizer in all."
    )
    by: Text | None = Field(
        None,
        description='What divides documents into strata, each of which gives its share: `"source"`, a field of the '
        "input, or a column of a step. Documents without a value are a stratum of their own.",
    )
    per: Annotated[dict[str, Fraction], Field(min_length=1)] | None = Field(
        None,
        description="Shares of single strata by value of `by`, as `{ web = 0.1, books = 1 }`; for all others "
        "`fraction` holds, and without it they stay whole.",
    )
    salt: Text | None = _SALT

    choice_rules: ClassVar[tuple[str, str]] = ("not_sampled", "nothing_new")
    source_note: ClassVar[str] = (
        "Stratified sampling with proportional allocation; ordering by a salted hash of the document's key."
    )

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        amounts = [unit for unit in UNITS if getattr(self, unit) is not None]
        has_share = self.fraction is not None or self.per is not None
        if len(amounts) + has_share != 1:
            raise PydanticCustomError(
                "size", "give one of `fraction` (or `per`), `documents`, `bytes`, `words` and `tokens`"
            )
        if self.per is not None and self.by is None:
            raise PydanticCustomError("per", "`per` names values of strata, so `by` has to say of what")
        return self

    def unit(self) -> str:
        """Return what amounts are counted in."""
        return next((unit for unit in UNITS if getattr(self, unit) is not None), "documents")

    def strata(self) -> str | None:
        """Return what divides documents into strata."""
        return self.by

    def required_columns(self) -> tuple[str, ...]:
        """Return the string columns that the step reads."""
        return () if self.by in (None, SOURCE) else (str(self.by),)


class Unimax(Section):
    """`unimax = { budget_bytes = "10GB", max_epochs = 4 }`."""

    budget_bytes: ByteSize = Field(description="What training will read in all.")
    max_epochs: Positive = Field(1.0, description="How often one document may be read at most.")


class Mix(ChoiceStep):
    """Brings sources, or the values of a column, to target shares by leaving documents out."""

    use: Literal["mix"]
    by: Text = Field(
        SOURCE, description='What is mixed: `"source"`, a field of the input, or a column of a step.'
    )
    weights: Annotated[dict[str, NotNegative], Field(min_length=1)] | None = Field(
        None,
        description="Target shares by value, as `{ web = 0.6, books = 0.4 }`, in any scale; as much stays as the "
        "scarcest allows. What is not named goes.",
    )
    temperature: Annotated[Number, Field(ge=1.0)] | None = Field(
        None,
        description="Instead of `weights`: shares in proportion to n^(1/t) for what there is of each; 1 changes "
        "nothing, more makes them more equal.",
    )
    unimax: Unimax | None = Field(
        None,
        description="Instead of `weights`: `{ budget_bytes = ..., max_epochs = 1 }` divides a budget equally with a "
        "cap on how often a document is read.",
    )
    measure: Literal["bytes", "words", "tokens"] = Field(
        "bytes", description="What shares are of: bytes of text, words, or ids of the recipe's tokenizer."
    )
    total: ByteSize | None = Field(
        None, description="With `weights` or `temperature`: at most so much in all, in the unit of `measure`."
    )
    salt: Text | None = _SALT

    choice_rules: ClassVar[tuple[str, str]] = ("over_share", "nothing_new")
    source_note: ClassVar[str] = (
        "Chung et al. 2023, UniMax: Fairer and More Effective Language Sampling; temperatures as in Devlin et al. 2018 "
        "and Conneau et al. 2020."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [key for key in ("weights", "temperature", "unimax") if getattr(self, key) is not None]
        if len(given) != 1:
            raise PydanticCustomError("mix", "give one of `weights`, `temperature` and `unimax`")
        if self.unimax is not None and (self.measure != "bytes" or self.total is not None):
            raise PydanticCustomError(
                "unimax", "`unimax` has a budget in bytes; leave `measure` and `total` out"
            )
        if self.weights is not None and not any(self.weights.values()):
            raise PydanticCustomError("weights", "all weights are 0, so nothing would stay")
        return self

    def unit(self) -> str:
        """Return what shares are counted in."""
        return self.measure

    def strata(self) -> str | None:
        """Return what is mixed."""
        return self.by

    def required_columns(self) -> tuple[str, ...]:
        """Return the string columns that the step reads."""
        return () if self.by == SOURCE else (self.by,)


class Keep(Section):
    """`keep = { fraction = 0.1 }` and the like: how much stays."""

    fraction: Fraction | None = Field(None, gt=0.0, description="Share of the documents.")
    documents: int | None = Field(None, ge=1, description="So many documents.")
    bytes: ByteSize | None = Field(None, description="So many bytes of text.")
    words: int | None = Field(None, ge=1, description="So many words.")
    tokens: int | None = Field(None, ge=1, description="So many ids of the recipe's tokenizer.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len([key for key in Keep.model_fields if getattr(self, key) is not None]) != 1:
            raise PydanticCustomError(
                "keep", "give one of `fraction`, `documents`, `bytes`, `words` and `tokens`"
            )
        return self

    def unit(self) -> str:
        """Return what is counted."""
        return next((unit for unit in UNITS if getattr(self, unit) is not None), "documents")


class Diversity(Section):
    """`diversity = { min_new = 0.5 }`: what a document has to add to those before it."""

    ngram_words: int = Field(
        13, ge=1, le=1000, description="Words in an n-gram; a shorter text is one n-gram."
    )
    min_new: Fraction = Field(
        gt=0.0, description="Least share of a document's different n-grams that no selected document has."
    )
    expected_ngrams: int = Field(
        100_000_000,
        ge=1,
        lt=1 << 48,
        description="Different n-grams in what is selected, about one a word: what the filter is made for.",
    )
    false_positive_rate: float = Field(
        0.01, gt=0, lt=1, description="Share of new n-grams that are taken for seen once that many are in."
    )


_OF_IMPORTANCE = ("target", "target_text", "num_buckets", "smoothing", "min_words", "weigh_words", "noise")


class Select(ChoiceStep):
    """Keeps the best documents: by a column, or by how much they resemble target texts."""

    use: Literal["select"]
    by: Text = Field(
        description="What decides: a number in a column of a step or a field of the input, or "
        '`"importance"`: how much more '
        "likely a document is under the target's word uni- and bigrams than under those of all documents. Documents "
        "without a number come last."
    )
    order: Literal["highest", "lowest"] = Field("highest", description="Which values of a column come first.")
    keep: Keep = Field(description='How much stays, as `{ fraction = 0.1 }` or `{ bytes = "1GB" }`.')
    target: TextTuple | None = Field(
        None,
        description="With `importance`: files of texts to resemble; JSON Lines, Parquet, or `.txt` with "
        "one text a line.",
    )
    target_text: Text = Field("text", description="Field of these files that holds the text.")
    num_buckets: int = Field(
        10_000, ge=2, le=10_000_000, description="Buckets that words and pairs of words are hashed into."
    )
    smoothing: NotNegative = Field(
        0.0,
        description="Added to every bucket of the target, for targets of few texts; 1 is Laplace's rule.",
    )
    min_words: int = Field(
        1,
        ge=1,
        description="Documents with fewer words have no weight and come last.",
    )
    weigh_words: Annotated[int, Field(ge=1, le=1_000_000)] | Literal[False] = Field(
        128,
        description="Every document is weighed as if it had so many words, as the texts of the paper have; `false` "
        "takes sums over the whole document, which in a corpus unlike the target lets the shortest come first.",
    )
    noise: bool = Field(
        True,
        description="Add Gumbel noise to the weights, which makes the choice a sample in proportion to them; "
        "`false` takes the heaviest.",
    )
    diversity: Diversity | None = Field(
        None,
        description="`{ min_new = 0.5 }` leaves a document out if a smaller share of its 13-grams is new to the "
        "documents selected before it.",
    )
    salt: Text | None = _SALT

    choice_rules: ClassVar[tuple[str, str]] = ("not_selected", "nothing_new")
    source_note: ClassVar[str] = (
        "Xie et al. 2023, Data Selection for Language Models via Importance Resampling (DSIR): hashed uni- and "
        "bigrams, 10,000 buckets, Gumbel top-k. Diversity is gristmill's own: greedy, by new n-grams."
    )

    @model_validator(mode="after")
    def _keys_of_importance(self) -> Self:
        if self.by != IMPORTANCE:
            given = [key for key in _OF_IMPORTANCE if key in self.model_fields_set]
            # The effective recipe writes defaults out.
            given = [key for key in given if getattr(self, key) != type(self).model_fields[key].default]
            if given:
                raise PydanticCustomError("select", '`{key}` is for `by = "importance"`', {"key": given[0]})
        elif self.target is None:
            raise PydanticCustomError(
                "target", '`by = "importance"` needs `target`: files of texts to resemble'
            )
        elif self.order != "highest":
            raise PydanticCustomError("order", "`order` is for columns; the heaviest documents come first")
        return self

    def unit(self) -> str:
        """Return what amounts are counted in."""
        return self.keep.unit()

    def required_numbers(self) -> tuple[str, ...]:
        """Return the columns of numbers that the step reads."""
        return () if self.by == IMPORTANCE else (self.by,)

    def list_files(self, base: Path) -> Mapping[str, tuple[Path, ...]]:
        """Return the files of the target."""
        return (
            {}
            if self.target is None
            else {"target": tuple(base / Path(name).expanduser() for name in self.target)}
        )


STEPS: Mapping[str, type[ChoiceStep]] = {"sample": Sample, "mix": Mix, "select": Select}
"""Choosing steps by the name that `use` gives."""
