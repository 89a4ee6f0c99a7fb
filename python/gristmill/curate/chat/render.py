"""Turns of a batch to rendered conversations, one JSON string a document, as the engine takes them.

``{"text", "assistant": [[start, end], ...], "spelled": [[start, end], ...], "breaks": [...]}``: the text, the
assistant's turns that are trained, contents that spell control tokens, and where it can be divided. Places are bytes
of the text in UTF-8. `spelled` and `breaks` are left out where they are empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from gristmill.curate.chat.environment import Template
from gristmill.curate.chat.marks import ControlTokens, Unmarked, free_mark, take_marks_out
from gristmill.curate.chat.shape import TurnShape, shape_of
from gristmill.curate.chat.spans import Messages, NotStableError, find_breaks, find_turns

if TYPE_CHECKING:
    import pyarrow as pa

REASONING_FIELDS = ("reasoning_content", "thinking", "reasoning")
"""Names under which reasoning is given; templates read the first, some the second."""

_GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class RenderError(Exception):
    """A record that cannot be rendered: `reason` as a code, the message in words."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Renderer:
    r"""Renders turns with one template, or with another for records with tools.

    Parameters
    ----------
    description
        As `ChatTemplates.describe` gives it: ``template``, ``tool_template``, ``variables`` (as JSON), ``controls``,
        ``ends``, ``train_on``, ``divides`` and ``max_characters``.

    Examples
    --------
    >>> template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>\n{% endfor %}"
    >>> template += "{% if add_generation_prompt %}<assistant>{% endif %}"
    >>> described = {"template": template, "tool_template": None, "variables": "{}", "controls": [], "ends": ["</s>"]}
    >>> renderer = Renderer({**described, "train_on": "assistant", "divides": False, "max_characters": 1000})
    >>> turns = '{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Yes"}]}'
    >>> renderer.render(turns)
    '{"text":"<user>Hi</s>\\n<assistant>Yes</s>\\n","assistant":[[24,31]]}'
    """

    def __init__(self, description: Mapping[str, object]) -> None:
        variables: Mapping[str, object] = json.loads(str(description["variables"]))
        sources = [str(description["template"])]
        if description["tool_template"] is not None:
            sources.append(str(description["tool_template"]))
        self._sources = sources
        self._templates = [Template(source, variables) for source in sources]
        self._marks_itself = [_GENERATION.search(source) is not None for source in sources]
        self._controls = ControlTokens(cast(Sequence[str], description["controls"]))
        self._ends = ControlTokens(cast(Sequence[str], description["ends"]))
        self._wanted = str(description["train_on"])
        self._divides = bool(description["divides"])
        self._max_characters = cast(int, description["max_characters"])
        self._begin = str(variables.get("bos_token") or "")

    def render_batch(self, batch: pa.RecordBatch) -> tuple[pa.Array, list[tuple[int, str, str]]]:
        """Return the renderings of the column `turns` as large_string, and rows that failed with reason and detail."""
        import pyarrow as pa

        rendered: list[str | None] = []
        failures = []
        for row, turns in enumerate(cast("Iterator[str]", batch.column("turns").to_pylist())):
            try:
                rendered.append(self.render(turns))
            except RenderError as error:
                rendered.append(None)
                failures.append((row, error.reason, str(error)))
        return pa.array(rendered, pa.large_string()), failures

    def render(self, turns: str) -> str:
        """Return one record's rendering.

        Raises
        ------
        RenderError
            ``template_error`` with the template's own message, ``not_stable``, ``nothing_generated`` or
            ``control_token_in_content``.
        """
        record = json.loads(turns)
        messages, tools = _with_reasoning(record["messages"]), record.get("tools")
        which = len(self._templates) - 1 if tools else 0
        mark = None
        if self._spells(messages, tools):
            mark = free_mark([json.dumps(record, ensure_ascii=False), *self._sources])
            if mark is None:
                raise RenderError("control_token_in_content", "the record holds every noncharacter")
        if mark is None:
            text, spans, breaks = self._places(which, messages, tools)
            found = Unmarked(text=text, places=())
        else:
            text, spans, breaks = self._places(
                which,
                cast("list[dict[str, object]]", self._controls.mark(messages, mark)),
                self._controls.mark(tools, mark),
            )
            found = take_marks_out(text, mark)
            if self._render(which, messages, tools, asks_for_answer=False) != found.text:
                raise RenderError(
                    "control_token_in_content",
                    "a content spells a control token that the template looks for; allow it with `special` in "
                    "`[tokens]` if it is meant",
                )
        return _encode(
            found,
            spans=[(found.moved(start), found.moved(end)) for start, end in spans],
            breaks=[found.moved(place) for place in breaks],
            spelled=self._controls.spelled(found),
        )

    def shape(self) -> TurnShape | None:
        """Return what the template puts around an answer; None where that cannot be seen."""

        def render(messages: Messages) -> tuple[str, list[tuple[int, int]]]:
            text, spans, _ = self._places(0, messages, None)
            return text, spans

        return shape_of(render, self._ends)

    def _spells(self, messages: object, tools: object) -> bool:
        return any(text in self._controls for text in _strings([messages, tools]))

    def _places(
        self, which: int, messages: Messages, tools: object
    ) -> tuple[str, list[tuple[int, int]], list[int]]:
        def render(part: Messages, asks_for_answer: bool) -> str:
            return self._render(which, part, tools, asks_for_answer=asks_for_answer)

        if self._marks_itself[which] and self._wanted != "all":
            text = render(messages, False)
            spans = self._templates[which].generated
            if not spans:
                raise RenderError("nothing_generated", "the template marks nothing as the assistant's")
            if self._wanted == "last":
                spans = spans[-1:]
        else:
            try:
                text, spans = find_turns(render, messages, controls=self._ends, wanted=self._wanted)
            except NotStableError as error:
                raise RenderError("not_stable", str(error)) from error
        breaks = find_breaks(render, messages, text, self._begin) if self._divides else []
        return text, spans, breaks

    def _render(self, which: int, messages: Messages, tools: object, *, asks_for_answer: bool) -> str:
        try:
            return self._templates[which].render(
                messages, tools, asks_for_answer=asks_for_answer, max_characters=self._max_characters
            )
        except Exception as error:
            # Templates reach Python's own functions, which raise what they like.
            raise RenderError(
                "template_error", _ADDRESS.sub("", f"{error}") or type(error).__name__
            ) from error


def _with_reasoning(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give reasoning under the names that templates read, as `transformers` does."""
    filled = []
    for message in messages:
        reasoning = next((message[name] for name in REASONING_FIELDS if message.get(name) is not None), None)
        filled.append(
            message
            if reasoning is None
            else {"thinking": reasoning, **message, "reasoning_content": reasoning}
        )
    return filled


def _strings(value: object) -> Iterator[str]:
    """Yield every string that a mark could be put into."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key != "role" or not isinstance(item, str):
                yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _encode(
    found: Unmarked, *, spans: list[tuple[int, int]], breaks: list[int], spelled: list[tuple[int, int]]
) -> str:
    in_bytes = _byte_positions(found.text)
    content: dict[str, object] = {
        "text": found.text,
        "assistant": [[in_bytes(start), in_bytes(end)] for start, end in spans],
    }
    if spelled:
        content["spelled"] = [[in_bytes(start), in_bytes(end)] for start, end in spelled]
    if breaks:
        content["breaks"] = [in_bytes(place) for place in breaks]
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _byte_positions(text: str) -> Any:
    """Return a function from characters to bytes of a text in UTF-8."""
    if text.isascii():
        return lambda position: position
    return lambda position: len(text[:position].encode())
