"""Small helpers for files that must survive a crash: atomic writes, JSON lines, the lock of a folder."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gristmill.errors import GristmillError


def sync(path: Path) -> None:
    """Make a file's content, or a folder's names, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: object) -> None:
    """Replace a JSON file: after a crash it holds either the old content or the new."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    temporary.write_text(
        json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        encoding="utf-8",
    )
    sync(temporary)
    temporary.replace(path)
    sync(path.parent)


def read_json(path: Path) -> dict[str, object] | None:
    """Return the object in a JSON file; None when there is no such file, or it holds none."""
    try:
        value: object = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return dict(value) if isinstance(value, Mapping) else None


def append_json(path: Path, record: Mapping[str, object]) -> None:
    """Append one JSON line."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")


def keep_lines(path: Path, is_kept: Callable[[Mapping[str, object]], bool]) -> None:
    """Drop the lines of a JSON-lines file that are not wanted any more, and a last line that was cut short."""
    if not path.is_file():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if is_kept(record):
            kept.append(line + "\n")
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text("".join(kept), encoding="utf-8")
    temporary.replace(path)


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold a folder for one training process. The lock dies with the process, however that ends.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-006`` when a live process holds it.
    """
    with (folder / "lock").open("a+b") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise GristmillError(
                "GM-TRAIN-006",
                f"another training works on `{folder}`",
                hint="wait for it to end, or train another run",
            ) from error
        yield
