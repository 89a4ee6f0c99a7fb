"""Which parts of a rendered conversation are the assistant's.

A template that marks them (`{% generation %}`) says so itself, as in `transformers`. For others each turn of the
assistant is found by rendering: it starts where the conversation up to it ends when an answer is asked for, and it ends
where the conversation with it ends. Both must be beginnings of the whole rendering, else nothing is known and the
record is refused. The end-of-turn token belongs to the turn, so that a model learns to stop; white space that a
template puts behind that token does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gristmill.curate.chat.marks import ControlTokens

Messages = Sequence[Mapping[str, object]]

MAX_TURNS = 1000
"""Finding turns by rendering takes time that grows with the square of their number."""


class NotStableError(Exception):
    """A beginning of a conversation is not rendered as the beginning of the whole."""


def find_turns(
    render: Callable[[Messages, bool], str],
    messages: Messages,
    *,
    controls: ControlTokens,
    wanted: str,
) -> tuple[str, list[tuple[int, int]]]:
    """Return the rendering of a conversation and its assistant's turns, found by rendering its beginnings.

    Parameters
    ----------
    render
        Gives the text of messages, with or without asking for an answer.
    messages
        The conversation.
    controls
        Control tokens, of which the last one of a turn ends it.
    wanted
        ``"assistant"``: every turn; ``"last"``: the last one; ``"all"``: none is looked for.

    Raises
    ------
    NotStableError
        When the template does not render beginnings as beginnings.
    """
    full = render(messages, False)
    if wanted == "all":
        return full, []
    turns = [number for number, message in enumerate(messages) if message["role"] == "assistant"]
    if len(turns) > MAX_TURNS:
        raise NotStableError(
            f"the conversation has {len(turns)} turns of the assistant, at most {MAX_TURNS} are found"
        )
    spans = []
    for number in turns if wanted == "assistant" else turns[-1:]:
        start = _beginning(full, render(messages[:number], True), number, "before")
        end = _beginning(full, render(messages[: number + 1], False), number, "with")
        if end <= start:
            raise NotStableError(f"the template makes nothing of turn {number + 1}")
        spans.append((start, _end_of_turn(full, start, end, controls)))
    return full, spans


def _beginning(full: str, part: str, number: int, what: str) -> int:
    if not full.startswith(part):
        raise NotStableError(
            f"the template renders the conversation {what} turn {number + 1} in another way when more follows"
        )
    return len(part)


def _end_of_turn(full: str, start: int, end: int, controls: ControlTokens) -> int:
    last = controls.last_in(full, start, end)
    return last[1] if last is not None and not full[last[1] : end].strip() else end


def find_breaks(
    render: Callable[[Messages, bool], str], messages: Messages, full: str, begin: str
) -> list[int]:
    """Return where a conversation can be divided, as far as the template tells; nothing where the user has one turn.

    First comes the end of what stands before the first turn of the user, then the starts of the user's later turns.
    What stands before the first turn is found by the second: the template puts the same before what both say. Where it
    does not (a system's turn inside the user's first), only the beginning-of-text token stays at the head.

    Parameters
    ----------
    render, messages, full
        As in `find_turns`, and its result.
    begin
        The beginning-of-text token.
    """
    users = [number for number, message in enumerate(messages) if message["role"] == "user"][:MAX_TURNS]
    places = [(number, _place(render, messages[:number], full)) for number in users[1:]]
    starts = [place for _, place in places if place is not None]
    if not starts:
        return []
    number, place = next((number, place) for number, place in places if place is not None)
    head = _head(full, messages[users[0]], messages[number], place, begin)
    return [head, *(start for start in sorted(set(starts)) if start > head)]


def _head(
    full: str, first: Mapping[str, object], second: Mapping[str, object], place: int, begin: str
) -> int:
    """Return the end of what stands before the user's first turn; a later one starts at `place`."""
    said, said_first = second.get("content"), first.get("content")
    opening = None
    if isinstance(said, str) and said.strip() and isinstance(said_first, str) and said_first.strip():
        found, found_first = full.find(said.strip(), place), full.find(said_first.strip())
        opening = full[place:found] if found >= 0 else None
        if opening and found_first >= 0 and full[:found_first].endswith(opening):
            return found_first - len(opening)
    repeats = not begin or opening is None or opening.startswith(begin)
    return 0 if repeats or not full.startswith(begin) else len(begin)


def _place(render: Callable[[Messages, bool], str], part: Messages, full: str) -> int | None:
    try:
        text = render(part, False)
    except Exception:  # noqa: BLE001 - a template may refuse half a conversation in any way: then nothing is known
        return None
    return len(text) if full.startswith(text) else None
