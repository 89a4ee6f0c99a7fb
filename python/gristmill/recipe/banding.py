"""How many bands of how many rows: the arithmetic of banding, and pairs that reach a recall. Knows no step and no file.

A signature of `bands * rows` minima is cut into `bands` keys. Two documents whose sets of shingles have the Jaccard
similarity J agree in a minimum with probability J, in a key of `rows` minima with J^rows, and in at least one of the
keys with `1 - (1 - J^rows)^bands` (Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, 3.4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MAX_BANDS = 1000
MAX_ROWS = 100
MAX_MINIMA = 4096
"""Most minima of a document that a recipe may ask for."""
DERIVED_MINIMA = 112
"""Minima that a derived pair may take where that is enough: what FineWeb's 14 bands of 8 rows take."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Banding:
    """Bands and rows of a signature.

    Parameters
    ----------
    bands
        Keys a document, 12 bytes of disk each.
    rows
        Minima a key.
    """

    bands: int
    rows: int

    @property
    def minima(self) -> int:
        """What a signature costs to compute."""
        return self.bands * self.rows

    def found(self, similarity: float) -> float:
        """Return the probability that two documents of this Jaccard similarity share a key, in [0, 1].

        Examples
        --------
        >>> round(Banding(bands=14, rows=8).found(0.8), 3)
        0.924
        """
        return 1.0 - (1.0 - similarity**self.rows) ** self.bands


def derive_banding(
    min_similarity: float, recall: float, *, bands: int | None = None, rows: int | None = None
) -> Banding | None:
    """Return the pair with the most rows that finds two documents of `min_similarity` with probability `recall`.

    More rows mean fewer pairs that meet in vain. Rows alone would be free to grow without end, since more bands make up
    for them; so the pair is the one with the most rows among those of at most `DERIVED_MINIMA` minima, and of these the
    one with the fewest bands. Where so few minima do not reach the recall, the cheapest pair at all is taken: one row.

    Parameters
    ----------
    min_similarity
        Jaccard similarity, in (0, 1].
    recall
        Least probability that such a pair shares a key, in [0, 1).
    bands, rows
        One of them where it is given; then the other is derived: the fewest bands, or the most rows.

    Returns
    -------
    Banding or None
        None where no pair within `MAX_BANDS`, `MAX_ROWS` and `MAX_MINIMA` reaches the recall.

    Examples
    --------
    >>> derive_banding(0.8, 0.92)
    Banding(bands=14, rows=8)
    >>> derive_banding(0.8, 0.95)
    Banding(bands=13, rows=7)
    >>> derive_banding(0.5, 0.95)
    Banding(bands=23, rows=3)
    >>> derive_banding(0.8, 0.95, rows=8), derive_banding(0.8, 0.95, bands=20)
    (Banding(bands=17, rows=8), Banding(bands=20, rows=8))
    >>> derive_banding(0.01, 0.9999999) is None
    True
    """
    if bands is not None:
        wanted = (Banding(bands=bands, rows=number) for number in range(MAX_ROWS, 0, -1))
        return next((pair for pair in wanted if _reaches(pair, min_similarity, recall)), None)
    if rows is not None:
        return _fewest_bands(rows, min_similarity, recall)
    for number in range(min(MAX_ROWS, DERIVED_MINIMA), 0, -1):
        pair = _fewest_bands(number, min_similarity, recall)
        if pair is not None and pair.minima <= DERIVED_MINIMA:
            return pair
    return _fewest_bands(1, min_similarity, recall)


def _fewest_bands(rows: int, min_similarity: float, recall: float) -> Banding | None:
    """Return the fewest bands of so many rows, or None where even the most are too few."""
    of_band = min_similarity**rows
    estimate = 1.0
    if 0.0 < of_band < 1.0:
        # 1 - (1 - p)^b >= recall  <=>  b >= log(1 - recall) / log(1 - p); `log1p` keeps what is left of a small p.
        estimate = math.log1p(-recall) / math.log1p(-of_band)
    if estimate > MAX_BANDS + 1:
        return None
    # One less and one more than the estimate, so that rounding decides nothing.
    for number in range(max(1, math.floor(estimate) - 1), math.floor(estimate) + 3):
        pair = Banding(bands=number, rows=rows)
        if _reaches(pair, min_similarity, recall):
            return pair
    return None


def _reaches(pair: Banding, min_similarity: float, recall: float) -> bool:
    is_allowed = pair.bands <= MAX_BANDS and pair.rows <= MAX_ROWS and pair.minima <= MAX_MINIMA
    return is_allowed and pair.found(min_similarity) >= recall
