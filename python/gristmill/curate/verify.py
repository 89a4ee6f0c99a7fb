"""`verify`: proves from the files of a run alone that nothing was lost, doubled, mixed up or damaged."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from gristmill import _native
from gristmill.curate.choose import choice_rules
from gristmill.curate.dedup_index import earlier_indexes
from gristmill.curate.run import open_run
from gristmill.curate.split import recheck_problems, recheck_spec
from gristmill.curate.words import counted


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing that was proven, or not."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyReport:
    """Every check of a run."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """True when every check holds."""
        return all(check.ok for check in self.checks)


def verify_run(path: str | Path) -> VerifyReport:
    """Check a finished run: digests, conservation, identity, shards, order, survivors, split.

    Cost: one pass over every file, and where documents are held out two more over the texts; memory: two bits a
    document and 64 MiB, and 160 MiB for the proof of the split.

    Parameters
    ----------
    path
        The run folder.

    Raises
    ------
    GristmillError
        ``GM-RUN-002`` when there is no finished run; problems of a finished one are checks that do not hold.
    """
    run = open_run(Path(path))
    files = cast(Sequence[Mapping[str, object]], run.manifest["files"])
    digests = _check_digests(run.path, files)
    if not digests.ok:
        return VerifyReport(checks=(digests,))
    earlier = earlier_indexes(run.path, run.manifest)
    scratch = Path(tempfile.mkdtemp(prefix="gristmill-verify-"))
    try:
        spec = {**_spec(run.path, run.manifest, scratch), "earlier": earlier or []}
        findings = json.loads(_native.verify_identity(json.dumps(spec), _native.Session()))
        split = _check_split(run.path, run.manifest, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    counts = run.counts
    return VerifyReport(
        checks=(
            digests,
            _check_conservation(counts, findings),
            _check(
                "identity",
                findings["identity"],
                f"{counted(cast(int, counts['documents_in']), 'document')}, each in one place",
            ),
            _check("shards", findings["correspondence"], _shards_detail(findings)),
            _check("order", findings["order"], "every shard is in its order"),
            _check(
                "survivors",
                findings["survivors"],
                _survivors_detail(findings, earlier, has_choices="choices" in run.manifest),
            ),
            split,
        )
    )


def _check(name: str, problems: Sequence[str], detail: str) -> Check:
    return Check(name=name, ok=not problems, detail="; ".join(problems) if problems else detail)


def _check_split(root: Path, manifest: Mapping[str, object], scratch: Path) -> Check:
    """Do the proof of the split again, from the files alone."""
    if manifest.get("split") is None:
        return _check("split", [], "nothing is held out")
    spec = recheck_spec(root, manifest, scratch)
    found = json.loads(_native.verify_split(json.dumps(spec), _native.Session()))
    return _check("split", *recheck_problems(manifest, found))


def _check_digests(root: Path, files: Sequence[Mapping[str, object]]) -> Check:
    problems = []
    num_bytes = 0
    session = _native.Session()
    for file in files:
        path = root / str(file["path"])
        if not path.is_file():
            problems.append(f"`{file['path']}` is missing")
        elif _native.digest_file(path, session) != (file["bytes"], file["digest"]):
            problems.append(f"`{file['path']}` is damaged")
        else:
            num_bytes += cast(int, file["bytes"])
    return _check("digests", problems, f"{len(files)} files, {num_bytes:,} bytes, as they were committed")


def _check_conservation(counts: Mapping[str, object], findings: Mapping[str, object]) -> Check:
    """Compare the manifest's sums with the rows that are really there."""
    problems = []
    by_source = cast(Mapping[str, Mapping[str, object]], counts["by_source"])
    found_dropped = cast(Mapping[str, Mapping[str, int]], findings["dropped"])
    found_quarantined = cast(Mapping[str, int], findings["quarantined"])
    for name, source in by_source.items():
        dropped = cast(Mapping[str, int], source["dropped"])
        total = cast(int, source["kept"]) + sum(dropped.values()) + cast(int, source["quarantined"])
        if total != source["documents_in"]:
            problems.append(
                f"source `{name}`: {counted(cast(int, source['documents_in']), 'document')} in, {total:,} accounted for"
            )
        present = {reason: count for reason, count in dropped.items() if count}
        if present != dict(found_dropped.get(name, {})):
            problems.append(f"source `{name}`: `rejects/` holds other reasons than the manifest counts")
        if source["quarantined"] != found_quarantined.get(name, 0):
            problems.append(f"source `{name}`: `rejects/` holds other quarantined documents than counted")
    if findings["kept"] != counts["kept"]:
        problems.append(f"`documents/` holds {findings['kept']} rows, the manifest counts {counts['kept']}")
    readable = cast(int, counts["documents_in"]) - cast(int, counts["quarantined"])
    if findings["signals"] != readable:
        problems.append(f"`signals/` holds {findings['signals']} rows for {readable} readable documents")
    detail = (
        f"{counts['documents_in']} in = {counts['kept']} kept + {counts['dropped']} dropped"
        f" + {counts['quarantined']} quarantined"
    )
    return _check("conservation", problems, detail)


def _survivors_detail(
    findings: Mapping[str, object], earlier: Sequence[str] | None, *, has_choices: bool
) -> str:
    kept = "a document that dedup kept" if has_choices else "a kept document"
    number = cast(int, findings["of_earlier_runs"])
    if not number:
        return f"every removed duplicate names {kept}"
    where = "in the index" if earlier else "which was not checked: the index is not where it was, or another"
    return f"every removed duplicate names {kept}; {number} name one of an earlier run, {where}"


def _shards_detail(findings: Mapping[str, object]) -> str:
    shards = cast(Sequence[tuple[int, int]], findings["shards"])
    if not shards:
        return "no tokens in this run"
    documents, tokens = (sum(column) for column in zip(*shards, strict=True))
    return f"{counted(documents, 'document')}, {counted(tokens, 'token')}, the same as in `documents/`"


def _spec(root: Path, manifest: Mapping[str, object], scratch: Path) -> dict[str, object]:
    names = [str(file["path"]) for file in cast(Sequence[Mapping[str, object]], manifest["files"])]

    def under(prefix: str) -> list[str]:
        return [str(root / name) for name in names if name.startswith(prefix)]

    splits = sorted({name.split("/")[1] for name in names if name.startswith("tokens/")})
    shuffle = cast(Mapping[str, object], manifest["shuffle"])
    inputs = cast(Sequence[Mapping[str, object]], manifest["inputs"])
    return {
        "file_documents": [file["documents"] for file in inputs],
        "documents": under("documents/"),
        "rejects": under("rejects/"),
        "signals": under("signals/"),
        "shards": [under(f"tokens/{split}/") for split in splits],
        "shuffle_seed": shuffle["seed"] if shuffle["enabled"] else None,
        "choosing": choice_rules(cast(Sequence[Mapping[str, object]], manifest.get("choices", ()))),
        "scratch": str(scratch),
    }
