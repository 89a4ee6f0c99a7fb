from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import GristmillError
from gristmill.loader import EpochOrder, PackingStream
from gristmill.loader.packing import cut


def stream(lengths, *, sequence_length=16, num_epochs=1, seed=0, is_shuffled=True, **state) -> PackingStream:
    sources = np.zeros(len(lengths), np.int16)

    def order_of(epoch: int) -> EpochOrder:
        return EpochOrder(sources, [1.0], seed=seed, epoch=epoch, is_shuffled=is_shuffled)

    return PackingStream(
        np.asarray(lengths), order_of, sequence_length=sequence_length, num_epochs=num_epochs, **state
    )


def all_rows(found: PackingStream) -> list[tuple]:
    return list(iter(found.next_row, None))


def test_a_long_document_is_cut_with_one_token_of_context() -> None:
    assert [tuple(piece) for piece in cut(3, 10, 4)] == [(3, 0, 4), (3, 3, 7), (3, 6, 10)]
    assert cut(3, 0, 4) == []
    assert [tuple(piece) for piece in cut(3, 4, 4)] == [(3, 0, 4)]
    assert [tuple(piece) for piece in cut(3, 5, 4)] == [(3, 0, 4), (3, 3, 5)]


@settings(deadline=None)
@given(
    lengths=st.lists(st.integers(0, 70), min_size=1, max_size=120).filter(any),
    sequence_length=st.integers(2, 40),
    num_epochs=st.integers(1, 3),
    seed=st.integers(0, 5),
)
def test_every_token_is_predicted_exactly_once_an_epoch(lengths, sequence_length, num_epochs, seed) -> None:
    found = stream(lengths, sequence_length=sequence_length, num_epochs=num_epochs, seed=seed)
    rows = all_rows(found)
    predicted = Counter()
    for row in rows:
        assert 0 < sum(piece.length for piece in row) <= sequence_length
        for piece in row:
            predicted.update((piece.document, place) for place in range(piece.start + 1, piece.stop))
    expected = {(d, place): num_epochs for d, length in enumerate(lengths) for place in range(1, length)}
    assert predicted == expected
    ledger = found.ledger
    assert ledger.read == num_epochs * sum(lengths)
    assert ledger.documents == num_epochs * len(lengths)
    assert ledger.pending == 0
    assert ledger.rows == len(rows)
    assert ledger.padded == len(rows) * sequence_length - sum(p.length for row in rows for p in row)


@settings(deadline=None, max_examples=40)
@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=60).filter(any),
    stop=st.integers(0, 60),
    seed=st.integers(0, 3),
)
def test_a_stream_continues_exactly_from_any_row(lengths, stop, seed) -> None:
    whole = stream(lengths, num_epochs=3, seed=seed)
    rows = all_rows(whole)
    first = stream(lengths, num_epochs=3, seed=seed)
    head = [first.next_row() for _ in range(min(stop, len(rows)))]
    again = stream(
        lengths,
        num_epochs=3,
        seed=seed,
        epoch=first.epoch,
        cursor=first.cursor,
        window=first.window(),
        ledger=first.ledger,
    )
    assert head + all_rows(again) == rows
    assert again.ledger == whole.ledger


def test_no_document_waits_longer_than_the_window() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 17, 5000)
    rows = all_rows(stream(lengths, is_shuffled=False))
    for number, row in enumerate(rows):
        # Row n starts with the oldest piece, so piece k is out by row k: each row takes at least one.
        assert all(piece.document >= number for piece in row[:1])
        assert all(number <= piece.document <= number * 16 + 1000 + 16 for piece in row)


@pytest.mark.parametrize(
    ("median", "cap", "least"),
    [(330, 4096, 0.995), (600, 4096, 0.995), (600, 2048, 0.995), (200, 512, 0.98)],
)
def test_rows_are_full_and_packing_is_quick(median: int, cap: int, least: float) -> None:
    """The bar is what an offline best-fit reaches on such lengths; padding to the longest fills a third."""
    rng = np.random.default_rng(5)
    lengths = np.maximum(1, rng.lognormal(np.log(median), 1.0, 20_000)).astype(np.int64)
    found = stream(lengths, sequence_length=cap)
    started = time.process_time()
    all_rows(found)
    assert time.process_time() - started < 20
    assert found.ledger.placed / (found.ledger.rows * cap) > least


def test_a_row_needs_room_for_two_tokens() -> None:
    with pytest.raises(GristmillError) as error:
        stream([5], sequence_length=1)
    assert error.value.code == "GM-LOADER-004"


def test_documents_without_tokens_alone_are_refused() -> None:
    with pytest.raises(GristmillError) as error:
        stream([0, 0], num_epochs=None).next_row()
    assert error.value.code == "GM-LOADER-001"
