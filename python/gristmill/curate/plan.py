"""The plan: everything a run's result depends on, resolved and fixed before any data is read.

A plan knows inputs by name and size; their content enters through the digests of the map tasks, computed while they are
read. Task boundaries are in the plan, so they do not depend on who runs it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from gristmill.curate import passages
from gristmill.curate.choose import (
    check_choices_fit,
    choice_stages,
    describe_choices,
    disk_of_choices,
    novelty_bytes,
    plan_choices,
)
from gristmill.curate.compile import CompiledSteps, compile_steps
from gristmill.curate.cuts import CUT_DISK, CUT_SPANS, check_filters, cut_stages, describe_cuts, filter_bytes
from gristmill.curate.dedup_index.resolve import check_configuration
from gristmill.curate.dedup_index.segments import BYTES_PER_DOCUMENT as INDEX_BYTES_PER_DOCUMENT
from gristmill.curate.dedup_index.segments import IndexUse, read_segments
from gristmill.curate.footprint import FileCost, assumed_documents, disk_lines, file_costs, memory_lines
from gristmill.curate.group_choices import GROUP_BYTES, is_decided
from gristmill.curate.inputs import MAX_FILES, InputFile, Partition, find_files, make_partitions
from gristmill.curate.other_uses import check_extracted_files
from gristmill.curate.semantic import SEMANTIC_STAGES, SemanticPlan
from gristmill.curate.split import PROOF_BYTES, SPLIT_STAGES, SplitPlan, plan_split
from gristmill.curate.stages import (
    CHOICE_STAGES,
    CUT_STAGES,
    GROUP_STAGES,
    INDEX_STAGES,
    STAGE_VERSIONS,
    strip_neutral,
)
from gristmill.curate.supervised import SupervisedPlan, plan_supervised, turns_spec
from gristmill.curate.tokens import ResolvedTokenizer, resolve_tokenizer
from gristmill.curate.words import counted
from gristmill.errors import GristmillError
from gristmill.recipe import Recipe

BATCH_BYTES = 8 << 20
BATCH_ROWS = 8192
RANGE_BYTES = 32 << 20
"""Input bytes on disk for each of the first key ranges of dedup, which keep the workers busy."""
FIRST_RANGES = 16
LARGE_RANGE_BYTES = 4 << 30
"""Input bytes on disk for each further range: a range reads a piece of every partition, and small pieces are slow."""
MAX_RANGES = 1024
LINEAGE_KEYS = (
    "step",
    "use",
    "kind",
    "version",
    "distribution",
    "distribution_version",
    "config",
    "fingerprint",
)
"""What plan, manifest and shards say of a plugin's operator."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedSource:
    """A source as the engine reads it.

    Parameters
    ----------
    name
        Name in the recipe.
    engine
        The engine's description.
    reader
        Description of the plugin that reads its files, or None for the engine's own readers.
    rank
        How the engine ranks its documents among duplicates.
    removal_budget
        Largest share of its documents that dedup may remove.
    """

    name: str
    engine: Mapping[str, object]
    reader: Mapping[str, object] | None
    rank: object
    removal_budget: float
    extraction: Mapping[str, object] | None = None
    """How a plugin's extractor makes its texts, or None where a field is the text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A recipe's curation, resolved. See the module for what is in it and what is not."""

    sources: tuple[PlannedSource, ...]
    files: tuple[InputFile, ...]
    partitions: tuple[Partition, ...]
    steps: tuple[Mapping[str, object], ...]
    plugins: tuple[Mapping[str, object], ...]
    plugins_dir: Path | None
    operators: tuple[Mapping[str, object], ...]
    thresholds: tuple[Mapping[str, object], ...]
    cuts: tuple[Mapping[str, object], ...]
    exact_step: str | None
    exact_normalise: str
    near_step: str | None
    minhash: Mapping[str, object] | None
    min_similarity: float | None
    measure: str
    max_cluster_fraction: float | None
    caveat: str | None
    semantic: SemanticPlan | None
    num_ranges: int
    split: SplitPlan | None
    tokenizer: ResolvedTokenizer | None
    shuffle: bool
    shard_bytes: int
    seed: int
    max_quarantine_fraction: float
    max_document_bytes: int
    excerpt_characters: int
    scratch_memory_bytes: int
    batch_bytes: int = BATCH_BYTES
    batch_rows: int = BATCH_ROWS
    index: IndexUse | None = None
    supervised: SupervisedPlan | None = None
    choices: tuple[Mapping[str, object], ...] = ()

    @property
    def sort_memory_bytes(self) -> int:
        """Memory that one task may sort in: `scratch_memory` is for a whole machine with up to four workers."""
        return max(8 << 20, min(self.scratch_memory_bytes // 16, 128 << 20))

    @property
    def is_guessing(self) -> bool:
        """Whether near duplicates are removed without a look at their texts."""
        return self.near_step is not None and self.min_similarity is None

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits; empty when the recipe makes no tokens."""
        if self.tokenizer is None:
            return ()
        return ("train",) if self.split is None else self.split.names

    @property
    def dedup_steps(self) -> tuple[str, ...]:
        """Names of the dedup steps, in order."""
        names = (self.exact_step, self.near_step, None if self.semantic is None else self.semantic.step)
        return tuple(name for name in names if name is not None)

    def plugin_lineage(self) -> list[dict[str, object]]:
        """Return what plugins did to the data: name, kind, version, package, configuration and fingerprint of each.

        Steps in order, then those that decide about groups, what reads the sources and what makes their texts. The
        fingerprint holds the hash of the plugin's files where these can change under one version.
        """
        described = [*self.plugins, *self._deciders()]
        described += [source.reader for source in self.sources if source.reader is not None]
        described += [
            cast(Mapping[str, object], source.extraction["extractor"])
            for source in self.sources
            if source.extraction is not None
        ]
        entries = [{name: plugin[name] for name in LINEAGE_KEYS} for plugin in described]
        # Several sources may have the same reader.
        return [entry for position, entry in enumerate(entries) if entry not in entries[:position]]

    def _deciders(self) -> list[Mapping[str, object]]:
        return [cast(Mapping[str, object], one["decider"]) for one in self.choices if is_decided(one)]

    def identity(self) -> dict[str, object]:
        """Return everything the result depends on apart from the content of the inputs; no path, size or budget."""
        return {
            **({} if self.index is None else {"index": self.index.identity()}),
            **({} if self.supervised is None else {"supervised": self.supervised.identity()}),
            "stages": {
                name: version
                for name, version in STAGE_VERSIONS.items()
                if (self.cuts or name not in CUT_STAGES)
                and (self.semantic is not None or name not in SEMANTIC_STAGES)
                and (self.index is not None or name not in INDEX_STAGES)
                and (self.split is not None or name not in SPLIT_STAGES)
                and (self.choices or name not in CHOICE_STAGES)
                and (any(map(is_decided, self.choices)) or name not in GROUP_STAGES)
            },
            "sources": [
                {
                    "engine": strip_neutral(source.engine),
                    "reader": source.reader,
                    "rank": source.rank,
                    **({} if source.extraction is None else {"extraction": strip_neutral(source.extraction)}),
                }
                for source in self.sources
            ],
            "partitions": [
                [[file.source, file.relative_path] for file in partition.files]
                for partition in self.partitions
            ],
            # Files that a step computes with are known by their digests.
            "steps": [strip_neutral(step) for step in self.steps],
            "operators": list(self.operators),
            "thresholds": list(self.thresholds),
            **({"cuts": list(self.cuts)} if self.cuts else {}),
            **({"choices": [strip_neutral(choice) for choice in self.choices]} if self.choices else {}),
            **({"exact_normalise": self.exact_normalise} if self.exact_normalise != "none" else {}),
            "dedup": [self.exact_step, self.near_step, self.minhash, self.min_similarity, self.measure]
            # Only where there is one, so that other recipes keep their fingerprint.
            + ([] if self.semantic is None else [self.semantic.identity()]),
            # Without one as it always was, so that such runs keep their fingerprint.
            "split": [0.0, True] if self.split is None else self.split.identity(),
            "tokenizer": None if self.tokenizer is None else strip_neutral(self.tokenizer.engine),
            "shuffle": self.shuffle,
            "shard_bytes": self.shard_bytes,
            "seed": self.seed,
            "limits": [
                self.max_document_bytes,
                self.excerpt_characters,
                self.batch_bytes,
                self.batch_rows,
            ],
        }

    def fingerprint(self) -> str:
        """Return the hash of `identity`, 64 hexadecimal digits."""
        text = json.dumps(self.identity(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()

    def to_json_dict(self) -> dict[str, object]:
        """Return the plan as JSON values, as `plan.json` holds it."""
        return {
            "schema_version": 1,
            "fingerprint": self.fingerprint(),
            **self.identity(),
            "files": [
                {
                    "ordinal": file.ordinal,
                    "source": self.sources[file.source].name,
                    "path": str(file.path),
                    "relative_path": file.relative_path,
                    "bytes": file.num_bytes,
                }
                for file in self.files
            ],
            "budgets": {
                "max_quarantine_fraction": self.max_quarantine_fraction,
                "removal": {source.name: source.removal_budget for source in self.sources},
                "max_cluster_fraction": self.max_cluster_fraction,
            },
            "ranges": self.num_ranges,
            "tokenizer_path": None if self.tokenizer is None else str(self.tokenizer.path.absolute()),
            "tokenizer_kind": None if self.tokenizer is None else self.tokenizer.kind,
            **({"plugins": self.plugin_lineage()} if self.plugin_lineage() else {}),
            **({} if self.plugins_dir is None else {"plugins_dir": str(self.plugins_dir.absolute())}),
            **({} if self.index is None else {"index_path": str(self.index.path.absolute())}),
        }

    def stage_counts(self) -> dict[str, int]:
        """Return the number of tasks of each stage; of `shard` the least, since token counts are not known yet."""
        counts = {"map": len(self.partitions), "decide": len(self.partitions), **cut_stages(self)}
        if self.index is not None:
            counts["check"] = sum(1 for _ in self.index.parts())
        if self.exact_step is not None:
            counts["exact"] = self.num_ranges
        if self.near_step is not None:
            counts |= {"lsh": self.num_ranges, "verify": self.num_ranges}
        if self.semantic is not None:
            counts |= dict.fromkeys(self.semantic.stages(), self.num_ranges)
        if self.dedup_steps:
            counts["settle"] = 1
        counts |= choice_stages(self)
        if self.split is not None:
            counts |= self.split.stage_counts(self)
        counts["tokenise"] = len(self.partitions)
        if self.splits:
            counts["shard"] = len(self.splits)
        if self.index is not None:
            counts["segment"] = 1
        return counts

    def memory_bound_bytes(self, *, workers: int) -> int:
        """Return an upper bound of the memory of a run, all processes together.

        A driver (160 MiB) and `workers` processes, each with an interpreter and its libraries (160 MiB), the tokenizer
        (up to 200 MiB where there is one), three batches of text, 24 bytes of segmentation for each byte of the longest
        document, row groups of four tables (64 MiB) and its sort budget; with `semantic_dedup` the hyperplanes, and a
        batch of embeddings, which as numbers take less than as the text of their metadata; with `[split]` the index of
        its proof (160 MiB); where a plugin decides about groups the largest that it is given, three times; and the
        largest Bloom filter of a step that cuts or selects, or all of `scratch_memory` where repeated passages are
        found. Where turns are rendered: three tokenizers, and the batches twice.
        """
        tokenizer = 0 if self.tokenizer is None else 200 << 20
        batches = 3 * (self.batch_bytes + self.max_document_bytes)
        if self.supervised is not None and self.supervised.chat is not None:
            # Turns and what is made of them, and a tokenizer each for them and for contents that spell control tokens.
            tokenizer, batches = 3 * tokenizer, 2 * batches
        if self.semantic is not None:
            batches += self.batch_bytes + self.semantic.hyperplane_bytes
        worker = (160 << 20) + tokenizer + batches + 24 * self.max_document_bytes + (64 << 20)
        worker += 0 if self.split is None else PROOF_BYTES
        worker += 3 * GROUP_BYTES if self._deciders() else 0
        filters = max([0, *map(filter_bytes, self.cuts), *map(novelty_bytes, self.choices)])
        texts = self.scratch_memory_bytes if passages.holds_all_texts(self.cuts) else 0
        return (160 << 20) + workers * (worker + self.sort_memory_bytes) + max(filters, texts)

    def describe(self) -> list[str]:
        """Return the plan in lines for a reader."""
        num_bytes = sum(file.num_bytes for file in self.files)
        lines = [
            f"plan {self.fingerprint()[:16]}",
            f"inputs: {counted(len(self.files), 'file')}, {num_bytes:,} bytes, "
            + counted(len(self.sources), "source"),
            f"partitions: {len(self.partitions)}",
            "steps:",
        ]
        for number, step in enumerate(self.steps, start=1):
            rules = [rule for rule in self.thresholds if rule["step"] == step["name"]]
            kind = "plugin, outside the engine" if step["use"] == "plugin" else "engine"
            lines.append(f"  {number}. {step['name']} ({kind}; {counted(len(rules), 'threshold')})")
            lines += [f"     {words}" for words in self._containment(step["name"])]
        lines += describe_cuts(self.cuts)
        lines += [f"  then {name} (over all documents)" for name in self.dedup_steps]
        for choice in self.choices:
            lines += describe_choices([choice])
            lines += [f"     {words}" for words in self._containment(choice["step"])]
        lines.append("stages: " + ", ".join(f"{name} {count}" for name, count in self.stage_counts().items()))
        if self.caveat:
            lines.append(f"caution: {self.caveat}")
        if self.split is not None:
            lines.append(self.split.describe())
        if self.tokenizer is not None:
            lines += self.tokenizer.describe()
        if self.supervised is not None:
            lines += self.supervised.describe()
        if self.index is not None:
            keys = sum(cost.num_bytes for cost in self.file_costs() if cost.file in ("exact", "bands"))
            added = INDEX_BYTES_PER_DOCUMENT + keys
            lines += [
                self.index.describe(),
                f"the index grows by the kept texts and ids, and {added} bytes a kept document, linked from work/",
            ]
        lines += [
            f"memory with one worker: at most {self.memory_bound_bytes(workers=1) >> 20} MiB",
            f"memory with two workers: at most {self.memory_bound_bytes(workers=2) >> 20} MiB",
            *passages.describe(self),
            "disk in work/: the edited text, and what follows",
            *self.footprint(),
            *([] if self.split is None else [self.split.disk()]),
            *(f"disk of {cut['step']}: {CUT_DISK.get(str(cut['producer']), CUT_SPANS)}" for cut in self.cuts),
            *disk_of_choices(self),
        ]
        return lines

    def _containment(self, step: object) -> list[str]:
        """Return in words how a plugin step is kept away from the run; nothing for other steps."""
        from gristmill.plugins.containment import Containment

        return [
            Containment.described(cast(Mapping[str, object], plugin["containment"])).words
            for plugin in (*self.plugins, *self._deciders())
            if plugin["step"] == step
        ]

    def file_costs(self) -> tuple[FileCost, ...]:
        """Return what each kind of intermediate file takes beside the text."""
        num_bands = 0 if self.minhash is None else int(str(self.minhash["bands"]))
        costs = file_costs(has_exact=self.exact_step is not None, num_bands=num_bands)
        return costs if self.semantic is None else (*costs, *self.semantic.file_costs())

    def footprint(self) -> list[str]:
        """Return the formulas of disk and memory with this corpus' numbers, in lines for a reader."""
        num_documents = assumed_documents([(file.relative_path, file.num_bytes) for file in self.files])
        lines = disk_lines(self.file_costs(), num_documents)
        if self.dedup_steps:
            lines += memory_lines(
                sort_memory_bytes=self.sort_memory_bytes,
                num_documents=num_documents,
                num_partitions=len(self.partitions),
            )
        return lines


def make_plan(recipe: Recipe, *, loads_tokenizer: bool = True) -> Plan:
    """Return the plan of a recipe. Looks at file names and sizes, loads plugins and the tokenizer, reads no data.

    Parameters
    ----------
    recipe
        The recipe.
    loads_tokenizer
        False leaves the tokenizer out, and with it all that comes of tokens: for what asks only about documents.

    Raises
    ------
    GristmillError
        Whatever does not fit: files, columns, plugins, tokenizer.
    """
    files = _find_all_files(recipe)
    compiled = compile_steps(recipe)
    check_extracted_files(recipe, files)
    check_filters(compiled.cuts, recipe.run.scratch_memory)
    choices = plan_choices(recipe, compiled.deciders)
    check_choices_fit(choices, recipe.run.scratch_memory)
    num_bytes = sum(file.num_bytes for file in files)
    tokenizer = None
    if recipe.tokens is not None and loads_tokenizer:
        tokenizer = resolve_tokenizer(
            recipe.resolve(recipe.tokens.tokenizer),
            special=recipe.tokens.special,
            end_of_text=recipe.tokens.end_of_text,
        )
    plan = Plan(
        sources=_plan_sources(recipe, compiled),
        files=tuple(files),
        partitions=tuple(make_partitions(files, partition_bytes=recipe.run.partition_bytes)),
        steps=compiled.steps,
        plugins=compiled.plugins,
        plugins_dir=compiled.plugins_dir,
        operators=compiled.operators,
        thresholds=compiled.thresholds,
        cuts=compiled.cuts,
        exact_step=compiled.exact_step,
        exact_normalise=compiled.exact_normalise,
        near_step=compiled.near_step,
        minhash=compiled.minhash,
        min_similarity=compiled.min_similarity,
        measure=compiled.measure,
        max_cluster_fraction=compiled.max_cluster_fraction,
        caveat=compiled.caveat,
        semantic=compiled.semantic,
        num_ranges=_num_ranges(num_bytes),
        split=plan_split(recipe),
        tokenizer=tokenizer,
        shuffle=recipe.tokens.shuffle if recipe.tokens else True,
        shard_bytes=recipe.tokens.shard_bytes if recipe.tokens else 0,
        seed=recipe.run.seed,
        max_quarantine_fraction=recipe.run.max_quarantine_fraction,
        max_document_bytes=recipe.run.max_document_bytes,
        excerpt_characters=recipe.run.rejects_excerpt_characters,
        scratch_memory_bytes=recipe.run.scratch_memory,
        index=None
        if recipe.dedup_index is None
        else IndexUse(path=recipe.dedup_index, segments=read_segments(recipe.dedup_index)),
        supervised=plan_supervised(recipe, tokenizer),
        choices=choices,
    )
    if plan.index is not None and (tokenizer is not None or recipe.tokens is None):
        # Looked at again when dedup begins: other runs may have added to it by then.
        check_configuration(plan.index.path, plan.index.segments, plan)
    return plan


def _num_ranges(num_bytes: int) -> int:
    """Return how many key ranges dedup has for so many bytes of input on disk. The result does not depend on it."""
    first = math.ceil(num_bytes / RANGE_BYTES)
    large = FIRST_RANGES + math.ceil(num_bytes / LARGE_RANGE_BYTES)
    return max(1, min(first, large, MAX_RANGES))


def _find_all_files(recipe: Recipe) -> list[InputFile]:
    files: list[InputFile] = []
    for position, source in enumerate(recipe.sources):
        files += find_files(
            source.name,
            source.paths,
            base=recipe.base,
            source=position,
            first_ordinal=len(files),
            format=source.format,
        )
    if len(files) > MAX_FILES:
        raise GristmillError(
            "GM-PLAN-103",
            f"{len(files)} input files, at most {MAX_FILES} fit one run",
            hint="join small files",
        )
    return files


def _plan_sources(recipe: Recipe, compiled: CompiledSteps) -> tuple[PlannedSource, ...]:
    names = [source.name for source in recipe.sources]
    sources = []
    for position, source in enumerate(recipe.sources):
        reader = compiled.readers.get(source.name)
        extractor = compiled.extractors.get(source.name)
        is_foreign = reader is not None or extractor is not None
        sources.append(
            PlannedSource(
                name=source.name,
                engine={
                    "name": source.name,
                    "ordinal": position,
                    "text": source.text,
                    "id": source.id,
                    **turns_spec(source),
                    "columns": list(compiled.columns),
                    "format": None if is_foreign else source.format,
                    "foreign": is_foreign,
                },
                reader=reader,
                rank=_rank(recipe.survivor_policy(), source.name, names),
                removal_budget=source.removal_budget,
                extraction=None
                if extractor is None
                else {
                    "extractor": extractor,
                    "format": None if reader is not None else source.format,
                    "keeps_raw": source.text in source.columns,
                },
            )
        )
    return tuple(sources)


def _rank(survivor: object, name: str, names: Sequence[str]) -> object:
    """Return how the engine ranks documents of a source, for a recipe's `survivor`."""
    if isinstance(survivor, str):
        return survivor
    assert isinstance(survivor, Mapping)
    [(kind, value)] = survivor.items()
    if kind in ("highest", "lowest"):
        return {kind: value}
    order = [str(preferred) for preferred in value]
    unknown = [preferred for preferred in order if preferred not in names]
    if unknown:
        raise GristmillError(
            "GM-PLAN-104",
            f"`survivor` prefers the source `{unknown[0]}`, which the recipe does not have",
            context=(f"sources: {', '.join(f'`{known}`' for known in names)}",),
        )
    return {"constant": len(order) - order.index(name) if name in order else 0}
