"""Checks of single documents by their text: what is trained, decoded, is what the assistant said, and its stop token.

White space is compared loosely where tokenizers change it (some drop it beside control tokens); everything else has to
be equal, or equal to what the tokenizer gives back of the text as it was read.
"""

from __future__ import annotations

from collections.abc import Sequence

from gristmill.loader.rows import is_trained
from gristmill.shards import Document
from gristmill.train.proof.facts import TokenizerFacts, Turns
from gristmill.train.proof.problems import Findings
from gristmill.train.proof.sample import Kept, Turn

SHOWN = 60


def check_text(
    document: Sequence[Document],
    kept: Kept,
    tokenizer: TokenizerFacts,
    found: Findings,
    *,
    end_of_text: tuple[int, ...],
) -> None:
    """Check that the tokens of a plain text, all its rows together, are those of its text, or of its beginning."""
    ids = [id_ for row in document for id_ in row.tokens.to_pylist()]
    while end_of_text and ids and ids[-1] in end_of_text:
        ids.pop()
    decoded = _squash(tokenizer.decode(ids))
    if not _squash(kept.text).startswith(decoded) and not _squash(
        tokenizer.as_read_back(kept.text)
    ).startswith(decoded):
        found.add("text_not_tokens", [document[0].doc], f"decoded it begins `{_short(decoded)}`")


class TurnCheck:
    """Checks conversations against their turns.

    Parameters
    ----------
    tokenizer
        Of the shards.
    turns
        What the template puts around answers; None where it is not known: then headers are not looked at.
    train_on
        ``assistant`` or ``last``.
    """

    def __init__(
        self, tokenizer: TokenizerFacts, turns: Turns | None, train_on: str, found: Findings
    ) -> None:
        self._tokenizer, self._turns, self._train_on = tokenizer, turns, train_on
        self._found = found

    def check(self, rows: Sequence[Document], kept: Kept, *, max_tokens: int | None) -> int:
        """Check one conversation, all its rows together; return how many answers were compared."""
        assert kept.turns is not None, "the caller has looked"
        doc = rows[0].doc
        wanted = [number for number, turn in enumerate(kept.turns) if turn.role == "assistant"]
        if self._train_on == "last":
            wanted = wanted[-1:]
        spans = [(row, start, stop) for row in rows for start, stop in answers_of(row)]
        # A row that is full may have lost its end; a divided conversation those of its parts that train nothing.
        may_lack = len(rows) > 1 or (max_tokens is not None and len(rows[-1].tokens) >= max_tokens)
        for number, (row, start, stop) in zip(wanted, spans, strict=False):
            if not self._check_answer(row, start, stop, kept.turns, number, may_be_cut=may_lack):
                # What comes behind is shifted against the turns: one fault is enough.
                return 0
        if len(spans) > len(wanted):
            self._found.add("extra_trained", [doc], f"{len(spans)} trained parts, {len(wanted)} answers")
        elif len(spans) < len(wanted) and not may_lack:
            self._found.add("turn_untrained", [doc], f"{len(spans)} trained parts, {len(wanted)} answers")
        return min(len(spans), len(wanted))

    def _check_answer(
        self, row: Document, start: int, stop: int, turns: Sequence[Turn], number: int, *, may_be_cut: bool
    ) -> bool:
        ids = row.tokens.to_pylist()
        said, expected = self._tokenizer.decode(ids[start:stop]), turns[number].content
        is_cut = may_be_cut and stop == len(ids)
        problem = None
        if expected is not None:
            problem = self._compare(said, expected, turns, is_cut=is_cut)
        if problem is None and expected is not None:
            problem = self._starts_early(ids[start:stop], said, expected)
        if problem is None and number > 0 and turns[number - 1].role == "user":
            problem = self._not_after_header(self._tokenizer.decode(ids[:start]), said)
        # Where stop tokens are known, every row was checked for them, and counts it once.
        if problem is not None and not (problem == "stop_untrained" and problem in self._found):
            self._found.add(problem, [row.doc], f"`{_short(said)}` is trained for `{_short(expected or '')}`")
        return problem is None

    def _compare(self, said: str, expected: str, turns: Sequence[Turn], *, is_cut: bool) -> str | None:
        """Return what is wrong with the words of an answer, None for nothing."""
        stop = "" if self._turns is None else self._turns.stop
        text, has_stop = self._without_stop(said, stop)
        if not has_stop and not is_cut:
            return "stop_untrained"
        bare = _squash(text)
        for lead in ("",) if self._turns is None else ("", *self._turns.leads):
            own = bare.removeprefix(_squash(lead))
            if own == _squash(expected) or (is_cut and _squash(expected).startswith(own)):
                return "header_trained" if self._has_control(lead) else None
        read_back = _squash(self._tokenizer.as_read_back(expected))
        if bare == read_back or (is_cut and read_back.startswith(bare)):
            return None
        return self._what_else(bare, expected, turns)

    def _what_else(self, bare: str, expected: str, turns: Sequence[Turn]) -> str:
        header = "" if self._turns is None else _squash(self._turns.header)
        if bare.endswith(_squash(expected)):
            before = bare.removesuffix(_squash(expected))
            return "header_trained" if before and header.endswith(before) else "starts_early"
        others = [_squash(turn.content) for turn in turns if turn.role != "assistant" and turn.content]
        if any(other and other in bare for other in others):
            return "role_trained"
        return "text_cut" if bare in _squash(expected) else "text_differs"

    def _without_stop(self, said: str, stop: str) -> tuple[str, bool]:
        control = stop.strip()
        if control:
            text = said.rstrip()
            return text.removesuffix(control), text.endswith(control)
        # Not known what ends a turn: any control token does.
        ends = [control for control in self._tokenizer.control_ids if said.endswith(control)]
        return (said.removesuffix(max(ends, key=len)), True) if ends else (said, False)

    def _starts_early(self, ids: Sequence[int], said: str, expected: str) -> str | None:
        """Return the problem if white space before the content is trained that the template does not put there."""
        content = expected.strip()
        place = said.find(content)
        if self._turns is None or not content or place <= 0:
            return None
        before = said[:place]
        own = expected[: len(expected) - len(expected.lstrip())]
        if any(before == lead + kept for lead in self._turns.leads for kept in (own, "")):
            return None
        # A token that holds some of the content, too, cannot be left out.
        is_apart = not self._tokenizer.decode([ids[0]]).strip()
        return "starts_early" if is_apart else None

    def _not_after_header(self, before: str, said: str) -> str | None:
        if self._turns is None or not self._turns.header.strip():
            return None
        header = _squash(self._turns.header)
        leads = [_squash(lead) for lead in self._turns.leads] or [""]
        is_there = any(
            (_squash(before) + lead).endswith(header) for lead in leads if _squash(said).startswith(lead)
        )
        return None if is_there else "not_after_header"

    def _has_control(self, text: str) -> bool:
        return any(control in text for control in self._tokenizer.control_ids)


def answers_of(row: Document) -> list[tuple[int, int]]:
    """Return where the trained runs of a row start and stop; nothing for one without a mask."""
    if row.mask is None:
        return []
    found, start = [], 0
    for number, length in enumerate(row.mask.to_pylist()):
        if number % 2 == 1 and length:
            found.append((start, start + length))
        start += length
    assert start == len(is_trained(row, 0, len(row.tokens))), "masks were checked before"
    return found


def _squash(text: str) -> str:
    return "".join(text.split())


def _short(text: str) -> str:
    line = text.replace("\n", "\\n")
    return line if len(line) <= SHOWN else line[:SHOWN] + "…"
