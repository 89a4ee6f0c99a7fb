"""The step `semantic_dedup`: near duplicates by an embedding column, and the bands that find them.

Not here: computing bands and similarities (native), and dedup on texts (`dedup`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from gristmill.recipe.dedup import DedupStep, SurvivorKey
from gristmill.recipe.values import Fraction, OpenFraction, Text

MAX_WIDTH = 64
"""Bits that a band has at most: those of its key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bands:
    """Bands of hyperplanes.

    Parameters
    ----------
    bands
        Keys a vector.
    width
        Bits a key.
    """

    bands: int
    width: int

    def found(self, cosine: float) -> float:
        """Return the probability that two vectors at this cosine share at least one key.

        Examples
        --------
        >>> round(Bands(bands=58, width=28).found(0.95), 3), round(Bands(bands=58, width=28).found(0.5), 4)
        (0.951, 0.0007)
        """
        return float(1 - (1 - _agreeing(cosine) ** self.width) ** self.bands)


def _agreeing(cosine: float) -> float:
    """Return the probability that two vectors lie on the same side of a random hyperplane (Charikar 2002)."""
    return 1 - math.acos(max(-1.0, min(1.0, cosine))) / math.pi


def derive_bands(min_similarity: float, recall: float, max_bands: int) -> Bands | None:
    """Return the widest bands of which at most `max_bands` reach a recall, and as few as do; None where none do.

    Wide bands are selective: two unrelated vectors share one with probability ``2 ** -width``. More bands find more.

    Parameters
    ----------
    min_similarity
        Cosine at which the recall has to hold; pairs that are more alike are found more often.
    recall
        Least probability that such a pair shares a key, in (0, 1).
    max_bands
        Most keys a vector.

    Examples
    --------
    >>> derive_bands(0.95, 0.95, 64), derive_bands(1.0, 0.95, 64)
    (Bands(bands=58, width=28), Bands(bands=1, width=64))
    """
    agreeing = _agreeing(min_similarity)
    for width in range(MAX_WIDTH, 0, -1):
        of_band = agreeing**width
        bands = 1 if of_band >= recall else math.ceil(math.log1p(-recall) / math.log1p(-of_band))
        if bands <= max_bands:
            return Bands(bands=bands, width=width)
    return None


class SemanticDedup(DedupStep):
    """Removes documents whose embedding points the same way as that of a kept one, confirmed by exact cosine."""

    use: Literal["semantic_dedup"]
    embedding: Text = Field(
        description="Field of the input that holds the embedding: a list of floats in Parquet, an array of numbers in "
        "JSON Lines. Documents without one are left alone."
    )
    dimension: int = Field(
        ge=1,
        le=16384,
        description="Numbers that an embedding has; a document whose embedding has another number is quarantined.",
    )
    min_similarity: Fraction = Field(
        0.95,
        gt=0.0,
        description="Cosine from which on a document is removed for one that is kept. What a cosine means depends on "
        "the model of the embeddings.",
    )
    blocking: Literal["hyperplanes", "all"] = Field(
        "hyperplanes",
        description='`"hyperplanes"`: random hyperplanes propose pairs, a share `recall` of them at `min_similarity`; '
        '`"all"`: all pairs are compared, of at most 200,000 documents.',
    )
    recall: OpenFraction = Field(
        0.95,
        gt=0.0,
        description="Least probability that hyperplanes propose a pair whose cosine is `min_similarity`; those that "
        "are more alike are found more often. Number and width of the bands follow from it.",
    )
    max_bands: int = Field(
        64,
        ge=1,
        le=1000,
        description="Most keys a document, 12 bytes of disk each; fewer make bands narrower, so that more pairs are "
        "compared.",
    )
    survivor: SurvivorKey = Field("longest", description="Which of several similar documents stays.")
    seed: int = Field(1, ge=0, lt=1 << 63, description="Chooses the hyperplanes.")

    source_note: ClassVar[str] = (
        "Abbas et al. 2023, SemDeDup, for the idea, whose epsilon is 1 - min_similarity; Charikar 2002, Similarity "
        "estimation techniques from rounding algorithms, for the hyperplanes. The default 0.95 is gristmill's own: "
        "epsilon 0.05, within the 0.01 to 0.1 of NeMo Curator's examples."
    )

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.blocking == "hyperplanes" and self.bands is None:
            raise PydanticCustomError(
                "recall",
                "{bands} bands do not find a pair of similarity {similarity} with probability {recall}: raise "
                "`max_bands`, lower `recall`, or compare all pairs",
                {"bands": self.max_bands, "similarity": self.min_similarity, "recall": self.recall},
            )
        return self

    @property
    def bands(self) -> Bands | None:
        """The bands that follow from `min_similarity`, `recall` and `max_bands`; None where all pairs are compared."""
        if self.blocking == "all":
            return None
        return derive_bands(self.min_similarity, self.recall, self.max_bands)
