"""Where two texts part. Not here: which texts are compared."""

from __future__ import annotations

from dataclasses import dataclass

LEFT_CHARACTERS = 20
RIGHT_CHARACTERS = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class TextDifference:
    """The first difference of two texts.

    Parameters
    ----------
    character
        Its position, from 0.
    this, other
        Up to 20 characters before it and 40 from it on, of either text.
    """

    character: int
    this: str
    other: str


def first_difference(this: str, other: str, *, is_beginning: bool = False) -> TextDifference | None:
    """Return where two texts part, None where they do not.

    Parameters
    ----------
    this, other
        The texts.
    is_beginning
        `this` is only the beginning of a text: its end is no difference.

    Examples
    --------
    >>> first_difference("the mill", "the mall")
    TextDifference(character=5, this='the mill', other='the mall')
    >>> first_difference("the mill", "the mill grinds", is_beginning=True) is None
    True
    """
    pairs = enumerate(zip(this, other, strict=False))
    shortest = min(len(this), len(other))
    same = next((position for position, (left, right) in pairs if left != right), shortest)
    if same == len(this) and (is_beginning or same == len(other)):
        return None
    begin = max(0, same - LEFT_CHARACTERS)
    end = same + RIGHT_CHARACTERS
    return TextDifference(character=same, this=this[begin:end], other=other[begin:end])
