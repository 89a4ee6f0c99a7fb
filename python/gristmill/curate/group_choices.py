"""Choosing by a plugin's decider: what a plan holds of it, and the stages that have it decide.

`group_rows[p]` lays out the documents that are left, by ranges of groups; `decide_groups[r]` gives one range to the
plugin; `choose` leaves out what was decided. Not here: the task that calls the plugin (`group_task`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from gristmill.curate.quarantine import allowed_failures
from gristmill.curate.stages import Json, Stages, Task, counts, outputs
from gristmill.errors import GristmillError

if TYPE_CHECKING:
    from gristmill.curate.plan import Plan
    from gristmill.recipe import PluginStep

FAILED = "failed"
"""Rule of documents in groups that the decider failed on."""
GROUP_BYTES = 64 << 20
"""A larger group is not given to a decider: it fails."""
SHOWN_FAILURES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Deciding:
    """A decider of a recipe, made ready.

    Parameters
    ----------
    description
        For `PluginManager.rebuild`.
    reasons
        Why it leaves documents out: name and sentence.
    """

    description: Mapping[str, object]
    reasons: Mapping[str, str]


def plan_decider(step: PluginStep, deciding: Deciding) -> dict[str, object]:
    """Return a step as a plan holds it: everything that the result depends on."""
    inputs = cast(Sequence[str], deciding.description["inputs"])
    return {
        "step": step.name,
        "use": step.use,
        "by": step.by,
        "by_source": False,
        "column": None,
        "unit": "documents",
        "choice": {"kind": "decided", "rules": len(deciding.reasons) + 1},
        "importance": None,
        "salt": 0,
        "rules": [*deciding.reasons, FAILED],
        "reasons": {**deciding.reasons, FAILED: "the decider failed on its group"},
        "decider": dict(deciding.description),
        # Without what every row has, and texts, which are no column.
        "columns": [name for name in inputs if name not in ("group", "text")],
        "has_text": "text" in inputs,
    }


def is_decided(choice: Json) -> bool:
    """Say whether a plugin decides in this step."""
    return "decider" in choice


def run_decider(
    plan: Plan,
    stages: Stages,
    maps: Sequence[Json],
    partitions: Sequence[Json],
    removals: Json | None,
    choice: Json,
) -> list[dict[str, object]]:
    """Have a decider decide about every group, and return the manifests of its tasks.

    Parameters
    ----------
    partitions
        As choosing tasks are told of them, with the verdicts that the step before left.
    removals
        What dedup removed.
    choice
        The step, as `plan_decider` gives it.

    Raises
    ------
    GristmillError
        ``GM-RUN-011`` when it failed on more documents than may be quarantined, and whatever the tasks raise.
    """
    num_ranges = plan.num_ranges
    rows = stages.run(
        "group_rows",
        [
            Task(
                index=index,
                kind="native",
                spec={
                    "task": "group_rows",
                    "partition": partition,
                    "removals": removals,
                    "signals": outputs(found)["signals"],
                    "by": choice["by"],
                    "columns": choice["columns"],
                    "has_text": choice["has_text"],
                    "ranges": num_ranges,
                },
            )
            for index, (partition, found) in enumerate(zip(partitions, maps, strict=True))
        ],
    )
    extra = {
        "decider": choice["decider"],
        "plugins_dir": None if plan.plugins_dir is None else str(plan.plugins_dir),
        "seed": plan.seed,
        "max_quarantine_fraction": plan.max_quarantine_fraction,
    }
    files = [outputs(done)["rows"] for done in rows]
    decided = stages.run(
        "decide_groups",
        [
            Task(
                index=index,
                kind="groups",
                spec={
                    "task": "decide_groups",
                    "rows": files,
                    "range": {"index": index, "count": num_ranges},
                },
                extra=extra,
            )
            for index in range(num_ranges)
        ],
    )
    _check_failures(choice, decided, plan.max_quarantine_fraction)
    return decided


def _check_failures(choice: Json, decided: Sequence[Json], max_fraction: float) -> None:
    documents = sum(cast(int, counts(done)["documents"]) for done in decided)
    failed = sum(cast(int, counts(done)["failed"]) for done in decided)
    allowed = allowed_failures(documents, max_fraction)
    if failed <= allowed:
        return
    details = Counter[str]()
    for failure in (item for done in decided for item in cast(Sequence[Json], counts(done)["failures"])):
        details[str(failure["detail"])] += cast(int, failure["documents"])
    raise GristmillError(
        "GM-RUN-011",
        f"`{choice['step']}` failed on groups with {failed:,} of {documents:,} documents, {allowed:,} are allowed",
        hint="mend the plugin or the input, or raise `max_quarantine_fraction` in `[run]`",
        context=tuple(f"{count:,}: {detail}" for detail, count in details.most_common(SHOWN_FAILURES)),
    )


def decided_counts(choice: Json, chosen: Json, decided: Sequence[Json]) -> dict[str, object]:
    """Return what a run's manifest says of the step, beside what it says of all choosing steps."""
    rules = cast(Sequence[str], choice["rules"])
    failures = [item for done in decided for item in cast(Sequence[Json], counts(done)["failures"])]
    return {
        "groups": sum(cast(int, counts(done)["groups"]) for done in decided),
        "in_groups": sum(cast(int, counts(done)["documents"]) for done in decided),
        "left_out": dict(zip(rules, cast(Sequence[int], chosen["left_out"]), strict=True)),
        "reasons": choice["reasons"],
        **({"failures": failures[:SHOWN_FAILURES]} if failures else {}),
    }
