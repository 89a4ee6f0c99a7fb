"""What a call of an operator may end in, whoever makes it: an answer, or a failure in words.

Not here: the two who make calls, `guard` in this process and `isolated` in one of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

DEADLINE_EXCEEDED = "DeadlineExceeded"
PROCESS_DIED = "ProcessDied"
MEMORY_LIMIT = "MemoryLimit"


class CallFailed(Exception):  # noqa: N818  # it stands for another exception, which has its own name
    """A call of an operator failed, in a way that may be one document's doing.

    Parameters
    ----------
    error_type
        Name of the exception, or what befell the process.
    detail
        What is stored with a document: first line type and message, then frames, without paths.
    """

    def __init__(self, error_type: str, detail: str) -> None:
        super().__init__(detail)
        self.error_type = error_type
        self.detail = detail


@dataclass(kw_only=True, slots=True)
class OperatorStats:
    """What one operator did; times are wall clock and outside any digest.

    `num_calls` and `elapsed_s` count what documents cost, bisecting included; `audit_s` and `num_audited` (documents)
    what looking twice cost beside it.
    """

    num_calls: int = 0
    num_documents: int = 0
    num_failed: int = 0
    num_casts: int = 0
    num_captured_characters: int = 0
    num_restarts: int = 0
    num_audited: int = 0
    input_bytes: int = 0
    output_bytes: int = 0
    elapsed_s: float = 0.0
    audit_s: float = 0.0

    def add(self, other: OperatorStats) -> None:
        """Add another count to this one."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def documents_per_s(self) -> float:
        """Documents a second of wall clock; 0.0 before the first call."""
        return self.num_documents / self.elapsed_s if self.elapsed_s else 0.0


class Caller(Protocol):
    """Makes the calls of one opened operator."""

    def call(self, batch: pa.RecordBatch, deadline_s: float, stats: OperatorStats) -> object:
        """Return what the operator returned for a batch, unchecked, and count the call.

        Raises
        ------
        CallFailed
            When it failed.
        ContractError
            When it did what no operator may.
        """

    def close(self) -> None:
        """End the operator; a failure is logged."""


def deadline_exceeded(deadline_s: float) -> CallFailed:
    """Return the failure of a call that took too long.

    Examples
    --------
    >>> deadline_exceeded(30.0).detail
    'DeadlineExceeded: 30 s'
    """
    return CallFailed(DEADLINE_EXCEEDED, f"{DEADLINE_EXCEEDED}: {deadline_s:g} s")
