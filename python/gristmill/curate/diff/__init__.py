"""`diff`: what two curated corpora differ in, by source, reason and document.

Documents are the same if their keys are: source name, relative path, row and raw text. So runs of other inputs, other
recipes and other versions can be compared, as long as sources and files kept their names. Not here: printing.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from gristmill.curate.diff.recipes import (
    Change,
    input_changes,
    operator_changes,
    recipe_changes,
    tokenizer_changes,
)
from gristmill.curate.lookup import Wanted, files_of, find_rows
from gristmill.curate.run import CuratedRun, open_run
from gristmill.curate.text_difference import first_difference
from gristmill.errors import GristmillError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow.parquet as pq

    from gristmill.curate.diff.compare import Cell, SourceCounts, Tally

Found = TypeVar("Found")

ROWS_A_RANGE = 100_000
"""Documents of both runs together that are compared at a time."""
MAX_RANGES = 65_536


@dataclass(frozen=True, kw_only=True, slots=True)
class RunDiff:
    """What two runs differ in.

    Parameters
    ----------
    a, b
        The folders.
    digests
        Of their manifests; equal ones are the same run, and nothing else was compared.
    changes
        Recipe, operators, tokenizer and inputs.
    counts
        Documents by kind of difference: `compare.DIFFERENCES`, and ``same``.
    cells
        Documents by what became of them in A and in B: the matrix of reasons.
    sources
        What each run has of each source.
    differences_by_source
        Documents by source and kind of difference.
    num_written
        Documents in the file of differing ones; None where none was asked for.
    """

    a: Path
    b: Path
    digests: tuple[str, str]
    changes: tuple[Change, ...] = ()
    counts: Mapping[str, int]
    cells: tuple[Cell, ...] = ()
    sources: tuple[Mapping[str, SourceCounts], Mapping[str, SourceCounts]]
    differences_by_source: Mapping[str, Mapping[str, int]]
    num_written: int | None = None

    @property
    def same_manifest(self) -> bool:
        """Whether the two are byte for byte the same result."""
        return self.digests[0] == self.digests[1]

    @property
    def num_differing(self) -> int:
        """Documents that are not the same in both."""
        return sum(number for name, number in self.counts.items() if name != "same")

    @property
    def is_different(self) -> bool:
        """Whether any document differs; other recipes with the same outcome are no difference."""
        return self.num_differing > 0

    def to_json_dict(self) -> dict[str, object]:
        """Return the difference as JSON values."""
        return {
            "a": {"path": str(self.a), "digest": self.digests[0], "sources": dict(self.sources[0])},
            "b": {"path": str(self.b), "digest": self.digests[1], "sources": dict(self.sources[1])},
            "same_manifest": self.same_manifest,
            "is_different": self.is_different,
            "changes": [asdict(change) for change in self.changes],
            "counts": dict(self.counts),
            "reasons": [asdict(cell) for cell in self.cells],
            "differences_by_source": {
                name: dict(counts) for name, counts in self.differences_by_source.items()
            },
            "num_written": self.num_written,
        }


def diff_runs(
    a: str | Path,
    b: str | Path,
    *,
    num_examples: int = 3,
    write: str | Path | None = None,
    rows_a_range: int = ROWS_A_RANGE,
) -> RunDiff:
    """Return what two finished runs differ in.

    Cost: one pass over `documents/` and `rejects/` of both. Memory: a batch of texts and `rows_a_range` narrow rows,
    under 500 MiB whatever the size of the runs; disk, in the folder for temporary files: some 150 bytes for each
    document of either run.

    Parameters
    ----------
    a, b
        Run folders.
    num_examples
        Documents to name for each pair of reasons.
    write
        Parquet file that gets every differing document, in the order of keys; columns as in `compare.WRITTEN`.
    rows_a_range
        Documents of both runs together that are compared at a time.

    Raises
    ------
    GristmillError
        ``GM-RUN-002`` when one is not a finished run, ``GM-DIFF-001`` when a table cannot be read, ``GM-DIFF-002`` when
        the file cannot be written.
    """
    run_a, run_b = open_run(Path(a)), open_run(Path(b))
    with _written(write) as writer:
        if run_a.digest == run_b.digest:
            return _the_same(run_a, run_b, is_written=writer is not None)
        tally = _compare(run_a, run_b, writer, num_examples=num_examples, rows_a_range=rows_a_range)
    cells = tuple(tally.table())
    counts: dict[str, int] = {}
    for cell in cells:
        counts[cell.difference] = counts.get(cell.difference, 0) + cell.documents
        _add_text_differences(cell, run_a, run_b)
    changes = (
        *recipe_changes(run_a.path, run_b.path),
        *operator_changes(run_a.manifest, run_b.manifest),
        *tokenizer_changes(run_a.manifest, run_b.manifest),
        *input_changes(run_a.manifest, run_b.manifest),
    )
    names = _source_names(run_a, run_b)
    num_differing = sum(number for name, number in counts.items() if name != "same")
    return RunDiff(
        a=run_a.path,
        b=run_b.path,
        digests=(run_a.digest, run_b.digest),
        changes=changes,
        counts=counts,
        cells=cells,
        sources=(_in_order(tally.sources[0], names), _in_order(tally.sources[1], names)),
        differences_by_source=_in_order(tally.by_source, names),
        num_written=None if write is None else num_differing,
    )


def _compare(
    run_a: CuratedRun,
    run_b: CuratedRun,
    writer: pq.ParquetWriter | None,
    *,
    num_examples: int,
    rows_a_range: int,
) -> Tally:
    # Polars takes a tenth of a second to import, and equal manifests need none of it.
    from gristmill.curate.diff.compare import compare
    from gristmill.curate.diff.rows import spill

    num_documents = sum(cast(int, run.counts["documents_in"]) for run in (run_a, run_b))
    num_ranges = max(1, min(MAX_RANGES, -(-num_documents // rows_a_range)))
    scratch = Path(tempfile.mkdtemp(prefix="gristmill-diff-"))
    try:
        files_a = spill(run_a, scratch / "a", num_ranges=num_ranges)
        files_b = spill(run_b, scratch / "b", num_ranges=num_ranges)
        return compare(list(zip(files_a, files_b, strict=True)), num_examples=num_examples, writer=writer)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _source_names(*runs: CuratedRun) -> list[str]:
    """Return the sources of runs, in the order of their plans."""
    inputs = [one for run in runs for one in cast(list[Mapping[str, object]], run.manifest["inputs"])]
    return list(dict.fromkeys(str(one["source"]) for one in inputs))


def _in_order(found: Mapping[str, Found], names: list[str]) -> dict[str, Found]:
    return {name: found[name] for name in names if name in found}


def _the_same(run_a: CuratedRun, run_b: CuratedRun, *, is_written: bool) -> RunDiff:
    return RunDiff(
        a=run_a.path,
        b=run_b.path,
        digests=(run_a.digest, run_b.digest),
        counts={"same": cast(int, run_a.counts["documents_in"])},
        sources=({}, {}),
        differences_by_source={},
        num_written=0 if is_written else None,
    )


def _add_text_differences(cell: Cell, run_a: CuratedRun, run_b: CuratedRun) -> None:
    """Say in the examples of documents with other texts where the texts part."""
    if cell.difference != "other_text":
        return
    for example in cell.examples:
        this, other = (
            _text(run, cast(int, example[name])) for run, name in ((run_a, "doc_a"), (run_b, "doc_b"))
        )
        found = first_difference(this, other)
        example["first_difference"] = None if found is None else asdict(found)


def _text(run: CuratedRun, doc: int) -> str:
    files = files_of(run.path, run.manifest, "documents/")
    rows = find_rows(files, Wanted.equal("doc", doc), columns=["text"], limit=1)
    return "".join(cast(str, row["text"]) for row in rows)


@contextmanager
def _written(path: str | Path | None) -> Iterator[pq.ParquetWriter | None]:
    """Give a writer whose file appears under its name when it is whole."""
    if path is None:
        yield None
        return
    import pyarrow.parquet as pq

    from gristmill.curate.diff.compare import WRITTEN

    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    if target.is_dir():
        raise GristmillError("GM-DIFF-002", f"`{target}` cannot be written: it is a folder")
    try:
        writer = pq.ParquetWriter(beside, WRITTEN, compression="zstd")
    except OSError as error:
        # It may be there, and empty: on a full disk a file can be made, and nothing be written to it.
        beside.unlink(missing_ok=True)
        raise GristmillError(
            "GM-DIFF-002", f"`{target}` cannot be written: {error.strerror or error}"
        ) from error
    try:
        with writer:
            yield writer
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
