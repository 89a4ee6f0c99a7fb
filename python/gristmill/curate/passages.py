"""The stage of `substring_dedup`: one task that finds the repeated passages of all documents. See `curate.cuts`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gristmill.curate.stages import Json, Stages, Task, outputs

if TYPE_CHECKING:
    from gristmill.curate.plan import Plan

BYTES_PER_TEXT_BYTE = 5.5
"""Memory of the suffix array pass for each byte of text that takes part; words take less."""


def find_passages(
    plan: Plan, stages: Stages, cut: Json, partitions: Sequence[dict[str, object]]
) -> Sequence[Json]:
    """Return the spans of passages that stand already.

    One task, since a suffix array is exact over the whole corpus only. It runs alone and may use all of
    `scratch_memory`.

    Raises
    ------
    GristmillError
        ``GM-SUBSTRING-001`` when the texts do not fit the memory, before anything is computed where their length alone
        shows it; ``GM-SUBSTRING-002`` when there are more than 2 GiB of them.
    """
    spec = {
        "task": "substring",
        "partitions": list(partitions),
        "options": cut["options"],
        "scratch_memory_bytes": plan.scratch_memory_bytes,
    }
    [done] = stages.run("substring", [Task(index=0, kind="native", spec=spec)])
    return [outputs(done)["spans"]]


def largest_text_bytes(scratch_memory_bytes: int) -> int:
    """Return how much text fits, in bytes, where hardly any of it is repeated.

    Examples
    --------
    >>> largest_text_bytes(2 << 30) >> 20
    372
    """
    return min(int(max(scratch_memory_bytes - (2 << 20), 0) / BYTES_PER_TEXT_BYTE), (1 << 31) - 1)


def holds_all_texts(cuts: Sequence[Json]) -> bool:
    """Say whether one of the cut steps of a plan is of this kind."""
    return any(cut["producer"] == "passages" for cut in cuts)


def describe(plan: Plan) -> list[str]:
    """Return a line for each step of this kind: what it holds, as `gristmill plan` shows it.

    Nothing is refused here. The size of input files bounds the text that will take part from neither side: they are
    compressed and hold other fields, and thresholds drop documents. The first seconds of the task know it.
    """
    fits = largest_text_bytes(plan.scratch_memory_bytes) >> 20
    return [
        f"memory of {cut['step']}: up to `scratch_memory` ({plan.scratch_memory_bytes >> 20} MiB), in one process, "
        f"enough for about {fits} MiB of text that pass the rules"
        for cut in plan.cuts
        if cut["producer"] == "passages"
    ]
