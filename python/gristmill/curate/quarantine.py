"""How many documents may fail or be unreadable before a run stops."""

from __future__ import annotations

MIN_QUARANTINE = 100
"""So many are always tolerated, whatever share of a small corpus they are."""


def allowed_failures(num_documents: int, max_fraction: float) -> int:
    """Return how many of so many documents may be quarantined.

    Examples
    --------
    >>> allowed_failures(1000, 0.01), allowed_failures(1_000_000, 0.01)
    (100, 10000)
    """
    return max(MIN_QUARANTINE, int(max_fraction * num_documents))
