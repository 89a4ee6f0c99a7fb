"""Steps that cut spans out of texts, between `decide` and the dedup of whole documents.

A *text version* is what later stages need of every partition's texts: text, index, dedup keys and verdicts. The map
stage leaves the first one. Each cut step reads a version: its *producer* runs stages that leave span files, and
`cut` tasks, one a partition, write the next version without those spans. Steps chain; after the last one the version
goes to the dedup of documents and to `tokenise`. A document that a cut leaves without text gets a verdict behind those
of the thresholds, so that all later stages leave it out as they leave out a dropped one.

A producer of spans is one function in `PRODUCERS`, and a recipe step whose `cut` names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gristmill import _native
from gristmill.curate import passages
from gristmill.curate.stages import Json, Stages, Task, counts, outputs
from gristmill.curate.words import counted
from gristmill.errors import GristmillError

if TYPE_CHECKING:
    from gristmill.curate.plan import Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionText:
    """A partition of a text version.

    Parameters
    ----------
    source
        Ordinal of its source in the plan.
    num_documents
        Readable documents; the same in every version.
    text, index, verdict
        Committed files.
    exact, bands
        Keys of document dedup; None without such a step.
    edits
        Tables of edits in the order of the steps: that of the map stage, then one of each cut.
    drops
        Of each cut, which documents it left with too little text.
    found
        Manifest of its map task: embeddings and their keys are in its outputs, and no cut changes them.
    """

    source: int
    num_documents: int
    text: Json
    index: Json
    verdict: Json
    exact: Json | None
    bands: Json | None
    edits: tuple[Json, ...]
    drops: tuple[Json, ...] = ()
    found: Json = field(default_factory=dict)

    def dedup(self) -> dict[str, object]:
        """Return what every dedup task is told of the partition."""
        return {
            "source": self.source,
            "num_documents": self.num_documents,
            "index": self.index,
            "text": self.text,
            "exact": self.exact,
            "bands": self.bands,
            "verdict": self.verdict,
        }


DROP_BYTES = 12
"""Bytes of a record of `drops.bin`: document reference (its lower half is the ordinal) and words, little-endian."""

CUT_SPANS = "the text again, 28 bytes a span; dedup keys again where documents are compared"
CUT_DISK = {"copies": f"36 bytes a unit; {CUT_SPANS}"}
"""What a step leaves in `work/`, by producer where it is more than that."""

TextVersion = Sequence[PartitionText]

SpanProducer = Callable[["Plan", Stages, Json, Sequence[dict[str, object]]], Sequence[Json]]
"""Runs the stages of a cut step and returns its span files.

Arguments: the plan, what runs stages, the cut's entry in ``plan.cuts``, and every partition as dedup tasks are told of
it (`PartitionText.dedup`). Span files are as `rust/engine/src/cut/spans.rs` defines them, in any number.
"""


def find_copies(
    plan: Plan, stages: Stages, cut: Json, partitions: Sequence[dict[str, object]]
) -> Sequence[Json]:
    """Return the spans of paragraphs or lines that stand somewhere else too: all but the best copy of each."""
    options, memory = cut["options"], plan.sort_memory_bytes
    units = stages.run(
        "units",
        [
            Task(
                index=index,
                kind="native",
                spec={
                    "task": "units",
                    "partition": partition,
                    "options": options,
                    "scratch_memory_bytes": memory,
                },
            )
            for index, partition in enumerate(partitions)
        ],
    )
    spec = {
        "task": "copies",
        "partitions": list(partitions),
        "units": [outputs(done)["units"] for done in units],
        "options": options,
        "scratch_memory_bytes": memory,
    }
    ranges = plan.num_ranges
    copies = stages.run(
        "copies",
        [
            Task(index=index, kind="native", spec={**spec, "range": {"index": index, "count": ranges}})
            for index in range(ranges)
        ],
    )
    return [outputs(done)["spans"] for done in copies]


def find_seen(
    plan: Plan, stages: Stages, cut: Json, partitions: Sequence[dict[str, object]]
) -> Sequence[Json]:
    """Return the spans of what a Bloom filter has seen before: one task, since the order of documents decides."""
    spec = {
        "task": "bloom",
        "partitions": list(partitions),
        "options": cut["options"],
        "scratch_memory_bytes": plan.scratch_memory_bytes,
    }
    [done] = stages.run("bloom", [Task(index=0, kind="native", spec=spec)])
    return [outputs(done)["spans"]]


PRODUCERS: Mapping[str, SpanProducer] = {
    "copies": find_copies,
    "bloom": find_seen,
    "passages": passages.find_passages,
}
"""Producers by the name that ``cut["producer"]`` gives."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CutManifests:
    """Manifests of one cut step: of the tasks that found spans, by stage, and of the cut tasks, one a partition."""

    finders: Mapping[str, Sequence[Json]]
    tasks: Sequence[Json]


@dataclass(frozen=True, kw_only=True, slots=True)
class CutOutcome:
    """What the cut steps left.

    Parameters
    ----------
    version
        The last text version: the map stage's own without cut steps.
    cuts
        Manifests of each cut step.
    """

    version: TextVersion
    cuts: Sequence[CutManifests] = ()


class _Recorder:
    """Runs stages and remembers what they left."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self.manifests: dict[str, Sequence[Json]] = {}

    def run(self, stage: str, tasks: Sequence[Task]) -> list[dict[str, object]]:
        """Return the committed manifests of a stage's tasks, in task order."""
        manifests = self._stages.run(stage, tasks)
        self.manifests[stage] = manifests
        return manifests


def first_version(plan: Plan, maps: Sequence[Json], decide: Sequence[Json]) -> TextVersion:
    """Return the texts as the map stage left them."""
    return [
        PartitionText(
            source=partition.source,
            num_documents=cast(int, counts(found)["readable"]),
            text=outputs(found)["text"],
            index=outputs(found)["index"],
            verdict=outputs(verdict)["verdict"],
            exact=outputs(found).get("exact"),
            bands=outputs(found).get("bands"),
            edits=(outputs(found)["edits"],),
            found=found,
        )
        for partition, found, verdict in zip(plan.partitions, maps, decide, strict=True)
    ]


def run_cuts(plan: Plan, stages: Stages, maps: Sequence[Json], decide: Sequence[Json]) -> CutOutcome:
    """Run every cut step of the plan, one after the other, and return the last text version."""
    version = first_version(plan, maps, decide)
    done: list[CutManifests] = []
    for number, cut in enumerate(plan.cuts):
        recorder = _Recorder(stages)
        spans = PRODUCERS[str(cut["producer"])](plan, recorder, cut, [part.dedup() for part in version])
        manifests = stages.run(
            "cut",
            [_cut_task(plan, number, cut, spans, index, part) for index, part in enumerate(version)],
        )
        version = [_next(part, manifest) for part, manifest in zip(version, manifests, strict=True)]
        done.append(CutManifests(finders=recorder.manifests, tasks=manifests))
    _check_budgets(plan, decide, done)
    return CutOutcome(version=version, cuts=done)


def _check_budgets(plan: Plan, decide: Sequence[Json], done: Sequence[CutManifests]) -> None:
    """Stop where cuts leave too many documents of a source without text, before any of them is gone."""
    passed = [0] * len(plan.sources)
    emptied = [0] * len(plan.sources)
    for index, partition in enumerate(plan.partitions):
        passed[partition.source] += cast(int, counts(decide[index])["passed"])
        for cut in done:
            numbers = counts(cut.tasks[index])
            emptied[partition.source] += cast(int, numbers["nothing_left"]) + cast(
                int, numbers["too_little_left"]
            )
    over = [
        f"{100 * gone / all_documents:.1f} % of source `{source.name}` ({gone:,} of "
        f"{counted(all_documents, 'document')}), its removal budget is {100 * source.removal_budget:.1f} %"
        for source, gone, all_documents in zip(plan.sources, emptied, passed, strict=True)
        if gone > source.removal_budget * all_documents
    ]
    if over:
        raise GristmillError(
            "GM-DEDUP-001",
            f"cutting repeated text would leave too little of {'; '.join(over)}",
            hint="lower `min_words_left`, or raise `removal_budget` of that source if so many copies are expected",
        )


def verdict_of(plan: Plan, number: int) -> int:
    """Return the verdict of documents that cut `number` leaves without text; one more is for too little text.

    Thresholds come first: verdict ``k + 1`` is threshold ``k``.
    """
    return len(plan.thresholds) + 1 + 2 * number


def exact_normalise(plan: Plan) -> dict[str, object]:
    """Return the key that says what the exact step of whole documents compares; nothing where that is the bytes."""
    return {} if plan.exact_normalise == "none" else {"exact_normalise": plan.exact_normalise}


def shingle_tokenizer(plan: Plan, name: str = "shingle_tokenizer") -> dict[str, object]:
    """Return the tokenizer under that key where near-duplicate shingles are made of its ids, else nothing."""
    if plan.minhash is None or plan.tokenizer is None:
        return {}
    shingles = cast(Mapping[str, object], plan.minhash["shingles"])
    return {name: plan.tokenizer.engine} if shingles["unit"] == "token" else {}


def _cut_task(
    plan: Plan, number: int, cut: Json, spans: Sequence[Json], index: int, part: PartitionText
) -> Task:
    spec = {
        "task": "cut",
        "partition": part.dedup(),
        "step": cut["step"],
        "separators": cut["separators"],
        "min_words_left": cut["min_words_left"],
        "first_verdict": verdict_of(plan, number),
        "spans": list(spans),
        "keys": {"minhash": plan.minhash, **exact_normalise(plan), **shingle_tokenizer(plan)},
        "rank_is_length": plan.sources[part.source].rank == "longest",
        "scratch_memory_bytes": plan.sort_memory_bytes,
    }
    return Task(index=index, kind="native", spec=spec)


def _next(part: PartitionText, manifest: Json) -> PartitionText:
    files = outputs(manifest)
    return replace(
        part,
        text=files["text"],
        index=files["index"],
        verdict=files["verdict"],
        exact=files.get("exact"),
        bands=files.get("bands"),
        edits=(*part.edits, files["edits"]),
        drops=(*part.drops, files["drops"]),
    )


def tokenise_cuts(plan: Plan, part: PartitionText) -> list[dict[str, object]]:
    """Return what a tokenise task is told of each cut: whose documents its verdicts are, and what was left of them."""
    return [
        {"step": cut["step"], "min_words_left": cut["min_words_left"], "drops": drops}
        for cut, drops in zip(plan.cuts, part.drops, strict=True)
    ]


def cut_rules(plan: Plan) -> list[str]:
    """Return what documents that cuts leave with too little text are counted as, `<step>.<rule>` each."""
    return [
        f"{cut['step']}.{rule}"
        for cut in plan.cuts
        for rule in ("nothing_left", "too_little_left")
        # Where any text is enough, none is too little.
        if rule == "nothing_left" or cut["min_words_left"] is not None
    ]


def drop_from_verdicts(data: Path, part: PartitionText, verdicts: Path) -> None:
    """Mark the documents that cuts left with too little text in a file of other verdicts of the partition."""
    ordinals = [
        int.from_bytes(drops[start : start + 4], "little")
        for drops in ((data / str(file["file"])).read_bytes() for file in part.drops)
        for start in range(0, len(drops), DROP_BYTES)
    ]
    if not ordinals:
        return
    with verdicts.open("r+b") as handle:
        for ordinal in ordinals:
            handle.seek(2 * ordinal)
            handle.write(b"\xff\xff")


def cut_counts(plan: Plan, outcome: CutOutcome) -> list[dict[str, object]]:
    """Return what each cut step found, by stage, and did, as the manifest of a run has it: sums over its tasks."""
    return [
        {
            "step": cut["step"],
            "found": {stage: _sums(manifests) for stage, manifests in done.finders.items()},
            "cut": _sums(done.tasks),
        }
        for cut, done in zip(plan.cuts, outcome.cuts, strict=True)
    ]


def _sums(manifests: Sequence[Json]) -> dict[str, float]:
    """Add the counts of tasks; a stage with shares among its counts has one task."""
    sums: dict[str, float] = {}
    for manifest in manifests:
        for name, count in cast(Mapping[str, float], counts(manifest)).items():
            sums[name] = sums.get(name, 0) + count
    return sums


def cut_stages(plan: Plan) -> dict[str, int]:
    """Return the number of tasks of each stage of the cut steps, in order."""
    tasks = {
        "copies": {"units": len(plan.partitions), "copies": plan.num_ranges},
        "bloom": {"bloom": 1},
        "passages": {"substring": 1},
    }
    numbers: dict[str, int] = {}
    for cut in plan.cuts:
        for stage, number in {**tasks.get(str(cut["producer"]), {}), "cut": len(plan.partitions)}.items():
            numbers[stage] = numbers.get(stage, 0) + number
    return numbers


def filter_bytes(cut: Json) -> int:
    """Return the bytes of the Bloom filter that a cut step holds; 0 for one without.

    Raises
    ------
    GristmillError
        ``GM-CUT-001`` when no filter has that rate.
    """
    if cut["producer"] != "bloom":
        return 0
    options = cast(Mapping[str, float], cut["options"])
    num_bytes = _native.bloom_filter_bytes(
        int(options["expected_ngrams"]), float(options["false_positive_rate"])
    )
    if num_bytes is None:
        raise GristmillError(
            "GM-CUT-001",
            f"no Bloom filter has a `false_positive_rate` of {options['false_positive_rate']}",
            hint="ask for a larger one",
        )
    return num_bytes


def check_filters(cuts: Sequence[Json], scratch_memory_bytes: int) -> None:
    """Refuse Bloom filters that do not fit.

    Raises
    ------
    GristmillError
        ``GM-CUT-001``.
    """
    for cut in cuts:
        num_bytes = filter_bytes(cut)
        if num_bytes > scratch_memory_bytes:
            raise GristmillError(
                "GM-CUT-001",
                f"the Bloom filter of `{cut['step']}` takes {num_bytes:,} bytes, `scratch_memory` is "
                f"{scratch_memory_bytes:,}",
                hint=f'`scratch_memory = "{-(-num_bytes >> 20)}MiB"` in `[run]` would do; or lower `expected_ngrams`, '
                "or allow a larger `false_positive_rate`",
            )


def describe_cuts(cuts: Sequence[Json]) -> list[str]:
    """Return lines for a reader of the plan."""
    lines = []
    for cut in cuts:
        options = cast(Mapping[str, object], cut["options"])
        parts = f"{options.get('unit', 'part')}s"
        if cut["producer"] == "bloom":
            lines.append(
                f"  then {cut['step']} (cuts {parts} that a Bloom filter of {filter_bytes(cut):,} bytes has seen; "
                "unverified)"
            )
        else:
            lines.append(f"  then {cut['step']} (cuts {parts} that stand somewhere else too)")
    return lines
