"""The stages of a curation run, from a plan to committed shards: what each task is told, and the gates between them.

Only manifests pass through here, a few kilobytes a task; documents never do.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from gristmill import _native
from gristmill.curate import dedup_index
from gristmill.curate.choose import ChoiceOutcome, run_choices, tokenise_choices
from gristmill.curate.cuts import (
    CutOutcome,
    PartitionText,
    TextVersion,
    exact_normalise,
    run_cuts,
    shingle_tokenizer,
    tokenise_cuts,
)
from gristmill.curate.folder import RunFolder
from gristmill.curate.group_choices import is_decided
from gristmill.curate.guards import check_removals
from gristmill.curate.plan import Plan
from gristmill.curate.quarantine import allowed_failures
from gristmill.curate.semantic import SemanticTasks, run_semantic
from gristmill.curate.split import SplitTasks, run_split, tokenise_split
from gristmill.curate.stages import Json, Stages, Task, counts, outputs
from gristmill.curate.words import counted
from gristmill.errors import GristmillError


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """Manifests of every stage that decide the final files."""

    maps: Sequence[Json]
    decide: Sequence[Json]
    cut: CutOutcome
    settle: Json | None
    tokenise: Sequence[Json]
    shards: Mapping[str, Sequence[Json]]
    stats: Mapping[str, object]
    plan: Plan
    """As it was resolved: with the segments of an index that the run was checked against."""
    chosen: ChoiceOutcome
    segment: Sequence[Json] = ()
    split: SplitTasks | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DedupTasks:
    """Manifests of the dedup stages, in task order; empty where a recipe has no such step."""

    exact: Sequence[Json] = ()
    lsh: Sequence[Json] = ()
    verify: Sequence[Json] = ()
    semantic: SemanticTasks | None = None
    settle: Json | None = None

    def stats(self) -> Mapping[str, object]:
        """Return the counts that the manifest of the run shows."""
        if self.settle is None:
            return {}
        stats: dict[str, object] = {
            "verify": [counts(done) for done in self.verify],
            "capped_old": sum(cast(int, counts(done).get("capped_old", 0)) for done in self.lsh),
        }
        return stats if self.semantic is None else {**stats, "semantic": self.semantic.stats()}


def run_pipeline(plan: Plan, folder: RunFolder, runner: Stages) -> Outcome:
    """Run every stage that is not committed yet and return what stands.

    Raises
    ------
    GristmillError
        ``GM-RUN-010`` without any readable document, ``GM-RUN-011`` above the quarantine budget, ``GM-DEDUP-001`` and
        ``GM-DEDUP-010`` where dedup would remove too much, and whatever the tasks raise.
    """
    maps = run_map(plan, runner)
    check_readable(plan, maps)
    decide = run_decide(plan, runner, maps)
    cut = run_cuts(plan, runner, maps, decide)
    plan = with_index(plan, runner, maps, cut.version)
    dedup = run_dedup(plan, runner, cut.version)
    settle = dedup.settle
    if settle is not None:
        check_removals(plan, cast(Mapping[str, object], counts(settle)["settle"]))
    chosen = run_choices(plan, runner, maps, cut.version, settle)
    old = dedup_index.name_parts(plan.index)
    split = run_split(
        plan,
        runner,
        maps,
        chosen.version,
        settle,
        memory_bytes=pass_memory_bytes(plan, [part.dedup() for part in chosen.version]),
        old_parts={"old": old} if old else {},
    )
    more = tokenise_choices(plan, chosen.tasks)
    tokenise = runner.run(
        "tokenise",
        [
            _tokenise_task(
                plan, index, maps, part, settle, {**more, "split": tokenise_split(plan, split, index, maps)}
            )
            for index, part in enumerate(chosen.version)
        ],
    )
    lineage = lineage_of(plan, maps)
    shards = {split: _shards(plan, folder, runner, tokenise, split, lineage) for split in plan.splits}
    segment: Sequence[Json] = ()
    if settle is not None:
        partitions = [part.dedup() for part in chosen.version]
        carried = [outputs(found)["carried"] for found in maps]
        segment = dedup_index.build_parts(plan, runner, partitions, carried, outputs(settle))
    return Outcome(
        maps=maps,
        decide=decide,
        cut=cut,
        settle=settle,
        tokenise=tokenise,
        shards=shards,
        stats=dedup.stats(),
        plan=plan,
        chosen=chosen,
        segment=segment,
        split=split,
    )


def run_map(plan: Plan, stages: Stages) -> Sequence[Json]:
    """Return the manifests of the map stage."""
    return stages.run("map", [_map_task(plan, index) for index in range(len(plan.partitions))])


def run_decide(plan: Plan, stages: Stages, maps: Sequence[Json]) -> Sequence[Json]:
    """Return the manifests of the decide stage."""
    return stages.run("decide", [_decide_task(plan, index, found) for index, found in enumerate(maps)])


def with_index(plan: Plan, stages: Stages, maps: Sequence[Json], version: TextVersion) -> Plan:
    """Return the plan with the segments of an index that dedup compares with, which are checked."""
    plan = dedup_index.resolve(plan, [part.dedup() for part in version], inputs_of(plan, maps))
    dedup_index.check_segments(plan.index, stages)
    return plan


def lineage_of(plan: Plan, maps: Sequence[Json]) -> str:
    """Return the hash of everything a run's shards depend on: the plan without paths, and the inputs' digests."""
    digests = [
        [
            cast(Mapping[str, object], file)["digest"]
            for file in cast(Sequence[object], counts(found)["files"])
        ]
        for found in maps
    ]
    text = json.dumps({"plan": plan.identity(), "inputs": digests}, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def inputs_of(plan: Plan, maps: Sequence[Json]) -> list[list[object]]:
    """Return source, relative path and digest of every input file."""
    return [
        [plan.sources[partition.source].name, file.relative_path, cast(Json, read)["digest"]]
        for partition, found in zip(plan.partitions, maps, strict=True)
        for file, read in zip(partition.files, cast(Sequence[object], counts(found)["files"]), strict=True)
    ]


def check_readable(plan: Plan, maps: Sequence[Json]) -> None:
    """Stop a run that read nothing, or too much that it could not use.

    Raises
    ------
    GristmillError
        ``GM-RUN-010`` or ``GM-RUN-011``.
    """
    readable = sum(cast(int, counts(found)["readable"]) for found in maps)
    reasons: Counter[str] = Counter()
    for found in maps:
        reasons.update(cast(Mapping[str, int], counts(found)["unreadable"]))
    unreadable = sum(reasons.values())
    total = readable + unreadable
    listing = tuple(f"{count} `{reason}`" for reason, count in reasons.most_common(5))
    if readable == 0:
        raise GristmillError(
            "GM-RUN-010",
            f"no document could be read ({counted(total, 'record')} in {counted(len(plan.files), 'file')})",
            hint=_hint_of_unreadable(plan, reasons),
            context=listing,
        )
    allowed = allowed_failures(total, plan.max_quarantine_fraction)
    if unreadable > allowed:
        raise GristmillError(
            "GM-RUN-011",
            f"{unreadable:,} of {counted(total, 'document')} are unreadable or failed, {allowed:,} are allowed",
            hint="mend the input, or raise `max_quarantine_fraction` in `[run]`",
            context=listing,
        )


def _hint_of_unreadable(plan: Plan, reasons: Counter[str]) -> str:
    """Say where to look when nothing can be read: at the plugin if one failed on most, else at the sources."""
    uses = {str(plugin["step"]): str(plugin["use"]) for plugin in plan.plugins}
    for reason, _ in reasons.most_common(1):
        step = reason.rpartition(".")[0]
        if step in uses:
            plugin = uses[step].partition(".")[0]
            return (
                f"`{uses[step]}` fails on every document: try it with `gristmill plugin test {plugin}`, and with "
                "`--plugins-dir DIR` for a single file"
            )
    return "check `paths`, `text` and `format` of every source"


def _map_task(plan: Plan, index: int) -> Task:
    partition = plan.partitions[index]
    source = plan.sources[partition.source]
    spec = {
        "source": dict(source.engine),
        "files": [
            {"ordinal": file.ordinal, "path": str(file.path), "relative_path": file.relative_path}
            for file in partition.files
        ],
        "max_document_bytes": plan.max_document_bytes,
        "batch_bytes": plan.batch_bytes,
        "batch_rows": plan.batch_rows,
        "excerpt_characters": plan.excerpt_characters,
        "sort_memory_bytes": plan.sort_memory_bytes,
        "steps": [dict(step) for step in plan.steps],
        "exact": plan.exact_step is not None,
        "minhash": plan.minhash,
        **shingle_tokenizer(plan),
        **exact_normalise(plan),
        "rank": source.rank,
    }
    if plan.semantic is not None:
        spec["semantic"] = plan.semantic.map_spec()
    if plan.supervised is not None:
        spec |= plan.supervised.map_spec(source.engine)
    # Without those that decide about groups, long after: another version of one must not read the documents again.
    deciders = {choice["step"] for choice in plan.choices if is_decided(choice)}
    extra: dict[str, object] = {
        "operators": [dict(operator) for operator in plan.operators if operator["step"] not in deciders]
    }
    if source.extraction is not None:
        extra["extraction"] = dict(source.extraction)
    if plan.plugins or source.reader is not None or source.extraction is not None:
        extra |= {
            # Without thresholds: a changed one must not read the documents again.
            "plugins": [{**plugin, "thresholds": []} for plugin in plan.plugins],
            "reader": source.reader,
            "plugins_dir": None if plan.plugins_dir is None else str(plan.plugins_dir),
            "seed": plan.seed,
            "max_quarantine_fraction": plan.max_quarantine_fraction,
        }
    if plan.supervised is not None and "chat" in spec:
        extra |= plan.supervised.chat_task()
    return Task(index=index, kind="map", spec=spec, extra=extra)


def _decide_task(plan: Plan, index: int, found: Json) -> Task:
    spec = {
        "task": "decide",
        "signals": outputs(found)["signals"],
        "thresholds": [dict(threshold) for threshold in plan.thresholds],
    }
    return Task(index=index, kind="native", spec=spec)


def pass_memory_bytes(plan: Plan, partitions: Sequence[Json]) -> int:
    """Return the memory of a dedup pass: that of a sort, or more where the bits of the documents take more.

    Those are one a document, and as much again is left for sorting; no pass gets more than a quarter of
    `scratch_memory`. From about 500 million documents on it is more than a sort has.
    """
    num_documents = sum(cast(int, partition["num_documents"]) for partition in partitions)
    return max(plan.sort_memory_bytes, min(num_documents // 4, plan.scratch_memory_bytes // 4))


def run_dedup(plan: Plan, stages: Stages, version: TextVersion) -> DedupTasks:
    """Return the manifests of the dedup stages that the plan has."""
    if not plan.dedup_steps:
        return DedupTasks()
    partitions = [part.dedup() for part in version]
    common: dict[str, object] = {
        "partitions": partitions,
        "scratch_memory_bytes": pass_memory_bytes(plan, partitions),
    }
    if old := dedup_index.pass_parts(plan.index):
        common["old"] = old
    ranges = plan.num_ranges

    def stage(name: str, more: Json, files: Json, ranges: int = ranges) -> list[dict[str, object]]:
        tasks = [
            Task(
                index=index,
                kind="native",
                spec={"task": name, **common, **files, **more, "range": {"index": index, "count": ranges}},
            )
            for index in range(ranges)
        ]
        return stages.run(name, tasks)

    exact = stage("exact", exact_normalise(plan), {}) if plan.exact_step is not None else []
    removals = [outputs(done)["removals"] for done in exact]
    lsh: list[dict[str, object]] = []
    verified: list[dict[str, object]] = []
    confirm: dict[str, object] | None = None
    if plan.minhash is not None:
        lsh = stage("lsh", {"minhash": plan.minhash}, {"exact_removals": removals})
        buckets = [outputs(done)["buckets"] for done in lsh]
        confirm = confirm_of(plan)
        if confirm is None and plan.minhash["family"] == "datatrove":
            # One task, for a cluster may stretch over all ranges.
            clusters = {"confirm": None, "clusters": plan.minhash}
            verified = stage("verify", clusters, {"buckets": buckets}, ranges=1)
        else:
            verified = stage("verify", {"confirm": confirm}, {"buckets": buckets})
    semantic = None
    if plan.semantic is not None:
        maps = [part.found for part in version]
        semantic = run_semantic(
            plan.semantic, lambda name, spec: stage(name, spec, {}), partitions, maps, removals
        )
    edges = [*verified, *(() if semantic is None else semantic.edges)]
    spec: dict[str, object] = {
        "task": "settle",
        **common,
        "exact_removals": removals,
        "edges": [outputs(done)["edges"] for done in edges],
        "confirm": confirm,
        "sources": [source.name for source in plan.sources],
    }
    if plan.semantic is not None:
        spec["semantic"] = plan.semantic.confirm([part.found for part in version])
    [settle] = stages.run("settle", [Task(index=0, kind="native", spec=spec)])
    return DedupTasks(exact=exact, lsh=lsh, verify=verified, semantic=semantic, settle=settle)


def confirm_of(plan: Plan) -> dict[str, object] | None:
    """Return how near duplicates are confirmed, or None where none are."""
    if plan.minhash is None or plan.is_guessing:
        return None
    return {
        "measure": plan.measure,
        "shingles": plan.minhash["shingles"],
        "min_similarity": plan.min_similarity,
        **shingle_tokenizer(plan, "tokenizer"),
    }


def _tokenise_task(
    plan: Plan, index: int, maps: Sequence[Json], part: PartitionText, settle: Json | None, more: Json
) -> Task:
    found = maps[index]
    wanted = ("carried", "signals", "unreadable")
    dedup = None
    if settle is not None:
        dedup = {
            "removals": outputs(settle)["removals"],
            "clusters": outputs(settle)["clusters"],
            "exact_step": plan.exact_step,
            "near_step": plan.near_step,
            "min_similarity": plan.min_similarity,
        }
        if plan.semantic is not None:
            dedup |= {
                "semantic_step": plan.semantic.step,
                "semantic_min_similarity": plan.semantic.min_similarity,
            }
    spec = {
        "task": "tokenise",
        "source": plan.sources[plan.partitions[index].source].name,
        "map": {name: outputs(found)[name] for name in wanted} | {"text": part.text, "index": part.index},
        "edits": list(part.edits),
        "cuts": tokenise_cuts(plan, part),
        "map_counts": {
            "readable": counts(found)["readable"],
            "unreadable": counts(found)["unreadable"],
        },
        "verdict": part.verdict,
        "thresholds": [dict(threshold) for threshold in plan.thresholds],
        "dedup": dedup,
        "indexes": [outputs(other)["index"] for other in maps],
        "seed": plan.seed,
        "shuffle": plan.shuffle,
        "tokenizer": plan.tokenizer.engine if plan.tokenizer else None,
        "excerpt_characters": plan.excerpt_characters,
        "sort_memory_bytes": plan.sort_memory_bytes,
        **more,
    }
    if old := dedup_index.name_parts(plan.index):
        spec["old"] = old
    if plan.supervised is not None and plan.tokenizer is not None:
        spec["supervised"] = plan.supervised.tokenise_spec()
    return Task(index=index, kind="native", spec=spec)


def _shards(
    plan: Plan,
    folder: RunFolder,
    runner: Stages,
    tokenise: Sequence[Json],
    split: str,
    lineage: str,
) -> list[dict[str, object]]:
    if plan.tokenizer is None:
        return []
    orders = [outputs(done)[f"order-{split}"] for done in tokenise]
    num_tokens = sum(_split_tokens(done, split) for done in tokenise)
    starts = plan_shards(plan, folder, orders, num_tokens)
    supervised = plan.supervised
    names = None if supervised is None else supervised.label_names(tokenise)
    runs = [
        {
            "source": plan.partitions[index].source,
            "tokens": outputs(done)["tokens"],
            "order": outputs(done)[f"order-{split}"],
            **({} if supervised is None else supervised.run_labels(done, names)),
        }
        for index, done in enumerate(tokenise)
    ]
    metadata = {
        "gristmill.format_version": "1",
        "gristmill.tokenizer_digest": plan.tokenizer.digest,
        "gristmill.tokenizer_mode": plan.tokenizer.mode,
        "gristmill.end_of_text": json.dumps(plan.tokenizer.end_of_text),
        "gristmill.vocabulary_size": str(plan.tokenizer.vocabulary_size),
        "gristmill.split": split,
        "gristmill.lineage": lineage,
    }
    if plugins := plan.plugin_lineage():
        metadata["gristmill.plugins"] = json.dumps(plugins, sort_keys=True, ensure_ascii=False)
    tasks = [
        Task(
            index=index,
            kind="native",
            spec={
                "task": "shard",
                "runs": runs,
                "sources": [source.name for source in plan.sources],
                "start": start,
                "end": starts[index + 1] if index + 1 < len(starts) else None,
                "vocabulary_size": plan.tokenizer.vocabulary_size,
                "metadata": metadata,
                **({} if names is None else {"has_labels": True}),
            },
        )
        for index, start in enumerate(starts)
    ]
    return runner.run("shard", tasks)


def _split_tokens(done: Json, split: str) -> int:
    tokens = cast(Mapping[str, Mapping[str, int]], counts(done)["tokens"])
    return tokens[split]["tokens"]


def plan_shards(
    plan: Plan, folder: RunFolder, orders: Sequence[Json], num_tokens: int
) -> list[tuple[int, int]]:
    """Return where each shard of a split starts, as (position, docref) pairs."""
    assert plan.tokenizer is not None
    return _native.plan_shards(
        folder.data,
        json.dumps([dict(order) for order in orders]),
        num_tokens,
        plan.tokenizer.vocabulary_size,
        plan.shard_bytes,
        plan.shuffle,
        _native.Session(),
    )
