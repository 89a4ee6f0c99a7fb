"""What a template puts around the assistant's answers: the manifest says it, and training proves masks against it.

It is found by plain rendering of conversations whose contents are known, without the spans that decide the mask, but
for `leads`, which say where those begin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gristmill.curate.chat.marks import ControlTokens

Messages = Sequence[Mapping[str, object]]

SHAPE_PROBE = (
    {"role": "user", "content": "Alpha asks 1"},
    {"role": "assistant", "content": "Grain is ground."},
    {"role": "user", "content": "Beta goes on."},
    {"role": "assistant", "content": "Then comes flour"},
    {"role": "user", "content": "Gamma ends it?"},
    {"role": "assistant", "content": "Yes!"},
)
"""Contents that begin and end differently, so that what they have around them in common is the template's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnShape:
    """The text around an answer.

    Parameters
    ----------
    header
        What stands before every answer, such as ``<|im_start|>assistant`` and a line feed.
    leads
        What is trained before the content, by the probe's answers: mostly nothing.
    stop
        What follows a content, up to and with the first control token; empty where no control token ends a turn.
    """

    header: str
    leads: tuple[str, ...]
    stop: str

    def manifest(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {"header": self.header, "leads": list(self.leads), "stop": self.stop}


def find_shape(text: str, spans: Sequence[tuple[int, int]], controls: ControlTokens) -> TurnShape | None:
    r"""Return what stands around the answers of `SHAPE_PROBE` in its rendering; None where they are not in it.

    Parameters
    ----------
    text
        The rendering.
    spans
        The parts of it that are trained.
    controls
        Control tokens.

    Examples
    --------
    >>> text = "".join(f"<{m['role']}>{m['content']}</s>\n" for m in SHAPE_PROBE)
    >>> find_shape(text, [], ControlTokens(["</s>"]))
    TurnShape(header='</s>\n<assistant>', leads=(), stop='</s>')
    """
    contents = [str(turn["content"]) for turn in SHAPE_PROBE if turn["role"] == "assistant"]
    places, behind = [], 0
    for content in contents:
        found = text.find(content, behind)
        if found < 0:
            return None
        places.append((found, found + len(content)))
        behind = found + len(content)
    header = _common([text[:start] for start, _ in places], from_end=True)
    tail = _common([text[stop:] for _, stop in places], from_end=False)
    end = controls.first_in(tail)
    leads = [text[start : place[0]] for start, stop in spans for place in places if start <= place[0] < stop]
    return TurnShape(
        header=header, leads=tuple(sorted(set(leads))), stop="" if end is None else tail[: end[1]]
    )


def shape_of(
    render: Callable[[Messages], tuple[str, list[tuple[int, int]]]], controls: ControlTokens
) -> TurnShape | None:
    """Return the shape of a template's answers; None for one that refuses the probe, or changes its contents."""
    try:
        text, spans = render(SHAPE_PROBE)
    except Exception:  # noqa: BLE001 - a template may refuse in any way: then nothing is known
        return None
    return find_shape(text, spans, controls)


def _common(texts: Sequence[str], *, from_end: bool) -> str:
    if from_end:
        return _common([text[::-1] for text in texts], from_end=False)[::-1]
    length = 0
    for characters in zip(*texts, strict=False):
        if len(set(characters)) > 1:
            break
        length += 1
    return texts[0][:length]
