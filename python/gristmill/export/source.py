"""The documents of one split as an export reads them: batch by batch, checked, never mapped for longer than a batch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.errors import GristmillError
from gristmill.shards import Shards, open_shards


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitSource:
    """What an export knows of a split before it writes.

    Parameters
    ----------
    shards
        The split, checked against the run's manifest.
    num_documents
        Documents; fewer than rows where long ones were cut into several rows.
    num_masked
        Rows with a mask.
    has_label
        Whether the shards have a column `label`.
    is_narrow
        Whether ids are uint16.
    """

    shards: Shards
    num_documents: int
    num_masked: int
    has_label: bool
    is_narrow: bool

    @property
    def name(self) -> str:
        """The split."""
        return self.shards.split

    @property
    def num_rows(self) -> int:
        """Rows of the split."""
        return len(self.shards)

    @property
    def token_bytes(self) -> int:
        """Bytes of a token id."""
        return 2 if self.is_narrow else 4

    def paths(self) -> list[Path]:
        """Return the shards, in order."""
        manifest = self.shards.manifest
        return [manifest.run_dir / file.path for file in manifest.files]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield all documents in order. Memory: one batch, some 1,048,576 tokens or one document."""
        for path in self.paths():
            yield from batches_of(path)


def batches_of(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the record batches of a shard, each read into memory of its own.

    A mapped file would count as this process's memory for as long as it is mapped.
    """
    try:
        with pa.OSFile(str(path), "rb") as file, pa.ipc.open_file(file) as reader:
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)
    except (pa.ArrowException, OSError) as error:
        raise GristmillError("GM-SHARDS-004", f"`{path}` cannot be read: {error}") from error


def open_split(run_folder: Path, split: str) -> SplitSource:
    """Return a split of a finished run for exporting: its digests and counts compared with the manifest's.

    Parameters
    ----------
    run_folder
        The run.
    split
        Name of the split.

    Raises
    ------
    GristmillError
        As `open_shards`; ``GM-EXPORT-003`` when the counts differ, ``GM-EXPORT-007`` when there is no document.
    """
    shards = open_shards(run_folder, split)
    num_documents = num_masked = 0
    schema = None
    for file in shards.manifest.files:
        # Mapped: counts of nulls stand in the headers of batches; beside them only the numbers of documents are read.
        with (
            pa.memory_map(str(shards.manifest.run_dir / file.path)) as mapped,
            pa.ipc.open_file(mapped) as reader,
        ):
            schema = reader.schema
            last: int | None = None
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                mask = batch.column("mask")
                num_masked += len(mask) - mask.null_count
                added, last = _documents_of(batch.column("doc"), last)
                num_documents += added
    assert schema is not None, "open_shards refuses a split without files"
    _check_counts(run_folder, shards, num_documents)
    if not len(shards):
        raise GristmillError(
            "GM-EXPORT-007",
            f"the split `{split}` of `{run_folder}` holds no document",
            hint="nothing can be exported; leave the split out",
        )
    return SplitSource(
        shards=shards,
        num_documents=num_documents,
        num_masked=num_masked,
        has_label="label" in schema.names,
        is_narrow=schema.field("tokens").type.value_type == pa.uint16(),
    )


def _documents_of(docs: pa.Array, last: int | None) -> tuple[int, int | None]:
    """Return how many documents begin in a batch, and the last of it; rows of one document follow each other."""
    if not len(docs):
        return 0, last
    values = pc.run_end_encode(docs).values
    return len(values) - (values[0].as_py() == last), values[-1].as_py()


def _check_counts(run_folder: Path, shards: Shards, num_documents: int) -> None:
    manifest = json.loads((run_folder / "manifest.json").read_bytes())
    counts = cast(Mapping[str, Mapping[str, int]], manifest["counts"].get("tokens", {})).get(shards.split)
    if counts is None:
        return
    found = {"documents": num_documents, "tokens": shards.num_tokens}
    for name, number in found.items():
        if name in counts and counts[name] != number:
            raise GristmillError(
                "GM-EXPORT-003",
                f"the split `{shards.split}` of `{run_folder}` holds {number} {name}, its manifest says {counts[name]}",
                hint=f"`gristmill verify {run_folder}` says what is wrong",
            )
