"""What dedup found in a run: its clusters, their members, how alike they are, and where they come from.

Everything is read from the published tables, in memory that does not grow with the run; `gc` may have emptied `work/`.
Not here: printing (`gristmill.cli.clusters`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gristmill.curate.lookup import SHORTEST_PREFIX, Wanted, files_of, find_rows, searches
from gristmill.errors import GristmillError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from gristmill.curate.clusters.tally import Bin, Cluster, Crossing, Member

MAX_NAMED = 8
"""Documents listed where a name stands for several; looking up more would cost a pass each."""
_LOOKED_UP = {
    "documents": ("doc", "key", "id", "source", "cluster"),
    "rejects": (
        "doc",
        "key",
        "id",
        "source",
        "kind",
        "step",
        "rule",
        "duplicate_of",
        "similarity",
        "shared_bands",
    ),
}
_WRITTEN = ("cluster", "key", "id", "source", "fate", "step", "duplicate_of", "similarity", "shared_bands")


@dataclass(frozen=True, kw_only=True, slots=True)
class Clusters:
    """The clusters of a run in numbers.

    Parameters
    ----------
    num_clusters, num_documents, num_kept
        Clusters of at least two documents, the documents in them, and those of them that stayed.
    removed
        The others by step.
    sizes
        How many clusters have how many documents, by size.
    removed_a_survivor
        For how many kept documents how many others were removed, by the latter.
    similarities
        Removals by step and by similarity: 101 numbers, for bins of 0.01 and for 1.
    exact_steps
        The steps that removed equal texts. Such a removal has a similarity below 1 where its twin was itself removed:
        it names the document that the twin resembles.
    crossings
        Removals by source and by the source of what they duplicate.
    largest
        The largest clusters, of at least the size that was asked for; of equal ones those with smaller keys.
    stated
        What the run counted itself (`dedup` in its manifest); empty where it did not.
    num_written
        Documents in the file of members; None where none was asked for.
    has_index
        Whether the run was checked against an index of earlier runs.
    """

    num_clusters: int
    num_documents: int
    num_kept: int
    removed: Mapping[str, int]
    sizes: Mapping[int, int]
    removed_a_survivor: Mapping[int, int]
    similarities: Mapping[str, tuple[int, ...]]
    exact_steps: frozenset[str]
    crossings: tuple[Crossing, ...]
    largest: tuple[Cluster, ...]
    stated: Mapping[str, object]
    num_written: int | None = None
    has_index: bool = False

    @property
    def size_of_largest(self) -> int:
        """Documents of the largest cluster; 0 without clusters."""
        return max(self.sizes, default=0)

    @property
    def agrees_with_manifest(self) -> bool:
        """Whether the tables hold the clusters that the manifest counts; true where it counts none.

        With an index only the documents in clusters can be compared: which of them hang together through documents of
        earlier runs, the tables do not say.
        """
        counted = {"clustered": self.num_documents}
        if not self.has_index:
            counted |= {"clusters": self.num_clusters, "largest_cluster": self.size_of_largest}
        return all(self.stated.get(name, number) == number for name, number in counted.items())

    def bins(self, *, max_bins: int = 20) -> list[Bin]:
        """Return the histogram of similarities in at most so many bins below 1, and one for 1."""
        from gristmill.curate.clusters.tally import bins_of

        return bins_of(self.similarities, max_bins=max_bins)

    def to_json_dict(self) -> dict[str, object]:
        """Return the clusters as JSON values."""
        return {
            "clusters": self.num_clusters,
            "documents": self.num_documents,
            "kept": self.num_kept,
            "removed": dict(self.removed),
            "largest_cluster": self.size_of_largest,
            "sizes": [[size, number] for size, number in self.sizes.items()],
            "removed_a_survivor": [[removed, number] for removed, number in self.removed_a_survivor.items()],
            "similarities": {step: list(numbers) for step, numbers in self.similarities.items()},
            "sources": [asdict(one) for one in self.crossings],
            "largest": [asdict(one) for one in self.largest],
            "manifest": dict(self.stated),
            "agrees_with_manifest": self.agrees_with_manifest,
            "num_written": self.num_written,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class OneCluster:
    """A cluster with all its members.

    Kept ones come first, those first that most others were removed for; then removed ones, the least similar first.
    """

    cluster: Cluster
    members: tuple[Member, ...]


def has_dedup(manifest: Mapping[str, object]) -> bool:
    """Say whether a run looked for duplicates: its manifest counts them, or names a document removed as one."""
    if manifest.get("dedup") is not None:
        return True
    return any(name.endswith("duplicate") for name in _reasons(manifest))


def _reasons(manifest: Mapping[str, object]) -> set[str]:
    """Return why documents were dropped, as ``<step>.<rule>``."""
    counts = cast(Mapping[str, object], manifest["counts"])
    sources = cast(Mapping[str, Mapping[str, object]], counts["by_source"]).values()
    return {name for source in sources for name in cast(Mapping[str, int], source["dropped"])}


def find_clusters(
    run_folder: Path,
    manifest: Mapping[str, object],
    *,
    top: int = 10,
    min_size: int = 2,
    write: Path | None = None,
    rows_a_range: int | None = None,
) -> Clusters:
    """Return the clusters of a finished run in numbers, and the largest of them.

    Cost: one pass over narrow columns of `documents/` and `rejects/`. Memory: some 300 MB, and 1,000 bytes a document
    of the largest cluster; disk, for more than 100,000 clustered documents: some 250 bytes each, in the folder for
    temporary files.

    Parameters
    ----------
    run_folder, manifest
        The run.
    top
        How many of the largest clusters to return.
    min_size
        Documents that a cluster must have to be returned or written; all are counted.
    write
        Parquet file that gets every member: cluster, key, id, source, fate (``kept`` or ``removed``), step,
        duplicate_of, similarity, shared_bands; each cluster in one piece, its kept documents first, then by key.
    rows_a_range
        Members in memory at a time, for tests.

    Raises
    ------
    GristmillError
        ``GM-CLUSTERS-002`` when the file cannot be written, ``GM-CLUSTERS-003`` when a table cannot be read.
    """
    # Polars takes a tenth of a second to import, and a run without dedup needs none of it.
    import polars as pl

    from gristmill.curate.clusters.rows import ROWS_A_RANGE, clusters_by_range
    from gristmill.curate.clusters.tally import Tally

    tally = Tally(top=top, min_size=min_size)
    num_written = 0
    with _written(write) as writer:
        for members in clusters_by_range(run_folder, manifest, rows_a_range=rows_a_range or ROWS_A_RANGE):
            tally.add(members)
            if writer is not None:
                chosen = members.filter(pl.len().over("cluster") >= min_size).select(_WRITTEN)
                writer.write_table(chosen.to_arrow().cast(_written_schema()))
                num_written += chosen.height
    return Clusters(
        num_clusters=tally.num_clusters,
        num_documents=tally.num_kept + tally.removed.total(),
        num_kept=tally.num_kept,
        removed=dict(sorted(tally.removed.items())),
        sizes=dict(sorted(tally.sizes.items())),
        removed_a_survivor=dict(sorted(tally.removed_a_survivor.items())),
        similarities={step: tuple(numbers) for step, numbers in sorted(tally.similarities.items())},
        exact_steps=frozenset(
            reason.partition(".")[0] for reason in _reasons(manifest) if reason.endswith(".exact_duplicate")
        ),
        crossings=tuple(tally.crossing_table()),
        largest=tuple(tally.largest),
        stated=cast("Mapping[str, object] | None", manifest.get("dedup")) or {},
        num_written=None if write is None else num_written,
        has_index=manifest.get("index") is not None,
    )


def find_document(run_folder: Path, manifest: Mapping[str, object], name: str) -> dict[str, object]:
    """Return what became of the document with this number, key, id, or beginning of a key.

    Returns
    -------
    dict
        Its row in `documents/` or `rejects/`, without texts, and under ``cluster`` the key of its cluster as bytes;
        None for a document in no cluster. Of several documents in the same cluster, the first.

    Raises
    ------
    GristmillError
        ``GM-CLI-009`` when there is none, ``GM-CLUSTERS-001`` when there are several in different clusters.
    """
    for wanted in searches(name):
        found: list[dict[str, object]] = []
        for row in (row for table in _LOOKED_UP for row in _rows(run_folder, manifest, table, wanted)):
            found.append(row)
            if _are_apart(found) and len(found) == MAX_NAMED:
                break
        if _are_apart(found):
            raise GristmillError(
                "GM-CLUSTERS-001",
                f"documents of `{run_folder}` in different clusters are named `{name}`",
                hint="give one of their keys",
                context=tuple(sorted(cast(bytes, row["key"]).hex() for row in found)),
            )
        if found:
            return found[0]
    raise GristmillError(
        "GM-CLI-009",
        f"there is no document `{name}` in `{run_folder}`",
        hint=f"a document is looked for by its number, its key (at least {SHORTEST_PREFIX} of its 32 digits), "
        "or its id",
    )


def _are_apart(rows: list[dict[str, object]]) -> bool:
    """Say whether documents are not all of one cluster."""
    clusters = {row["cluster"] for row in rows}
    return len(clusters) > 1 or (len(rows) > 1 and None in clusters)


def _rows(
    run_folder: Path, manifest: Mapping[str, object], table: str, wanted: Wanted
) -> Iterator[dict[str, object]]:
    """Yield matching rows, each with its cluster."""
    files = files_of(run_folder, manifest, f"{table}/")
    for row in find_rows(files, wanted, columns=_LOOKED_UP[table]):
        if table == "rejects":
            row["cluster"] = _cluster_of_survivor(run_folder, manifest, row["duplicate_of"])
        yield row


def _cluster_of_survivor(run_folder: Path, manifest: Mapping[str, object], key: object) -> bytes | None:
    if not isinstance(key, bytes):
        return None
    files = files_of(run_folder, manifest, "documents/")
    for row in find_rows(files, Wanted.equal("key", key), columns=["cluster"], limit=1):
        return cast("bytes | None", row["cluster"]) or key
    # Not of this run: it stands for its own cluster, as in `rows.join`.
    return key


def one_cluster(run_folder: Path, manifest: Mapping[str, object], key: bytes) -> OneCluster:
    """Return a cluster with its members.

    Cost: one pass over narrow columns of `documents/` and `rejects/`. Memory: a batch, and some 500 bytes a member.

    Parameters
    ----------
    run_folder, manifest
        The run.
    key
        Of the cluster, as `documents/` has it.

    Raises
    ------
    GristmillError
        ``GM-CLUSTERS-003`` when a table cannot be read.
    """
    import polars as pl

    from gristmill.curate.clusters import rows
    from gristmill.curate.clusters.tally import Cluster, Member

    kept = pl.concat(
        frame.filter(pl.col("cluster") == key)
        for frame in rows.read_table(run_folder, manifest, "documents", rows.KEPT_COLUMNS)
    )
    survivors = sorted({*kept["key"].to_list(), key})
    removed = pl.concat(
        frame.filter(pl.col("duplicate_of").is_in(survivors))
        for frame in rows.read_table(run_folder, manifest, "rejects", rows.REMOVED_COLUMNS)
    )
    members = rows.join(kept, removed).sort(
        "fate", -pl.col("num_removed").cast(pl.Int64), "similarity", "key", nulls_last=True
    )
    return OneCluster(
        cluster=Cluster.of(members), members=tuple(Member.of(row) for row in members.to_dicts())
    )


def _written_schema() -> pa.Schema:
    import pyarrow as pa

    kinds = {"cluster": pa.binary(16), "key": pa.binary(16), "duplicate_of": pa.binary(16)}
    kinds |= {"similarity": pa.float32(), "shared_bands": pa.uint16()}
    return pa.schema({name: kinds.get(name, pa.large_utf8()) for name in _WRITTEN})


@contextmanager
def _written(path: Path | None) -> Iterator[pq.ParquetWriter | None]:
    """Give a writer whose file appears under its name when it is whole."""
    if path is None:
        yield None
        return
    import pyarrow.parquet as pq

    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    if path.is_dir():
        raise GristmillError("GM-CLUSTERS-002", f"`{path}` cannot be written: it is a folder")
    try:
        writer = pq.ParquetWriter(beside, _written_schema(), compression="zstd")
    except OSError as error:
        # It may be there, and empty: on a full disk a file can be made, and nothing be written to it.
        beside.unlink(missing_ok=True)
        raise GristmillError(
            "GM-CLUSTERS-002", f"`{path}` cannot be written: {error.strerror or error}"
        ) from error
    try:
        with writer:
            yield writer
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
