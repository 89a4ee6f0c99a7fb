"""The sandbox in which chat templates run, with what `transformers` gives them; nothing in it depends on the clock.

Differences, all towards the same bytes on every day and machine: there is no `strftime_now` (templates that ask whether
it is there take their own fixed date; others fail, and a recipe can give the variable that they want), and a rendering
may make only so much text in so many steps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gristmill.errors import GristmillError

if TYPE_CHECKING:
    import jinja2
    import jinja2.sandbox

MIN_JINJA = (3, 1, 6)
"""Older versions have known ways out of the sandbox."""
MAX_STEPS = 5_000_000
"""Look-ups and calls in one rendering: some seconds of work, by which a loop without end is known."""


class TemplateLimitError(Exception):
    """A rendering made too much text, or took too many steps."""


class Budget:
    """What one rendering may still use.

    Examples
    --------
    >>> budget = Budget()
    >>> budget.reset(max_characters=10)
    >>> budget.text("12345")
    >>> budget.text("123456")
    Traceback (most recent call last):
    gristmill.curate.chat.environment.TemplateLimitError: more than 10 characters
    """

    def __init__(self) -> None:
        self._steps = 0
        self._max_characters = 0
        self._characters = 0

    def reset(self, *, max_characters: int) -> None:
        """Start anew."""
        self._steps = MAX_STEPS
        self._max_characters = self._characters = max_characters

    def step(self) -> None:
        """Count a look-up or call."""
        self._steps -= 1
        if self._steps < 0:
            raise TemplateLimitError(f"more than {MAX_STEPS} steps")

    def text(self, block: str) -> None:
        """Count what was made."""
        self._characters -= len(block)
        if self._characters < 0:
            raise TemplateLimitError(f"more than {self._max_characters} characters")


def require_jinja() -> None:
    """Raise ``GM-CHAT-006`` unless jinja2 is there in a version that can be trusted.

    Examples
    --------
    >>> require_jinja()
    """
    try:
        import jinja2
    except ImportError as error:
        raise GristmillError(
            "GM-CHAT-006",
            "chat templates need the package `jinja2`, which is not installed",
            hint="pip install 'gristmill[chat]'",
        ) from error
    found = tuple(int(part) for part in jinja2.__version__.split(".")[:3] if part.isdigit())
    if found < MIN_JINJA:
        raise GristmillError(
            "GM-CHAT-006",
            f"jinja2 {jinja2.__version__} has known ways out of its sandbox",
            hint="pip install 'jinja2>=3.1.6'",
        )


def make_environment(budget: Budget, spans: SpanTracker) -> jinja2.Environment:
    """Return the sandbox. Cost: some milliseconds; templates are compiled by its `from_string`."""
    import jinja2
    import jinja2.exceptions
    import jinja2.ext
    import jinja2.nodes
    import jinja2.sandbox
    import jinja2.utils

    class Counting(jinja2.sandbox.ImmutableSandboxedEnvironment):
        def getattr(self, obj: Any, attribute: str) -> Any:
            budget.step()
            return super().getattr(obj, attribute)

        def getitem(self, obj: Any, argument: Any) -> Any:
            budget.step()
            return super().getitem(obj, argument)

        def call(self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: PYI063
            budget.step()
            return super().call(__context, __obj, *args, **kwargs)

    class Generation(jinja2.ext.Extension):
        """``{% generation %} ... {% endgeneration %}``: what the model is to say."""

        tags = {"generation"}  # noqa: RUF012 - as jinja2 declares it

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            call = jinja2.nodes.CallBlock(self.call_method("_mark"), [], [], body)
            return call.set_lineno(line)

        def _mark(self, caller: Callable[[], str]) -> str:
            said = caller()
            spans.add(said)
            return said

    class Namespace(jinja2.utils.Namespace):
        def __setitem__(self, name: str, value: Any) -> None:
            if name.startswith("_"):
                raise jinja2.exceptions.SecurityError(f"a namespace cannot hold `{name}`")
            super().__setitem__(name, value)

    class Dictionary:
        def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
            return dict(*args, **kwargs)

        def fromkeys(self, *args: Any) -> dict[Any, Any]:
            return dict.fromkeys(*args)

    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment = Counting(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals.update(
        {"raise_exception": raise_exception, "namespace": Namespace, "dict": Dictionary()}
    )
    return environment


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Jinja's own filter escapes HTML characters; this one gives plain JSON."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


class SpanTracker:
    """Where the blocks marked as generated stand in a rendering, in characters."""

    def __init__(self) -> None:
        self._length = 0
        self.spans: list[tuple[int, int]] = []

    def reset(self) -> None:
        """Start anew."""
        self._length = 0
        self.spans = []

    def add(self, said: str) -> None:
        """Note a block that is about to be put out."""
        self.spans.append((self._length, self._length + len(said)))

    def passed(self, block: str) -> None:
        """Note that a block was put out."""
        self._length += len(block)


class Template:
    """A compiled template.

    Parameters
    ----------
    source
        The template's text.
    variables
        What templates see beside the messages: special tokens, and a recipe's own.

    Examples
    --------
    >>> source = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}"
    >>> Template(source, {}).render([{"role": "user", "content": "Hi"}])
    '[user] Hi'
    """

    def __init__(self, source: str, variables: Mapping[str, object]) -> None:
        require_jinja()
        self._budget = Budget()
        self._tracker = SpanTracker()
        self._compiled = make_environment(self._budget, self._tracker).from_string(source)
        self._variables = dict(variables)

    def render(
        self,
        messages: Iterable[Mapping[str, object]],
        tools: object = None,
        *,
        asks_for_answer: bool = False,
        max_characters: int = 1 << 26,
    ) -> str:
        """Return the conversation as text.

        Parameters
        ----------
        messages
            With `role` and whatever the template reads.
        tools
            Descriptions of tools, or None.
        asks_for_answer
            Whether the text ends where the assistant would go on (`add_generation_prompt`).
        max_characters
            Longest text that is made.

        Raises
        ------
        jinja2.TemplateError, TemplateLimitError, and whatever Python's own functions raise on odd values.
        """
        self._budget.reset(max_characters=max_characters)
        self._tracker.reset()
        blocks = []
        stream = self._compiled.generate(
            messages=list(messages),
            tools=tools,
            documents=None,
            add_generation_prompt=asks_for_answer,
            **self._variables,
        )
        for block in stream:
            self._budget.text(block)
            self._tracker.passed(block)
            blocks.append(block)
        return "".join(blocks)

    @property
    def generated(self) -> list[tuple[int, int]]:
        """Where the blocks marked as generated stand in the last rendering, in characters."""
        return [(start, end) for start, end in self._tracker.spans if end > start]
