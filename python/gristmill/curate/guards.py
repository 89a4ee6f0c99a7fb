"""What dedup may take: removal budgets by source, and the size of one cluster. Looked at before anything is removed.

Settling decides which documents go and commits that; removing is what the stages behind it do. The guards stand
between the two, on counts alone, so that a run which they stop can say what would go, and a changed limit computes
nothing again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from gristmill.curate.plan import Plan
from gristmill.curate.words import counted
from gristmill.errors import GristmillError

ROW_BITS = 40
"""Of a document's number the bits that are its row; those above are the file."""
MIN_CLUSTER_TEXTS = 1000
"""A cluster of so many texts is always fine, whatever share of a small corpus it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A document of a large cluster, by the names that a user knows.

    Parameters
    ----------
    source
        Its source.
    path, row
        The file as the source lists it, and its row from 0.
    key
        32 hexadecimal digits.
    """

    source: str
    path: str
    row: int
    key: str

    def __str__(self) -> str:
        """Return file, row and key in one line."""
        return f"{self.source}: {self.path}, row {self.row}, key {self.key}"


@dataclass(frozen=True, kw_only=True, slots=True)
class LargeCluster:
    """One of the largest clusters.

    Parameters
    ----------
    documents
        Its documents.
    texts
        Of these, such as no other is equal to: what the guard counts. The same without an exact step.
    share
        `texts` by the documents that reach dedup.
    first
        Its first members in input order, at most five.
    """

    documents: int
    texts: int
    share: float
    first: tuple[Member, ...]


def largest_clusters(plan: Plan, settled: Mapping[str, object]) -> tuple[LargeCluster, ...]:
    """Return the largest clusters, the largest first, at most five.

    Parameters
    ----------
    plan
        Names the files.
    settled
        Counts of the settle task.
    """
    total = _reaching(settled)
    return tuple(
        LargeCluster(
            documents=cast(int, cluster["documents"]),
            texts=cast(int, cluster["texts"]),
            share=cast(int, cluster["texts"]) / max(1, total),
            first=tuple(
                _member(plan, named) for named in cast(Sequence[Mapping[str, object]], cluster["members"])
            ),
        )
        for cluster in cast(Sequence[Mapping[str, object]], settled["largest"])
    )


def _reaching(settled: Mapping[str, object]) -> int:
    sources = cast(Sequence[Mapping[str, int]], settled["sources"])
    return sum(source["documents"] for source in sources)


def _member(plan: Plan, named: Mapping[str, object]) -> Member:
    doc = cast(int, named["doc"])
    file = plan.files[doc >> ROW_BITS]
    return Member(
        source=plan.sources[file.source].name,
        path=file.relative_path,
        row=doc & ((1 << ROW_BITS) - 1),
        key=str(named["key"]),
    )


def problems(plan: Plan, settled: Mapping[str, object]) -> list[GristmillError]:
    """Return every limit that the removals of a settle task go beyond: budgets first.

    Parameters
    ----------
    plan
        Has the limits.
    settled
        Counts of the settle task.
    """
    found = []
    over = [
        f"{removed / documents:.1%} of source `{source.name}` ({removed:,} of {counted(documents, 'document')}), its "
        f"removal budget is {source.removal_budget:.1%}"
        for source, counts in zip(
            plan.sources, cast(Sequence[Mapping[str, int]], settled["sources"]), strict=True
        )
        if (documents := counts["documents"])
        and (removed := counts["exact"] + counts["near"] + counts.get("semantic", 0))
        > source.removal_budget * documents
    ]
    clusters = largest_clusters(plan, settled)
    names = _names_of_first(clusters)
    if over:
        found.append(
            GristmillError(
                "GM-DEDUP-001",
                f"dedup would remove {'; '.join(over)}",
                hint="raise `removal_budget` of that source if so many copies are expected; `--dry-run` shows what "
                "would go",
                context=names,
            )
        )
    limit = plan.max_cluster_fraction
    if clusters and limit is not None:
        largest = clusters[0]
        if largest.texts > max(MIN_CLUSTER_TEXTS, limit * _reaching(settled)):
            hint = (
                "set `verify = true` in the dedup step: sharing keys proves nothing"
                if plan.is_guessing
                else "raise `min_similarity`, or `max_cluster_fraction` if so many copies are expected"
            )
            found.append(
                GristmillError(
                    "GM-DEDUP-010",
                    f"{largest.texts:,} different texts hang together in one cluster, {largest.share:.1%} of the "
                    f"{_reaching(settled):,} documents that reach dedup; `max_cluster_fraction` is {limit:.1%}",
                    hint=hint,
                    context=names,
                )
            )
    return found


def _names_of_first(clusters: Sequence[LargeCluster]) -> tuple[str, ...]:
    if not clusters:
        return ()
    return ("the largest cluster begins with", *(f"  {member}" for member in clusters[0].first))


def check_removals(plan: Plan, settled: Mapping[str, object]) -> None:
    """Stop a run before dedup removes more than the recipe allows.

    Raises
    ------
    GristmillError
        ``GM-DEDUP-001`` above a removal budget, ``GM-DEDUP-010`` for a cluster that is too large.
    """
    for problem in problems(plan, settled):
        raise problem
