"""The plain data that sections return: tables, charts, excerpts. Writers know these shapes and no content.

A block holds values, never markup. Charts carry all their numbers, so every writer can show the table beside
them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Literal

from gristmill.report.visible import visible

Cell = str | int | float | None
"""One value of a table; None is shown as a dash."""

Kind = Literal["text", "code", "count", "share", "number"]
"""How a value is written: words, fixed-width words, 1,234,567, 12.3 %, or a short decimal."""

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """A paragraph."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One figure or string with its name; `detail` is a short remark below it."""

    label: str
    value: Cell
    kind: Kind = "text"
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Figures side by side: `prominent` as headline numbers, otherwise as a list of definitions."""

    items: Sequence[Fact]
    prominent: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """Heading of a table column and how its values are written."""

    label: str
    kind: Kind = "text"


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows of values; `note` says what was left out, if anything."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bars:
    """Horizontal stacked bars: one row a label, one value a series. `axis` names what the labels are."""

    caption: str
    axis: str
    series: Sequence[str]
    labels: Sequence[str]
    values: Sequence[Sequence[int]]
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Matrix:
    """A square of counts, drawn as shades: `values[row][column]`, both in the order of `labels`.

    The shade of a cell is its share of the diagonal value of its row.
    """

    caption: str
    labels: Sequence[str]
    values: Sequence[Sequence[int]]
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Histogram:
    """Upright stacked bars over ordered bins: one row a bin, one value a series."""

    caption: str
    axis: str
    series: Sequence[str]
    labels: Sequence[str]
    values: Sequence[Sequence[int]]
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One line of a chart: points in ascending x."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lines:
    """A line chart."""

    caption: str
    x_axis: str
    y_axis: str
    series: Sequence[Series]


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """What one stage of the funnel lost for one reason."""

    reason: str
    documents: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One stage of the funnel: how many documents go on, and what was lost on the way here."""

    label: str
    documents: int
    losses: Sequence[Loss] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Funnel:
    """Stages in order; the first holds everything that came in, `result` names what came out at the end."""

    caption: str
    stages: Sequence[Stage]
    result: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Excerpt:
    """The beginning of one text with the facts about it."""

    title: str
    facts: Sequence[Fact]
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Excerpts:
    """Several excerpts under one caption, folded away until opened."""

    caption: str
    items: Sequence[Excerpt]
    is_open: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A stretch of text that both sides share, or that only this side has."""

    text: str
    differs: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One half of a comparison."""

    title: str
    runs: Sequence[Run]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two texts side by side."""

    title: str
    facts: Sequence[Fact]
    left: Side
    right: Side


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """Several comparisons under one caption."""

    caption: str
    items: Sequence[Pair]
    is_open: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """Text in fixed width, folded away until opened."""

    caption: str
    text: str


Block = Note | Facts | Table | Bars | Matrix | Histogram | Lines | Funnel | Excerpts | Pairs | Code


@dataclass(frozen=True, kw_only=True, slots=True)
class SectionContent:
    """One section of the report, ready to be written."""

    name: str
    """Stable name, for links and for JSON."""
    title: str
    blocks: Sequence[Block]


def to_json(value: object) -> JsonValue:
    r"""Return blocks as JSON values, with `block` naming each block's type and all strings made visible.

    Control and direction characters of any string are written out here, in one place for every writer.

    Examples
    --------
    >>> to_json(Note(text="a\x1b[31mb"))
    {'block': 'note', 'text': 'a\\u{1B}[31mb'}
    """
    if isinstance(value, str):
        return visible(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if is_dataclass(value) and not isinstance(value, type):
        record: dict[str, JsonValue] = {}
        if isinstance(value, Block):
            record["block"] = type(value).__name__.lower()
        record.update({field.name: to_json(getattr(value, field.name)) for field in fields(value)})
        return record
    if isinstance(value, Sequence):
        return [to_json(item) for item in value]
    raise TypeError(f"`{type(value).__name__}` is no part of a block")
