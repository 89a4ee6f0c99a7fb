"""Which files a recipe reads, and how they are cut into partitions. Looks at names and sizes, never into a file."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gristmill.errors import GristmillError

LINE_SUFFIXES = (".jsonl", ".ndjson", ".json")
COMPRESSION_SUFFIXES = (".gz", ".zst", ".zstd")
"""Names that the engine's readers go by where a source has no `format`; `.parquet` is never compressed as a whole."""

MAX_FILES = 1 << 24
"""A file's ordinal has 24 bits in a document's identity."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InputFile:
    """One input file.

    Parameters
    ----------
    ordinal
        Position among all files of the plan, from 0.
    source
        Position of its source in the recipe, from 0.
    path
        Where it is.
    relative_path
        Its name below the fixed part of the pattern that found it; part of a document's `key`, so that moving a
        corpus to another folder changes no key.
    num_bytes
        Size on disk.
    """

    ordinal: int
    source: int
    path: Path
    relative_path: str
    num_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Partition:
    """Consecutive files of one source that one task reads."""

    index: int
    source: int
    files: tuple[InputFile, ...]


def find_files(
    name: str,
    patterns: Sequence[str],
    *,
    base: Path,
    source: int,
    first_ordinal: int,
    format: str | None = None,  # noqa: A002  # the recipe's word
) -> list[InputFile]:
    """Return the files of a source: patterns in the order given, names within a pattern sorted.

    Parameters
    ----------
    name
        The source's name, for messages.
    patterns
        Paths or globs (``*``, ``?``, ``[...]``, ``**``), relative to `base` unless absolute.
    base
        The recipe's folder.
    source
        Position of the source in the recipe.
    first_ordinal
        Ordinal of the first file found.
    format
        The source's `format`; without one, every file needs a suffix that tells it.

    Raises
    ------
    GristmillError
        ``GM-PLAN-101`` when a pattern matches nothing, ``GM-PLAN-102`` when two files would share a name,
        ``GM-PLAN-106`` when a file's suffix does not tell how to read it.
    """
    found: dict[str, Path] = {}
    for pattern in patterns:
        absolute = base / pattern
        root = _fixed_part(absolute)
        matches = expand(absolute)
        if not matches:
            raise GristmillError(
                "GM-PLAN-101",
                f"no file matches `{pattern}`",
                hint=f"looked for `{absolute}`; paths are relative to the recipe's folder",
                context=(f"in source `{name}`",),
            )
        for path in matches:
            relative = path.relative_to(root).as_posix()
            if relative in found:
                if found[relative] == path:
                    continue
                raise GristmillError(
                    "GM-PLAN-102",
                    f"two files of one source are both called `{relative}`",
                    hint="make two sources of them, or use one pattern that holds both folders",
                    context=(f"in source `{name}`", str(found[relative]), str(path)),
                )
            found[relative] = path
    if format is None:
        _require_known_suffixes(name, found)
    return [
        InputFile(
            ordinal=first_ordinal + position,
            source=source,
            path=path,
            relative_path=relative,
            num_bytes=path.stat().st_size,
        )
        for position, (relative, path) in enumerate(found.items())
    ]


def has_known_suffix(name: str) -> bool:
    """Say whether a file's name tells how it is read; the case of letters does not matter.

    Examples
    --------
    >>> [has_known_suffix(name) for name in ("a.JSONL.zst", "a.parquet", "a.txt", "a.parquet.gz")]
    [True, True, False, False]
    """
    name = name.lower()
    compression = next((suffix for suffix in COMPRESSION_SUFFIXES if name.endswith(suffix)), "")
    return name.endswith(".parquet") or name.removesuffix(compression).endswith(LINE_SUFFIXES)


def _require_known_suffixes(source: str, found: Mapping[str, Path]) -> None:
    """Refuse files that no reader would take, before anything is read."""
    unknown = [relative for relative in found if not has_known_suffix(relative.rpartition("/")[2])]
    if not unknown:
        return
    context = [f"in source `{source}`", str(found[unknown[0]])]
    if len(unknown) > 1:
        context.append(f"{len(unknown):,} of its {len(found):,} files are of no known format")
    raise GristmillError(
        "GM-PLAN-106",
        f"the name of `{unknown[0]}` does not tell its format",
        hint='set `format = "jsonl"`, `"parquet"`, or a plugin\'s reader `format = "<plugin>.<reader>"`',
        context=tuple(context),
    )


def expand(pattern: Path) -> list[Path]:
    """Return the files that an absolute pattern names, sorted; `Path.glob` takes relative patterns only."""
    names = glob.glob(str(pattern), recursive=True)  # noqa: PTH207
    return sorted(path for path in map(Path, names) if path.is_file())


def _fixed_part(pattern: Path) -> Path:
    """Return the deepest folder of a pattern above its first wildcard."""
    fixed = Path(pattern.anchor)
    for part in pattern.parts[1:-1]:
        if glob.has_magic(part):
            break
        fixed /= part
    return fixed


def make_partitions(files: Iterable[InputFile], *, partition_bytes: int) -> list[Partition]:
    """Return the files as partitions: consecutive files of one source, up to `partition_bytes` on disk.

    A file is never cut, so a larger one is a partition by itself.

    Examples
    --------
    >>> files = [
    ...     InputFile(ordinal=n, source=0, path=Path("f"), relative_path=str(n), num_bytes=size)
    ...     for n, size in enumerate([40, 40, 90, 5])
    ... ]
    >>> [[file.ordinal for file in part.files] for part in make_partitions(files, partition_bytes=100)]
    [[0, 1], [2, 3]]
    """
    partitions: list[Partition] = []
    group: list[InputFile] = []

    def close() -> None:
        if group:
            partitions.append(Partition(index=len(partitions), source=group[0].source, files=tuple(group)))
            group.clear()

    for file in files:
        is_full = sum(member.num_bytes for member in group) + file.num_bytes > partition_bytes
        if group and (is_full or group[0].source != file.source):
            close()
        group.append(file)
    close()
    return partitions
