"""The folder that an export writes: whole or not at all, with a manifest of digests.

Files are written into a sibling `.NAME.partial`, which a lock keeps for one process, and which becomes `NAME` by one
rename once the manifest is in it. A process that is killed leaves the sibling; the next export of that name empties it,
and brings back an older export that was put aside as `.NAME.replaced` and not replaced.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gristmill.errors import GristmillError

MANIFEST_NAME = "export.json"
LOCK_NAME = ".lock"


class OutputFile(io.RawIOBase):
    """A file that is written once from front to back, digested on the way and durable when closed.

    Parameters
    ----------
    path
        The file; must not exist.

    Examples
    --------
    >>> import tempfile
    >>> with OutputFile(Path(tempfile.mkdtemp()) / "a") as file:
    ...     _ = file.write(b"abc")
    >>> file.num_bytes, file.digest[:19]
    (3, 'sha256:ba7816bf8f01')
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("xb", buffering=1 << 20)
        self._hash = hashlib.sha256()
        self.path = path
        self.num_bytes = 0

    @property
    def digest(self) -> str:
        """``sha256:`` and 64 hexadecimal digits of what was written so far."""
        return f"sha256:{self._hash.hexdigest()}"

    def writable(self) -> bool:
        """Whether it can be written: yes."""
        return True

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self.num_bytes

    def write(self, data: Any, /) -> int:
        """Append bytes, or any object with the buffer protocol."""
        view = memoryview(data).cast("B") if not isinstance(data, bytes) else data
        self._file.write(view)
        self._hash.update(view)
        self.num_bytes += len(view)
        return len(view)

    def close(self) -> None:
        """Make the bytes durable."""
        if not self.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        super().close()


class Target:
    """The folder under construction.

    Made by `new_target`. `files` lists what was written, in order of `create`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: list[tuple[str, OutputFile, int | None]] = []

    @contextmanager
    def create(self, name: str, *, rows: int | None = None) -> Iterator[OutputFile]:
        """Give a new file to write, which is listed in the manifest.

        Parameters
        ----------
        name
            Relative to the folder, with forward slashes.
        rows
            Documents in it, where it holds documents.
        """
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with OutputFile(path) as file:
            yield file
        self._made.append((name, file, rows))

    def commit(self, manifest: Mapping[str, object]) -> dict[str, object]:
        """Write the manifest, last of all files; return it with the list of the others."""
        files = [
            {"path": name, "bytes": file.num_bytes, "digest": file.digest}
            | ({} if rows is None else {"rows": rows})
            for name, file, rows in sorted(self._made, key=lambda made: made[0])
        ]
        content = {**manifest, "files": files}
        text = json.dumps(content, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
        with OutputFile(self.folder / MANIFEST_NAME) as file:
            file.write(text.encode() + b"\n")
        for folder in {self.folder, *(self.folder.joinpath(name).parent for name, _, _ in self._made)}:
            sync_folder(folder)
        return content


@contextmanager
def new_target(output: Path, *, overwrite: bool) -> Iterator[Target]:
    """Give a target whose content becomes `output` when the block ends well, and vanishes when it does not.

    Parameters
    ----------
    output
        The folder to make. Folders above it are made too.
    overwrite
        Whether an export that lies there may be replaced. Anything else is never replaced.

    Raises
    ------
    GristmillError
        ``GM-EXPORT-001`` when `output` exists, ``GM-EXPORT-002`` when it may not be replaced, ``GM-EXPORT-006`` when
        another process exports to it.
    """
    output = output.absolute()
    _check_output(output, overwrite=overwrite)
    partial = output.with_name(f".{output.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    with (partial / LOCK_NAME).open("a+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise GristmillError(
                "GM-EXPORT-006",
                f"another export writes `{output}`",
                hint="wait for it to end, or choose another folder with `--output`",
            ) from None
        try:
            _bring_back(output)
            _check_output(output, overwrite=overwrite)
            _empty(partial)
            yield Target(partial)
            # Looked at again: an export may have ended while this one waited for the lock.
            _check_output(output, overwrite=overwrite)
            (partial / LOCK_NAME).unlink()
            _put_in_place(partial, output)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def _check_output(output: Path, *, overwrite: bool) -> None:
    if not output.exists() and not output.is_symlink():
        return
    if output.is_dir() and not output.is_symlink():
        if not any(output.iterdir()):
            return
        if (output / MANIFEST_NAME).is_file():
            if overwrite:
                return
            raise GristmillError(
                "GM-EXPORT-001",
                f"`{output}` holds an export already",
                hint="give `--overwrite` to replace it, or another `--output`",
            )
    raise GristmillError(
        "GM-EXPORT-002",
        f"`{output}` is not empty and was not made by an export",
        hint="choose another folder with `--output`; `--overwrite` replaces exports only",
    )


def _empty(folder: Path) -> None:
    """Remove what a killed export left, all but the lock."""
    for path in folder.iterdir():
        if path.name == LOCK_NAME:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _replaced(output: Path) -> Path:
    """Return where an export lies while another takes its place."""
    return output.with_name(f".{output.name}.replaced")


def _bring_back(output: Path) -> None:
    """Undo half a replacement: a process was killed when the old export had gone and the new one not come."""
    old = _replaced(output)
    if old.is_dir() and not output.exists():
        old.rename(output)


def _put_in_place(partial: Path, output: Path) -> None:
    old = _replaced(output)
    shutil.rmtree(old, ignore_errors=True)
    if output.exists():
        output.rename(old)
    partial.rename(output)
    sync_folder(output.parent)
    shutil.rmtree(old, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
