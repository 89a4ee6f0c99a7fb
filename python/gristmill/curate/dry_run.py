"""A run up to the decision what goes: every task before the first removal, and what it found. Nothing final is written.

What is computed is committed in `work/`, as in a run, so that the run itself takes it from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gristmill.curate.choose import choices_caveat
from gristmill.curate.cuts import CutOutcome, run_cuts
from gristmill.curate.folder import RunFolder
from gristmill.curate.guards import LargeCluster, largest_clusters, problems
from gristmill.curate.pipeline import check_readable, run_decide, run_dedup, run_map, with_index
from gristmill.curate.plan import Plan
from gristmill.curate.stages import Json, StageRunner, counts

if TYPE_CHECKING:
    from gristmill.curate.run import Prepared
    from gristmill.errors import GristmillError

TEXT_BYTES_A_TOKEN = 4
"""What English takes with usual vocabularies, about."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceOutlook:
    """What would become of the documents of a source.

    Parameters
    ----------
    documents_in
        Records of its files.
    quarantined
        Of these, such as cannot be read.
    dropped
        By the first threshold that they fail, or the cut that leaves them with too little text.
    exact, near, semantic
        Removed as duplicates: of a text, of its words, of its embedding.
    kept
        The rest.
    """

    documents_in: int
    quarantined: int
    dropped: Mapping[str, int]
    exact: int
    near: int
    semantic: int
    kept: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DryRun:
    """What a run would do.

    Parameters
    ----------
    path
        The run folder.
    by_source
        Documents by source.
    dedup
        Counts of settling, without clusters; None without a dedup step.
    largest
        The largest clusters.
    stops
        What would stop the run, as errors.
    disk
        Bytes: ``work`` as it is now, ``documents`` at most and ``tokens`` about when the run is through.
    caveat
        What a reader must know of all these numbers, or None.
    num_reused, num_run
        Tasks that an earlier run had committed, and those that ran now.
    """

    path: Path
    by_source: Mapping[str, SourceOutlook]
    dedup: Mapping[str, object] | None
    largest: tuple[LargeCluster, ...]
    stops: tuple[GristmillError, ...]
    disk: Mapping[str, int]
    caveat: str | None
    num_reused: int
    num_run: int

    def to_json_dict(self) -> dict[str, object]:
        """Return everything as JSON values."""
        return {
            "run": str(self.path),
            "sources": {name: asdict(source) for name, source in self.by_source.items()},
            "dedup": self.dedup,
            "largest_clusters": [asdict(cluster) for cluster in self.largest],
            "would_stop": [
                {"code": stop.code, "message": stop.message, "hint": stop.hint} for stop in self.stops
            ],
            "disk_bytes": dict(self.disk),
            "caveat": self.caveat,
            "tasks_run": self.num_run,
            "tasks_reused": self.num_reused,
        }


def look_ahead(prepared: Prepared, runner: StageRunner) -> DryRun:
    """Run every task before the first removal, and return what the run would do.

    Raises
    ------
    GristmillError
        As a run does, but for the guards of document dedup: those are in the answer.
    """
    plan, folder = prepared.plan, prepared.folder
    maps = run_map(plan, runner)
    check_readable(plan, maps)
    decide = run_decide(plan, runner, maps)
    cut = run_cuts(plan, runner, maps, decide)
    plan = with_index(plan, runner, maps, cut.version)
    dedup = run_dedup(plan, runner, cut.version)
    settled: Mapping[str, object] | None = None
    if dedup.settle is not None:
        settled = cast(Mapping[str, object], counts(dedup.settle)["settle"])
    by_source = _by_source(plan, maps, decide, cut, settled)
    return DryRun(
        path=folder.root,
        by_source=by_source,
        dedup=None
        if settled is None
        else {name: value for name, value in settled.items() if name not in ("largest", "sources")},
        largest=() if settled is None else largest_clusters(plan, settled),
        stops=() if settled is None else tuple(problems(plan, settled)),
        disk=_disk(plan, folder, cut, by_source),
        caveat="; ".join(filter(None, (plan.caveat, choices_caveat(plan)))) or None,
        num_reused=runner.num_reused,
        num_run=runner.num_run,
    )


def _by_source(
    plan: Plan,
    maps: Sequence[Json],
    decide: Sequence[Json],
    cut: CutOutcome,
    settled: Mapping[str, object] | None,
) -> dict[str, SourceOutlook]:
    readable: Counter[str] = Counter()
    quarantined: Counter[str] = Counter()
    dropped: dict[str, Counter[str]] = {source.name: Counter() for source in plan.sources}
    for partition, found, decided in zip(plan.partitions, maps, decide, strict=True):
        name = plan.sources[partition.source].name
        readable[name] += cast(int, counts(found)["readable"])
        quarantined[name] += sum(cast(Mapping[str, int], counts(found)["unreadable"]).values())
        dropped[name].update(cast(Mapping[str, int], counts(decided)["dropped"]))
    for planned, done in zip(plan.cuts, cut.cuts, strict=True):
        for partition, task in zip(plan.partitions, done.tasks, strict=True):
            for rule in ("nothing_left", "too_little_left"):
                number = cast(int, counts(task)[rule])
                dropped[plan.sources[partition.source].name][f"{planned['step']}.{rule}"] += number
    removed: dict[str, tuple[int, int, int]] = {}
    if settled is not None:
        for numbers in cast(Sequence[Mapping[str, object]], settled["sources"]):
            exact, near = cast(int, numbers["exact"]), cast(int, numbers["near"])
            removed[str(numbers["source"])] = (exact, near, cast(int, numbers.get("semantic", 0)))
    outlooks = {}
    for source in plan.sources:
        exact, near, semantic = removed.get(source.name, (0, 0, 0))
        outlooks[source.name] = SourceOutlook(
            documents_in=readable[source.name] + quarantined[source.name],
            quarantined=quarantined[source.name],
            dropped={rule: count for rule, count in sorted(dropped[source.name].items()) if count},
            exact=exact,
            near=near,
            semantic=semantic,
            kept=readable[source.name] - dropped[source.name].total() - exact - near - semantic,
        )
    return outlooks


def _disk(
    plan: Plan, folder: RunFolder, cut: CutOutcome, by_source: Mapping[str, SourceOutlook]
) -> dict[str, int]:
    """Return what is on disk, and what the rest of a run adds if kept texts are as long as others."""
    kept_bytes = 0.0
    for part in cut.version:
        outlook = by_source[plan.sources[part.source].name]
        readable = outlook.documents_in - outlook.quarantined
        kept_bytes += cast(int, part.text["bytes"]) * outlook.kept / max(1, readable)
    disk = {
        "work": sum(file.stat().st_size for file in folder.data.iterdir() if file.is_file()),
        "documents": round(kept_bytes),
    }
    if plan.tokenizer is not None:
        id_bytes = 2 if plan.tokenizer.vocabulary_size <= 1 << 16 else 4
        # Once by document, once in shards.
        disk["tokens"] = round(2 * id_bytes * kept_bytes / TEXT_BYTES_A_TOKEN)
    return disk
