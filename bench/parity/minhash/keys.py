"""Computes band keys from the documentation of the modules alone, for the golden test: `python keys.py`."""

from __future__ import annotations

M64, M32 = (1 << 64) - 1, (1 << 32) - 1


def mix64(value: int) -> int:
    """Return SplitMix64's finaliser of a number."""
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & M64
    value = (value ^ value >> 27) * 0x94D049BB133111EB & M64
    return value ^ value >> 31


def fold(left: int, right: int) -> int:
    """Return the halves of the 128-bit product, XORed."""
    return left * right & M64 ^ left * right >> 64


def word_hash(word: bytes) -> int:
    """Return `hash_bytes` of a word of at most eight bytes."""
    return fold(int.from_bytes(word, "little") ^ 0xA0761D6478BD642F, 0x9E3779B97F4A7C15 ^ len(word))


def polynomial(units: list[int], base: int) -> int:
    """Return the polynomial of the units modulo 2^32."""
    value = 0
    for unit in units:
        value = (value * base + unit) & M32
    return value


def minima(shingles: list[tuple[int, int]], num_bins: int, seed: int) -> list[int]:
    """Return the sketch, round by round."""
    bins: dict[int, int] = {}
    for number in range(2 * num_bins):
        first = mix64(mix64(seed ^ int.from_bytes(b"minhash2", "big")) + mix64(number + 1) & M64)
        second = mix64(first)
        a, b, c, d = first & M32 | 1, first >> 32, second & M32 & ~1, second >> 32 | 1
        found: dict[int, int] = {}
        for low, high in shingles:
            place = (c * low + d * high) & M32
            chosen = number - num_bins if number >= num_bins else (place >> 16) * num_bins >> 16
            value = (a * low + b * high) & M32
            found[chosen] = min(value, found.get(chosen, value))
        bins = found | bins
    return [bins[index] for index in range(num_bins)]


def band_keys(words: list[str], *, size: int, bands: int, rows: int, seed: int) -> list[int]:
    """Return the keys of a document of at least `size` words."""
    units = [word_hash(word.lower().encode()) for word in words]
    runs = [units[start : start + size] for start in range(len(units) - size + 1)]
    shingles = [
        (
            polynomial([unit & M32 for unit in run], 0x9E3779BB),
            polynomial([unit >> 32 for unit in run], 0x85EBCA7B),
        )
        for run in runs
    ]
    values = minima(shingles, bands * rows, seed)
    keys = []
    for band in range(bands):
        key = mix64(band + 1)
        own = values[band * rows : (band + 1) * rows]
        for place in range(0, rows, 2):
            pair = own[place] | (own[place + 1] << 32 if place + 1 < rows else 0)
            key = fold(key ^ pair, 0xA0761D6478BD642F)
        keys.append(mix64(key))
    return keys


if __name__ == "__main__":
    words = ["The", "quick", "brown", "fox", "the", "lazy", "dog"]
    print(band_keys(words, size=2, bands=2, rows=3, seed=7))
