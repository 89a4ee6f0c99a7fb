"""Report sections of plugins: what an author writes, what is read, what is given back. Rendering is the report's.

Everything here is data: values, never markup, so that a section cannot break a page and comes out the same as HTML,
Markdown and JSON.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from gristmill.plugins.operators import Operator

if TYPE_CHECKING:
    import polars as pl

Value = str | int | float | None
"""One cell of a table; None is shown as a dash."""

TABLES = ("documents", "signals", "rejects", "edits")
"""The tables of a run that a section may read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SectionTable:
    """Rows of values below headings.

    Parameters
    ----------
    caption
        What the table shows.
    columns
        Headings.
    rows
        One value a heading: text, whole numbers, decimals or None.
    note
        What was left out, if anything.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Value]]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"a row of `{self.caption}` has {len(row)} values for {len(self.columns)} columns"
                )
            for value in row:
                _check_value(value)


@dataclass(frozen=True, kw_only=True, slots=True)
class SectionBars:
    """Horizontal stacked bars: one bar a label, one count a series.

    Parameters
    ----------
    caption
        What the chart shows.
    axis
        What the labels are.
    labels
        Names of the bars, from top to bottom.
    series
        Names of the parts that a bar is made of.
    values
        ``values[label][series]``: whole numbers from 0.
    note
        What was left out, if anything.
    """

    caption: str
    axis: str
    labels: Sequence[str]
    series: Sequence[str]
    values: Sequence[Sequence[int]]
    note: str = ""

    def __post_init__(self) -> None:
        if len(self.values) != len(self.labels):
            raise ValueError(f"`{self.caption}` has {len(self.values)} bars for {len(self.labels)} labels")
        for row in self.values:
            if len(row) != len(self.series):
                raise ValueError(
                    f"a bar of `{self.caption}` has {len(row)} values for {len(self.series)} series"
                )
            for value in row:
                number: object = value
                if isinstance(number, bool) or not isinstance(number, int) or number < 0:
                    raise ValueError(f"a bar of `{self.caption}` is `{value}`, not a whole number from 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """What a report section shows: text first, then charts, then tables.

    Parameters
    ----------
    title
        Heading; the first line of the class's docstring by default.
    text
        Paragraphs, separated by empty lines.
    bars, tables
        Charts and tables, in order.

    Examples
    --------
    >>> Section(text="Two languages.", tables=[SectionTable(caption="Languages", columns=["lang"], rows=[["en"]])])
    ... # doctest: +ELLIPSIS
    Section(title=None, text='Two languages.', bars=(), tables=[...])
    """

    title: str | None = None
    text: str = ""
    bars: Sequence[SectionBars] = ()
    tables: Sequence[SectionTable] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RunView:
    """A finished run, for reading. Nothing that a section does to these values reaches the run.

    Parameters
    ----------
    manifest
        `manifest.json` as values: counts, sources, operators with versions and fingerprints, digests of files.
    plan
        `plan.json` as values; empty when the folder holds none.
    recipe
        The effective recipe as values; empty when the folder holds none.
    files
        Returns the Parquet files of one of `TABLES`, in order.

    Examples
    --------
    >>> view = RunView(manifest={"counts": {"kept": 2}}, files=lambda table: [])
    >>> view.counts["kept"], view.signals().collect().height
    (2, 0)
    """

    manifest: Mapping[str, object]
    plan: Mapping[str, object] = field(default_factory=dict)
    recipe: Mapping[str, object] = field(default_factory=dict)
    files: Callable[[str], Sequence[Path]]

    @property
    def counts(self) -> Mapping[str, object]:
        """Documents in, kept, dropped and quarantined, in all and by source."""
        counts = self.manifest.get("counts")
        return counts if isinstance(counts, Mapping) else {}

    def documents(self) -> pl.LazyFrame:
        """Return the kept documents, scanned when collected."""
        return self._scan("documents")

    def signals(self) -> pl.LazyFrame:
        """Return one row of signals a readable document, scanned when collected."""
        return self._scan("signals")

    def rejects(self) -> pl.LazyFrame:
        """Return the dropped and quarantined documents, scanned when collected."""
        return self._scan("rejects")

    def edits(self) -> pl.LazyFrame:
        """Return what steps changed in kept documents, scanned when collected."""
        return self._scan("edits")

    def for_one_section(self) -> RunView:
        """Return a view whose values are its own, so that one section cannot change what the next one sees."""
        return RunView(
            manifest=copy.deepcopy(dict(self.manifest)),
            plan=copy.deepcopy(dict(self.plan)),
            recipe=copy.deepcopy(dict(self.recipe)),
            files=self.files,
        )

    def _scan(self, table: str) -> pl.LazyFrame:
        import polars as pl

        files = list(self.files(table))
        return pl.scan_parquet(files) if files else pl.LazyFrame()


class ReportSection(Operator):
    """A part of the report of a run: a title, text, tables and charts. Define ``build(run) -> Section | None``.

    It joins the report of every run whose recipe names its plugin in a step, or itself in ``[report] sections``. Same
    run, same section: no clock, host or chance. None leaves it out. An exception becomes a note in the report.

    Examples
    --------
    >>> from gristmill.plugins.api import ReportSection, RunView, Section
    >>> class Kept(ReportSection):
    ...     name, version = "kept", 1
    ...     def build(self, run: RunView) -> Section:
    ...         return Section(title="Kept", text=f"{run.counts['kept']} documents were kept.")
    >>> Kept().build(RunView(manifest={"counts": {"kept": 2}}, files=lambda table: [])).text
    '2 documents were kept.'
    """

    kind = "report_section"
    work = ("build",)
    inputs: ClassVar[tuple[str, ...]] = ()

    def build(self, run: RunView) -> Section | None:
        """Return what there is to say about a finished run; None for nothing."""
        raise NotImplementedError


def _check_value(value: object) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a table holds `{value}`, which is not finite")
    if value is not None and not isinstance(value, (str, int, float)):
        raise ValueError(f"a table holds a {type(value).__name__}, not text or a number")
