"""Which segments a run is checked against, decided once its documents are known and before they are compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gristmill.curate.dedup_index.segments import IndexUse, Segment, read_segments, segment_folder
from gristmill.curate.stages import STAGE_VERSIONS, Json, strip_neutral
from gristmill.errors import GristmillError
from gristmill.recipe import toml_value

if TYPE_CHECKING:
    from gristmill.curate.plan import Plan

KEY_STAGES = ("map", "exact", "lsh", "verify")
"""Stages whose versions decide what the keys of an index mean."""


def configuration_of(plan: Plan) -> dict[str, object]:
    """Return what the keys of an index depend on; `min_similarity` is not part of it."""
    from gristmill.curate.pipeline import confirm_of

    confirm = confirm_of(plan)
    return {
        "exact": plan.exact_step is not None,
        "minhash": None if plan.minhash is None else dict(plan.minhash),
        "similarity": None
        if confirm is None
        else strip_neutral({key: value for key, value in confirm.items() if key != "min_similarity"}),
        "stages": {name: STAGE_VERSIONS[name] for name in KEY_STAGES},
    }


def check_configuration(index: Path, segments: Sequence[Segment], plan: Plan) -> None:
    """Raise unless every segment was made as the recipe would make one.

    Raises
    ------
    GristmillError
        ``GM-INDEX-001`` with what differs.
    """
    wanted = json.loads(json.dumps(configuration_of(plan)))
    for segment in segments:
        found = cast(Json, strip_neutral(segment.content["configuration"]))
        if found != wanted:
            raise GristmillError(
                "GM-INDEX-001",
                f"segment {segment.number} of `{index}` was made with another configuration",
                hint="use the dedup keys that the index was made with, or name another `index` in `[dedup]` and run "
                "the earlier deliveries again",
                context=tuple(differences(found, wanted)),
            )


_STEPS = {"exact": "exact_dedup", "minhash": "minhash_dedup", "similarity": "minhash_dedup"}
"""The step whose keys a part of the configuration holds."""


def differences(found: Json, wanted: Json) -> list[str]:
    r"""Return what differs between two configurations of an index, a line each, in the words of a recipe.

    Parameters
    ----------
    found
        That of the index.
    wanted
        That of the recipe.

    Examples
    --------
    >>> old = {"exact": True, "minhash": {"rows": 8, "seed": 1}, "similarity": None, "stages": {"map": 1}}
    >>> new = {"exact": False, "minhash": {"rows": 4, "seed": 1}, "similarity": None, "stages": {"map": 2}}
    >>> print("\n".join(differences(old, new)))
    `exact_dedup` is in the index, not in the recipe
    minhash_dedup: `rows` is 8 in the index, 4 in the recipe
    the stage `map` is 1 in the index, 2 in this version of gristmill
    """
    lines: list[str] = []
    for part in sorted({*found, *wanted}):
        old, new = found.get(part), wanted.get(part)
        if old == new:
            continue
        if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
            if part == "similarity":
                # Without a step there is nothing to verify, which its own line says.
                if found.get("minhash") and wanted.get("minhash"):
                    sides = ("true in the index, false", "false in the index, true")
                    lines.append(f"minhash_dedup: `verify` is {sides[0 if old else 1]} in the recipe")
                continue
            sides = ("in the index, not in the recipe", "in the recipe, not in the index")
            lines.append(f"`{_STEPS[part]}` is {sides[0 if old else 1]}")
            continue
        for key in sorted({*old, *new}):
            if old.get(key) == new.get(key):
                continue
            before, after = _value(old.get(key)), _value(new.get(key))
            lines.append(
                f"the stage `{key}` is {before} in the index, {after} in this version of gristmill"
                if part == "stages"
                else f"{_STEPS.get(part, part)}: `{key}` is {before} in the index, {after} in the recipe"
            )
    # Shingles are part of how pairs are proposed and of how they are confirmed.
    return list(dict.fromkeys(lines))


def _value(value: object) -> str:
    """Return a value as a recipe writes it."""
    return "not there" if value is None else toml_value(value)


def resolve(plan: Plan, partitions: Sequence[Json], inputs: Sequence[object]) -> Plan:
    """Return the plan with the segments that the run is checked against.

    Parameters
    ----------
    plan
        A plan, with or without an index.
    partitions
        What dedup tasks are told of each partition.
    inputs
        Source, path and digest of every input file.

    Raises
    ------
    GristmillError
        ``GM-INDEX-001`` for segments of another configuration, ``GM-INDEX-003`` for damaged ones, ``GM-INDEX-004`` when
        one holds what another recipe kept of the same files.
    """
    if plan.index is None:
        return plan
    segments = read_segments(plan.index.path)
    check_configuration(plan.index.path, segments, plan)
    kept = _hash(
        {
            "configuration": configuration_of(plan),
            "min_similarity": plan.min_similarity,
            "stages": [STAGE_VERSIONS[name] for name in ("settle", "segment")],
            "partitions": strip_neutral(partitions),
        }
    )
    for count, segment in enumerate(segments):
        if segment.content["lineage"] == _lineage(kept, segments[:count]):
            use = IndexUse(path=plan.index.path, segments=segments[:count], own=segment)
            return replace(plan, index=use)
    _refuse_same_inputs(plan.index.path, segments, inputs)
    use = IndexUse(path=plan.index.path, segments=segments, lineage=_lineage(kept, segments))
    return replace(plan, index=use)


def _lineage(kept: str, before: Sequence[Segment]) -> str:
    return _hash([kept, [segment.digest for segment in before]])


def _hash(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def _refuse_same_inputs(index: Path, segments: Sequence[Segment], inputs: Sequence[object]) -> None:
    """Its own documents would all be duplicates of themselves."""
    for segment in segments:
        if segment.content["inputs"] != inputs:
            continue
        folders = [segment_folder(index, number).name for number in range(segment.number, len(segments) + 1)]
        raise GristmillError(
            "GM-INDEX-004",
            f"segment {segment.number} of `{index}` holds what another recipe kept of these very files",
            hint=f"to replace it, remove {', '.join(f'`{name}`' for name in folders)} from `{index}`"
            + (" and run the later deliveries again" if len(folders) > 1 else "")
            + "; or name another `index` in `[dedup]`",
        )
