"""The token ledger: what became of every token that was read. It closes, or training stops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from gristmill.errors import GristmillError


@dataclass(kw_only=True, slots=True)
class Ledger:
    """Counts since the start of training, over all epochs.

    Two sums hold at every row: ``read + repeated = pending + placed`` with ``placed + padded = rows * length``, and
    ``placed = trained + masked + first``.

    Parameters
    ----------
    documents
        Documents read, each as often as it was read.
    empty
        Documents among them without tokens.
    split
        Documents among them that were cut because they are longer than a row.
    pieces
        Pieces placed in rows.
    rows
        Rows made.
    read
        Tokens of documents read.
    repeated
        Tokens set again in front of the next piece of a cut document, as context: the last token of the piece before.
    pending
        Tokens that wait in the window.
    placed
        Tokens in rows.
    padded
        Room in rows that no piece filled. No computation is spent on it.
    first
        Tokens at the start of a piece: nothing comes before them, so they are not predicted.
    masked
        Other tokens that the document's mask excludes.
    trained
        Tokens that are predicted and count in the loss.

    Examples
    --------
    >>> ledger = Ledger(documents=1, rows=1, pieces=1, read=5, placed=5, padded=3, first=1, trained=4)
    >>> ledger.check_rows(8)
    >>> ledger.check_targets()
    """

    documents: int = 0
    empty: int = 0
    split: int = 0
    pieces: int = 0
    rows: int = 0
    read: int = 0
    repeated: int = 0
    pending: int = 0
    placed: int = 0
    padded: int = 0
    first: int = 0
    masked: int = 0
    trained: int = 0

    def check_rows(self, sequence_length: int) -> None:
        """Raise ``GM-LOADER-003`` unless every token read is in a row or in the window.

        Examples
        --------
        >>> Ledger(read=5, placed=5, padded=3, rows=1).check_rows(8)
        """
        if self.read + self.repeated != self.pending + self.placed:
            raise GristmillError(
                "GM-LOADER-003",
                f"{self.read} tokens read and {self.repeated} repeated, "
                f"but {self.placed} placed and {self.pending} pending",
            )
        if self.placed + self.padded != self.rows * sequence_length:
            raise GristmillError(
                "GM-LOADER-003",
                f"{self.rows} rows of {sequence_length} hold {self.placed} tokens and {self.padded} empty places",
            )

    def check_targets(self) -> None:
        """Raise ``GM-LOADER-003`` unless every token in a row is trained, masked, or the first of its piece.

        Examples
        --------
        >>> Ledger(placed=5, first=1, masked=1, trained=3).check_targets()
        """
        if self.placed != self.trained + self.masked + self.first:
            raise GristmillError(
                "GM-LOADER-003",
                f"{self.placed} tokens placed, but {self.trained} trained, {self.masked} masked "
                f"and {self.first} at the start of a piece",
            )

    def to_json(self) -> dict[str, int]:
        """Return the counts by name.

        Examples
        --------
        >>> Ledger(read=5).to_json()["read"]
        5
        """
        return asdict(self)

    @classmethod
    def from_json(cls, counts: Mapping[str, int]) -> Ledger:
        """Return the ledger whose counts are given.

        Examples
        --------
        >>> Ledger.from_json(Ledger(read=5).to_json()).read
        5
        """
        return cls(**{field.name: int(counts[field.name]) for field in fields(cls)})
