"""In which order an epoch sees its documents: a keyed permutation, so no list of the corpus is ever shuffled.

The order depends on seed, epoch and the number of documents alone; any position of it can be asked for directly,
which is what makes resuming cheap. Source weights repeat documents or leave some out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from gristmill.errors import GristmillError

Indices = npt.NDArray[np.int64]
_Words = npt.NDArray[np.uint64]

_ROUNDS = 6
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix(words: _Words) -> _Words:
    """Return the finaliser of splitmix64 of each word (Steele, Lea and Flood 2014): a bijection of 64 bits.

    Examples
    --------
    >>> int(mix(np.array([1], np.uint64))[0]) != 1
    True
    """
    with np.errstate(over="ignore"):
        words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def derive_key(*parts: int) -> int:
    """Return 64 bits that depend on every part and on their order.

    Examples
    --------
    >>> derive_key(7, 0) == derive_key(7, 0), derive_key(7, 0) == derive_key(0, 7)
    (True, False)
    """
    state = np.zeros(1, np.uint64)
    with np.errstate(over="ignore"):
        for part in parts:
            state = mix(state + _GOLDEN + np.array([part % 2**64], np.uint64))
    return int(state[0])


class KeyedPermutation:
    """A permutation of ``0 .. size-1`` given by a key: a Feistel network on the next even number of bits.

    Results outside the range are sent through the network again until they fall inside (cycle walking), less than
    four times on average. Memory: none beside the arrays asked for.

    Examples
    --------
    >>> sorted(KeyedPermutation(10, key=3)(np.arange(10)).tolist()) == list(range(10))
    True
    """

    def __init__(self, size: int, key: int) -> None:
        self._size = size
        self._half_bits = np.uint64(max(1, math.ceil(max(1, (size - 1).bit_length()) / 2)))
        self._half_mask = np.uint64((1 << int(self._half_bits)) - 1)
        self._round_keys = [np.uint64(derive_key(key, number)) for number in range(_ROUNDS)]

    def __call__(self, positions: Indices) -> Indices:
        """Return the item at each position."""
        words = self._encrypt(positions.astype(np.uint64))
        outside = words >= np.uint64(self._size)
        while outside.any():
            words[outside] = self._encrypt(words[outside])
            outside = words >= np.uint64(self._size)
        return words.astype(np.int64)

    def _encrypt(self, words: _Words) -> _Words:
        left, right = words >> self._half_bits, words & self._half_mask
        for key in self._round_keys:
            left, right = right, left ^ (mix(right ^ key) & self._half_mask)
        return (left << self._half_bits) | right


class EpochOrder:
    """The documents of one epoch, in the order in which they are read.

    A document of a source with weight w appears floor(w) times, and once more in the share w - floor(w) of the
    source's documents; which ones changes with the epoch. Memory: nothing when every weight is 1, else 8 bytes an
    entry.

    Parameters
    ----------
    source_indices
        Source of each document, as positions in `weights`.
    weights
        How often a document of each source is seen in an epoch.
    seed, epoch
        Decide the order.
    is_shuffled
        False keeps the order of the shards, for validation.

    Raises
    ------
    GristmillError
        ``GM-LOADER-005`` for a weight that is negative or not finite.

    Examples
    --------
    >>> order = EpochOrder(np.zeros(4, np.int16), [2.0], seed=1, epoch=0)
    >>> sorted(order.entries(0, len(order)).tolist())
    [0, 0, 1, 1, 2, 2, 3, 3]
    """

    def __init__(
        self,
        source_indices: npt.NDArray[np.int16],
        weights: Sequence[float],
        *,
        seed: int,
        epoch: int,
        is_shuffled: bool = True,
    ) -> None:
        for weight in weights:
            if not (math.isfinite(weight) and weight >= 0):
                raise GristmillError("GM-LOADER-005", f"a source has the weight `{weight}`")
        self._documents: Indices | None = None
        self._size = len(source_indices)
        if any(weight != 1.0 for weight in weights):
            self._documents = _weighted(source_indices, weights, derive_key(seed, epoch, 1))
            self._size = len(self._documents)
        self._permutation = (
            KeyedPermutation(self._size, derive_key(seed, epoch, 0)) if is_shuffled and self._size else None
        )

    def __len__(self) -> int:
        return self._size

    def entries(self, start: int, stop: int) -> Indices:
        """Return the documents at positions ``start .. stop-1`` of the epoch; fewer at its end."""
        positions = np.arange(start, min(stop, self._size), dtype=np.int64)
        if self._permutation is not None:
            positions = self._permutation(positions)
        return positions if self._documents is None else self._documents[positions]


def _weighted(source_indices: npt.NDArray[np.int16], weights: Sequence[float], key: int) -> Indices:
    """Return document numbers, repeated and left out by weight, ascending.

    The extra share of a source goes to its documents with the smallest keyed hashes: exactly round(share * number)
    of them, so small sources get what their weight says too.
    """
    with np.errstate(over="ignore"):
        hashes = mix(np.arange(len(source_indices), dtype=np.uint64) * _GOLDEN + np.uint64(key))
    copies = np.zeros(len(source_indices), np.int64)
    for source, weight in enumerate(weights):
        members = np.flatnonzero(source_indices == source)
        whole = math.floor(weight)
        copies[members] = whole
        num_extra = round((weight - whole) * len(members))
        copies[members[np.argsort(hashes[members], kind="stable")[:num_extra]]] += 1
    return np.repeat(np.arange(len(source_indices), dtype=np.int64), copies)


def weights_of(sources: Sequence[str], weights: Mapping[str, float]) -> list[float]:
    """Return the weight of each source by position; 1.0 where none is given.

    Examples
    --------
    >>> weights_of(["web", "books"], {"books": 2.0})
    [1.0, 2.0]
    """
    return [float(weights.get(name, 1.0)) for name in sources]
