"""Packed rows for torch: a data set for its `DataLoader`, and reading ahead to a device. Needs torch.

Not imported by `gristmill.loader`, which does without torch.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from gristmill.loader.batch import Array, Batch, BatchArrays
from gristmill.loader.loader import Loader
from gristmill.loader.state import LoaderState
from gristmill.shards import Shards

_WAIT_S = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorBatch:
    """A `Batch` as tensors; see there for shapes and meaning.

    Parameters
    ----------
    tokens, positions, targets
        On the device that was asked for.
    bounds
        int32, where pieces start; on the device too.
    row_bounds, table
        int64, on the CPU.
    max_length, num_trained
        Tokens of the longest piece, and places whose target counts.
    global_rows
        Where to resume after this batch: `Loader.state_at`, `PackedDataset.state_at`.
    """

    tokens: Tensor
    positions: Tensor
    targets: Tensor | None
    bounds: Tensor
    row_bounds: Tensor
    table: Tensor
    max_length: int
    num_trained: int
    global_rows: int


def to_tensors(batch: Batch, device: torch.device | str = "cpu") -> TensorBatch:
    """Return a batch as tensors: on the CPU without a copy, elsewhere copied.

    A copy from pinned memory runs while this goes on; torch waits for it where it has to.
    """

    def tensor(array: Array) -> Tensor:
        return torch.from_numpy(array).to(device, non_blocking=True)

    return TensorBatch(
        tokens=tensor(batch.tokens),
        positions=tensor(batch.positions),
        targets=None if batch.targets is None else tensor(batch.targets),
        bounds=tensor(batch.bounds),
        row_bounds=torch.from_numpy(batch.row_bounds),
        table=torch.from_numpy(batch.table),
        max_length=batch.max_length,
        num_trained=batch.num_trained,
        global_rows=batch.global_rows,
    )


class PackedDataset(IterableDataset[dict[str, object]]):
    """Batches of packed rows as torch's `DataLoader` takes them, the same for any number of workers.

    Give ``batch_size=None``: batches are made here. Worker w of W makes batches w, w + W, ..., and `DataLoader` takes
    from its workers in turn, so batches come in the order of the loader, without overlap or loss. Each item is a
    dictionary with the fields of `TensorBatch`. Where to resume is known by the batches that were used, not by those
    that workers have made ahead: `state_at`.

    Parameters
    ----------
    shards
        The split. Workers open its files again, without comparing digests.
    options
        Keyword arguments of `Loader`, `state` among them.

    Examples
    --------
    ``DataLoader(PackedDataset(shards, {"sequence_length": 2048}), batch_size=None, num_workers=2)``
    """

    def __init__(self, shards: Shards, options: Mapping[str, object]) -> None:
        super().__init__()
        self._manifest = shards.manifest
        self._options = dict(options)
        # Settings that make no sense are found here, not in a worker.
        self._loader: Loader | None = self._open(shards)

    def _open(self, shards: Shards | None = None) -> Loader:
        return Loader(shards or Shards(self._manifest), **self._options)  # type: ignore[arg-type]

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_loader": None}  # mapped files do not travel to a worker

    def __iter__(self) -> Iterator[dict[str, object]]:
        """Yield this worker's batches, or all outside of a worker."""
        info = get_worker_info()
        worker, num_workers = (0, 1) if info is None else (info.id, info.num_workers)
        loader = self._open()
        rows_between = loader.batch_rows * loader.num_ranks
        if worker > 0:
            loader.skip(worker * rows_between)
        while (batch := loader.next_batch()) is not None:
            tensors = to_tensors(batch)
            yield {name: getattr(tensors, name) for name in TensorBatch.__dataclass_fields__}
            if num_workers > 1:
                loader.skip((num_workers - 1) * rows_between)

    def state_at(self, global_rows: int) -> LoaderState:
        """Return the state behind the batch whose `global_rows` is given; the same on every rank."""
        if self._loader is None:
            self._loader = self._open()
        return self._loader.state_at(global_rows)


def read_ahead(loader: Loader, device: torch.device | str, *, depth: int = 2) -> Iterator[TensorBatch]:
    """Yield the loader's batches on a device, made by a thread while the caller works on the one before.

    For a GPU the thread fills pinned arrays, which are copied without waiting and used again when their copy is done:
    memory `depth` + 1 batches of pinned arrays. For the CPU every batch has arrays of its own. The loader runs ahead,
    so resume by `Loader.state_at` with the `global_rows` of the last batch that was used. Leaving the loop ends the
    thread.

    Parameters
    ----------
    loader
        Where batches come from; used by nobody else meanwhile, but for `state_at`.
    device
        Where tensors are wanted.
    depth
        Batches that are made ahead.

    Raises
    ------
    GristmillError
        What the loader raises, at the batch where it does.
    """
    place = torch.device(device)
    ahead = _Ahead(loader, depth, is_pinned=place.type == "cuda")
    thread = threading.Thread(target=ahead.work, name="gristmill-read-ahead", daemon=True)
    thread.start()
    try:
        while (item := ahead.ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            batch, slot = item
            tensors = to_tensors(batch, place)
            if slot is not None:
                slot.copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
                slot.copied.record()
                ahead.free.put(slot)
            yield tensors
    finally:
        ahead.is_over.set()
        thread.join()


class _Slot:
    """Pinned arrays, and the event after which they may be filled again."""

    def __init__(self, arrays: BatchArrays) -> None:
        self.arrays = arrays
        self.copied: torch.cuda.Event | None = None


_Item = tuple[Batch, _Slot | None] | BaseException | None


class _Ahead:
    """What the two threads share: batches that are ready, arrays that are free, and the request to stop."""

    def __init__(self, loader: Loader, depth: int, *, is_pinned: bool) -> None:
        self._loader = loader
        self._is_pinned = is_pinned
        self.ready: queue.Queue[_Item] = queue.Queue(depth)
        self.free: queue.SimpleQueue[_Slot] = queue.SimpleQueue()
        self.is_over = threading.Event()
        for _ in range(depth + 1 if is_pinned else 0):
            self.free.put(_Slot(loader.new_arrays(allocate=_pinned)))

    def work(self) -> None:
        """Make batches until they end, an error comes, or nobody wants them."""
        try:
            while not self.is_over.is_set():
                slot = self._next_free() if self._is_pinned else None
                if self._is_pinned and slot is None:
                    return
                batch = self._loader.next_batch(out=None if slot is None else slot.arrays)
                self._give(None if batch is None else (batch, slot))
                if batch is None:
                    return
        except BaseException as error:  # noqa: BLE001 - it is raised where the batch was wanted
            self._give(error)

    def _give(self, item: _Item) -> None:
        while not self.is_over.is_set():
            try:
                self.ready.put(item, timeout=_WAIT_S)
            except queue.Full:
                continue
            return

    def _next_free(self) -> _Slot | None:
        while not self.is_over.is_set():
            try:
                slot = self.free.get(timeout=_WAIT_S)
            except queue.Empty:
                continue
            if slot.copied is not None:
                slot.copied.synchronize()
            return slot
        return None


def _pinned(length: int, dtype: np.dtype[np.generic]) -> Array:
    """Return an array in pinned memory; numpy keeps the tensor behind it alive."""
    kinds = {"int64": torch.int64, "int32": torch.int32, "uint8": torch.uint8, "uint16": torch.uint16}
    kind = kinds.get(dtype.name, torch.uint32)
    found: Array = torch.empty(length, dtype=kind, pin_memory=True).numpy()
    return found
