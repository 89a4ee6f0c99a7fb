"""The proof of a run's split, as its manifest has it: training asks for it. Making and checking it is `curate`'s."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from gristmill.errors import GristmillError

HELD_OUT = ("validation", "test")


def require_proof(run_dir: Path) -> None:
    """Raise unless nothing is held out, or it is proven that no held-out document resembles a trained one.

    Looks at the manifest alone. `gristmill verify` does the proof again.

    Parameters
    ----------
    run_dir
        Folder of a finished run.

    Raises
    ------
    GristmillError
        ``GM-SPLIT-005`` without a proof that holds for these shards.
    """
    manifest: object = json.loads((run_dir / "manifest.json").read_bytes())
    rows: dict[str, int] = {}
    for file in manifest["files"] if isinstance(manifest, Mapping) else ():
        folder, _, rest = str(file["path"]).partition("/")
        if folder == "tokens":
            name = rest.partition("/")[0]
            rows[name] = rows.get(name, 0) + int(file["rows"])
    if not any(rows.get(name) for name in HELD_OUT):
        return
    problem = _problem(manifest.get("split") if isinstance(manifest, Mapping) else None, rows)
    if problem is not None:
        raise GristmillError(
            "GM-SPLIT-005",
            f"`{run_dir}` holds documents out, but {problem}",
            hint='curate with `group_by = "cluster"`, or set `allow_unproven_split = true` in `[train]`',
        )


def _problem(split: object, rows: Mapping[str, int]) -> str | None:
    """Return why a proof does not serve, or None if it does."""
    proof = split.get("proof") if isinstance(split, Mapping) else None
    if not isinstance(split, Mapping) or not isinstance(proof, Mapping):
        return "its manifest has no proof that they resemble no trained ones"
    if proof.get("pairs") != 0:
        return f"{proof.get('pairs')} pairs of similar documents are on two sides"
    if dict(split.get("documents", {})) != dict(rows):
        return f"its proof is about {split.get('documents')} documents, its shards hold {dict(rows)}"
    return None
