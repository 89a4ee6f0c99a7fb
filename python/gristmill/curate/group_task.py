"""The task that gives groups of documents to a plugin's decider: one range of groups, from rows to decisions.

Rows come from the engine (`rust/engine/src/choose/group_rows.rs`), decisions go back to it: 12 bytes a document that is
left out. No group is divided. Not here: which documents have rows, and leaving documents out (`choose`).
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill import _native
from gristmill.curate.group_choices import GROUP_BYTES, SHOWN_FAILURES
from gristmill.curate.plugin_accounts import write_account
from gristmill.errors import GristmillError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gristmill.plugins.active import ActiveOperator
    from gristmill.plugins.host import PluginHost, Quarantined

Json = Mapping[str, object]

BIN_BYTES = 16 << 20
"""Rows of whole groups that are in memory at once, apart from a larger group."""
MAX_BINS = 256
"""Files of such rows that are open at once; for ranges beyond 4 GiB bins are larger."""
CALL_BYTES, CALL_ROWS = 8 << 20, 8192
"""A batch that a decider is given, unless one group is larger."""
ROW_BYTES = 32
"""What a row takes beside its strings."""
DECISION = np.dtype([("document", "<u8"), ("reason", "<u4")])
TOO_LARGE = "GroupTooLarge"


@dataclass(slots=True)
class _Decided:
    """What became of a range's documents."""

    documents: list[NDArray[np.uint64]] = field(default_factory=list)
    reasons: list[NDArray[np.uint32]] = field(default_factory=list)
    num_documents: int = 0
    num_groups: int = 0
    num_failed: int = 0
    failures: list[dict[str, object]] = field(default_factory=list)

    def leave_out(self, documents: NDArray[np.uint64], reasons: NDArray[np.uint32]) -> None:
        """Add documents, each with the number of its reason."""
        self.documents.append(documents)
        self.reasons.append(reasons)

    def fail(self, documents: NDArray[np.uint64], error_type: str, detail: str, failed: int | None) -> None:
        """Count documents of groups that failed, and leave them out for the reason `failed`, if there is one."""
        self.num_failed += len(documents)
        if len(self.failures) < SHOWN_FAILURES:
            line = next(iter(detail.splitlines()), "")
            self.failures.append({"documents": len(documents), "error_type": error_type, "detail": line})
        if failed is not None:
            self.leave_out(documents, np.full(len(documents), failed, np.uint32))

    def records(self) -> NDArray[np.void]:
        """Return the decisions in the order of documents."""
        records = np.zeros(sum(map(len, self.documents)), DECISION)
        if self.documents:
            records["document"] = np.concatenate(self.documents)
            records["reason"] = np.concatenate(self.reasons)
        return records[np.argsort(records["document"], kind="stable")]


def run_group_task(task: Json, verified: set[str], session: _native.Session) -> str:
    """Run the task and return its manifest, as JSON.

    Memory: 32 bytes a document of the range, its rows of 16 MiB (above 4 GiB of rows, a 256th of them) or one group,
    and what the decider takes. Disk: the rows of the range again, while it runs. Time: two passes over them.

    Parameters
    ----------
    task
        Its description; ``decider``, ``plugins_dir``, ``seed`` and ``max_quarantine_fraction`` beside ``spec``.
    verified
        Files whose digests this process has checked; added to.
    session
        For interrupting.

    Raises
    ------
    GristmillError
        ``GM-IO-003`` for a damaged file; GM-PLUGIN-* for what the decider did.
    """
    from gristmill.plugins.host import PluginHost
    from gristmill.plugins.isolated import Registry
    from gristmill.plugins.manager import PluginManager

    spec = cast(Json, task["spec"])
    place = cast(Json, spec["place"])
    folder = task.get("plugins_dir")
    plugins_dir = None if folder is None else Path(str(folder))
    [decider] = PluginManager.rebuild([cast(Json, task["decider"])], plugins_dir=plugins_dir)
    rows = _Rows(spec, verified, session)
    decided = _Decided()
    with PluginHost(
        [decider],
        seed=cast(int, task["seed"]),
        max_failure_fraction=cast(float, task["max_quarantine_fraction"]),
        registry=Registry(plugins_dir=plugins_dir),
    ) as host:
        for groups in rows.whole_groups(Path(str(place["scratch"])), decider, decided):
            _decide(host, decider, groups, decided)
        write_account(place, [decider], host.stats)
    return _commit(place, decided, session)


class _Rows:
    """The rows of one range in all partitions."""

    def __init__(self, spec: Json, verified: set[str], session: _native.Session) -> None:
        part = cast(Mapping[str, int], spec["range"])
        self._range, self._num_ranges = part["index"], part["count"]
        data = Path(str(cast(Json, spec["place"])["data"]))
        self._files: list[tuple[int, Path]] = []
        for partition, artefact in enumerate(cast(Sequence[Json], spec["rows"])):
            path = data / str(artefact["file"])
            if str(path) not in verified:
                _verify(path, artefact, session)
                verified.add(str(path))
            if artefact["bytes"]:
                self._files.append((partition, path))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows, in input order, with the document's reference in place of its ordinal."""
        for partition, path in self._files:
            with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
                for number in range(self._range, reader.num_record_batches, self._num_ranges):
                    batch = reader.get_batch(number)
                    if batch.num_rows:
                        ordinals = batch.column("ordinal").to_numpy().astype(np.uint64)
                        documents = pa.array(ordinals + np.uint64(partition << 32))
                        yield batch.set_column(0, "document", documents)

    def whole_groups(
        self, scratch: Path, decider: ActiveOperator, decided: _Decided
    ) -> Iterator[pa.RecordBatch]:
        """Yield rows sorted by group, as many whole groups at a time as fit; too large ones fail."""
        layout = _Layout.of(self.batches())
        if layout is None:
            return
        scratch.mkdir(parents=True, exist_ok=True)
        paths = [scratch / f"bin-{number:03}.arrow" for number in range(layout.num_bins)]
        too_large: list[NDArray[np.uint64]] = []
        with ExitStack() as stack:
            writers: dict[int, pa.ipc.RecordBatchStreamWriter] = {}
            for batch in self.batches():
                hashes = batch.column("hash").to_numpy()
                is_large = np.isin(hashes, layout.too_large)
                bins = np.where(is_large, -1, layout.bin_of(hashes))
                for number in np.unique(bins).tolist():
                    part = batch.filter(pa.array(bins == number))
                    if number < 0:
                        too_large.append(part.column("document").to_numpy())
                        continue
                    if number not in writers:
                        writers[number] = stack.enter_context(pa.ipc.new_stream(paths[number], batch.schema))
                    writers[number].write_batch(part)
        if too_large:
            self._fail_large(np.concatenate(too_large), layout, decider, decided)
        for path in paths:
            if not path.exists():
                continue
            with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as reader:
                table = reader.read_all()
            keys = [("hash", "ascending"), ("group", "ascending"), ("document", "ascending")]
            ordered = table.take(pc.sort_indices(table, sort_keys=keys)).combine_chunks()
            path.unlink()
            yield ordered.to_batches()[0]

    def _fail_large(
        self, documents: NDArray[np.uint64], layout: _Layout, decider: ActiveOperator, decided: _Decided
    ) -> None:
        limit = f"{TOO_LARGE}: {layout.largest_bytes:,} bytes, at most {GROUP_BYTES:,}"
        if decider.on_error == "fail":
            raise GristmillError(
                "GM-PLUGIN-013",
                f"`{decider.use}` cannot be given a group of {layout.largest_rows:,} documents",
                context=(limit,),
            )
        decided.num_documents += len(documents)
        decided.num_groups += len(layout.too_large)
        decided.fail(documents, TOO_LARGE, limit, _failed_reason(decider))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layout:
    """Which groups are taken together: neighbours in the order of their hashes."""

    first_hashes: NDArray[np.uint64]
    too_large: NDArray[np.uint64]
    largest_bytes: int
    largest_rows: int

    @property
    def num_bins(self) -> int:
        """How many bins there are."""
        return len(self.first_hashes)

    def bin_of(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the bin of each hash."""
        found: NDArray[np.int64] = np.searchsorted(self.first_hashes, hashes, side="right") - 1
        return found

    @classmethod
    def of(cls, batches: Iterator[pa.RecordBatch]) -> _Layout | None:
        """Return the layout of some rows; None without any."""
        hashes, sizes = [], []
        for batch in batches:
            hashes.append(batch.column("hash").to_numpy())
            sizes.append(_row_bytes(batch))
        if not hashes:
            return None
        all_hashes, all_sizes = np.concatenate(hashes), np.concatenate(sizes)
        groups, inverse, rows = np.unique(all_hashes, return_inverse=True, return_counts=True)
        num_bytes = np.bincount(inverse, weights=all_sizes, minlength=len(groups)).astype(np.int64)
        is_large = num_bytes > GROUP_BYTES
        largest = int(np.argmax(num_bytes))
        fitting = np.where(is_large, 0, num_bytes)
        bin_bytes = max(BIN_BYTES, -(-int(fitting.sum()) // MAX_BINS))
        windows = (np.cumsum(fitting) - fitting) // bin_bytes
        _, firsts = np.unique(windows, return_index=True)
        return cls(
            first_hashes=groups[firsts],
            too_large=groups[is_large],
            largest_bytes=int(num_bytes[largest]),
            largest_rows=int(rows[largest]),
        )


def _row_bytes(batch: pa.RecordBatch) -> NDArray[np.int64]:
    """Return about how much memory each row takes."""
    total: NDArray[np.int64] = np.full(batch.num_rows, ROW_BYTES + 8 * batch.num_columns, np.int64)
    for column in batch.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            total += pc.binary_length(column).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    return total


def _decide(host: PluginHost, decider: ActiveOperator, rows: pa.RecordBatch, decided: _Decided) -> None:
    """Give groups to the decider, some at a time, and note what it leaves out."""
    from gristmill.plugins.deciders import REASON, GroupDecider
    from gristmill.plugins.groups import group_starts

    assert isinstance(decider.instance, GroupDecider)
    names = pa.array(list(decider.instance.reasons), pa.large_utf8())
    starts = np.array([*group_starts(rows.column("group")), rows.num_rows])
    sizes = np.concatenate([[0], np.cumsum(_row_bytes(rows))])
    decided.num_documents += rows.num_rows
    decided.num_groups += len(starts) - 1
    group = 0
    while group < len(starts) - 1:
        row = int(starts[group])
        by_rows = np.searchsorted(starts, row + CALL_ROWS, side="right") - 1
        by_bytes = np.searchsorted(sizes[starts], sizes[row] + CALL_BYTES, side="right") - 1
        group = max(group + 1, min(int(by_rows), int(by_bytes)))
        part = rows.slice(row, int(starts[group]) - row)
        result = host.run(decider, part)
        documents = part.column("document").to_numpy()
        for failure in _failed_groups(result.quarantined):
            which = np.array([item.row for item in failure])
            decided.fail(documents[which], failure[0].error_type, failure[0].detail, _failed_reason(decider))
        codes = pc.index_in(result.columns[REASON], names)
        left_out = np.flatnonzero(codes.is_valid().to_numpy(zero_copy_only=False))
        decided.leave_out(documents[left_out], codes.take(pa.array(left_out)).to_numpy().astype(np.uint32))
        if decider.on_error == "null" and result.stats.num_failed:
            decided.num_failed += result.stats.num_failed


def _failed_groups(quarantined: Sequence[Quarantined]) -> Iterator[list[Quarantined]]:
    """Yield failed documents, those of one failure together: they are neighbours."""
    found: list[Quarantined] = []
    for item in quarantined:
        if found and (item.detail != found[-1].detail or item.row != found[-1].row + 1):
            yield found
            found = []
        found.append(item)
    if found:
        yield found


def _failed_reason(decider: ActiveOperator) -> int | None:
    """Return the number of the reason `failed`, behind the decider's own; None where such documents stay."""
    from gristmill.plugins.deciders import GroupDecider

    assert isinstance(decider.instance, GroupDecider)
    return None if decider.on_error == "null" else len(decider.instance.reasons)


def _verify(path: Path, artefact: Json, session: _native.Session) -> None:
    try:
        found = _native.digest_file(path, session)
    except GristmillError as error:
        raise GristmillError("GM-IO-003", f"`{path}` is damaged: {error}") from error
    if found != (artefact["bytes"], artefact["digest"]):
        raise GristmillError("GM-IO-003", f"`{path}` is damaged: its digest differs from the committed one")


def _commit(place: Json, decided: _Decided, session: _native.Session) -> str:
    """Write the decisions and then the manifest that makes them real, as the engine's tasks do."""
    data = Path(str(place["data"]))
    name = f"{place['stage']}-{cast(int, place['index']):05d}-{place['attempt']}.decisions.bin"
    records = decided.records()
    with (data / name).open("wb") as file:
        file.write(records.tobytes())
        file.flush()
        os.fsync(file.fileno())
    num_bytes, digest = _native.digest_file(data / name, session)
    artefact = {"file": name, "bytes": num_bytes, "rows": len(records), "digest": digest}
    counts = {
        "documents": decided.num_documents,
        "groups": decided.num_groups,
        "left_out": len(records),
        "failed": decided.num_failed,
        "failures": decided.failures,
    }
    manifest = {
        "schema_version": 1,
        **{name: place[name] for name in ("stage", "index", "fingerprint", "attempt")},
        "outputs": {"decisions": artefact},
        "counts": counts,
    }
    path = Path(str(place["manifest"]))
    text = json.dumps(manifest, indent=2).encode()
    if _native.put_if_absent(path, text, str(place["attempt"]), session):
        return text.decode()
    logging.getLogger(__name__).info("%s was committed by another attempt", path.name)
    return path.read_text(encoding="utf-8")
