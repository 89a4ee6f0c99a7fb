"""Segments of an index, and an index as a plan uses it. Reads manifests only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from gristmill.curate.folder import load_json
from gristmill.curate.stages import Json
from gristmill.curate.words import counted
from gristmill.errors import GristmillError

MANIFEST = "manifest.json"
BYTES_PER_DOCUMENT = 48 + 16 + 8
"""Index record, group and end of the identifier; hashes and band keys come on top."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """What one run kept.

    Parameters
    ----------
    number
        From 1 on, without gaps.
    path
        Its folder.
    digest
        SHA-256 of its manifest.
    content
        The manifest.
    """

    number: int
    path: Path
    digest: str
    content: Json

    @property
    def num_documents(self) -> int:
        """Documents in it."""
        return sum(cast(int, part["num_documents"]) for part in self.parts)

    @property
    def num_bytes(self) -> int:
        """Bytes of its files."""
        return sum(cast(int, file["bytes"]) for part in self.parts for file in files_of(part).values())

    @property
    def num_key_bytes(self) -> int:
        """Bytes that a run reads of it from front to back: all but the texts."""
        return self.num_bytes - sum(cast(int, files_of(part)["text"]["bytes"]) for part in self.parts)

    @property
    def parts(self) -> Sequence[Json]:
        """Its parts, as the manifest has them."""
        return cast(Sequence[Json], self.content["parts"])

    def artefacts(self, part: Json) -> dict[str, dict[str, object]]:
        """Return the files of a part as tasks take them, by absolute path."""
        folder = self.path.absolute()
        return {
            name: {**file, "file": str(folder / str(file["file"]))} for name, file in files_of(part).items()
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexUse:
    """An index as a plan uses it.

    Parameters
    ----------
    path
        Its folder; need not be there yet.
    segments
        What the run is checked against, by number.
    own
        The segment that this very run added earlier, if it did.
    lineage
        Of the segment to be added; empty where there is one, and before it is known.
    """

    path: Path
    segments: tuple[Segment, ...]
    own: Segment | None = None
    lineage: str = ""

    @property
    def number(self) -> int:
        """Number of the run's own segment, added or to be added."""
        return len(self.segments) + 1

    def identity(self) -> list[str]:
        """Return what a run depends on: the digests of the manifests."""
        return [segment.digest for segment in self.segments]

    def parts(self) -> Iterator[tuple[Segment, Json]]:
        """Yield every part with its segment, in the order in which the passes number them."""
        for segment in self.segments:
            for part in segment.parts:
                yield segment, part

    def describe(self) -> str:
        """Return the index in a line for a reader: what of it a run reads."""
        documents = sum(segment.num_documents for segment in self.segments)
        key_bytes = sum(segment.num_key_bytes for segment in self.segments)
        return (
            f"index: {self.path}, {counted(len(self.segments), 'segment')}, {counted(documents, 'document')}; "
            f"{key_bytes:,} bytes of keys are read twice, texts only of proposed pairs"
        )


def files_of(part: Json) -> Mapping[str, Json]:
    """Return the files of a part by name, as the manifest has them."""
    return cast(Mapping[str, Json], part["files"])


def segment_folder(index: Path, number: int) -> Path:
    """Return the folder of a segment.

    Examples
    --------
    >>> segment_folder(Path("indexes/web"), 3).as_posix()
    'indexes/web/segment-000003'
    """
    return index / f"segment-{number:06d}"


def read_segments(index: Path) -> tuple[Segment, ...]:
    """Return the segments of an index by number; none where there is no index yet. Reads manifests only.

    Raises
    ------
    GristmillError
        ``GM-INDEX-003`` when a manifest is damaged or does not follow the one before it.
    """
    segments: list[Segment] = []
    while True:
        folder = segment_folder(index, len(segments) + 1)
        try:
            content = (folder / MANIFEST).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return tuple(segments)
        segments.append(_parse(folder, content, segments))


def _parse(folder: Path, content: bytes, before: Sequence[Segment]) -> Segment:
    try:
        values = json.loads(content)
        previous = before[-1].digest if before else None
        if values["schema_version"] != 1 or values["number"] != len(before) + 1:
            raise ValueError("it has another version or number")
        if values["previous"] != previous:
            raise ValueError("it was written behind another segment than the one that stands before it")
        return Segment(number=values["number"], path=folder, digest=_digest(content), content=values)
    except (ValueError, KeyError, TypeError) as error:
        raise GristmillError(
            "GM-INDEX-003",
            f"the index is damaged: `{folder / MANIFEST}`: {error}",
            hint="take that file from a copy, or remove its segment and all later ones and run their deliveries again",
        ) from error


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def earlier_indexes(run_folder: Path, manifest: Json) -> list[str] | None:
    """Return the paths of the text indexes that a finished run was checked against.

    None where the run used no index, or it is not where it was, or holds other segments by now.
    """
    used = cast("Mapping[str, object] | None", manifest.get("index"))
    plan = run_folder / "plan.json"
    if used is None or not plan.is_file():
        return None
    try:
        segments = read_segments(Path(str(load_json(plan).get("index_path"))))
    except GristmillError:
        return None
    known = cast(Sequence[str], used["segments"])
    segments = segments[: len(known)]
    if [segment.digest for segment in segments] != list(known):
        return None
    return [str(segment.artefacts(part)["index"]["file"]) for segment in segments for part in segment.parts]
