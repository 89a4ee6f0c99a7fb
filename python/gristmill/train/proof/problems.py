"""What a proof can find wrong, by name, with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_TEMPLATE = "look at the chat template, or mark what is generated in a copy of it with `{% generation %}`"
_SHARDS = "the shards are not those that curation wrote: run `gristmill verify RUN`, and curate again"
_BUG = "`gristmill inspect SHARD` shows a row with what is trained; if curation made it so, please report it"

HINTS = {
    "mask_length": _SHARDS,
    "id_out_of_range": "curate again with the tokenizer that the model was made for",
    "counts": _SHARDS,
    "no_labels": "nothing of the conversation is trained: leave it out, or " + _TEMPLATE,
    "stop_untrained": "a model that is not trained to stop never ends its answer: "
    + _TEMPLATE
    + " that spans the end-of-turn token",
    "no_stop_token": "the template ends turns with no control token, so a model cannot learn to stop: end the "
    "assistant's turns with the tokenizer's end-of-text token in a copy of the template",
    "end_of_text_missing": _SHARDS,
    "doubled_begin": "the template writes the beginning-of-text token, and so does something else: leave it to one",
    "doubled_end": "two end-of-turn tokens follow each other: leave one of them out of the template",
    "text_differs": _BUG,
    "text_cut": _BUG,
    "starts_early": "tokens before the answer are trained: " + _TEMPLATE,
    "header_trained": "the role's name is trained, too: begin `{% generation %}` behind it",
    "role_trained": "turns of the system, the user or a tool are trained: " + _TEMPLATE,
    "turn_untrained": 'turns of the assistant are not trained: if only the last is meant, say `train_on = "last"`',
    "extra_trained": _BUG,
    "not_after_header": "trained text does not follow the assistant's header: " + _TEMPLATE,
    "text_not_tokens": _SHARDS,
}
"""Problems for which training does not start."""

CAUTIONS = {
    "pad_is_trained": "the tokenizer's padding token is a trained token: rows here are never padded, but tools that "
    "pad would leave it out of the loss; give the exported tokenizer a padding token of its own",
}
"""What is said, and stops nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One kind of fault.

    Parameters
    ----------
    name
        One of `HINTS`.
    documents
        Document numbers, the first few.
    count
        Rows or turns that have it.
    detail
        The first one in words.
    """

    name: str
    documents: tuple[int, ...]
    count: int
    detail: str

    @property
    def hint(self) -> str:
        """What to do about it."""
        return HINTS[self.name]


class Findings:
    """Gathers faults by name, in the order in which they are first seen.

    Examples
    --------
    >>> found = Findings()
    >>> found.add("no_labels", [7, 8], "nothing is trained")
    >>> found.problems()[0].count
    2
    """

    MAX_DOCUMENTS = 8

    def __init__(self) -> None:
        self._found: dict[str, tuple[list[int], int, str]] = {}

    def add(self, name: str, documents: Iterable[int], detail: str) -> None:
        """Add what is wrong with some documents; nothing for none."""
        assert name in HINTS, "every problem has a hint"
        listed = list(documents)
        if not listed:
            return
        known, count, first = self._found.get(name, ([], 0, detail))
        self._found[name] = ([*known, *listed][: self.MAX_DOCUMENTS], count + len(listed), first)

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def problems(self) -> list[Problem]:
        """Return everything that was found."""
        return [
            Problem(name=name, documents=tuple(documents), count=count, detail=detail)
            for name, (documents, count, detail) in self._found.items()
        ]
