from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import GristmillError
from gristmill.loader import EpochOrder, KeyedPermutation


@given(size=st.integers(1, 3000), key=st.integers(0, 2**64 - 1))
def test_a_keyed_permutation_hits_every_position_once(size: int, key: int) -> None:
    found = KeyedPermutation(size, key)(np.arange(size))
    assert np.array_equal(np.sort(found), np.arange(size))


def test_the_permutation_is_fixed_for_good() -> None:
    """Checkpoints rely on it: another order would make them repeat and miss documents."""
    assert KeyedPermutation(10, key=7)(np.arange(10)).tolist() == [6, 3, 0, 5, 2, 7, 8, 1, 9, 4]


def test_neighbours_are_torn_apart() -> None:
    order = KeyedPermutation(10_000, key=1)(np.arange(10_000))
    correlation = float(np.corrcoef(np.arange(10_000), order)[0, 1])
    assert abs(correlation) < 0.04
    assert np.count_nonzero(np.diff(order) == 1) < 10


def order(weights, *, number=1000, seed=1, epoch=0, is_shuffled=True) -> EpochOrder:
    sources = (np.arange(number) % len(weights)).astype(np.int16)
    return EpochOrder(sources, weights, seed=seed, epoch=epoch, is_shuffled=is_shuffled)


def all_entries(found: EpochOrder) -> list[int]:
    return found.entries(0, len(found)).tolist()


def test_epochs_and_seeds_differ_and_repeat() -> None:
    base = all_entries(order([1.0]))
    assert all_entries(order([1.0])) == base
    assert all_entries(order([1.0], epoch=1)) != base
    assert all_entries(order([1.0], seed=2)) != base
    assert sorted(all_entries(order([1.0], epoch=1))) == list(range(1000))


def test_any_part_of_an_order_can_be_asked_for() -> None:
    found = order([1.0, 0.5])
    assert found.entries(100, 130).tolist() == all_entries(found)[100:130]
    assert found.entries(len(found) - 3, len(found) + 5).tolist() == all_entries(found)[-3:]


def test_without_shuffling_the_order_is_that_of_the_shards() -> None:
    assert all_entries(order([1.0], is_shuffled=False)) == list(range(1000))


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0, 2.0, 2.5])
def test_a_weight_is_how_often_documents_are_seen(weight: float) -> None:
    counts = np.bincount(all_entries(order([1.0, weight])), minlength=1000)
    assert (counts[0::2] == 1).all()
    assert counts[1::2].sum() == round(500 * weight)
    assert set(counts[1::2].tolist()) <= {math.floor(weight), math.ceil(weight)}


def test_a_share_takes_other_documents_in_the_next_epoch() -> None:
    first, second = (set(all_entries(order([0.5], epoch=epoch))) for epoch in (0, 1))
    assert len(first) == len(second) == 500
    assert 150 < len(first & second) < 350


@pytest.mark.parametrize("weight", [-1.0, math.inf, math.nan])
def test_an_impossible_weight(weight: float) -> None:
    with pytest.raises(GristmillError) as error:
        order([weight])
    assert error.value.code == "GM-LOADER-005"
