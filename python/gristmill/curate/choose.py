"""Steps that choose among kept documents, between dedup and tokenising.

What the engine is told of them, the stages that run, and what a manifest, a plan and `what-if` say of them. Each
step runs over a text version (`curate.cuts`) and leaves one with other verdicts: documents that it leaves out have one
behind those of thresholds and cuts, so that every later stage leaves them out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from gristmill import _native
from gristmill.curate.cuts import PartitionText, TextVersion, verdict_of
from gristmill.curate.group_choices import Deciding, decided_counts, is_decided, plan_decider, run_decider
from gristmill.curate.stages import Json, Stages, Task, counts, outputs
from gristmill.errors import GristmillError
from gristmill.recipe import PluginStep
from gristmill.recipe.choose import IMPORTANCE, SOURCE, Mix, Sample, Select

if TYPE_CHECKING:
    from gristmill.curate.plan import Plan
    from gristmill.recipe import Recipe
    from gristmill.recipe.choose import ChoiceStep

COUNTED = ("words", "tokens")
"""Units that a stage of their own counts; the index knows the others."""
CANDIDATE_BYTES, LEFT_OUT_BYTES = 32, 33
"""Bytes that the task sorts: for each document in the flow, and for each that it leaves out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChoiceOutcome:
    """What the choosing steps left.

    Parameters
    ----------
    version
        The last text version; the one before without such steps.
    tasks
        Manifest of each step.
    decided
        Manifests of the tasks of each step that a plugin decides in; none for others.
    """

    version: TextVersion
    tasks: Sequence[Json] = ()
    decided: Sequence[Sequence[Json]] = ()


def plan_choices(
    recipe: Recipe, deciders: Mapping[str, Deciding] | None = None
) -> tuple[dict[str, object], ...]:
    """Return a recipe's choosing steps as a plan holds them: everything that the result depends on.

    Parameters
    ----------
    recipe
        The recipe.
    deciders
        Its deciders of plugins, by step.

    Raises
    ------
    GristmillError
        ``GM-PLAN-107`` when a target file is not there.
    """
    ready = deciders or {}
    return tuple(
        plan_decider(step, ready[step.name]) if isinstance(step, PluginStep) else _plan_choice(recipe, step)
        for step in recipe.choices
    )


def _plan_choice(recipe: Recipe, step: ChoiceStep) -> dict[str, object]:
    strata = step.strata()
    column = strata if strata not in (None, SOURCE) else None
    importance: dict[str, object] | None = None
    choice: dict[str, object]
    if isinstance(step, Sample):
        unit = step.unit()
        choice = {
            "kind": "sample",
            "amount": None if step.fraction is not None or step.per is not None else getattr(step, unit),
            "fraction": step.fraction,
            "per": dict(step.per or {}),
        }
    elif isinstance(step, Mix):
        choice = {"kind": "mix", **_mix_target(step)}
    else:
        assert isinstance(step, Select)
        choice = {
            "kind": "select",
            "highest": step.order == "highest",
            "amount": None if step.keep.fraction is not None else getattr(step.keep, step.unit()),
            "fraction": step.keep.fraction,
            "noise": step.noise and step.by == IMPORTANCE,
            "novelty": None if step.diversity is None else step.diversity.model_dump(),
        }
        if step.by == IMPORTANCE:
            importance = _importance(recipe, step)
        else:
            column = step.by
    salt = f"seed {recipe.run.seed}" if step.salt is None else f"salt {step.salt}"
    return {
        "step": step.name,
        "use": step.use,
        "by": IMPORTANCE if importance is not None else strata or column,
        "by_source": strata == SOURCE,
        "column": column,
        "unit": step.unit(),
        "choice": choice,
        "importance": importance,
        "salt": int.from_bytes(hashlib.blake2b(salt.encode(), digest_size=8).digest(), "little"),
        "rules": list(step.choice_rules),
    }


def _mix_target(step: Mix) -> dict[str, object]:
    if step.weights is not None:
        return {"weights": {"weights": dict(step.weights), "total": step.total}}
    if step.temperature is not None:
        return {"temperature": {"temperature": step.temperature, "total": step.total}}
    assert step.unimax is not None
    return {"unimax": {"budget": step.unimax.budget_bytes, "max_epochs": step.unimax.max_epochs}}


def _importance(recipe: Recipe, step: Select) -> dict[str, object]:
    files = []
    for path in step.list_files(recipe.base)["target"]:
        try:
            _, digest = _native.digest_file(path, _native.Session())
        except GristmillError as error:
            raise GristmillError(
                "GM-PLAN-107",
                f"`{step.name}.target`: {error}",
                hint="relative paths start at the recipe's folder",
            ) from error
        files.append({"name": path.name, "path": str(path), "digest": digest})
    return {
        "target": {"files": files, "text_field": step.target_text, "num_buckets": step.num_buckets},
        "smoothing": step.smoothing,
        "min_words": step.min_words,
        "weigh_words": step.weigh_words or None,
    }


def run_choices(
    plan: Plan, stages: Stages, maps: Sequence[Json], version: TextVersion, settle: Json | None
) -> ChoiceOutcome:
    """Run every choosing step of the plan, one after the other, and return the last text version.

    Raises
    ------
    GristmillError
        ``GM-CHOOSE-003`` to ``-006`` where a step cannot choose, and whatever the tasks raise.
    """
    removals = None if settle is None else outputs(settle)["removals"]
    amounts: dict[str, list[Json]] = {}
    done: list[Json] = []
    decided: list[Sequence[Json]] = []
    first_verdict = verdict_of(plan, len(plan.cuts))
    for choice in plan.choices:
        unit = str(choice["unit"])
        if unit in COUNTED and unit not in amounts:
            # Of the first version that needs them: later ones hold fewer documents, and no other texts.
            amounts[unit] = _amounts(plan, stages, version, removals, unit)
        spec = {
            "task": "choose",
            "partitions": [_narrow(part) for part in version],
            "removals": removals,
            "sources": [source.name for source in plan.sources],
            "by_source": choice["by_source"],
            "column": None
            if choice["column"] is None
            else {"name": choice["column"], "files": [outputs(found)["signals"] for found in maps]},
            "amounts": amounts.get(unit),
            "scores": None
            if choice["importance"] is None
            else _scores(stages, version, removals, cast(Json, choice["importance"])),
            "unit": unit,
            "choice": choice["choice"],
            "salt": choice["salt"],
            "first_verdict": first_verdict,
            "sort_memory_bytes": plan.sort_memory_bytes,
            "scratch_memory_bytes": plan.scratch_memory_bytes,
        }
        first_verdict += len(cast(Sequence[str], choice["rules"]))
        if is_decided(choice):
            decided.append(
                run_decider(plan, stages, maps, [_narrow(part) for part in version], removals, choice)
            )
            spec["decisions"] = [outputs(found)["decisions"] for found in decided[-1]]
        else:
            decided.append(())
        [chosen] = stages.run("choose", [Task(index=0, kind="native", spec=spec)])
        version = [
            replace(part, verdict=outputs(chosen)[f"verdict-{index:05d}"])
            for index, part in enumerate(version)
        ]
        done.append(chosen)
    return ChoiceOutcome(version=version, tasks=done, decided=decided)


def _narrow(part: PartitionText) -> dict[str, object]:
    """Return a partition without keys of dedup, so that other ones choose nothing anew."""
    return {**part.dedup(), "exact": None, "bands": None}


def _amounts(
    plan: Plan, stages: Stages, version: TextVersion, removals: Json | None, unit: str
) -> list[Json]:
    tokenizer = plan.tokenizer.engine if plan.tokenizer is not None and unit == "tokens" else None
    tasks = [
        Task(
            index=index,
            kind="native",
            spec={
                "task": "amounts",
                "partition": _narrow(part),
                "removals": removals,
                "counted": unit,
                "tokenizer": tokenizer,
            },
        )
        for index, part in enumerate(version)
    ]
    return [outputs(done)["amounts"] for done in stages.run("amounts", tasks)]


def _scores(stages: Stages, version: TextVersion, removals: Json | None, importance: Json) -> list[Json]:
    target = cast(Json, importance["target"])
    parts = [{"partition": _narrow(part), "removals": removals} for part in version]

    def of_parts(name: str, more: Json) -> list[dict[str, object]]:
        specs = [{"task": name, **part, **more} for part in parts]
        return stages.run(
            name, [Task(index=index, kind="native", spec=spec) for index, spec in enumerate(specs)]
        )

    raw = of_parts("features", {"num_buckets": target["num_buckets"]})
    [wanted] = stages.run("target", [Task(index=0, kind="native", spec={"task": "target", **target})])
    scores = of_parts(
        "scores",
        {
            "raw": [outputs(done)["features"] for done in raw],
            "target": outputs(wanted)["features"],
            "smoothing": importance["smoothing"],
            "min_words": importance["min_words"],
            "weigh_words": importance["weigh_words"],
        },
    )
    return [outputs(done)["scores"] for done in scores]


def tokenise_choices(plan: Plan, tasks: Sequence[Json]) -> dict[str, object]:
    """Return what a tokenise task is told of the choosing steps; nothing without one."""
    if not plan.choices:
        return {}
    return {
        "choices": [
            {"step": choice["step"], "rules": choice["rules"], "choices": outputs(done)["choices"]}
            for choice, done in zip(plan.choices, tasks, strict=True)
        ]
    }


def choice_rules(choices: Sequence[Json]) -> list[str]:
    """Return what documents that choosing steps leave out are counted as, `<step>.<rule>` each."""
    return [f"{choice['step']}.{rule}" for choice in choices for rule in cast(Sequence[str], choice["rules"])]


def choice_counts(plan: Plan, outcome: ChoiceOutcome) -> list[dict[str, object]]:
    """Return what each step chose, as the manifest of a run has it.

    ``strata`` are there where a step has some, by name; in those of a mixture ``target`` is what training should read
    of one, and ``repeat`` how often it has to read what was kept for that: 1 but for UniMax with more than one epoch.
    """
    found = []
    for choice, done, decided in zip(plan.choices, outcome.tasks, outcome.decided, strict=True):
        numbers = dict(counts(done))
        strata = numbers.pop("strata")
        if is_decided(choice):
            numbers |= decided_counts(choice, numbers, decided)
        has_strata = choice["use"] != "select" and choice["by"] is not None and not is_decided(choice)
        found.append(
            {
                "step": choice["step"],
                "use": choice["use"],
                "by": choice["by"],
                "unit": choice["unit"],
                "rules": choice["rules"],
                **numbers,
                **({"strata": strata} if has_strata else {}),
            }
        )
    return found


def choice_stages(plan: Plan) -> dict[str, int]:
    """Return the number of tasks of each stage of the choosing steps, in order."""
    partitions = len(plan.partitions)
    numbers: dict[str, int] = {}
    units = dict.fromkeys(str(choice["unit"]) for choice in plan.choices)
    if counted := [unit for unit in units if unit in COUNTED]:
        numbers["amounts"] = len(counted) * partitions
    for choice in plan.choices:
        if choice["importance"] is not None:
            for stage, tasks in {"features": partitions, "target": 1, "scores": partitions}.items():
                numbers[stage] = numbers.get(stage, 0) + tasks
        if is_decided(choice):
            for stage, tasks in {"group_rows": partitions, "decide_groups": plan.num_ranges}.items():
                numbers[stage] = numbers.get(stage, 0) + tasks
    if plan.choices:
        numbers["choose"] = len(plan.choices)
    return numbers


def novelty_bytes(choice: Json) -> int:
    """Return the bytes of the filter that a step remembers n-grams in; 0 for one without.

    Raises
    ------
    GristmillError
        ``GM-CHOOSE-006`` when no filter has that rate.
    """
    novelty = cast("Mapping[str, float] | None", cast(Json, choice["choice"]).get("novelty"))
    if novelty is None:
        return 0
    rate = float(novelty["false_positive_rate"])
    num_bytes = _native.bloom_filter_bytes(int(novelty["expected_ngrams"]), rate)
    if num_bytes is None:
        raise GristmillError(
            "GM-CHOOSE-006",
            f"no filter has a `false_positive_rate` of {rate}",
            hint="ask for a larger one",
        )
    return num_bytes


def check_choices_fit(choices: Sequence[Json], scratch_memory_bytes: int) -> None:
    """Refuse filters that do not fit.

    Raises
    ------
    GristmillError
        ``GM-CHOOSE-006``.
    """
    for choice in choices:
        num_bytes = novelty_bytes(choice)
        if num_bytes > scratch_memory_bytes:
            raise GristmillError(
                "GM-CHOOSE-006",
                f"the filter of `{choice['step']}` takes {num_bytes:,} bytes, `scratch_memory` is "
                f"{scratch_memory_bytes:,}",
                hint=f'`scratch_memory = "{-(-num_bytes >> 20)}MiB"` in `[run]` would do; or lower '
                f"`expected_ngrams` of "
                "`diversity` to the words of what is selected",
            )


def describe_choices(choices: Sequence[Json]) -> list[str]:
    """Return lines for a reader of the plan."""
    lines = []
    for choice in choices:
        by = "" if choice["by"] is None else f" by {choice['by']}"
        if is_decided(choice):
            lines.append(f"  then {choice['step']} (plugin, decides about groups{by} of what is kept)")
            continue
        num_bytes = novelty_bytes(choice)
        memory = f"; filter of {num_bytes:,} bytes" if num_bytes else ""
        lines.append(
            f"  then {choice['step']} (chooses{by} among what is kept, counts {choice['unit']}{memory})"
        )
    return lines


def disk_of_choices(plan: Plan) -> list[str]:
    """Return the formulas of disk, in lines for a reader."""
    if not plan.choices:
        return []
    parts = ["2 bytes a document and 32 a document left out, for each step"]
    if any(choice["unit"] in COUNTED for choice in plan.choices):
        parts.append("4 a document for words or tokens")
    if any(choice["importance"] is not None for choice in plan.choices):
        parts.append("8 a document for importance")
    if any(is_decided(choice) for choice in plan.choices):
        parts.append(
            "the columns that a plugin decides by, twice while it does, and 12 bytes a document left out"
        )
    sorting = f"while a step runs {CANDIDATE_BYTES} bytes a document and {LEFT_OUT_BYTES} a document left out"
    return [f"disk of choosing: {', '.join(parts)}; {sorting}"]


def choices_caveat(plan: Plan) -> str | None:
    """Return what a reader of counts before choosing must know."""
    if not plan.choices:
        return None
    names = ", ".join(f"`{choice['step']}`" for choice in plan.choices)
    return f"{names} choose among these documents afterwards"


def choices_after(
    plan: Plan, before: Mapping[str, Mapping[str, int]], kept: Mapping[str, int], available: Mapping[str, int]
) -> dict[str, dict[str, int]]:
    """Return an estimate of what choosing steps leave out of other numbers of documents, by source and rule.

    Of each source the share of the run goes; where a step keeps an amount instead of a share, that amount, so that the
    share which stays is larger by as much as there is less to choose from, and the other way round.

    Parameters
    ----------
    before
        What each step left out in the run: by source, then by rule.
    kept
        Documents that the run kept, by source.
    available
        Documents that reach choosing now, by source.
    """
    reach_before = {name: kept[name] + sum(before[name].values()) for name in kept}
    reach = dict(available)
    result: dict[str, dict[str, int]] = {name: {} for name in kept}
    for choice in plan.choices:
        rules = choice_rules([choice])
        total_before, total = sum(reach_before.values()), sum(reach.values())
        ratio = 1.0
        if _is_amount(choice) and total:
            ratio = total_before / total
        for name in kept:
            left = {rule: before[name].get(rule, 0) for rule in rules}
            gone = sum(left.values())
            stays = 0.0 if not reach_before[name] else (1 - gone / reach_before[name]) * ratio
            now = reach[name] - round(reach[name] * min(1.0, stays))
            shares = {rule: round(now * count / gone) if gone else 0 for rule, count in left.items()}
            # Rounded apart, the parts need not make the whole.
            shares[rules[0]] += now - sum(shares.values())
            result[name] |= shares
            reach_before[name] -= gone
            reach[name] -= now
    return result


def _is_amount(choice: Json) -> bool:
    """Say whether a step keeps an amount, whatever there is, rather than a share."""
    what = cast(Json, choice["choice"])
    inner = [value for value in what.values() if isinstance(value, Mapping)]
    return what.get("amount") is not None or any(
        one.get("total") is not None or one.get("budget") is not None for one in inner
    )
