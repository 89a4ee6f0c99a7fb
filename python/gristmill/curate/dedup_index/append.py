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
from gristmill.curate.dedup_index.segments import MANIFEST, files_of, segment_folder
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
    parts = []
    for position, manifest in enumerate(built):
        outputs = cast(Mapping[str, Json], manifest["outputs"])
        files = {}
        for name, artefact in sorted(outputs.items()):
            # Named by content: another attempt of the same run links the same file, another run has other names.
            digest = str(artefact["digest"]).removeprefix("blake3:")
            file = f"{name}-{position:05d}-{digest[:16]}.bin"
            _place(folder.data / str(artefact["file"]), target / file)
            files[name] = {**artefact, "file": file}
        counts = cast(Mapping[str, object], manifest["counts"])
        parts.append({"num_documents": counts["documents"], "files": files})
    sync_folder(target)
    content = canonical_json(
        {
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
    )
    path = target / MANIFEST
    won = _native.put_if_absent(path, content, secrets.token_hex(6), _native.Session())
    standing = load_json(path)
    names = {
        str(file["file"])
        for part in cast(Sequence[Json], standing["parts"])
        for file in files_of(part).values()
    }
    if won or standing["lineage"] == index.lineage:
        _remove_all_but(target, {*names, MANIFEST})
        sync_folder(index.path)
        return
    for mine in parts:
        for artefact in files_of(mine).values():
            if str(artefact["file"]) not in names:
                (target / str(artefact["file"])).unlink(missing_ok=True)
    raise GristmillError(
        "GM-INDEX-002",
        f"another run has added segment {index.number} to `{index.path}` while this one worked",
        hint="run the same command again: what this run keeps is then checked against that segment, too; only "
        "the dedup stages and what follows them run again",
    )


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
