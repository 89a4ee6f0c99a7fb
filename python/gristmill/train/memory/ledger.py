"""Counts the bytes of live tensors by kind, and what each operation costs, while code runs inside it.

A storage counts from the operation that makes it to the moment nothing refers to it, as in an allocator without
waste. Works on tensors with data and on tensors without (`torch._subclasses.FakeTensorMode`).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Kind = Literal["weights", "adapters", "optimiser", "gradients", "activations", "loss", "backward", "batch"]
"""What a tensor is for. `loss`: logits and gradients of the head, a chunk at a time; `backward`: gradients of
activations, and what is recomputed for them; `batch`: token ids and targets."""

OnOperation = Callable[[torch._ops.OpOverload, Sequence[object], object], None]  # noqa: SLF001 - its only name


class Ledger(TorchDispatchMode):
    """Bytes that are alive, by kind, and what they were when there were most.

    New tensors are of the kind `kind`; `mark` gives tensors another. Operations on tensors with data only, such as the
    bounds of documents, really run even where tensors without data are made, so that code may look at their values.

    Parameters
    ----------
    on_operation
        Called with each operation, its arguments and its output.

    Examples
    --------
    >>> with Ledger() as ledger:
    ...     x = torch.zeros(256)
    ...     y = x + 1
    ...     del x
    ...     z = y * 2
    >>> ledger.live_bytes, ledger.peak_bytes
    (2048, 2048)
    >>> ledger.peak["activations"]
    2048
    """

    def __init__(self, on_operation: OnOperation | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kind: Kind = "activations"
        self.live: dict[Kind, int] = {}
        self.live_bytes = 0
        self.peak: Mapping[Kind, int] = {}
        self.peak_bytes = 0
        self._storages: dict[int, tuple[int, Kind]] = {}
        self._on_operation = on_operation

    def restart(self) -> None:
        """Forget the peak: the next is looked for from what is alive now."""
        self.peak, self.peak_bytes = dict(self.live), self.live_bytes

    @contextmanager
    def of_kind(self, kind: Kind) -> Iterator[None]:
        """Count new tensors inside the block as this kind."""
        before, self.kind = self.kind, kind
        try:
            yield
        finally:
            self.kind = before

    def mark(self, tensors: Iterable[Tensor], kind: Kind) -> None:
        """Count these tensors as this kind from now on, also ones made elsewhere."""
        for tensor in tensors:
            storage = tensor.untyped_storage()
            known = self._storages.get(storage._cdata)  # noqa: SLF001  # the address, which names a storage
            if known is None:
                self._add(storage, kind)
                continue
            num_bytes, old = known
            self.live[old] -= num_bytes
            self.live[kind] = self.live.get(kind, 0) + num_bytes
            self._storages[storage._cdata] = (num_bytes, kind)  # noqa: SLF001

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload,
        types: Sequence[type],
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Run an operation and count what it makes."""
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if given and not any(isinstance(tensor, FakeTensor) for tensor in given):
            with unset_fake_temporarily():
                output = func(*args, **(kwargs or {}))
        else:
            output = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(output):
            if isinstance(leaf, Tensor) and leaf.layout == torch.strided:
                storage = leaf.untyped_storage()
                if storage._cdata not in self._storages:  # noqa: SLF001
                    self._add(storage, self.kind)
        if self._on_operation is not None:
            self._on_operation(func, args, output)
        return output

    def _add(self, storage: torch.UntypedStorage, kind: Kind) -> None:
        num_bytes = storage.nbytes()
        self._storages[storage._cdata] = (num_bytes, kind)  # noqa: SLF001
        weakref.finalize(storage, self._drop, storage._cdata)  # noqa: SLF001
        self.live[kind] = self.live.get(kind, 0) + num_bytes
        self.live_bytes += num_bytes
        if self.live_bytes > self.peak_bytes:
            self.peak, self.peak_bytes = dict(self.live), self.live_bytes

    def _drop(self, address: int) -> None:
        num_bytes, kind = self._storages.pop(address)
        self.live[kind] -= num_bytes
        self.live_bytes -= num_bytes
