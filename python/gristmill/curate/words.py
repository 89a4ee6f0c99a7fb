"""Numbers with their nouns, for messages."""

from __future__ import annotations


def counted(count: int, thing: str, things: str | None = None) -> str:
    """Return a number with its noun.

    Parameters
    ----------
    count
        How many.
    thing, things
        The noun for one and for several; the second by default with an `s`.

    Examples
    --------
    >>> counted(1, "file"), counted(1200, "file"), counted(0, "entry", "entries")
    ('1 file', '1,200 files', '0 entries')
    """
    return f"{count:,} {thing if count == 1 else things or thing + 's'}"
