"""What a run's manifest says about the shards of one split, and the check that the files agree with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gristmill.errors import GristmillError
from gristmill.shards.digest import digest_file

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardFile:
    """One shard as the manifest lists it.

    Parameters
    ----------
    path
        Relative to the run folder, with forward slashes.
    num_bytes
        Length of the file.
    num_documents
        Rows of the file.
    digest
        ``<algorithm>:<hex>``.

    Examples
    --------
    >>> ShardFile(path="tokens/train/shard-00000.arrow", num_bytes=1024, num_documents=3, digest="sha256:00").path
    'tokens/train/shard-00000.arrow'
    """

    path: str
    num_bytes: int
    num_documents: int
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitManifest:
    """The part of a run's manifest that concerns one split.

    Parameters
    ----------
    run_dir
        The run folder.
    split
        ``train`` or ``validation``.
    files
        Shards in order of their names, which is the order of documents.
    plan
        Fingerprint of curation's plan, hex.
    sources
        Names of the sources, sorted.

    Examples
    --------
    >>> SplitManifest(run_dir=Path("run"), split="train", files=(), plan="00", sources=("web",)).verify()
    """

    run_dir: Path
    split: str
    files: tuple[ShardFile, ...]
    plan: str
    sources: tuple[str, ...]

    def verify(self) -> None:
        """Compare every file with its length and digest. Time: one pass over the files.

        Raises
        ------
        GristmillError
            ``GM-SHARDS-004`` for the first file that differs.
        """
        for file in self.files:
            path = self.run_dir / file.path
            if not path.is_file():
                raise GristmillError("GM-SHARDS-004", f"`{path}` is missing")
            num_bytes = path.stat().st_size
            if num_bytes != file.num_bytes:
                raise GristmillError(
                    "GM-SHARDS-004",
                    f"`{path}` has {num_bytes} bytes, the manifest says {file.num_bytes}",
                )
            digest = digest_file(path, file.digest.partition(":")[0])
            if digest != file.digest:
                raise GristmillError(
                    "GM-SHARDS-004", f"`{path}` has digest `{digest}`, the manifest says `{file.digest}`"
                )


def read_split(run_dir: Path, split: str) -> SplitManifest:
    """Return what the manifest of a run says about one split; no shard is opened.

    Raises
    ------
    GristmillError
        ``GM-SHARDS-001`` without a manifest, ``GM-SHARDS-002`` when it cannot be used.

    Examples
    --------
    >>> read_split(Path("no/such/run"), "train")
    Traceback (most recent call last):
    gristmill.errors.GristmillError: `no/such/run` holds no finished run
    """
    path = run_dir / "manifest.json"
    try:
        content: object = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise GristmillError(
            "GM-SHARDS-001",
            f"`{run_dir}` holds no finished run",
            hint="run `gristmill curate RECIPE` first",
        ) from error
    except (OSError, ValueError) as error:
        raise GristmillError("GM-SHARDS-002", f"`{path}` cannot be read: {error}") from error
    try:
        return _parse(run_dir, split, content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GristmillError(
            "GM-SHARDS-002", f"`{path}` lacks `{error}` or has it in another form"
        ) from error


def _parse(run_dir: Path, split: str, content: object) -> SplitManifest:
    if not isinstance(content, Mapping):
        raise TypeError("object")
    if content["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"schema_version {SCHEMA_VERSION}")
    prefix = f"tokens/{split}/"
    files = [
        ShardFile(
            path=str(entry["path"]),
            num_bytes=int(entry["bytes"]),
            num_documents=int(entry["rows"]),
            digest=str(entry["digest"]),
        )
        for entry in content["files"]
        if str(entry["path"]).startswith(prefix)
    ]
    return SplitManifest(
        run_dir=run_dir,
        split=split,
        files=tuple(sorted(files, key=lambda file: file.path)),
        plan=str(content["plan"]),
        sources=tuple(sorted(content["counts"]["by_source"])),
    )
