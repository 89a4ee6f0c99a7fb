"""What tasks are told of an index, and the two stages that it adds: `check` before dedup, `segment` at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from gristmill.curate.dedup_index.segments import IndexUse
from gristmill.curate.stages import Json, Stages, Task

if TYPE_CHECKING:
    from gristmill.curate.plan import Plan

MAX_PART_DOCUMENTS = 1 << 26
"""Readable documents whose kept ones share a part: one more part is one more file that every merge of keys opens."""
PASS_FILES = ("text", "index", "exact", "bands")
NAME_FILES = ("index", "groups", "ids", "id_ends")


def check_segments(index: IndexUse | None, stages: Stages) -> None:
    """Run the check stage: every file of keys is read once and its digest compared; texts carry checksums of their own.

    Raises
    ------
    GristmillError
        ``GM-INDEX-003`` for a damaged file.
    """
    if index is None:
        return
    tasks = []
    for position, (segment, part) in enumerate(index.parts()):
        files = segment.artefacts(part)
        del files["text"]
        tasks.append(Task(index=position, kind="native", spec={"task": "check", "files": files}))
    if tasks:
        stages.run("check", tasks)


def pass_parts(index: IndexUse | None) -> list[dict[str, object]]:
    """Return what every dedup task is told of each part of an index."""
    told = []
    for segment, part in () if index is None else index.parts():
        files = segment.artefacts(part)
        told.append(
            {"num_documents": part["num_documents"], **{name: files.get(name) for name in PASS_FILES}}
        )
    return told


def name_parts(index: IndexUse | None) -> list[dict[str, object]]:
    """Return what tasks are told that name documents of an index."""
    told = []
    for segment, part in () if index is None else index.parts():
        files = segment.artefacts(part)
        names = {name: files[name] for name in NAME_FILES}
        told.append({"segment": segment.number, "sources": segment.content["sources"], **names})
    return told


def build_parts(
    plan: Plan, stages: Stages, partitions: Sequence[Json], carried: Sequence[Json], settle: Json
) -> list[dict[str, object]]:
    """Run the segment stage and return its manifests, one a part; none where the run's segment stands already.

    Parameters
    ----------
    plan
        The plan, resolved.
    stages
        What runs tasks.
    partitions
        What dedup tasks are told of each partition.
    carried
        What the map stage carried along, by partition.
    settle
        Outputs of the settle task.
    """
    if plan.index is None or plan.index.own is not None:
        return []
    common = {
        "task": "segment",
        "partitions": partitions,
        "carried": carried,
        "scratch_memory_bytes": plan.sort_memory_bytes,
        "removals": settle["removals"],
        "clusters": settle["clusters"],
        "num_bands": 0 if plan.minhash is None else plan.minhash["bands"],
        "old": name_parts(plan.index),
    }
    ranges = _part_ranges([cast(int, partition["num_documents"]) for partition in partitions])
    tasks = [
        Task(index=position, kind="native", spec={**common, "first": first, "end": end})
        for position, (first, end) in enumerate(ranges)
    ]
    return stages.run("segment", tasks)


def _part_ranges(num_documents: Sequence[int]) -> list[tuple[int, int]]:
    """Return which partitions share a part: as many neighbours as `MAX_PART_DOCUMENTS` allows.

    Examples
    --------
    >>> _part_ranges([1 << 25, 1 << 25, 1 << 25])
    [(0, 2), (2, 3)]
    """
    ranges: list[tuple[int, int]] = []
    first = total = 0
    for position, number in enumerate(num_documents):
        if position > first and total + number > MAX_PART_DOCUMENTS:
            ranges.append((first, position))
            first, total = position, 0
        total += number
    return [*ranges, (first, len(num_documents))]
