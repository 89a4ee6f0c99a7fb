"""What dedup takes: bytes of disk a document, file by file, and the memory of a pass, as formulas and in numbers.

Formulas are exact, and a test holds runs to them. How many documents there are is not known before they are read, so
numbers rest on an assumption that is always named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gristmill.curate.words import counted

INDEX_BYTES = 48
VERDICT_BYTES = 2
EXACT_BYTES = 20
BAND_BYTES = 12
ROW_BYTES = 24
EDGE_BYTES = 24
REMOVAL_BYTES = 24
CLUSTER_BYTES = 16
PROMISED_BYTES = 256
"""What a document takes at most beside its text with 14 bands, unless more than some 5 % have near duplicates."""

ASSUMED_TEXT_BYTES = 3_000
"""Of a document: a page or two of prose. An assumption, and shown as one."""
COMPRESSION = 4
"""How much smaller compressed text is, about."""

FIXED_BUFFER_BYTES = 1 << 20
PARTITION_BYTES = 100
LONGEST_DOCUMENT_FACTOR = 30
"""What `verify` and `settle` hold of the longest document that they meet, by its bytes, at worst."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileCost:
    """What one kind of file takes.

    Parameters
    ----------
    file
        Its name in task manifests.
    num_bytes
        Of one record.
    of
        What a record stands for.
    is_for_all
        Whether every readable document has one; others depend on how many duplicates there are.
    """

    file: str
    num_bytes: int
    of: str
    is_for_all: bool


def file_costs(*, has_exact: bool, num_bands: int) -> tuple[FileCost, ...]:
    """Return what each kind of file takes, in the order in which they are made.

    Parameters
    ----------
    has_exact
        Whether there is an exact step.
    num_bands
        Bands of the near-duplicate step, 0 without one.

    Examples
    --------
    >>> bytes_a_document(file_costs(has_exact=True, num_bands=14))
    238
    """
    costs = [
        FileCost(file="index", num_bytes=INDEX_BYTES, of="document", is_for_all=True),
        FileCost(file="verdict", num_bytes=VERDICT_BYTES, of="document", is_for_all=True),
    ]
    if has_exact:
        costs.append(FileCost(file="exact", num_bytes=EXACT_BYTES, of="document", is_for_all=True))
    if num_bands:
        costs.append(FileCost(file="bands", num_bytes=BAND_BYTES * num_bands, of="document", is_for_all=True))
    rows = [
        ("exact removals", REMOVAL_BYTES, "equal document", has_exact),
        ("buckets", ROW_BYTES, "key shared with a better one", num_bands > 0),
        ("edges", EDGE_BYTES, "similar pair", num_bands > 0),
        ("removals", REMOVAL_BYTES, "removed document", has_exact or num_bands > 0),
        ("clusters", CLUSTER_BYTES, "member", has_exact or num_bands > 0),
    ]
    costs += [
        FileCost(file=file, num_bytes=num_bytes, of=of, is_for_all=False)
        for file, num_bytes, of, is_there in rows
        if is_there
    ]
    return tuple(costs)


def bytes_a_document(costs: Sequence[FileCost]) -> int:
    """Return what every document takes beside its text."""
    return sum(cost.num_bytes for cost in costs if cost.is_for_all)


def assumed_documents(files: Sequence[tuple[str, int]]) -> int:
    """Return how many documents input files hold, if each takes `ASSUMED_TEXT_BYTES`.

    Parameters
    ----------
    files
        Names and sizes; those of compressed formats count `COMPRESSION` times.

    Examples
    --------
    >>> assumed_documents([("a.jsonl", 30_000), ("b.jsonl.gz", 30_000)])
    50
    """
    compressed = (".gz", ".zst", ".parquet")
    num_bytes = sum(size * (COMPRESSION if name.endswith(compressed) else 1) for name, size in files)
    return -(-num_bytes // ASSUMED_TEXT_BYTES)


def disk_lines(costs: Sequence[FileCost], num_documents: int) -> list[str]:
    """Return the disk formula for a reader, with a number for so many documents."""
    fixed = [cost for cost in costs if cost.is_for_all]
    total = bytes_a_document(costs)
    parts = " + ".join(f"{cost.file} {cost.num_bytes}" for cost in fixed)
    others = ", ".join(f"{cost.file} {cost.num_bytes} / {cost.of}" for cost in costs if not cost.is_for_all)
    lines = [f"disk beside the text: {parts} = {total} bytes a document"]
    if others:
        lines.append(f"  and for duplicates: {others}")
    assumption = f"if they have {ASSUMED_TEXT_BYTES:,} bytes of input each"
    lines.append(
        f"  about {counted(num_documents, 'document')}, {assumption}: {_shown(total * num_documents)}"
    )
    return lines


def memory_lines(*, sort_memory_bytes: int, num_documents: int, num_partitions: int) -> list[str]:
    """Return the memory formula of a dedup pass for a reader, with numbers for so many documents."""
    bits = _shown(-(-num_documents // 8))
    buffers = _shown(FIXED_BUFFER_BYTES + PARTITION_BYTES * num_partitions)
    share = f"{_shown(sort_memory_bytes)} (`scratch_memory` / 16, 8 to 128 MiB)"
    longest = f"to compare up to {LONGEST_DOCUMENT_FACTOR} times the longest document that is met"
    return [
        f"memory of a dedup task: {share}, of it 1 bit a document ({bits})",
        f"  and {buffers} (1 MiB, and 100 bytes a partition), and {longest}",
    ]


def _shown(num_bytes: int) -> str:
    for unit, size in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return "1 byte" if num_bytes == 1 else f"{num_bytes} bytes"
