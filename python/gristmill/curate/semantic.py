"""Dedup on embeddings in a plan and in the pipeline: what the engine is told, and the stages that find edges.

Not here: the recipe step (`gristmill.recipe.semantic`) and the decision which documents go (`pipeline`, stage settle).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from gristmill.curate.footprint import BAND_BYTES, EDGE_BYTES, ROW_BYTES, FileCost

if TYPE_CHECKING:
    from gristmill.curate.stages import Json
    from gristmill.recipe import SemanticDedup

SEMANTIC_STAGES = frozenset({"semantic_lsh", "semantic_verify", "semantic_join"})
"""Stages that only a recipe with `semantic_dedup` has; the plan of any other does not depend on them."""

RunStage = Callable[[str, "Json"], list[dict[str, object]]]
"""Runs a stage: its name, and what its tasks are told beside memory and range."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SemanticPlan:
    """The step `semantic_dedup` of a plan, resolved.

    Parameters
    ----------
    step
        Its name.
    embedding, dimension, min_similarity
        As in the recipe.
    hyperplanes
        Bands, width and seed; None where all pairs are compared.
    """

    step: str
    embedding: str
    dimension: int
    min_similarity: float
    hyperplanes: Mapping[str, int] | None

    @property
    def num_bands(self) -> int:
        """Keys a document."""
        return 0 if self.hyperplanes is None else self.hyperplanes["bands"]

    def file_costs(self) -> tuple[FileCost, ...]:
        """Return what each kind of file takes in `work/`."""
        costs = [
            FileCost(file="vectors", num_bytes=4 * self.dimension, of="document", is_for_all=True),
            FileCost(file="edges by embedding", num_bytes=EDGE_BYTES, of="similar pair", is_for_all=False),
        ]
        if self.num_bands:
            bands = BAND_BYTES * self.num_bands
            of = "key shared with a better one"
            costs += [
                FileCost(file="vector_bands", num_bytes=bands, of="document", is_for_all=True),
                FileCost(file="buckets by embedding", num_bytes=ROW_BYTES, of=of, is_for_all=False),
            ]
        return tuple(costs)

    @property
    def hyperplane_bytes(self) -> int:
        """Memory of a map task: the hyperplanes."""
        planes = 0 if self.hyperplanes is None else self.num_bands * self.hyperplanes["width"]
        return 4 * self.dimension * (planes + 64)

    def identity(self) -> dict[str, object]:
        """Return everything that the result depends on."""
        return {**self.map_spec(), "min_similarity": self.min_similarity}

    def map_spec(self) -> dict[str, object]:
        """Return what the map stage is told."""
        return {
            "step": self.step,
            "embedding": self.embedding,
            "dimension": self.dimension,
            "hyperplanes": None if self.hyperplanes is None else dict(self.hyperplanes),
        }

    def stages(self) -> tuple[str, ...]:
        """Return the stages that find edges, in order."""
        return ("semantic_join",) if self.hyperplanes is None else ("semantic_lsh", "semantic_verify")

    def confirm(self, maps: Sequence[Json]) -> dict[str, object]:
        """Return how similarity is computed, and on which vectors."""
        return {
            "dimension": self.dimension,
            "min_similarity": self.min_similarity,
            "vectors": [_outputs(found)["vectors"] for found in maps],
        }

    def partitions(
        self, partitions: Sequence[Mapping[str, object]], maps: Sequence[Json]
    ) -> list[dict[str, object]]:
        """Return partitions as tasks on vectors are told of them: their band keys are those of the vectors."""
        return [
            {**partition, "exact": None, "bands": _outputs(found).get("vector_bands")}
            for partition, found in zip(partitions, maps, strict=True)
        ]


def plan_semantic(step: SemanticDedup | None) -> SemanticPlan | None:
    """Return a recipe's step for the engine, or None without one."""
    if step is None:
        return None
    bands = step.bands
    return SemanticPlan(
        step=step.name,
        embedding=step.embedding,
        dimension=step.dimension,
        min_similarity=step.min_similarity,
        hyperplanes=None
        if bands is None
        else {"bands": bands.bands, "width": bands.width, "seed": step.seed},
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class SemanticTasks:
    """Manifests of the stages on embeddings, in task order.

    Parameters
    ----------
    lsh
        Of candidates; empty where all pairs are compared.
    edges
        Of the stage that found edges.
    present, missing
        Readable documents with and without an embedding.
    """

    lsh: Sequence[Json]
    edges: Sequence[Json]
    present: int
    missing: int

    def stats(self) -> dict[str, object]:
        """Return the counts that the manifest of the run shows."""
        sums: dict[str, int] = {}
        for done in self.edges:
            for name, count in cast(Mapping[str, int], done["counts"]).items():
                if name in ("candidates", "compared", "verified", "rejected", "retried", "capped"):
                    sums[name] = sums.get(name, 0) + count
        return {"with_embedding": self.present, "without_embedding": self.missing, **sums}


def run_semantic(
    plan: SemanticPlan,
    run_stage: RunStage,
    partitions: Sequence[Mapping[str, object]],
    maps: Sequence[Json],
    removals: Sequence[Json],
) -> SemanticTasks:
    """Return the manifests of the stages on embeddings.

    Parameters
    ----------
    plan
        The step.
    run_stage
        Runs a stage.
    partitions
        As all dedup tasks are told of them.
    maps
        Manifests of the map stage.
    removals
        Files of the exact stage.
    """
    of_vectors = plan.partitions(partitions, maps)
    confirm = plan.confirm(maps)
    lsh: list[dict[str, object]] = []
    if plan.hyperplanes is None:
        spec = {"partitions": of_vectors, "exact_removals": list(removals), "confirm": confirm}
        edges = run_stage("semantic_join", spec)
    else:
        spec = {"partitions": of_vectors, "exact_removals": list(removals), "num_bands": plan.num_bands}
        lsh = run_stage("semantic_lsh", spec)
        buckets = [_outputs(done)["buckets"] for done in lsh]
        edges = run_stage(
            "semantic_verify", {"partitions": of_vectors, "buckets": buckets, "confirm": confirm}
        )
    totals = {"present": 0, "missing": 0}
    for found in maps:
        counted = cast(Mapping[str, Mapping[str, int]], found["counts"])["vectors"]
        totals = {name: total + counted[name] for name, total in totals.items()}
    return SemanticTasks(lsh=lsh, edges=edges, **totals)


def _outputs(manifest: Json) -> Mapping[str, Json]:
    return cast("Mapping[str, Json]", manifest["outputs"])
