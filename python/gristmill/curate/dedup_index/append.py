"""Adding a run's segment to an index: files first, then one manifest that is put if absent."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gristmill import _native
from gristmill.curate.dedup_index.resolve import configuration_of
from gristmill.curate.dedup_index.segments import MANIFEST, IndexUse, files_of, segment_folder
from gristmill.curate.folder import RunFolder, canonical_json, load_json, sync_folder
from gristmill.curate.stages import Json
from gristmill.errors import GristmillError

if TYPE_CHECKING:
    from gristmill.curate.plan import Plan


def publish(plan: Plan, folder: RunFolder, built: Sequence[Json], inputs: Sequence[object]) -> None:
    """Add the run's segment to the index, unless it is there. Files are linked, or copied to another file system.

    Parameters
    ----------
    plan
        The plan, resolved.
    folder
        The run folder, which has the parts.
    built
        Manifests of the segment stage.
    inputs
        Source, path and digest of every input file.

    Raises
    ------
    GristmillError
        ``GM-INDEX-002`` when another run added its segment in the meantime.
    OSError
        When the index cannot be written.
    """
    index = plan.index
    if index is None or index.own is not None:
        return
    target = segment_folder(index.path, index.number)
    target.mkdir(parents=True, exist_ok=True)
    parts = _parts(built)
    try:
        for part, manifest in zip(parts, built, strict=True):
            outputs = cast(Mapping[str, Json], manifest["outputs"])
            for name, file in files_of(part).items():
                _place(folder.data / str(outputs[name]["file"]), target / str(file["file"]))
        sync_folder(target)
        _native.put_if_absent(
            target / MANIFEST,
            canonical_json(_manifest(plan, index, parts, inputs)),
            secrets.token_hex(6),
            _native.Session(),
        )
    except (OSError, GristmillError):
        # A run that was faster removes what it does not know, our files too: that is its answer, not a fault.
        if not (target / MANIFEST).exists():
            raise
    standing = load_json(target / MANIFEST)
    names = {
        str(file["file"])
        for part in cast(Sequence[Json], standing["parts"])
        for file in files_of(part).values()
    }
    if standing["lineage"] == index.lineage:
        _remove_all_but(target, {*names, MANIFEST})
        sync_folder(index.path)
        return
    for part in parts:
        for file in files_of(part).values():
            if str(file["file"]) not in names:
                (target / str(file["file"])).unlink(missing_ok=True)
    raise GristmillError(
        "GM-INDEX-002",
        f"another run has added segment {index.number} to `{index.path}` while this one worked",
        hint="run the same command again: what this run keeps is then checked against that segment, too; only "
        "the dedup stages and what follows them run again",
    )


def _parts(built: Sequence[Json]) -> list[dict[str, object]]:
    """Return the parts as the manifest has them.

    Files are named by content: another attempt of the same run links the same file, another run has other names.
    """
    parts: list[dict[str, object]] = []
    for position, manifest in enumerate(built):
        files = {}
        for name, artefact in sorted(cast(Mapping[str, Json], manifest["outputs"]).items()):
            digest = str(artefact["digest"]).removeprefix("blake3:")
            files[name] = {**artefact, "file": f"{name}-{position:05d}-{digest[:16]}.bin"}
        counts = cast(Mapping[str, object], manifest["counts"])
        parts.append({"num_documents": counts["documents"], "files": files})
    return parts


def _manifest(
    plan: Plan, index: IndexUse, parts: Sequence[Json], inputs: Sequence[object]
) -> dict[str, object]:
    return {
        "schema_version": 1,
        "number": index.number,
        "previous": index.segments[-1].digest if index.segments else None,
        "lineage": index.lineage,
        "configuration": configuration_of(plan),
        "min_similarity": plan.min_similarity,
        "inputs": inputs,
        "sources": [source.name for source in plan.sources],
        "parts": parts,
    }


def _place(committed: Path, target: Path) -> None:
    """Give a committed file a name in the index; it appears whole or not at all."""
    if target.exists():
        return
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.new")
    try:
        os.link(committed, temporary)
    except OSError:
        # Another file system, or one without links.
        with committed.open("rb") as source, temporary.open("wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
    temporary.replace(target)


def _remove_all_but(folder: Path, names: set[str]) -> None:
    """Remove what attempts that failed or came too late have left: nobody reads it."""
    for path in sorted(folder.iterdir()):
        if path.name not in names:
            path.unlink(missing_ok=True)
