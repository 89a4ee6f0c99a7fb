"""Edits of one kept document, each with the characters around it: the text is taken back edit by edit.

A run stores the text as it left curation and what each part of each step replaced. Undoing the parts from the last to
the first gives the text that each part read, hence what stood around an edit at that time. Not here: rendering.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

CONTEXT_CHARACTERS = 24
"""Characters shown on either side of an edit."""

Row = Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """One edit of a document.

    Parameters
    ----------
    step, part
        Which step made it, and which part of the step; the part is empty for a step with one part.
    start, end
        Bytes of the text that the part read.
    before, after
        What stood there, and what replaced it.
    left, right
        Up to 24 characters that stood on either side; None where the text could not be taken back so far.
    """

    step: str
    part: str
    start: int
    end: int
    before: str
    after: str
    left: str | None
    right: str | None


def edits_in_context(text: str, rows: Sequence[Row], *, step_order: Sequence[str]) -> list[Edit]:
    """Return a document's edits in the order in which they were made.

    Parameters
    ----------
    text
        The text as it left curation.
    rows
        Its rows of `edits/`.
    step_order
        Names of the steps in the order in which they ran; others come last.

    Examples
    --------
    >>> row = {"step": "s", "part": "", "sequence": 0, "start": 2, "end": 5, "before": " \u00a0", "after": " "}
    >>> [edit] = edits_in_context("ab cd", [row], step_order=["s"])
    >>> edit.left, edit.right
    ('ab', 'cd')
    """
    position = {name: number for number, name in enumerate(step_order)}
    ordered = sorted(
        rows,
        key=lambda row: (position.get(cast(str, row["step"]), len(position)), cast(int, row["sequence"])),
    )
    groups: list[list[Row]] = []
    for row in ordered:
        if groups and (groups[-1][0]["step"], groups[-1][0]["part"]) == (row["step"], row["part"]):
            groups[-1].append(row)
        else:
            groups.append([row])
    current: bytes | None = text.encode("utf-8", errors="surrogatepass")
    found: list[list[Edit]] = []
    for group in reversed(groups):
        current = None if current is None else _undone(current, group)
        found.append([_edit(row, current) for row in group])
    return [edit for group_edits in reversed(found) for edit in group_edits]


def _undone(text: bytes, group: Sequence[Row]) -> bytes | None:
    """Return the text that a part read, given what it left; None where the edits do not fit the text."""
    restored: list[bytes] = []
    read = end_before = 0
    for row in group:
        before, after = (cast(str, row[side]).encode() for side in ("before", "after"))
        untouched = cast(int, row["start"]) - end_before
        place = read + untouched
        if untouched < 0 or text[place : place + len(after)] != after:
            return None
        restored += (text[read:place], before)
        read = place + len(after)
        end_before = cast(int, row["end"])
    return b"".join([*restored, text[read:]])


def _edit(row: Row, text: bytes | None) -> Edit:
    start, end = cast(int, row["start"]), cast(int, row["end"])
    left = right = None
    if text is not None:
        # A character takes at most four bytes; one that is cut at the far end is left out.
        far = 4 * CONTEXT_CHARACTERS
        left = text[max(0, start - far) : start].decode(errors="ignore")[-CONTEXT_CHARACTERS:]
        right = text[end : end + far].decode(errors="ignore")[:CONTEXT_CHARACTERS]
    return Edit(
        step=cast(str, row["step"]),
        part=cast(str, row["part"]),
        start=start,
        end=end,
        before=cast(str, row["before"]),
        after=cast(str, row["after"]),
        left=left,
        right=right,
    )
