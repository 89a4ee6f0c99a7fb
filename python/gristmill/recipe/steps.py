"""All built-in steps by name, and those that are no rules: cleaning and dedup. The rules are in `rules`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gristmill.recipe.builtin import BuiltinStep
from gristmill.recipe.cuts import BloomDedup
from gristmill.recipe.rules import (
    blocklist,
    c4,
    code,
    data_juicer,
    diversity,
    dolma,
    fineweb,
    gopher,
    madlad,
    nemo,
    redpajama,
    spikes,
    web_lines,
)
from gristmill.recipe.step_base import ColumnKind
from gristmill.recipe.substring import SubstringDedup
from gristmill.recipe.values import Fraction, Section, Text, TextTuple


class Clean(BuiltinStep):
    """Repairs text: Unicode form, encoding errors, control and invisible characters, line ends, white space."""

    use: Literal["clean"]
    nfc: bool = Field(True, description="Bring text to Unicode normalisation form C.")
    mojibake: bool = Field(
        True, description="Repair UTF-8 that was read as Windows-1252 or Latin-1, where certain."
    )
    controls: bool = Field(
        True, description="Remove control characters (not tab, not line ends) and noncharacters."
    )
    zero_width: bool = Field(
        True, description="Remove zero-width and direction marks, except joiners that shape text."
    )
    newlines: bool = Field(True, description="Make every kind of line end a line feed.")
    whitespace: bool = Field(
        True, description="Make Unicode spaces plain; remove trailing blanks and surplus blank lines."
    )
    lowercase: bool = Field(False, description="Lower-case everything.")

    columns: ClassVar[Mapping[str, ColumnKind]] = {"num_changes": "uint32"}
    edits_text: ClassVar[bool] = True
    source_note: ClassVar[str] = (
        "Unicode Standard Annex 15 for the normal form; the other parts are gristmill's own."
    )


class PreferredSources(Section):
    """`survivor = { sources = [...] }`: sources named earlier win; within one source, the first document."""

    sources: TextTuple


class HighestColumn(Section):
    """`survivor = { highest = "column" }`: the largest value wins; null is worst."""

    highest: Text


class LowestColumn(Section):
    """`survivor = { lowest = "column" }`: the smallest value wins; null is worst."""

    lowest: Text


Survivor = Literal["longest", "first", "last"] | PreferredSources | HighestColumn | LowestColumn


def _known_survivor(value: object) -> object:
    """Give one clear message instead of one for each form that does not fit."""
    if isinstance(value, (PreferredSources, HighestColumn, LowestColumn)) or value in (
        "longest",
        "first",
        "last",
    ):
        return value
    if isinstance(value, Mapping) and len(value) == 1 and set(value) <= {"highest", "lowest", "sources"}:
        [(key, item)] = value.items()
        if (isinstance(item, list) and item and key == "sources") or (
            isinstance(item, str) and item and key != "sources"
        ):
            return value
    raise PydanticCustomError(
        "survivor",
        'must be "longest", "first", "last", { highest = "column" }, { lowest = "column" } or { sources = ["a", "b"] }',
    )


MIN_CHARACTERS = 30
"""Shorter lines and paragraphs (closing braces, headings, `Read more`, dates) come again without being copies."""

SurvivorKey = Annotated[Survivor, BeforeValidator(_known_survivor)]


class DedupStep(BuiltinStep):
    """What the two dedup steps share."""

    is_dedup: ClassVar[bool] = True

    @field_validator("where", check_fields=False)
    @classmethod
    def _all_documents(cls, value: dict[str, object]) -> dict[str, object]:
        if value:
            raise PydanticCustomError("where", "dedup compares all documents; `where` cannot be used here")
        return value


class ExactDedup(DedupStep):
    """Removes documents, or paragraphs or lines of them, whose text stands somewhere else too."""

    use: Literal["exact_dedup"]
    unit: Literal["document", "paragraph", "line"] = Field(
        "document",
        description="What is compared and removed: whole documents, or paragraphs or lines inside of them.",
    )
    normalise: Literal["none", "whitespace", "words"] = Field(
        "none",
        description="What is compared: the bytes; the text with white space trimmed and runs of it as one space; or "
        "its words in lower case, without punctuation, every digit as 0.",
    )
    survivor: SurvivorKey | None = Field(
        None,
        description="Which of several equal documents stays, or in which document an equal paragraph or line does; "
        "by default as `minhash_dedup` says, else the first.",
    )
    min_characters: int | None = Field(
        None,
        ge=1,
        description="Paragraphs and lines with fewer characters, as they are compared, are never removed; by default "
        "30.",
    )
    min_words_left: int | None = Field(
        None,
        ge=1,
        description="A document that lost paragraphs or lines and has fewer words left is dropped; by default one "
        "without any text left is.",
    )

    source_note: ClassVar[str] = "Equal hashes propose, comparing the bytes confirms."

    @model_validator(mode="after")
    def _keys_of_units(self) -> Self:
        for key in ("min_characters", "min_words_left"):
            if self.unit == "document" and getattr(self, key) is not None:
                raise PydanticCustomError(
                    "unit", '`{key}` is for `unit = "paragraph"` and `unit = "line"`', {"key": key}
                )
        return self

    def cut(self) -> Mapping[str, object] | None:
        """Return what units go, unless they are whole documents."""
        if self.unit == "document":
            return None
        return {
            "producer": "copies",
            "separators": "lines",
            "min_words_left": self.min_words_left,
            "options": {
                "unit": self.unit,
                "normalise": self.normalise,
                "min_characters": MIN_CHARACTERS if self.min_characters is None else self.min_characters,
            },
        }


class MinhashDedup(DedupStep):
    """Removes near duplicates: MinHash proposes pairs, exact Jaccard similarity of word n-grams confirms them."""

    use: Literal["minhash_dedup"]
    bands: int = Field(14, ge=1, le=1000, description="Keys a document; more find more pairs.")
    rows: int = Field(8, ge=1, le=100, description="Minima a key; more demand more similarity.")
    shingle_words: int = Field(5, ge=1, le=100, description="Words in a shingle.")
    min_similarity: Fraction = Field(
        0.8, description="A document is removed only if it is at least so similar to one that is kept."
    )
    survivor: SurvivorKey = Field("longest", description="Which of several similar documents stays.")
    seed: int = Field(1, ge=0, lt=1 << 63, description="Chooses the permutations of MinHash.")

    source_note: ClassVar[str] = (
        "Broder 1997, On the resemblance and containment of documents; 14 bands of 8 as in FineWeb."
    )

    @model_validator(mode="after")
    def _enough_permutations(self) -> Self:
        if self.bands * self.rows > 4096:
            raise PydanticCustomError("minhash", "`bands` times `rows` is above 4096")
        return self


BUILTIN_STEPS: Mapping[str, type[BuiltinStep]] = {
    "clean": Clean,
    **gopher.STEPS,
    **c4.STEPS,
    **fineweb.STEPS,
    **dolma.STEPS,
    **nemo.STEPS,
    **data_juicer.STEPS,
    **code.STEPS,
    **blocklist.STEPS,
    **spikes.STEPS,
    **diversity.STEPS,
    **web_lines.STEPS,
    **madlad.STEPS,
    **redpajama.STEPS,
    "bloom_dedup": BloomDedup,
    "exact_dedup": ExactDedup,
    "minhash_dedup": MinhashDedup,
    "substring_dedup": SubstringDedup,
}
"""Built-in steps by the name that `use` gives."""
