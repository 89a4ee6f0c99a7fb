"""The last step of a run: committed files get their canonical names, and one manifest says what there is.

`manifest.json` is taken away first and written last, so a reader sees either a whole run or none. Files are linked,
not copied; `gc` may empty `work/` afterwards.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from gristmill import _native
from gristmill.curate.choose import choice_counts
from gristmill.curate.cuts import cut_counts
from gristmill.curate.dedup_index import IndexUse
from gristmill.curate.folder import RunFolder, canonical_json, sync_folder, write_atomically
from gristmill.curate.pipeline import Outcome, lineage_of
from gristmill.curate.plan import Plan
from gristmill.curate.split import split_manifest
from gristmill.curate.stages import Json, counts, outputs

TABLES = ("documents", "rejects", "edits", "signals", "decisions", "tokens")
"""Folders of a run that curation owns."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FinalFile:
    """A committed file and its canonical name."""

    name: str
    artefact: Json


def final_files(outcome: Outcome) -> list[FinalFile]:
    """Return every file of a finished run, by canonical name."""
    files: list[FinalFile] = []
    stages = zip(outcome.maps, outcome.decide, outcome.tokenise, strict=True)
    for index, (found, decided, done) in enumerate(stages):
        part = f"part-{index:05d}.parquet"
        tables = {name: outputs(done)[name] for name in ("documents", "rejects", "edits")}
        tables["signals"] = outputs(found)["signals"]
        tables["decisions"] = outputs(decided)["decisions"]
        files += [FinalFile(name=f"{table}/{part}", artefact=file) for table, file in tables.items()]
    for split, manifests in outcome.shards.items():
        files += [
            FinalFile(name=f"tokens/{split}/shard-{index:05d}.arrow", artefact=outputs(done)["shard"])
            for index, done in enumerate(manifests)
        ]
    return sorted(files, key=lambda file: file.name)


def build_manifest(plan: Plan, outcome: Outcome) -> dict[str, object]:
    """Return the content of `manifest.json`: names, counts and digests; no time, host, path or attempt."""
    by_source, inputs = _count_sources(plan, outcome)
    totals = {
        name: sum(cast(int, source[name]) for source in by_source.values())
        for name in ("documents_in", "kept", "quarantined")
    }
    dropped = sum(sum(cast(Mapping[str, int], source["dropped"]).values()) for source in by_source.values())
    return {
        "schema_version": 1,
        "plan": plan.fingerprint(),
        "lineage": {"fingerprint": lineage_of(plan, outcome.maps)},
        "inputs": inputs,
        "counts": {
            **totals,
            "dropped": dropped,
            "by_source": by_source,
            "tokens": _count_tokens(outcome),
            "in_scope": _count_scope(outcome),
            "rules": _count_rules(plan, outcome),
        },
        **(
            {}
            if plan.supervised is None
            else {"supervised": plan.supervised.manifest(outcome.tokenise, plan.splits)}
        ),
        **({"cuts": cut_counts(plan, outcome.cut)} if plan.cuts else {}),
        "dedup": _dedup_counts(plan, outcome),
        **({"choices": choice_counts(plan, outcome.chosen)} if plan.choices else {}),
        **({} if plan.index is None else {"index": _index(plan.index)}),
        "files": [
            {
                "path": file.name,
                "bytes": file.artefact["bytes"],
                "rows": file.artefact["rows"],
                "digest": file.artefact["digest"],
            }
            for file in final_files(outcome)
        ],
        "operators": [dict(operator) for operator in plan.operators],
        **({"plugins": plan.plugin_lineage()} if plan.plugin_lineage() else {}),
        "thresholds": [dict(threshold) for threshold in plan.thresholds],
        "tokenizer": None
        if plan.tokenizer is None
        else {
            "digest": plan.tokenizer.digest,
            "library": _native.TOKENIZER_LIBRARY,
            "mode": plan.tokenizer.mode,
            "end_of_text": list(plan.tokenizer.end_of_text),
            "vocabulary_size": plan.tokenizer.vocabulary_size,
        },
        "split": split_manifest(plan, outcome.split, outcome.tokenise),
        "shuffle": {"enabled": plan.shuffle, "seed": plan.seed},
    }


def _count_sources(
    plan: Plan, outcome: Outcome
) -> tuple[dict[str, dict[str, object]], list[dict[str, object]]]:
    kept: Counter[str] = Counter()
    quarantined: Counter[str] = Counter()
    documents_in: Counter[str] = Counter()
    dropped: defaultdict[str, Counter[str]] = defaultdict(Counter)
    inputs: list[dict[str, object]] = []
    for partition, found, done in zip(plan.partitions, outcome.maps, outcome.tokenise, strict=True):
        source = plan.sources[partition.source].name
        numbers = counts(done)
        kept[source] += cast(int, numbers["kept"])
        documents_in[source] += cast(int, numbers["documents_in"])
        quarantined[source] += sum(cast(Mapping[str, int], numbers["quarantined"]).values())
        dropped[source].update(cast(Mapping[str, int], numbers["dropped"]))
        for file, read in zip(partition.files, cast(Sequence[Json], counts(found)["files"]), strict=True):
            inputs.append(
                {
                    "source": source,
                    "path": file.relative_path,
                    "bytes": read["bytes"],
                    "digest": read["digest"],
                    "documents": read["documents"],
                }
            )
    by_source = {
        source.name: {
            "documents_in": documents_in[source.name],
            "kept": kept[source.name],
            "quarantined": quarantined[source.name],
            "dropped": dict(sorted(dropped[source.name].items())),
        }
        for source in plan.sources
    }
    return by_source, inputs


def _count_scope(outcome: Outcome) -> dict[str, int]:
    """Return, for every step with `where`, how many documents it was for."""
    scope: Counter[str] = Counter()
    for done in outcome.decide:
        for step, count in cast(Mapping[str, int], counts(done)["in_scope"]).items():
            scope[step] += count
    return dict(sorted(scope.items()))


def _count_rules(plan: Plan, outcome: Outcome) -> dict[str, object]:
    """Return what each threshold is worth, by source: lists in the order of the plan's thresholds.

    `failed`: documents that fail it; `first`: that it is the first one to drop; `exclusive`: that fail nothing else.
    List `i` of `overlap` counts documents that fail threshold `i` and each of those behind it.
    """
    num_thresholds = len(plan.thresholds)
    by_source: dict[str, dict[str, list[int]]] = {}
    overlaps: dict[str, list[list[int]]] = {}
    for source in plan.sources:
        by_source[source.name] = {name: [0] * num_thresholds for name in ("failed", "first", "exclusive")}
        overlaps[source.name] = [[0] * (num_thresholds - start) for start in range(1, num_thresholds)]
    for partition, decided in zip(plan.partitions, outcome.decide, strict=True):
        name = plan.sources[partition.source].name
        rules = cast(Mapping[str, list[int]], counts(decided)["rules"])
        for kind, sums in by_source[name].items():
            by_source[name][kind] = [a + b for a, b in zip(sums, rules[kind], strict=True)]
        rows = cast(list[list[int]], rules["overlap"])
        overlaps[name] = [
            [a + b for a, b in zip(sums, row, strict=True)]
            for sums, row in zip(overlaps[name], rows, strict=True)
        ]
    return {
        "thresholds": [f"{threshold['step']}.{threshold['rule']}" for threshold in plan.thresholds],
        "by_source": {name: {**lists, "overlap": overlaps[name]} for name, lists in by_source.items()},
    }


def _count_tokens(outcome: Outcome) -> dict[str, object]:
    return {
        split: {
            "documents": sum(cast(int, counts(done)["documents"]) for done in manifests),
            "tokens": sum(cast(int, counts(done)["tokens"]) for done in manifests),
        }
        for split, manifests in outcome.shards.items()
        if manifests
    }


def _index(index: IndexUse) -> dict[str, object]:
    """Return which segments the run was checked against, and the number of its own."""
    return {"segments": index.identity(), "number": index.number}


def _dedup_counts(plan: Plan, outcome: Outcome) -> dict[str, object] | None:
    """Return what dedup did as plain numbers: pairs compared, verified, rejected and capped, removals, clusters.

    `guessed` is there where a recipe asks for no verification: near duplicates that nobody looked at.
    """
    if outcome.settle is None:
        return None
    numbers = counts(outcome.settle)
    pairs: Counter[str] = Counter()
    for done in cast(Sequence[Mapping[str, int]], outcome.stats.get("verify", ())):
        pairs.update(
            {name: done[name] for name in ("candidates", "verified", "rejected", "retried", "capped")}
        )
    pairs["capped"] += cast(int, outcome.stats.get("capped_old", 0))
    rescue = cast("Mapping[str, int] | None", numbers["rescue"])
    settle = dict(cast(Mapping[str, object], numbers["settle"]))
    # For the guards, by references inside the work folder; `gristmill clusters` shows them by key.
    settle.pop("largest", None)
    if plan.is_guessing:
        settle["guessed"] = settle["near_removed"]
    semantic = outcome.stats.get("semantic")
    by_embedding = {} if semantic is None else {"semantic": semantic}
    return {**pairs, "rescued": 0 if rescue is None else rescue["edges"], **settle, **by_embedding}


def finalise(plan: Plan, outcome: Outcome, folder: RunFolder) -> None:
    """Put every committed file in its place and write the manifest.

    Raises
    ------
    OSError
        When the folder cannot be written; the next run finalises again.
    """
    content = canonical_json(build_manifest(plan, outcome))
    if folder.manifest.exists() and folder.manifest.read_bytes() == content and _in_place(folder, outcome):
        return
    folder.manifest.unlink(missing_ok=True)
    files = final_files(outcome)
    wanted = {file.name for file in files}
    for table in TABLES:
        for old in sorted((folder.root / table).rglob("*")):
            if old.is_file() and old.relative_to(folder.root).as_posix() not in wanted:
                old.unlink()
    folders = set()
    for file in files:
        target = folder.root / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(folder.data / str(file.artefact["file"]), target)
        folders.add(target.parent)
    for touched in sorted(folders):
        sync_folder(touched)
    write_atomically(folder.manifest, content)


def _in_place(folder: RunFolder, outcome: Outcome) -> bool:
    for file in final_files(outcome):
        target = folder.root / file.name
        if not target.is_file() or target.stat().st_size != file.artefact["bytes"]:
            return False
    return True


def _link(committed: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.new")
    temporary.unlink(missing_ok=True)
    try:
        os.link(committed, temporary)
    except OSError:
        # Another file system below the run folder, or one without links.
        shutil.copyfile(committed, temporary)
    temporary.replace(target)
