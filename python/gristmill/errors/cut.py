"""Error pages of steps that cut parts out of texts."""

from __future__ import annotations

from gristmill.errors import ErrorPage

CODES = {
    "GM-CUT-001": ErrorPage(
        title="the Bloom filter does not fit `scratch_memory`",
        explanation=(
            "`bloom_dedup` holds one filter for all documents in memory: about 10 bits for each of `expected_ngrams` "
            "at a `false_positive_rate` of 0.01, 15.5 bits at 0.001. A smaller filter would take more text for seen "
            "than you allowed, so nothing is removed instead. The message says what the filter takes."
        ),
        remedy="raise `scratch_memory`, lower `expected_ngrams` to what the corpus has, or allow a larger "
        "`false_positive_rate`; `exact_dedup` with a `unit` works in any memory, and verifies what it removes",
    ),
}
