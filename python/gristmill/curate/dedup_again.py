"""Dedup decided again for other thresholds, from what a run left in `work/`; and what of it is an estimate.

Exact duplicates are found again by content hash, among all documents. Near duplicates are settled from verified edges:
that is what a run would find unless documents come in that share a bucket with others, or documents go whose edges hid
comparisons. Where `work/` was emptied, both are estimated from the shares of the run.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from gristmill import _native
from gristmill.curate.cuts import drop_from_verdicts, exact_normalise, run_cuts
from gristmill.curate.folder import RunFolder
from gristmill.curate.pipeline import DedupTasks, confirm_of, run_decide, run_dedup, run_map
from gristmill.curate.plan import Plan
from gristmill.curate.stages import CommittedStages, TaskNotCommittedError, counts, outputs
from gristmill.curate.words import counted

MEMORY_BYTES = 128 << 20
"""What the passes may use, beside a bit a document."""


Removed = tuple[int, int, int]
"""Documents removed: exact duplicates, near duplicates by text, near duplicates by embedding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DedupAfter:
    """What dedup would remove.

    Parameters
    ----------
    removed
        By source: exact duplicates, near duplicates by text, near duplicates by embedding.
    estimates
        For ``"exact"``, ``"near"`` and ``"semantic"``, why the number is an estimate; no entry for an exact one.
    """

    removed: Mapping[str, Removed]
    estimates: Mapping[str, str]

    @classmethod
    def nothing(cls, sources: Sequence[str]) -> DedupAfter:
        """Return the outcome without any dedup step."""
        return cls(removed=dict.fromkeys(sources, (0, 0, 0)), estimates={})


@contextmanager
def verdict_folder(folder: RunFolder) -> Iterator[Path]:
    """Yield a temporary folder for verdicts and the files of the passes, beside the run's own if it can be written."""
    scratch = folder.work / "scratch"
    try:
        place = tempfile.TemporaryDirectory(prefix="what-if-", dir=scratch)
    except OSError:
        place = tempfile.TemporaryDirectory(prefix="gristmill-what-if-")
    with place as path:
        yield Path(path)


def decide_dedup_again(
    plan: Plan,
    folder: RunFolder,
    verdicts: Path,
    *,
    removed: Mapping[str, Removed],
    passed: Mapping[str, tuple[int, int]],
    has_changed: bool,
) -> DedupAfter:
    """Return what dedup would remove among the documents that the new verdicts let pass.

    Parameters
    ----------
    plan
        The plan of the finished run.
    folder
        Its folder.
    verdicts
        A folder with the new verdicts, `<part>.bin` each; also for files of the passes.
    removed
        What the run removed by source.
    passed
        Documents by source that pass every threshold: before, after.
    has_changed
        Whether any document changes sides; if none does, dedup finds what it found.
    """
    if not has_changed:
        return DedupAfter(removed=dict(removed), estimates={})
    if plan.index is not None:
        reason = "the run was checked against an index of earlier runs too; the shares of the run were taken"
        return _by_share(plan, removed, passed, reason=reason)
    committed = CommittedStages(folder)
    try:
        maps = run_map(plan, committed)
        decide = run_decide(plan, committed, maps)
        version = run_cuts(plan, committed, maps, decide).version
        tasks = run_dedup(plan, committed, version)
    except TaskNotCommittedError as error:
        reason = (
            f"`work/` does not hold what the run left for dedup (`{error}`); the shares of the run were taken"
        )
        return _by_share(plan, removed, passed, reason=reason)
    for index, part in enumerate(version):
        drop_from_verdicts(folder.data, part, verdicts / f"{index}.bin")
    edges = [*tasks.verify, *(() if tasks.semantic is None else tasks.semantic.edges)]
    spec: dict[str, object] = {
        "data": str(folder.data),
        "scratch": str(verdicts),
        "memory_bytes": max(plan.sort_memory_bytes, MEMORY_BYTES),
        "partitions": [part.dedup() for part in version],
        "verdicts": str(verdicts),
        "has_exact": plan.exact_step is not None,
        "exact_removals": [outputs(done)["removals"] for done in tasks.exact],
        "buckets": [outputs(done)["buckets"] for done in tasks.lsh],
        "edges": [outputs(done)["edges"] for done in edges],
        "confirm": confirm_of(plan),
        **exact_normalise(plan),
        "num_bands": 0 if plan.minhash is None else plan.minhash["bands"],
        "sources": [source.name for source in plan.sources],
    }
    if plan.semantic is not None and tasks.semantic is not None:
        spec["semantic"] = {
            "bands": [outputs(done)["vector_bands"] for done in maps if "vector_bands" in outputs(done)],
            "num_bands": plan.semantic.num_bands,
            "buckets": [outputs(done)["buckets"] for done in tasks.semantic.lsh],
            "confirm": plan.semantic.confirm(maps),
        }
    found = json.loads(_native.dedup_again(json.dumps(spec), _native.Session()))
    return _judge(plan, found, tasks, removed, passed)


def _judge(
    plan: Plan,
    found: Mapping[str, object],
    tasks: DedupTasks,
    removed: Mapping[str, Removed],
    passed: Mapping[str, tuple[int, int]],
) -> DedupAfter:
    """Say what of the outcome is an estimate, and add the near duplicates that entering documents would be."""
    settle = cast(Mapping[str, object], found["settle"])
    entering = cast(Sequence[int], found["entering"])
    comparable = cast(Sequence[int], found["comparable"])
    sources = cast(Sequence[Mapping[str, object]], settle["sources"])
    after = {}
    for source, coming, known in zip(sources, entering, comparable, strict=True):
        name = str(source["source"])
        exact, near = cast(int, source["exact"]), cast(int, source["near"])
        # Left out of the counts where it is 0.
        semantic = cast(int, source.get("semantic", 0))
        shares = [count / known if known else 0.0 for count in removed[name][1:]]
        near = min(near + round(coming * shares[0]), passed[name][1] - exact)
        semantic = min(semantic + round(coming * shares[1]), passed[name][1] - exact - near)
        after[name] = (exact, near, semantic)
    reasons = []
    if sum(entering):
        reasons.append(
            f"{counted(sum(entering), 'document')} coming in may resemble others, never compared; as many of them "
            "are taken for near duplicates as of the like in the run"
        )
    uncovered = cast(int, found["uncovered"])
    if uncovered:
        reasons.append(
            f"{counted(uncovered, 'document resembles', 'documents resemble')} one that goes, not compared with others "
            "for that reason"
        )
    edges = [*tasks.verify, *(() if tasks.semantic is None else tasks.semantic.edges)]
    capped = sum(cast(int, counts(done).get("capped", 0)) for done in edges)
    if capped and found["leaving"]:
        reasons.append(f"{capped:,} comparisons of the run were capped, and documents go")
    steps = {"near": plan.near_step, "semantic": plan.semantic}
    estimated = [name for name, step in steps.items() if step is not None]
    return DedupAfter(
        removed=after, estimates=dict.fromkeys(estimated, "; ".join(reasons)) if reasons else {}
    )


def _by_share(
    plan: Plan,
    removed: Mapping[str, Removed],
    passed: Mapping[str, tuple[int, int]],
    *,
    reason: str,
) -> DedupAfter:
    """Return the shares of the run on the documents that pass now."""
    after = {}
    for name, (exact, near, semantic) in removed.items():
        before, now = passed[name]
        factor = now / before if before else 0.0
        after[name] = (round(exact * factor), round(near * factor), round(semantic * factor))
    steps = {"exact": plan.exact_step, "near": plan.near_step, "semantic": plan.semantic}
    return DedupAfter(
        removed=after, estimates={name: reason for name, step in steps.items() if step is not None}
    )
