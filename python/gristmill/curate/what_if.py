"""`what-if`: what a recipe with other thresholds would keep and drop, from the tables of a finished run.

Before is what the run did, after is what a run of the recipe (with what `--set` changes) would do with the documents
that were read. Counts are those of that run wherever they are not marked as estimates. Not here: which keys are
thresholds (`threshold_keys`), deciding dedup again (`dedup_again`), and the passes themselves (native).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import cast

from gristmill import _native
from gristmill.curate.choose import choice_rules, choices_after
from gristmill.curate.compile import compile_steps
from gristmill.curate.cuts import cut_rules
from gristmill.curate.dedup_again import DedupAfter, Removed, decide_dedup_again, verdict_folder
from gristmill.curate.folder import RunFolder, load_json
from gristmill.curate.plan import Plan, make_plan
from gristmill.curate.run import open_run
from gristmill.curate.stages import CUT_STAGES, Json
from gristmill.curate.supervised import TOKEN_RULES
from gristmill.curate.threshold_keys import parse_settings, with_settings
from gristmill.curate.what_if_answer import SourceCounts, ThresholdChange, WhatIf
from gristmill.errors import GristmillError
from gristmill.recipe import load_recipe

EXACT_RULE, NEAR_RULE, SEMANTIC_RULE = "exact_duplicate", "near_duplicate", "semantic_duplicate"
"""Rules of the dedup steps in `rejects/` and in counts."""


def what_if(
    recipe_path: str | Path,
    settings: Sequence[str] = (),
    *,
    run: str | Path | None = None,
    num_examples: int = 0,
    write: str | Path | None = None,
    threads: int | None = None,
) -> WhatIf:
    r"""Return what a recipe with other thresholds would keep and drop, compared with a finished run.

    Parameters
    ----------
    recipe_path
        The recipe. It may differ from the run's in thresholds, and in what comes behind dedup.
    settings
        ``KEY=VALUE`` texts, applied to the recipe.
    run
        The run folder; by default the recipe's `output`.
    num_examples
        Documents to name of each direction.
    write
        Where all documents that change sides are written as a Parquet table.
    threads
        Threads that read; by default two, or one on a machine with one core. The answer does not depend on it.

    Raises
    ------
    GristmillError
        ``GM-WHATIF-001`` to ``-006``, ``GM-RUN-002`` without a finished run, and whatever is wrong with the recipe.

    Notes
    -----
    Cost: decoding one word of bits a document for each 64 thresholds, and the columns of changed thresholds; with dedup
    steps also the passes of `dedup_again`. Memory: a batch a thread.

    Examples
    --------
    >>> import gristmill, json, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> texts = ["the mill and the river, which have been there with us", "no"]
    >>> _ = (folder / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    >>> _ = (folder / "recipe.toml").write_text(
    ...     '[[source]]\nname = "a"\npaths = ["a.jsonl"]\n[[step]]\nuse = "gopher_quality"\nmin_words = 5\n'
    ... )
    >>> _ = gristmill.curate(folder / "recipe.toml", workers=1)
    >>> answer = what_if(folder / "recipe.toml", ["min_words=50"])
    >>> answer.before["a"].kept, answer.after["a"].kept, answer.leaves
    (1, 0, {'a': 1})
    """
    if num_examples < 0 or (threads is not None and threads < 1):
        raise GristmillError("GM-WHATIF-006", f"{num_examples} examples, {threads} threads")
    recipe = load_recipe(Path(recipe_path))
    parsed = parse_settings(settings, recipe, compile_steps(recipe)) if settings else []
    # Split and tokens come behind dedup, and a tokenizer takes long to load; turns and labels come before it.
    tokens = recipe.tokens
    reads_turns = tokens is not None and (tokens.chat is not None or tokens.label is not None)
    plan = make_plan(with_settings(recipe, parsed), loads_tokenizer=reads_turns)
    folder = RunFolder(Path(run) if run is not None else recipe.output)
    finished = open_run(folder.root)
    _refuse_other_recipe(plan, folder, finished.manifest)
    before = cast(Sequence[Json], finished.manifest["thresholds"])
    old_counts = _run_counts(finished.counts)
    needs_dedup = bool(plan.dedup_steps)
    names = [source.name for source in plan.sources]
    with verdict_folder(folder) if needs_dedup else nullcontext() as scratch:
        spec = {
            "parts": _parts(plan, folder, finished.manifest),
            "sources": names,
            "before": before,
            "after": [dict(threshold) for threshold in plan.thresholds],
            "threads": threads or min(2, len(os.sched_getaffinity(0))),
            "num_examples": num_examples,
            "write": None if write is None else str(write),
            "verdicts": None if scratch is None else str(scratch),
        }
        found = json.loads(_native.what_if(json.dumps(spec), _native.Session()))
        sources = dict(zip(names, found["sources"], strict=True))
        _check_before(before, sources, old_counts, plan)
        dedup = DedupAfter.nothing(names)
        has_changed = any(source["enters"] or source["leaves"] for source in sources.values())
        if scratch is not None:
            dedup = decide_dedup_again(
                replace(plan, thresholds=tuple(before)),
                folder,
                scratch,
                removed=_removed(plan, old_counts),
                passed={
                    name: (source["passed_before"], source["passed_after"])
                    for name, source in sources.items()
                },
                has_changed=has_changed,
            )
    after = _after(plan, old_counts, sources, dedup)
    return WhatIf(
        run=folder.root,
        settings=tuple(parsed),
        changes=_changes(before, plan.thresholds),
        rules=_rules(before, plan),
        before=old_counts,
        after=after,
        enters={name: source["enters"] for name, source in sources.items()},
        leaves={name: source["leaves"] for name, source in sources.items()},
        estimates=_estimates(plan, dedup, old_counts, has_changed=has_changed),
        over_budget=_over_budget(plan, sources, dedup),
        examples={side: _named(found[side], names) for side in ("enters", "leaves")},
    )


def _refuse_other_recipe(plan: Plan, folder: RunFolder, manifest: Json) -> None:
    """Compare the recipe with the run in all that columns, documents and dedup depend on, thresholds aside."""
    old = load_json(folder.root / "plan.json")
    if old["fingerprint"] != manifest["plan"]:
        raise GristmillError(
            "GM-WHATIF-005",
            f"`plan.json` in `{folder.root}` is not of the finished run: another has started and not ended",
            hint="finish it with `gristmill curate RECIPE`",
        )
    new: dict[str, object] = json.loads(json.dumps(plan.to_json_dict()))
    compared = ("sources", "partitions", "steps", "operators", "cuts", "exact_normalise", "dedup", "choices")
    differing = [name for name in compared if old.get(name) != new.get(name)]
    if plan.plugins and old["seed"] != new["seed"]:
        differing.append("seed")
    if _sizes(old) != _sizes(new) and "partitions" not in differing:
        differing.append("sizes of input files")
    if cast(Sequence[object], old["limits"])[0] != plan.max_document_bytes:
        differing.append("max_document_bytes")
    measuring: tuple[str, ...] = ("map", *sorted(CUT_STAGES), "exact", "lsh", "verify", "settle")
    if plan.semantic is not None:
        measuring += plan.semantic.stages()
    old_stages, new_stages = (cast(Mapping[str, int], document["stages"]) for document in (old, new))
    if any(old_stages.get(stage) != new_stages.get(stage) for stage in measuring):
        differing.append("version of gristmill")
    if differing:
        raise GristmillError(
            "GM-WHATIF-003",
            f"the recipe differs from the run in `{folder.root}` in more than thresholds",
            hint=f"`gristmill plan RECIPE --diff {folder.root}` shows them; run the recipe first, or undo them",
            context=(f"different: {', '.join(differing)}",),
        )


def _sizes(document: Mapping[str, object]) -> list[object]:
    return [file["bytes"] for file in cast(Sequence[Json], document["files"])]


def _parts(plan: Plan, folder: RunFolder, manifest: Json) -> list[dict[str, object]]:
    files = {str(file["path"]): file for file in cast(Sequence[Json], manifest["files"])}
    parts = []
    for index, partition in enumerate(plan.partitions):
        paths: dict[str, str | None] = {}
        for table in ("signals", "decisions"):
            name = f"{table}/part-{index:05d}.parquet"
            # Runs of earlier versions have no `decisions/`: then every threshold is compared again.
            paths[table] = str(_checked(folder.root / name, files[name])) if name in files else None
        signals = files[f"signals/part-{index:05d}.parquet"]
        parts.append({**paths, "rows": signals["rows"], "source": partition.source})
    return parts


def _checked(path: Path, file: Json) -> Path:
    """Return a path whose file has its length; its digest is for `verify`, which reads all of it."""
    if not path.is_file() or path.stat().st_size != file["bytes"]:
        raise GristmillError(
            "GM-IO-003",
            f"`{path}` is damaged: it is missing or has another length than the manifest says",
            hint="run the recipe again: it makes what is missing from what is committed",
        )
    return path


def _run_counts(counts: Mapping[str, object]) -> dict[str, SourceCounts]:
    by_source = cast(Mapping[str, Mapping[str, object]], counts["by_source"])
    return {
        name: SourceCounts(
            documents_in=cast(int, source["documents_in"]),
            quarantined=cast(int, source["quarantined"]),
            kept=cast(int, source["kept"]),
            dropped={
                rule: count for rule, count in cast(Mapping[str, int], source["dropped"]).items() if count
            },
        )
        for name, source in by_source.items()
    }


def _dedup_rules(plan: Plan) -> tuple[str, str, str]:
    """Return what the dedup steps are called in counts; a name that no rule has where a step is missing."""
    semantic = None if plan.semantic is None else plan.semantic.step
    return (
        f"{plan.exact_step}.{EXACT_RULE}",
        f"{plan.near_step}.{NEAR_RULE}",
        f"{semantic}.{SEMANTIC_RULE}",
    )


def _removed(plan: Plan, counts: Mapping[str, SourceCounts]) -> dict[str, Removed]:
    exact, near, semantic = _dedup_rules(plan)
    return {
        name: (
            source.dropped.get(exact, 0),
            source.dropped.get(near, 0),
            source.dropped.get(semantic, 0),
        )
        for name, source in counts.items()
    }


def _first_hits(thresholds: Sequence[Json], hits: Sequence[int]) -> dict[str, int]:
    """Return documents by the name of the first rule that drops them; two limits of one rule share a name."""
    dropped: dict[str, int] = {}
    for threshold, count in zip(thresholds, hits, strict=True):
        if count:
            name = f"{threshold['step']}.{threshold['rule']}"
            dropped[name] = dropped.get(name, 0) + count
    return dropped


def _check_before(
    thresholds: Sequence[Json],
    sources: Mapping[str, Mapping[str, object]],
    counts: Mapping[str, SourceCounts],
    plan: Plan,
) -> None:
    """Compare what the tables say of the run with what its manifest counts."""
    of_dedup = {*_dedup_rules(plan), *cut_rules(plan), *choice_rules(plan.choices), *TOKEN_RULES}
    for name, source in sources.items():
        hits = _first_hits(thresholds, cast(Sequence[int], source["first_before"]))
        known = {rule: count for rule, count in counts[name].dropped.items() if rule not in of_dedup}
        if hits != known:
            raise GristmillError(
                "GM-WHATIF-005",
                f"source `{name}`: the tables of the run hold other decisions than its manifest counts",
                hint="`gristmill verify RUN` checks every file of a run",
            )


def _after(
    plan: Plan,
    before: Mapping[str, SourceCounts],
    sources: Mapping[str, Mapping[str, object]],
    dedup: DedupAfter,
) -> dict[str, SourceCounts]:
    after = {}
    for name, source in sources.items():
        dropped = _first_hits(plan.thresholds, cast(Sequence[int], source["first_after"]))
        removed = dict(zip(_dedup_rules(plan), dedup.removed[name], strict=True))
        removed |= _left_empty(plan, before[name], source)
        dropped |= {rule: count for rule, count in removed.items() if count}
        after[name] = SourceCounts(
            documents_in=before[name].documents_in,
            quarantined=before[name].quarantined,
            kept=cast(int, source["passed_after"]) - sum(removed.values()),
            dropped=dropped,
        )
    return _choose_again(plan, before, after) if plan.choices else after


def _choose_again(
    plan: Plan, before: Mapping[str, SourceCounts], after: Mapping[str, SourceCounts]
) -> dict[str, SourceCounts]:
    """Take out what choosing steps would leave out, as far as that can be known."""
    rules = choice_rules(plan.choices)
    left_out = choices_after(
        plan,
        {name: {rule: counts.dropped.get(rule, 0) for rule in rules} for name, counts in before.items()},
        {name: counts.kept for name, counts in before.items()},
        {name: counts.kept for name, counts in after.items()},
    )
    return {
        name: replace(
            counts,
            kept=counts.kept - sum(left_out[name].values()),
            dropped={**counts.dropped, **{rule: count for rule, count in left_out[name].items() if count}},
        )
        for name, counts in after.items()
    }


def _left_empty(plan: Plan, before: SourceCounts, source: Mapping[str, object]) -> dict[str, int]:
    """Return the documents that later stages drop for what is left or too long: the run's share of those that pass."""
    old, new = cast(int, source["passed_before"]), cast(int, source["passed_after"])
    share = new / old if old else 0.0
    return {rule: round(before.dropped.get(rule, 0) * share) for rule in (*cut_rules(plan), *TOKEN_RULES)}


def _estimates(
    plan: Plan, dedup: DedupAfter, before: Mapping[str, SourceCounts], *, has_changed: bool
) -> dict[str, str]:
    rules = dict(zip(("exact", "near", "semantic"), _dedup_rules(plan), strict=True))
    estimates = {rules[step]: reason for step, reason in dedup.estimates.items()}
    if plan.cuts and has_changed:
        reason = (
            "documents change sides, so the steps that cut texts would find other copies; what they cut in the run was "
            "taken"
        )
        steps = {"exact": plan.exact_step, "near": plan.near_step}
        known = [*cut_rules(plan), *(rules[name] for name, step in steps.items() if step is not None)]
        estimates = {rule: estimates.get(rule, reason) for rule in known}
    if plan.choices and has_changed:
        reason = (
            "documents change sides, so the choosing steps would choose among others; of each source the run's "
            "share was taken, or its amount"
        )
        estimates |= dict.fromkeys(choice_rules(plan.choices), reason)
    dropped = {rule for source in before.values() for rule in source.dropped}
    if has_changed:
        reason = "the run's share was taken: a document's length in tokens is known only once it is tokenised"
        estimates |= {rule: reason for rule in TOKEN_RULES if rule in dropped}
    if estimates:
        estimates["kept"] = next(iter(estimates.values()))
    return estimates


def _over_budget(plan: Plan, sources: Mapping[str, Mapping[str, object]], dedup: DedupAfter) -> list[str]:
    over = []
    for source in plan.sources:
        passed = cast(int, sources[source.name]["passed_after"])
        if passed and sum(dedup.removed[source.name]) / passed > source.removal_budget:
            over.append(source.name)
    return over


def _changes(before: Sequence[Json], after: Sequence[Json]) -> list[ThresholdChange]:
    """Return the rules whose limits differ, in the order of the new thresholds; those that are gone stand last."""

    def limits(thresholds: Sequence[Json]) -> dict[tuple[str, str, str, str], float]:
        return {
            (str(one["step"]), str(one["rule"]), str(one["column"]), str(one["keep"])): float(
                str(one["threshold"])
            )
            for one in thresholds
        }

    old, new = limits(before), limits(after)
    return [
        ThresholdChange(
            step=rule[0],
            rule=rule[1],
            column=rule[2],
            keep=rule[3],
            before=old.get(rule),
            after=new.get(rule),
        )
        for rule in dict.fromkeys([*new, *old])
        if old.get(rule) != new.get(rule)
    ]


def _rules(before: Sequence[Json], plan: Plan) -> tuple[str, ...]:
    """Return the names of all rules in the order in which they are applied, dedup last."""
    names = [f"{one['step']}.{one['rule']}" for one in (*plan.thresholds, *before)]
    names += cut_rules(plan)
    steps = zip((plan.exact_step, plan.near_step, plan.semantic), _dedup_rules(plan), strict=True)
    names += [rule for step, rule in steps if step is not None]
    return tuple(dict.fromkeys([*names, *choice_rules(plan.choices)]))


def _named(rows: Sequence[Mapping[str, object]], sources: Sequence[str]) -> list[dict[str, object]]:
    return [{**row, "source": sources[cast(int, row["source"])]} for row in rows]
