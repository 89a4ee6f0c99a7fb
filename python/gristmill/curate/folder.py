"""The run folder: where things are in it, and the lock that keeps two drivers apart."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gristmill.errors import GristmillError


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of a run.

    Parameters
    ----------
    root
        The folder that the recipe calls `output`.

    Examples
    --------
    >>> RunFolder(Path("runs/demo")).manifest.as_posix()
    'runs/demo/manifest.json'
    """

    root: Path

    @property
    def manifest(self) -> Path:
        """The manifest: the one file that says what the run made."""
        return self.root / "manifest.json"

    @property
    def work(self) -> Path:
        """Task manifests and intermediate files."""
        return self.root / "work"

    @property
    def data(self) -> Path:
        """Data files of all tasks, under attempt-unique names."""
        return self.work / "data"

    @property
    def task_manifests(self) -> Path:
        """Manifests of committed tasks, by stage, index and fingerprint."""
        return self.work / "manifests"

    def create(self) -> None:
        """Make the folders."""
        for folder in (self.data, self.task_manifests, self.work / "scratch"):
            folder.mkdir(parents=True, exist_ok=True)

    def place(self, stage: str, index: int, fingerprint: str) -> dict[str, object]:
        """Return where a new attempt of a task commits, as the engine's task descriptions want it."""
        attempt = secrets.token_hex(6)
        return {
            "stage": stage,
            "index": index,
            "fingerprint": fingerprint,
            "attempt": attempt,
            "data": str(self.data.resolve()),
            "scratch": str((self.work / "scratch" / f"{stage}-{index:05d}-{attempt}").resolve()),
            "manifest": str(self.task_manifest(stage, index, fingerprint).resolve()),
        }

    def task_manifest(self, stage: str, index: int, fingerprint: str) -> Path:
        """Return the path of a task's manifest."""
        return self.task_manifests / f"{stage}-{index:05d}-{fingerprint[:16]}.json"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for one driver. The lock dies with the process, however that ends.

        Raises
        ------
        GristmillError
            ``GM-RUN-001`` when a live process holds it.
        """
        path = self.work / "lock"
        with path.open("a+b") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise GristmillError(
                    "GM-RUN-001",
                    f"another run works on `{self.root}`",
                    hint="wait for it to end, or choose another folder with `--output`",
                ) from None
            yield


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file durably: after a crash it holds either the old content or the new."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with temporary.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def canonical_json(value: object) -> bytes:
    """Return the one JSON text of a value: sorted keys, two-space indent, UTF-8, a newline at the end.

    Examples
    --------
    >>> print(canonical_json({"b": 1, "a": "é"}).decode(), end="")
    {
      "a": "é",
      "b": 1
    }
    """
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def load_json(path: Path) -> dict[str, object]:
    """Return the object in a JSON file.

    Raises
    ------
    GristmillError
        ``GM-IO-003`` when the file holds no JSON object.
    """
    try:
        value: object = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise GristmillError("GM-IO-003", f"`{path}` is damaged: {error}") from error
    if not isinstance(value, Mapping):
        raise GristmillError("GM-IO-003", f"`{path}` is damaged: it holds no JSON object")
    return dict(value)
