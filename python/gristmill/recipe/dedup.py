"""The dedup steps: their keys, presets, and who survives. Not here: bands and rows from a recall (`banding`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gristmill.recipe.banding import MAX_BANDS, MAX_MINIMA, MAX_ROWS, Banding, derive_banding
from gristmill.recipe.builtin import BuiltinStep
from gristmill.recipe.values import Fraction, OpenFraction, Section, Text, TextTuple


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
    """What the dedup steps share."""

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


class Shingles(Section):
    """`shingles = { unit = "character", size = 24 }`: what a shingle is a run of, and of how many."""

    unit: Literal["word", "character", "token"] = Field(
        "word",
        description="Words with a letter or a number in lower case; characters of the lower-cased text, white space as "
        "one space; or ids of the recipe's tokenizer.",
    )
    size: int = Field(5, ge=1, le=1000, description="How many of them are a shingle.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """What a published corpus or tool used.

    Parameters
    ----------
    banding
        Bands and rows.
    shingles
        What a shingle is, as the key `shingles` takes it.
    """

    banding: Banding
    shingles: Mapping[str, object]


PRESETS: Mapping[str, Preset] = {
    "fineweb": Preset(banding=Banding(bands=14, rows=8), shingles={"unit": "word", "size": 5}),
    "nemo": Preset(banding=Banding(bands=20, rows=13), shingles={"unit": "character", "size": 24}),
    "olmo": Preset(banding=Banding(bands=26, rows=11), shingles={"unit": "word", "size": 5}),
}
"""Numbers by the name that `preset` gives; the key's description says where they come from."""


class MinhashDedup(DedupStep):
    """Removes near duplicates: MinHash proposes pairs, the exact similarity of their texts confirms them."""

    use: Literal["minhash_dedup"]
    preset: Literal["fineweb", "nemo", "olmo"] | None = Field(
        None,
        description="Bands, rows and shingles that are not given otherwise, from others' work: `fineweb` 14 x 8 of 5 "
        "words (Penedo et al. 2024, The FineWeb Datasets), `nemo` 20 x 13 of 24 characters (the defaults of NeMo "
        "Curator's fuzzy deduplication), `olmo` 26 x 11 of 5 words (the sample configuration of duplodocus, Ai2's "
        "tool). Only the numbers: what is compared is ours unless `semantics` says otherwise. With "
        '`semantics = "datatrove"`, `fineweb` also means SHA-1 in place of xxHash.',
    )
    bands: int = Field(
        14,
        ge=1,
        le=MAX_BANDS,
        description="Keys a document, 12 bytes of disk each; more find more pairs. Left out, it follows from `recall` "
        "or `preset`.",
    )
    rows: int = Field(
        8,
        ge=1,
        le=MAX_ROWS,
        description="Minima a key; more demand more similarity. Left out, it follows from `recall` or `preset`.",
    )
    recall: OpenFraction | None = Field(
        None,
        description="Least probability that two documents of Jaccard similarity `min_similarity` share a key, "
        "`1 - (1 - J^rows)^bands`. What is left out of `bands` and `rows` is derived from it: the most rows that at "
        "most 112 minima allow, then the fewest bands. If both are given, they are held to it.",
    )
    shingle_words: int | None = Field(
        None, ge=1, le=100, description='Short for `shingles = { unit = "word", size = N }`.'
    )
    shingles: Shingles = Field(
        Shingles(unit="word", size=5),
        description='What a shingle is: `{ unit = "word", size = 5 }`, `{ unit = "character", size = 24 }` or '
        '`{ unit = "token", size = 5 }` (ids of the tokenizer in `[tokens]`). A shorter document is one shingle.',
    )
    min_similarity: Fraction = Field(
        0.8, description="A document is removed only if it is at least so similar to one that is kept."
    )
    measure: Literal["jaccard", "containment"] = Field(
        "jaccard",
        description="What `min_similarity` is compared with: shared shingles by those of both documents together, or "
        "by those of the document that would go. Keys propose pairs by `jaccard` in either case, so a short excerpt of "
        "a long document is rarely proposed.",
    )
    verify: bool = Field(
        True,
        description="Compute the similarity of every proposed pair on the texts. `false` removes on shared keys alone: "
        "removals are guesses then, with no similarity, and distinct documents that share a template go.",
    )
    max_cluster_fraction: Fraction = Field(
        0.05,
        description="Largest share of the documents that reach dedup which one cluster may hold, equal texts counted "
        "once; above it, and above 1,000 documents, the run stops before anything is removed.",
    )
    survivor: SurvivorKey = Field("longest", description="Which of several similar documents stays.")
    seed: int = Field(1, ge=0, lt=1 << 63, description="Chooses the permutations of MinHash.")

    semantics_known: ClassVar[tuple[str, ...]] = ("gristmill", "datatrove")
    limits: ClassVar[tuple[str, ...]] = ("max_cluster_fraction",)
    source_note: ClassVar[str] = (
        "Broder 1997, On the resemblance and containment of documents; 14 bands of 8 as in FineWeb."
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, value: object) -> object:
        """Put what follows from `preset`, `recall` and `shingle_words` where it would stand if it were written out."""
        if not isinstance(value, Mapping):
            return value
        table = dict(value)
        if "shingle_words" in table and "shingles" in table:
            raise PydanticCustomError(
                "shingles", "`shingle_words` and `shingles` say the same; give one of them"
            )
        words = table.get("shingle_words")
        if _is_whole(words, 1, 100):
            del table["shingle_words"]
            table["shingles"] = {"unit": "word", "size": words}
        preset = PRESETS.get(str(table.get("preset")))
        if preset is not None:
            table.setdefault("shingles", preset.shingles)
        _fill_in_banding(table, preset)
        return table

    @model_validator(mode="after")
    def _agree(self) -> Self:
        pair = Banding(bands=self.bands, rows=self.rows)
        if pair.minima > MAX_MINIMA:
            raise PydanticCustomError("minhash", "`bands` times `rows` is above 4096")
        if self.recall is not None and pair.found(self.min_similarity) < self.recall:
            raise PydanticCustomError(
                "recall",
                "{bands} bands of {rows} rows find a pair of similarity {similarity} with probability {found}, below "
                "`recall`",
                {
                    "bands": self.bands,
                    "rows": self.rows,
                    "similarity": self.min_similarity,
                    "found": f"{pair.found(self.min_similarity):.3f}",
                },
            )
        if self.semantics == "datatrove" and self.shingles.unit != "word":
            raise PydanticCustomError(
                "shingles",
                '`semantics = "datatrove"` has shingles of words, its own; leave `shingles` out',
            )
        if self.semantics == "datatrove" and self.seed >= 1 << 32:
            raise PydanticCustomError("seed", '`semantics = "datatrove"` has seeds of 32 bits')
        if not self.verify and self.measure != "jaccard":
            raise PydanticCustomError(
                "measure", "`measure` says how pairs are verified, and `verify = false` verifies none"
            )
        default = type(self).model_fields["min_similarity"].default
        # `recall` derives bands and rows from it; written out at its default it says nothing.
        if not self.verify and self.recall is None and self.min_similarity != default:
            raise PydanticCustomError(
                "min_similarity",
                "`min_similarity` says which pairs are similar enough, and `verify = false` compares none",
            )
        return self

    @property
    def hash_function(self) -> str:
        """What hashes a shingle of `semantics = "datatrove"`: its default, or what FineWeb was made with."""
        return "sha1" if self.preset == "fineweb" else "xxhash"

    @property
    def banding(self) -> Banding:
        """Bands and rows, wherever they come from."""
        return Banding(bands=self.bands, rows=self.rows)

    def caveat(self) -> str | None:
        """Return what a reader of any result must know, or None for a step whose removals are verified.

        Examples
        --------
        >>> step = MinhashDedup.model_validate({"use": "minhash_dedup", "name": "near", "verify": False})
        >>> step.caveat()
        'near: removals are guesses: `verify = false` removes on shared keys, no text is compared'
        """
        if self.verify:
            return None
        return (
            f"{self.name}: removals are guesses: `verify = false` removes on shared keys, no text is compared"
        )


def _fill_in_banding(table: dict[str, object], preset: Preset | None) -> None:
    """Set `bands` and `rows` where they are left out: by `recall`, else by the preset. Fields refuse odd values."""
    given = {key: table[key] for key in ("bands", "rows") if key in table}
    recall, similarity = table.get("recall"), table.get("min_similarity", 0.8)
    if recall is not None and len(given) < 2:
        if not _is_share(recall) or recall == 1 or not _is_share(similarity) or similarity == 0:
            return
        bands, rows = given.get("bands"), given.get("rows")
        if (bands is not None and not _is_whole(bands, 1, MAX_BANDS)) or (
            rows is not None and not _is_whole(rows, 1, MAX_ROWS)
        ):
            return
        assert isinstance(similarity, (int, float))
        assert isinstance(recall, (int, float))
        assert bands is None or isinstance(bands, int)
        assert rows is None or isinstance(rows, int)
        pair = derive_banding(float(similarity), float(recall), bands=bands, rows=rows)
        if pair is None:
            raise PydanticCustomError(
                "recall",
                "no {what} up to {minima} minima find a pair of similarity {similarity} with probability {recall}",
                {
                    "what": "such bands and rows" if given else "bands and rows",
                    "minima": MAX_MINIMA,
                    "similarity": similarity,
                    "recall": recall,
                },
            )
        table |= {"bands": pair.bands, "rows": pair.rows}
    elif preset is not None:
        table.setdefault("bands", preset.banding.bands)
        table.setdefault("rows", preset.banding.rows)


def _is_whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_share(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
