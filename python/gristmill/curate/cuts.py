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
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from gristmill.curate.stages import Json, Stages, Task, counts, outputs

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


TextVersion = Sequence[PartitionText]

SpanProducer = Callable[["Plan", Stages, Json, Sequence[dict[str, object]]], Sequence[Json]]
"""Runs the stages of a cut step and returns its span files.

Arguments: the plan, what runs stages, the cut's entry in ``plan.cuts``, and every partition as dedup tasks are told of
it (`PartitionText.dedup`). Span files are as `rust/engine/src/cut/spans.rs` defines them, in any number.
"""

PRODUCERS: Mapping[str, SpanProducer] = {}
"""Producers by the name that ``cut["producer"]`` gives."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CutOutcome:
    """What the cut steps left.

    Parameters
    ----------
    version
        The last text version: the map stage's own without cut steps.
    cuts
        Manifests of the cut tasks of each step, in partition order.
    """

    version: TextVersion
    cuts: Sequence[Sequence[Json]] = ()


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
        )
        for partition, found, verdict in zip(plan.partitions, maps, decide, strict=True)
    ]


def run_cuts(plan: Plan, stages: Stages, maps: Sequence[Json], decide: Sequence[Json]) -> CutOutcome:
    """Run every cut step of the plan, one after the other, and return the last text version."""
    version = first_version(plan, maps, decide)
    done: list[Sequence[Json]] = []
    for number, cut in enumerate(plan.cuts):
        spans = PRODUCERS[str(cut["producer"])](plan, stages, cut, [part.dedup() for part in version])
        manifests = stages.run(
            "cut",
            [_cut_task(plan, number, cut, spans, index, part) for index, part in enumerate(version)],
        )
        version = [_next(part, manifest) for part, manifest in zip(version, manifests, strict=True)]
        done.append(manifests)
    return CutOutcome(version=version, cuts=done)


def verdict_of(plan: Plan, number: int) -> int:
    """Return the verdict of documents that cut `number` leaves without text; one more is for too little text.

    Thresholds come first: verdict ``k + 1`` is threshold ``k``.
    """
    return len(plan.thresholds) + 1 + 2 * number


def exact_normalise(plan: Plan) -> dict[str, object]:
    """Return the key that says what the exact step of whole documents compares; nothing where that is the bytes."""
    return {} if plan.exact_normalise == "none" else {"exact_normalise": plan.exact_normalise}


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
        "minhash": plan.minhash,
        **exact_normalise(plan),
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
