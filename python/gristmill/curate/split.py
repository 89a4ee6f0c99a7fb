"""The split in a plan, in the pipeline and in the manifest: who is held out, and the proof that nothing leaks.

Not here: the keys of the recipe (`gristmill.recipe.split`), and grouping, assigning and proving (native).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gristmill.curate.folder import load_json
from gristmill.curate.footprint import BAND_BYTES, ROW_BYTES
from gristmill.curate.stages import Json, Stages, Task, counts, outputs
from gristmill.errors import GristmillError
from gristmill.recipe.split import microseconds_in, microseconds_of

if TYPE_CHECKING:
    from gristmill.curate.cuts import TextVersion
    from gristmill.curate.plan import Plan
    from gristmill.recipe import Recipe

SPLIT_STAGES = frozenset(
    f"split_{name}" for name in ("keys", "lsh", "group", "verify", "regroup", "assign", "index", "prove")
)
"""Stages that only a recipe which holds something out has."""
SIDES = ("train", "validation", "test")
LEFT = ("embargo", "undated", "group_is_held_out", "joins_two_sides", "straddles")
"""Rules in `rejects/` by which the split leaves documents out; the last one is the proof's."""

NUM_MINIMA = 100
"""Minima of a signature. 20 bands of 5 rows miss a pair of similarity 0.8 once in 2,800."""
MISSED = 5e-4
"""A pair that is just similar enough is missed with at most this probability, before the proof looks."""
GROUP_SEED = 1
LARGE_DOCUMENTS = 1000
LARGE_FRACTION = 0.01
"""A group of more documents than both is verified: grouped again by pairs that really are alike."""
LARGE_SIMILARITY = 0.7
"""From where on, or from a tenth below `min_similarity` where that is less."""
MAX_FRACTION = 0.2
"""A group that holds more of the kept documents, and more than `LARGE_DOCUMENTS`, stops the run."""
MAX_POSTINGS = 1 << 22
"""Elements of prefixes in the index of the proof: 41,000 documents of 500 shingles, or 380,000 of 50."""
PROOF_BYTES = 160 << 20
"""Memory of the index of the proof at most: 12 bytes an element, 24 a document, 9.5 MiB; 16 and 8 while it is made."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Previous:
    """An earlier run whose sides stay.

    Parameters
    ----------
    path
        Its folder.
    parts
        Path and digest of every file of its `documents/`.
    """

    path: Path
    parts: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitPlan:
    """`[split]`, resolved. Parameters are as in the recipe; times and durations are in microseconds."""

    validation: float
    test: float
    by_cluster: bool
    columns: tuple[str, ...]
    parent: str | None
    stratify: str | None
    time: Mapping[str, object] | None
    salt: int
    previous: Previous | None
    min_similarity: float
    shingle_words: int

    @property
    def names(self) -> tuple[str, ...]:
        """The splits that may hold documents, train first."""
        held = (
            (self.validation > 0, self.test > 0)
            if self.time is None
            else (self.time["validation_from"] is not None, self.time["test_from"] is not None)
        )
        return ("train", *(name for name, is_held in zip(SIDES[1:], held, strict=True) if is_held))

    @property
    def reads_columns(self) -> bool:
        """Whether any field of the input matters."""
        return bool(self.columns or self.parent or self.stratify or self.time)

    @property
    def minhash(self) -> dict[str, object] | None:
        """Signatures that propose who belongs together; None where similar documents may be parted."""
        if not self.by_cluster:
            return None
        bands, rows = banding(self.min_similarity)
        return {
            "bands": bands,
            "rows": rows,
            "seed": GROUP_SEED,
            "shingles": self.shingles,
            "family": "gristmill",
        }

    @property
    def shingles(self) -> dict[str, object]:
        """What documents are compared by."""
        return {"unit": "word", "size": self.shingle_words}

    def proof_rule(self) -> dict[str, object]:
        """Return how the proof compares documents."""
        return {
            "shingles": self.shingles,
            "min_similarity": self.min_similarity,
            "max_postings": MAX_POSTINGS,
            "salt": self.salt,
        }

    def identity(self) -> dict[str, object]:
        """Return everything that the result depends on."""
        return {
            "names": list(self.names),
            "shares": [self.validation, self.test],
            "by_cluster": self.by_cluster,
            "columns": list(self.columns),
            "parent": self.parent,
            "stratify": self.stratify,
            "time": None if self.time is None else dict(self.time),
            "salt": self.salt,
            "previous": None if self.previous is None else [part["digest"] for part in self.previous.parts],
            "min_similarity": self.min_similarity,
            "shingle_words": self.shingle_words,
        }

    def stage_counts(self, plan: Plan) -> dict[str, int]:
        """Return the number of tasks of each stage, in order; verifying large groups is not foreseen."""
        numbers = {}
        if self.by_cluster or self.reads_columns:
            numbers["split_keys"] = len(plan.partitions)
        if self.by_cluster:
            numbers["split_lsh"] = plan.num_ranges
        if self.has_groups:
            numbers["split_group"] = 1
        return numbers | {"split_assign": 1, "split_index": 1, "split_prove": self.num_proofs(plan)}

    @property
    def has_groups(self) -> bool:
        """Whether anything stays together."""
        return self.by_cluster or bool(self.columns) or self.parent is not None

    def num_proofs(self, plan: Plan) -> int:
        """Return the number of tasks that the documents are compared in."""
        return max(1, min(len(plan.partitions), plan.num_ranges))

    def disk(self) -> str:
        """Return what the stages leave in `work/`, in a line for a reader."""
        if not self.by_cluster:
            return "disk of the split: 1 byte a document, 12 a value of a column; and the sets of held-out documents"
        bands = BAND_BYTES * banding(self.min_similarity)[0]
        return (
            f"disk of the split: bands {bands} + sides 1 = {bands + 1} bytes a kept document, {ROW_BYTES} / key shared "
            "with a better one; and the sets of held-out documents"
        )

    def describe(self) -> str:
        """Return the split in a line for a reader."""
        if self.time is None:
            shares = [f"{name} {getattr(self, name):g}" for name in self.names[1:]]
            by = "hash" if self.stratify is None else f"hash, stratified by `{self.stratify}`"
        else:
            shares, by = list(self.names[1:]), f"time (`{self.time['column']}`)"
        together = ["similar documents"] if self.by_cluster else []
        together += [f"equal `{name}`" for name in self.columns]
        together += [f"rows of one `{self.parent}`"] if self.parent else []
        return (
            f"split: {', '.join(shares)} by {by}; together stay: {', '.join(together) or 'single documents'}"
        )


def banding(min_similarity: float) -> tuple[int, int]:
    """Return bands and rows: the most rows that miss a pair of that similarity at most `MISSED` of the time.

    Examples
    --------
    >>> banding(0.8), banding(1.0), banding(0.6)
    ((20, 5), (12, 8), (33, 3))
    """
    for rows in range(8, 1, -1):
        bands = NUM_MINIMA // rows
        if (1 - min_similarity**rows) ** bands <= MISSED:
            return bands, rows
    return NUM_MINIMA, 1


def plan_split(recipe: Recipe) -> SplitPlan | None:
    """Return the split of a recipe, or None where it holds nothing out.

    Raises
    ------
    GristmillError
        ``GM-SPLIT-003`` when the earlier run cannot be used.
    """
    split = recipe.split
    if not split.holds_out:
        return None
    time = None
    if split.time is not None:
        moments = {
            name: None if moment is None else microseconds_of(moment)
            for name, moment in (
                ("validation_from", split.time.validation_from),
                ("test_from", split.time.test_from),
            )
        }
        time = {
            "column": split.time.column,
            **moments,
            "embargo": microseconds_in(split.time.embargo),
            "train_on_undated": split.time.undated == "train",
        }
    return SplitPlan(
        validation=split.validation,
        test=split.test,
        by_cluster=split.by_cluster,
        columns=split.entity_columns,
        parent=split.parent,
        stratify=split.stratify,
        time=time,
        salt=split.salt_number(recipe.run.seed),
        previous=None if split.previous is None else _previous(recipe.resolve(split.previous)),
        min_similarity=split.min_similarity,
        shingle_words=split.shingle_words,
    )


def _previous(path: Path) -> Previous:
    manifest = path / "manifest.json"
    if not manifest.is_file():
        raise GristmillError(
            "GM-SPLIT-003",
            f"`previous` names `{path}`, which holds no finished run",
            hint="give the folder of a run with a `manifest.json`, or remove `previous`",
        )
    files = cast(Sequence[Mapping[str, object]], load_json(manifest).get("files", ()))
    parts = tuple(
        {"path": str(path / str(file["path"])), "digest": str(file["digest"])}
        for file in files
        if str(file["path"]).startswith("documents/")
    )
    absent = [part["path"] for part in parts if not Path(part["path"]).is_file()]
    if absent:
        raise GristmillError(
            "GM-SPLIT-003",
            f"the earlier run lacks `{absent[0]}`",
            hint="`gristmill verify` on that run shows what else is missing",
        )
    return Previous(path=path, parts=parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitTasks:
    """Manifests of the split stages; `group` is the last grouping, None where every document is on its own."""

    group: Json | None
    was_regrouped: bool
    assign: Json
    index: Json
    prove: Sequence[Json]
    proofs_of: Sequence[int] = field(default_factory=tuple)
    """By partition, which task compared its documents."""


def run_split(
    plan: Plan,
    stages: Stages,
    maps: Sequence[Json],
    version: TextVersion,
    settle: Json | None,
    *,
    memory_bytes: int,
    old_parts: Mapping[str, object],
) -> SplitTasks | None:
    """Return the manifests of the split stages, or None where nothing is held out.

    Parameters
    ----------
    plan, stages, maps, version, settle
        As in the pipeline.
    memory_bytes
        Of a pass.
    old_parts
        Parts of an index as `tokenise` is told of them, under its key; empty without one.

    Raises
    ------
    GristmillError
        ``GM-SPLIT-002`` when one group holds too much.
    """
    split = plan.split
    if split is None:
        return None
    removals = None if settle is None else outputs(settle)["removals"]
    partitions: list[dict[str, object]] = [{**part.dedup(), "exact": None, "bands": None} for part in version]
    common: dict[str, object] = {"partitions": partitions, "scratch_memory_bytes": memory_bytes}
    keys: Sequence[Json] = ()
    if split.by_cluster or split.reads_columns:
        keys = stages.run(
            "split_keys",
            [
                _keys_task(plan, split, index, partition, found, removals)
                for index, (partition, found) in enumerate(zip(partitions, maps, strict=True))
            ],
        )
    group, was_regrouped = _run_groups(plan, split, stages, common, keys, removals, settle, version)
    if group is not None:
        check_groups(counts(group))
    spec: dict[str, object] = {
        "task": "split_assign",
        **common,
        "removals": removals,
        "members": None if group is None else outputs(group)["members"],
        "facts": [outputs(done)["facts"] for done in keys] if split.stratify or split.time else [],
        "salt": split.salt,
        "validation": split.validation,
        "test": split.test,
        "by_label": split.stratify is not None,
        "by_time": split.time is not None,
        "previous": [] if split.previous is None else [dict(part) for part in split.previous.parts],
        **old_parts,
    }
    [assign] = stages.run("split_assign", [Task(index=0, kind="native", spec=spec)])
    sides = outputs(assign)["sides"]
    spec = {"task": "split_index", **common, "sides": sides, "rule": split.proof_rule()}
    [index] = stages.run("split_index", [Task(index=0, kind="native", spec=spec)])
    num_proofs = split.num_proofs(plan)
    bounds = [len(partitions) * number // num_proofs for number in range(num_proofs + 1)]
    prove = stages.run(
        "split_prove",
        [
            Task(
                index=number,
                kind="native",
                spec={
                    "task": "split_prove",
                    "partitions": partitions,
                    "first": bounds[number],
                    "end": bounds[number + 1],
                    "sides": sides,
                    **{name: outputs(index)[name] for name in ("held", "sets", "postings", "counts")},
                    "rule": split.proof_rule(),
                },
            )
            for number in range(num_proofs)
        ],
    )
    proofs_of = [number for number in range(num_proofs) for _ in range(bounds[number], bounds[number + 1])]
    return SplitTasks(
        group=group,
        was_regrouped=was_regrouped,
        assign=assign,
        index=index,
        prove=prove,
        proofs_of=proofs_of,
    )


def _keys_task(
    plan: Plan, split: SplitPlan, index: int, partition: Json, found: Json, removals: Json | None
) -> Task:
    spec = {
        "task": "split_keys",
        "partition": partition,
        "removals": removals,
        "minhash": split.minhash,
        "signals": outputs(found)["signals"] if split.reads_columns else None,
        "columns": list(split.columns),
        "parent": split.parent,
        "label": split.stratify,
        "time": None if split.time is None else dict(split.time),
        "scratch_memory_bytes": plan.sort_memory_bytes,
    }
    return Task(index=index, kind="native", spec=spec)


def _run_groups(
    plan: Plan,
    split: SplitPlan,
    stages: Stages,
    common: Mapping[str, object],
    keys: Sequence[Json],
    removals: Json | None,
    settle: Json | None,
    version: TextVersion,
) -> tuple[Json | None, bool]:
    """Return the manifest of the last grouping, and whether large groups were verified."""
    if not split.has_groups:
        return None, False

    def ranged(name: str, task: str, more: Json) -> list[dict[str, object]]:
        count = plan.num_ranges
        spec = {"task": task, **common, **more}
        return stages.run(
            name,
            [
                Task(index=index, kind="native", spec={**spec, "range": {"index": index, "count": count}})
                for index in range(count)
            ],
        )

    rows: list[Json] = []
    if split.by_cluster:
        partitions = [
            {**part.dedup(), "exact": None, "bands": outputs(done)["bands"]}
            for part, done in zip(version, keys, strict=True)
        ]
        more = {"partitions": partitions, "minhash": split.minhash, "exact_removals": []}
        rows = [outputs(done)["buckets"] for done in ranged("split_lsh", "lsh", more)]
    spec: dict[str, object] = {
        "task": "split_group",
        **common,
        "removals": removals,
        "clusters": outputs(settle)["clusters"] if settle is not None and split.by_cluster else None,
        "rows": rows,
        "large": None,
        "edges": [],
        "links": [outputs(done)["links"] for done in keys] if split.columns or split.parent else [],
        "large_documents": LARGE_DOCUMENTS,
        "large_fraction": LARGE_FRACTION,
    }
    [group] = stages.run("split_group", [Task(index=0, kind="native", spec=spec)])
    if not counts(group)["large_rows"]:
        return group, False
    confirm = {
        "measure": "jaccard",
        "shingles": split.shingles,
        "min_similarity": min(LARGE_SIMILARITY, split.min_similarity - 0.1),
    }
    verified = ranged(
        "split_verify", "verify", {"buckets": [outputs(group)["large_rows"]], "confirm": confirm}
    )
    spec |= {"large": outputs(group)["large"], "edges": [outputs(done)["edges"] for done in verified]}
    [group] = stages.run("split_regroup", [Task(index=0, kind="native", spec=spec)])
    return group, True


def check_groups(found: Mapping[str, object]) -> None:
    """Stop where one group holds so much that no share can be met.

    Raises
    ------
    GristmillError
        ``GM-SPLIT-002``.
    """
    largest, kept = cast(int, found["largest"]), cast(int, found["kept"])
    if largest <= max(LARGE_DOCUMENTS, MAX_FRACTION * kept):
        return
    raise GristmillError(
        "GM-SPLIT-002",
        f"{largest:,} of {kept:,} kept documents would have to stay on one side of the split",
        hint="look at what they have in common: a placeholder in a column of `group_by`, or a template",
        context=tuple(
            f"document {doc} is one of them" for doc in cast(Sequence[int], found["largest_members"])
        ),
    )


def tokenise_split(plan: Plan, tasks: SplitTasks | None, index: int, maps: Sequence[Json]) -> object:
    """Return what a tokenise task is told of the split."""
    if plan.split is None or tasks is None:
        return None
    return {
        "sides": outputs(tasks.assign)["sides"],
        "first": sum(cast(int, counts(found)["readable"]) for found in maps[:index]),
        "names": list(plan.split.names),
        "pairs": outputs(tasks.prove[tasks.proofs_of[index]])["pairs"],
        "drops_pairs": plan.split.by_cluster,
        "min_similarity": plan.split.min_similarity,
    }


def split_manifest(
    plan: Plan, tasks: SplitTasks | None, tokenise: Sequence[Json]
) -> dict[str, object] | None:
    """Return what the manifest of a run says of its split: rules, counts and the proof; None without one."""
    split = plan.split
    if split is None or tasks is None:
        return None
    assigned, indexed = counts(tasks.assign), counts(tasks.index)
    proved = {
        name: sum(cast(int, counts(done)[name]) for done in tasks.prove)
        for name in ("checked", "compared", "pairs", "with_pair")
    }
    placed = [cast(Mapping[str, object], counts(done)["split"]) for done in tokenise]
    documents = {
        name: sum(cast(Mapping[str, int], one["documents"])[name] for one in placed) for name in split.names
    }
    left = dict(zip(LEFT, [*cast(Sequence[int], assigned["left"]), 0], strict=True))
    if split.by_cluster:
        left["straddles"] = proved["with_pair"]
    pairs = 0 if split.by_cluster else proved["pairs"]
    num_indexed, held_out = cast(int, indexed["indexed"]), cast(int, indexed["held_out"])
    manifest: dict[str, object] = {
        **{key: value for key, value in split.identity().items() if key != "previous"},
        "documents": documents,
        "left_out": {rule: count for rule, count in left.items() if count},
        "groups": None if tasks.group is None else _group_counts(tasks),
        "proof": {
            "method": "exact join",
            "measure": f"Jaccard similarity of runs of {split.shingle_words} words",
            "min_similarity": split.min_similarity,
            "held_out": held_out,
            "indexed": num_indexed,
            "drawn_below": indexed["drawn_below"],
            "checked": proved["checked"],
            "compared": proved["compared"],
            "pairs_found": proved["pairs"],
            "documents_left_out": left["straddles"],
            "pairs": pairs,
            "share_at_most": None if num_indexed == held_out else share_at_most(num_indexed),
            "assignment": _sum_of([str(one["assignment"]) for one in placed]),
        },
    }
    if split.stratify is not None:
        manifest["strata"] = {
            "mixed_groups": assigned["mixed_labels"],
            "farthest_documents": assigned["farthest_stratum"],
        }
    if split.previous is not None:
        manifest["previous"] = {name: assigned[name] for name in ("previous", "known", "held", "moved")}
    return manifest


def share_at_most(num_checked: int) -> float:
    """Return the share of held-out documents with a pair that none in a sample rules out, with 95 % confidence.

    Examples
    --------
    >>> round(share_at_most(3000), 5)
    0.001
    """
    return 1.0 if num_checked == 0 else 1 - math.exp(math.log(0.05) / num_checked)


def _group_counts(tasks: SplitTasks) -> dict[str, object]:
    assert tasks.group is not None
    found = counts(tasks.group)
    return {
        **{name: found[name] for name in ("groups", "grouped", "largest", "shared_keys")},
        "verified": tasks.was_regrouped,
    }


def _sum_of(digits: Sequence[str]) -> str:
    """Add sums of hashes, modulo 2^128."""
    return f"{sum(int(one, 16) for one in digits) % (1 << 128):032x}"


def recheck_spec(root: Path, manifest: Mapping[str, object], scratch: Path) -> dict[str, object]:
    """Return what the engine looks at to check the split of a finished run again."""
    split = cast(Mapping[str, object], manifest["split"])
    proof = cast(Mapping[str, object], split["proof"])
    names = [str(file["path"]) for file in cast(Sequence[Mapping[str, object]], manifest["files"])]

    def under(prefix: str) -> list[str]:
        return [str(root / name) for name in names if name.startswith(prefix)]

    folders = sorted({name.split("/")[1] for name in names if name.startswith("tokens/")})
    return {
        "documents": under("documents/"),
        "signals": under("signals/"),
        "shards": {name: under(f"tokens/{name}/") for name in folders},
        "rule": {
            "shingles": {"unit": "word", "size": split["shingle_words"]},
            "min_similarity": split["min_similarity"],
            "max_postings": MAX_POSTINGS,
            "salt": split["salt"],
        },
        "drawn_below": proof["drawn_below"],
        "columns": split["columns"],
        "scratch": str(scratch),
    }


def recheck_problems(manifest: Mapping[str, object], found: Mapping[str, object]) -> tuple[list[str], str]:
    """Return where a split is not what its manifest says, and what was proven where it is."""
    split = cast(Mapping[str, object], manifest["split"])
    proof = cast(Mapping[str, object], split["proof"])
    problems = []
    documents = {
        name: cast(Mapping[str, int], found["documents"]).get(name, 0)
        for name in cast(Sequence[str], split["names"])
    }
    if documents != split["documents"]:
        problems.append(f"`documents/` holds {documents}, the manifest says {split['documents']}")
    if found["assignment"] != proof["assignment"]:
        problems.append("documents are on other sides than the proof is about")
    if found["shards"] not in (None, proof["assignment"]):
        problems.append("shards hold documents on other sides than `documents/`")
    if found["pairs"] != proof["pairs"]:
        problems.append(
            f"{found['pairs']} pairs across sides are at least {proof['min_similarity']} similar, the proof says "
            f"{proof['pairs']}"
        )
        problems += cast(list[str], found["examples"])[:3]
    if found["entities"]:
        problems.append(f"{found['entities']} values of columns of `group_by` stand on two sides")
    detail = (
        f"{found['indexed']} held-out documents compared with all others: {found['pairs']} pairs of similarity "
        f"{proof['min_similarity']} or more"
    )
    return problems, detail
