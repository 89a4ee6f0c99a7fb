"""Small helpers for files that must survive a crash: atomic writes, JSON lines, the lock of a folder."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gristmill.errors import GristmillError

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory")
"""What torch says, in errors of no type of their own, on a GPU and on a CPU."""


def sync(path: Path) -> None:
    """Make a file's content, or a folder's names, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: object) -> None:
    """Replace a JSON file: after a crash it holds either the old content or the new.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_json(Path(folder, "a.json"), {"step": 1})
    ...     read_json(Path(folder, "a.json"))
    {'step': 1}
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    temporary.write_text(
        json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        encoding="utf-8",
    )
    sync(temporary)
    temporary.replace(path)
    sync(path.parent)


def read_json(path: Path) -> dict[str, object] | None:
    """Return the object in a JSON file; None when there is no such file, or it holds none.

    Examples
    --------
    >>> read_json(Path("no/such/file.json")) is None
    True
    """
    try:
        value: object = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return dict(value) if isinstance(value, Mapping) else None


def append_json(path: Path, record: Mapping[str, object]) -> None:
    r"""Append one JSON line.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     append_json(Path(folder, "a.jsonl"), {"step": 1})
    ...     Path(folder, "a.jsonl").read_text()
    '{"step": 1}\n'
    """
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")


def keep_lines(path: Path, is_kept: Callable[[Mapping[str, object]], bool]) -> None:
    r"""Drop the lines of a JSON-lines file that are not wanted any more, and a last line that was cut short.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.jsonl")
    ...     _ = path.write_text('{"step": 1}\n{"step": 2}\n{"st')
    ...     keep_lines(path, lambda record: record["step"] < 2)
    ...     path.read_text()
    '{"step": 1}\n'
    """
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
def faults_of_the_machine(folder: Path) -> Iterator[None]:
    """Turn what the machine refuses inside the block (disk, memory) into errors with a code.

    Raises
    ------
    GristmillError
        ``GM-IO-002`` for a full disk, ``GM-IO-001`` for other faults of files, ``GM-TRAIN-015`` for too little memory.

    Examples
    --------
    >>> with faults_of_the_machine(Path("train")):
    ...     raise OSError(errno.ENOSPC, "No space left on device")
    Traceback (most recent call last):
    gristmill.errors.GristmillError: the disk below `train` is full
    """
    from safetensors import SafetensorError

    try:
        yield
    except BrokenPipeError:
        raise
    except (OSError, SafetensorError) as error:
        is_full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
        raise GristmillError(
            "GM-IO-002" if is_full else "GM-IO-001",
            f"the disk below `{folder}` is full" if is_full else f"writing below `{folder}` failed: {error}",
            hint="mend the reason, then run the same command: it continues from the last checkpoint",
        ) from error
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not any(word in str(error) for word in _OUT_OF_MEMORY):
            raise
        raise GristmillError(
            "GM-TRAIN-015",
            "the memory is not enough for a forward and backward pass",
            hint='lower `micro_batch_tokens` or `sequence_length` in `[train]`, or use `method = "lora"`',
            context=(str(error).splitlines()[0] if str(error) else type(error).__name__,),
        ) from error


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold a folder for one training process. The lock dies with the process, however that ends.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-006`` when a live process holds it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, lock(Path(folder)):
    ...     Path(folder, "lock").exists()
    True
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
