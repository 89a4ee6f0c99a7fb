"""Adds up the members of clusters, frame by frame: sizes, similarities, sources, and the largest clusters.

What is kept in memory: one number a size of cluster, 101 a step, one a pair of sources, and the largest clusters. The
outcome does not depend on how clusters are cut into frames. Not here: where members come from (`rows`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from gristmill.curate.clusters.rows import KEPT, REMOVED

BINS = 100
"""Bins of similarity: bin `n` from n / 100 on; the last one is for 1 alone."""
SIMILARITY_ERROR = 1e-6
"""Similarities are stored as float32: 0.9 may be a little less."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A document of a cluster.

    Parameters
    ----------
    key
        Its key, hexadecimal.
    doc, id, source
        Its number, its own id or None, its source.
    fate
        ``kept`` or ``removed``.
    step
        The step that removed it; None for kept ones.
    duplicate_of
        Key of the kept document that it duplicates; None for kept ones.
    similarity
        To that document, in [0, 1]; None for kept ones, and where it was not computed.
    shared_bands
        Bands in which the two met, 0 where a common neighbour proposed the pair; None for kept ones and equal texts.
    num_removed
        How many documents were removed for it; None for removed ones.
    """

    key: str
    doc: int
    id: str | None
    source: str
    fate: str
    step: str | None = None
    duplicate_of: str | None = None
    similarity: float | None = None
    shared_bands: int | None = None
    num_removed: int | None = None

    @classmethod
    def of(cls, row: Mapping[str, object]) -> Member:
        """Return the member of a row with the columns of `rows.MEMBER_SCHEMA`."""
        values = {name: row[name] for name in cls.__dataclass_fields__}
        for name in ("key", "duplicate_of"):
            key = values[name]
            values[name] = key.hex() if isinstance(key, bytes) else None
        return cls(**values)  # type: ignore[arg-type]  # the schema has these names and types


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """One cluster.

    Parameters
    ----------
    key
        Key of its first document in input order, hexadecimal; that document may be a removed one.
    size, kept
        Its documents, and those of them that stayed.
    removed
        The others by step.
    sources
        Its documents by source, most first.
    similarities
        The smallest and the largest one of a removal; None without any.
    survivor
        The kept document that most others were removed for, the first such; None where none of this run was kept.
    """

    key: str
    size: int
    kept: int
    removed: Mapping[str, int]
    sources: Mapping[str, int]
    similarities: tuple[float, float] | None
    survivor: Member | None

    @classmethod
    def of(cls, members: pl.DataFrame) -> Cluster:
        """Return the cluster of its members, with the columns of `rows.MEMBER_SCHEMA`."""
        kept = members.filter(pl.col("fate") == KEPT).sort(
            "num_removed", "doc", descending=[True, False], nulls_last=True
        )
        gone = members.filter(pl.col("fate") == REMOVED)
        low, high = gone["similarity"].min(), gone["similarity"].max()
        return cls(
            key=members["cluster"][0].hex(),
            size=members.height,
            kept=kept.height,
            removed=dict(sorted(Counter(gone["step"].to_list()).items())),
            sources=dict(
                sorted(Counter(members["source"].to_list()).items(), key=lambda item: (-item[1], item[0]))
            ),
            similarities=(low, high) if isinstance(low, float) and isinstance(high, float) else None,
            survivor=Member.of(kept.row(0, named=True)) if kept.height else None,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Crossing:
    """Documents of one source that were removed by one step for documents of another, or of the same, source."""

    source: str
    survivor_source: str | None
    step: str
    documents: int


@dataclass(kw_only=True, slots=True)
class Tally:
    """The sums so far.

    Parameters
    ----------
    top, min_size
        How many clusters to keep as the largest, and from which size on.
    """

    top: int
    min_size: int
    num_clusters: int = 0
    num_kept: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    sizes: Counter[int] = field(default_factory=Counter)
    removed_a_survivor: Counter[int] = field(default_factory=Counter)
    similarities: dict[str, list[int]] = field(default_factory=dict)
    crossings: Counter[tuple[str, str | None, str]] = field(default_factory=Counter)
    largest: list[Cluster] = field(default_factory=list)

    def add(self, members: pl.DataFrame) -> None:
        """Add whole clusters."""
        sizes = members.group_by("cluster").agg(pl.len().alias("size"))
        self.num_clusters += sizes.height
        for size, number in sizes.group_by("size").len().rows():
            self.sizes[size] += number
        self._add_kept(members.filter(pl.col("fate") == KEPT))
        self._add_removed(members.filter(pl.col("fate") == REMOVED))
        self._add_largest(members, sizes)

    def _add_kept(self, kept: pl.DataFrame) -> None:
        self.num_kept += kept.height
        for removed, number in kept.group_by("num_removed").len().rows():
            if removed:
                self.removed_a_survivor[removed] += number

    def _add_removed(self, gone: pl.DataFrame) -> None:
        place = ((pl.col("similarity") + SIMILARITY_ERROR) * BINS).floor().clip(0, BINS).cast(pl.Int64)
        for step, bin_number, number in gone.group_by("step", place.alias("bin")).len().rows():
            self.removed[step] += number
            if bin_number is not None:
                self.similarities.setdefault(step, [0] * (BINS + 1))[bin_number] += number
        for *crossing, number in gone.group_by("source", "survivor_source", "step").len().rows():
            self.crossings[crossing[0], crossing[1], crossing[2]] += number

    def _add_largest(self, members: pl.DataFrame, sizes: pl.DataFrame) -> None:
        order = sizes.filter(pl.col("size") >= self.min_size).sort(
            "size", "cluster", descending=[True, False]
        )
        least = self.largest[-1].size if len(self.largest) == self.top and self.largest else 0
        chosen = order.head(self.top).filter(pl.col("size") >= least)["cluster"].to_list()
        for rows in members.filter(pl.col("cluster").is_in(chosen)).partition_by("cluster"):
            self.largest.append(Cluster.of(rows))
        self.largest.sort(key=lambda cluster: (-cluster.size, cluster.key))
        del self.largest[self.top :]

    def crossing_table(self) -> list[Crossing]:
        """Return the removals by source and by the source of what they duplicate, most documents first."""
        found = [
            Crossing(source=source, survivor_source=survivor_source, step=step, documents=number)
            for (source, survivor_source, step), number in self.crossings.items()
        ]
        return sorted(
            found, key=lambda one: (-one.documents, one.source, one.survivor_source or "", one.step)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """Removals with a similarity from `low` to below `high`; `high` is 1 for the last one, which is 1 alone."""

    low: float
    high: float
    documents: Mapping[str, int]


def bins_of(similarities: Mapping[str, Sequence[int]], *, max_bins: int = 20) -> list[Bin]:
    """Return counts of similarities in few bins of equal width, and one for 1 alone; nothing where nothing was counted.

    Parameters
    ----------
    similarities
        101 numbers a step: bins of 0.01, and 1.
    max_bins
        How many bins below 1 there may be; at least 10.

    Examples
    --------
    >>> counts = [0] * 101
    >>> counts[93], counts[100] = 2, 5
    >>> [(found.low, found.high, found.documents) for found in bins_of({"near": counts}, max_bins=10)][-1]
    (1.0, 1.0, {'near': 5})
    """
    sums = [sum(numbers) for numbers in zip(*similarities.values(), strict=True)]
    filled = [place for place, number in enumerate(sums) if number]
    if not filled:
        return []
    width = next(width for width in (1, 2, 5, 10) if (BINS - filled[0]) / width <= max_bins)
    first = filled[0] // width * width
    bins = []
    for start in [*range(first, BINS, width), BINS]:
        end = min(start + width, BINS)
        places = range(start, end) if start < BINS else range(BINS, BINS + 1)
        counts = {step: sum(numbers[place] for place in places) for step, numbers in similarities.items()}
        bins.append(Bin(low=start / BINS, high=end / BINS, documents=counts))
    return bins
