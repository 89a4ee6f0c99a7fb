"""The section `[split]`: which documents are held out, and what must not be parted. Not here: doing it (`curate`)."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from gristmill.recipe.values import OpenFraction, Section, Text, as_tuple, told

CLUSTER = "cluster"
"""In `group_by`: near duplicates stay together."""
KNOWN_COLUMNS = frozenset({"id", "source"})
"""Columns of every document that a split may look at; all others are fields of the input."""
_DURATION = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?) ?(?P<unit>[smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def _as_text(value: object) -> object:
    """Let a TOML date or date-time stand where a string would."""
    return value.isoformat() if isinstance(value, (dt.date, dt.datetime)) else value


def microseconds_of(moment: str) -> int:
    """Return a moment in microseconds since 1970-01-01 UTC; without an offset it is UTC.

    Raises
    ------
    PydanticCustomError
        When it is no ISO 8601 date or date-time.

    Examples
    --------
    >>> microseconds_of("1970-01-02"), microseconds_of("1970-01-01T01:00:00+01:00")
    (86400000000, 0)
    """
    try:
        found = dt.datetime.fromisoformat(moment)
    except ValueError:
        raise PydanticCustomError("moment", 'must be a date or date-time such as "2024-05-01"') from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=dt.UTC)
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (found - epoch) // dt.timedelta(microseconds=1)


def microseconds_in(duration: str) -> int:
    """Return a duration such as ``"7d"`` in microseconds.

    Raises
    ------
    PydanticCustomError
        When it is none.

    Examples
    --------
    >>> microseconds_in("2h")
    7200000000
    """
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise PydanticCustomError("duration", 'must be a duration such as "7d" (units: s, m, h, d, w)')
    return round(float(match["number"]) * _SECONDS[match["unit"]] * 1_000_000)


class SplitTime(Section):
    """`[split.time]`: a cut through time; what is later is held out."""

    column: Text = Field(
        description="Field with the time of a document: ISO 8601, or a number of seconds since 1970."
    )
    validation_from: Annotated[Text, BeforeValidator(_as_text)] | None = Field(
        None, description="From when on documents are validation."
    )
    test_from: Annotated[Text, BeforeValidator(_as_text)] | None = Field(
        None, description="From when on documents are test."
    )
    embargo: Text = Field(
        "0d",
        description='How long before each cut documents are left out, such as `"7d"`; units s, m, h, d, w.',
    )
    undated: Literal["drop", "train"] = Field(
        "drop",
        description="What becomes of documents without a time: left out, for they may be later than the cut, or "
        "trained on.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        cuts = [
            microseconds_of(moment) for moment in (self.validation_from, self.test_from) if moment is not None
        ]
        if not cuts:
            raise PydanticCustomError("cuts", "needs `validation_from` or `test_from`")
        if cuts != sorted(set(cuts)):
            raise PydanticCustomError("cuts", "`validation_from` must be before `test_from`")
        microseconds_in(self.embargo)
        return self


class Split(Section):
    """`[split]`: which documents are held out, and what must not be parted."""

    validation: OpenFraction = Field(
        0.0, description="Share of kept documents in the validation split; 0 for no such split."
    )
    test: OpenFraction = Field(
        0.0,
        description="Share of kept documents in the test split; 0 for no such split. Training never reads it.",
    )
    group_by: Annotated[
        Literal["cluster", "document"] | tuple[Text, ...],
        BeforeValidator(as_tuple),
        told('must be "cluster", "document" or a list of columns'),
    ] = Field(
        "cluster",
        description='What is never parted: `"cluster"`, documents that are similar to each other; `"document"`, '
        'nothing; or a list of columns such as `["customer"]`, whose equal values stay together, and `"cluster"` '
        "among them for both at once.",
    )
    parent: Text | None = Field(
        None,
        description="Column that names, by its `id`, the document that a row was made from (augmented, translated, "
        "cut out); both stay together.",
    )
    stratify: Text | None = Field(
        None,
        description="Column whose every value has the same shares of the splits, as closely as groups allow.",
    )
    time: SplitTime | None = Field(None, description="Decide by time instead of by shares.")
    salt: Text | None = Field(
        None, description="Decides who is held out; by default the run's seed. Runs with one salt agree."
    )
    previous: Text | None = Field(
        None,
        description="Folder of an earlier run, relative to the recipe's: documents that it had stay on their sides, "
        "and new ones follow their groups.",
    )
    min_similarity: float = Field(
        0.8,
        ge=0.5,
        le=1.0,
        description="Jaccard similarity from which on two documents must not be on two sides; the proof is about it.",
    )
    shingle_words: int = Field(
        5, ge=1, le=100, description="Words in a shingle, by which documents are compared for the split."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.validation + self.test >= 1.0:
            raise PydanticCustomError("shares", "`validation` and `test` together must be below 1")
        if self.group_by == ():
            raise PydanticCustomError("group_by", "`group_by` must not be an empty list")
        if self.time is not None:
            for key in ("validation", "test", "stratify", "previous"):
                if getattr(self, key):
                    raise PydanticCustomError("time", "`{key}` has no effect beside `time`", {"key": key})
        return self

    @property
    def holds_out(self) -> bool:
        """Whether any document may be held out."""
        return self.validation > 0 or self.test > 0 or self.time is not None

    @property
    def by_cluster(self) -> bool:
        """Whether similar documents stay together."""
        return self.group_by == CLUSTER or (isinstance(self.group_by, tuple) and CLUSTER in self.group_by)

    @property
    def entity_columns(self) -> tuple[str, ...]:
        """Columns whose equal values stay together."""
        return (
            tuple(name for name in self.group_by if name != CLUSTER)
            if isinstance(self.group_by, tuple)
            else ()
        )

    def columns(self) -> tuple[str, ...]:
        """Return every column that the split looks at; none where nothing is held out."""
        if not self.holds_out:
            return ()
        named = (self.parent, self.stratify, None if self.time is None else self.time.column)
        return (*self.entity_columns, *(name for name in named if name is not None))

    def salt_number(self, seed: int) -> int:
        """Return what the engine is given for `salt`.

        Examples
        --------
        >>> Split().salt_number(7), Split(salt="a").salt_number(7) == Split(salt="a").salt_number(8)
        (7, True)
        """
        if self.salt is None:
            return seed
        return int.from_bytes(hashlib.blake2b(self.salt.encode(), digest_size=8).digest(), "big")
