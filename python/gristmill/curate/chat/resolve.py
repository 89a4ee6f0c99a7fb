"""Which chat template a recipe means, and whether it can be used: it is tried before any data is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gristmill.curate.chat.environment import require_jinja
from gristmill.curate.chat.marks import control_tokens_of
from gristmill.curate.chat.render import Renderer, RenderError
from gristmill.curate.chat.shape import TurnShape
from gristmill.errors import GristmillError

TOKEN_VARIABLES = (
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
)
"""Special tokens that templates see by name."""

PROBE = (
    {"role": "user", "content": "What does a mill do?"},
    {"role": "assistant", "content": "It grinds grain."},
    {"role": "user", "content": "And then?"},
    {"role": "assistant", "content": "Then there is flour."},
)
"""The conversation that a template is tried on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatTemplates:
    """The templates of a recipe, with everything that decides what they make.

    Parameters
    ----------
    name
        Where the template is from, for a reader: ``model`` or a file's name.
    template
        Its text.
    tool_template
        Text of the one for records with tools, where a model has another.
    variables
        What it sees beside messages: special tokens, and the recipe's own.
    controls
        Control tokens that contents may not become.
    ends
        All control tokens, one of which ends a turn.
    train_on
        ``assistant``, ``last`` or ``all``.
    divides
        Whether places are looked for where a conversation can be divided.
    marks_itself
        Whether the template marks what is generated.
    turns
        What stands around an answer; None where that cannot be seen. Decides nothing.
    """

    name: str
    template: str
    tool_template: str | None
    variables: Mapping[str, object]
    controls: tuple[str, ...]
    ends: tuple[str, ...]
    train_on: str
    divides: bool
    marks_itself: bool
    turns: TurnShape | None = None

    def describe(self, *, max_characters: int) -> dict[str, object]:
        """Return what `Renderer` takes, as JSON values."""
        return {
            "template": self.template,
            "tool_template": self.tool_template,
            # As one string: a variable may be called as what tells no task from another, such as `path`.
            "variables": json.dumps(dict(self.variables), sort_keys=True, ensure_ascii=False),
            "controls": list(self.controls),
            "ends": list(self.ends),
            "train_on": self.train_on,
            "divides": self.divides,
            "max_characters": max_characters,
        }

    @property
    def digest(self) -> str:
        """Hash of the templates and their variables, 64 hexadecimal digits."""
        text = json.dumps(
            [self.template, self.tool_template, dict(self.variables)], sort_keys=True, separators=(",", ":")
        )
        return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def resolve_templates(
    template: str,
    *,
    base: Path,
    tokenizer: Path,
    special: object,
    variables: Mapping[str, object],
    train_on: str,
    divides: bool,
) -> ChatTemplates:
    """Return the templates that a recipe means, tried once.

    Parameters
    ----------
    template
        ``"model"`` for that of the tokenizer's folder, or a file.
    base
        Where relative paths start.
    tokenizer
        The `tokenizer.json`.
    special
        The recipe's `special`, as the engine takes it.
    variables
        The recipe's own variables, which win over special tokens.
    train_on, divides
        As in `ChatTemplates`.

    Raises
    ------
    GristmillError
        ``GM-CHAT-003`` without a template, ``GM-CHAT-004`` when it does not work, ``GM-CHAT-005`` when turns cannot be
        found in what it makes, ``GM-CHAT-006`` without jinja2.
    """
    require_jinja()
    if template == "model":
        source, tool_source = _of_model(tokenizer.parent)
    else:
        source, tool_source = _read(base / Path(template).expanduser()), None
    known = _special_tokens(tokenizer.parent)
    _check_variables((source, tool_source), {**known, **variables}, tokenizer.parent)
    parsed = json.loads(tokenizer.read_bytes())
    named = {name: value for name, value in known.items() if value is not None}
    found = ChatTemplates(
        name=template if template == "model" else Path(template).name,
        template=source,
        tool_template=tool_source,
        variables={**named, **variables},
        controls=tuple(control_tokens_of(parsed, special)),
        ends=tuple(control_tokens_of(parsed, "plain")),
        train_on=train_on,
        divides=divides,
        marks_itself="generation" in _tags(source),
    )
    return replace(found, turns=_try(found))


def _of_model(folder: Path) -> tuple[str, str | None]:
    """Return the template of a model folder, and that for records with tools if it has another."""
    tool_file = folder / "additional_chat_templates" / "tool_use.jinja"
    if (folder / "chat_template.jinja").is_file():
        return _read(folder / "chat_template.jinja"), _read(tool_file) if tool_file.is_file() else None
    config = _json(folder / "tokenizer_config.json")
    found = config.get("chat_template")
    if isinstance(found, str):
        return found, None
    if isinstance(found, list):
        by_name = {str(entry.get("name")): str(entry.get("template")) for entry in found}
        if "default" in by_name:
            return by_name["default"], by_name.get("tool_use")
    raise GristmillError(
        "GM-CHAT-003",
        f"`{folder}` has no chat template",
        hint='put `chat_template.jinja` beside the tokenizer, or name a file: `chat = { template = "chat.jinja" }`',
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise GristmillError(
            "GM-CHAT-003",
            f"the chat template `{path}` cannot be read: {error}",
            hint="relative paths start at the recipe's folder",
        ) from error


def _json(path: Path) -> dict[str, object]:
    content: object = json.loads(path.read_bytes()) if path.is_file() else {}
    return dict(content) if isinstance(content, Mapping) else {}


def _special_tokens(folder: Path) -> dict[str, str | None]:
    """Return the special tokens that the files beside a tokenizer name; None where they say that there is none."""
    found: dict[str, str | None] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        content = _json(folder / name)
        extra = content.get("model_specific_special_tokens") or content.get("extra_special_tokens")
        tables: list[Mapping[str, object]] = [content]
        if isinstance(extra, Mapping):
            tables.append(extra)
        for table in tables:
            for key, value in table.items():
                if not key.endswith("_token"):
                    continue
                text = value.get("content") if isinstance(value, Mapping) else value
                if text is None or isinstance(text, str):
                    found[key] = text
    return found


def _check_variables(sources: Sequence[str | None], known: Mapping[str, object], folder: Path) -> None:
    """Refuse a template that names a special token which nobody says: it would be rendered as nothing."""
    import jinja2
    import jinja2.meta

    from gristmill.curate.chat.environment import Budget, SpanTracker, make_environment

    for source in sources:
        if source is None:
            continue
        try:
            used = jinja2.meta.find_undeclared_variables(
                make_environment(Budget(), SpanTracker()).parse(source)
            )
        except jinja2.TemplateSyntaxError as error:
            raise GristmillError(
                "GM-CHAT-004",
                f"the chat template is no template: {error.message} (line {error.lineno})",
                hint="mend the template",
            ) from error
        unknown = [name for name in TOKEN_VARIABLES if name in used and name not in known]
        if unknown:
            raise GristmillError(
                "GM-CHAT-004",
                f"the chat template uses `{unknown[0]}`, which no file in `{folder}` gives",
                hint=f'give it: `chat = {{ variables = {{ {unknown[0]} = "..." }} }}` ("" for none)',
            )


def _tags(source: str) -> set[str]:
    return {
        part.strip("-+ ").partition(" ")[0]
        for part in source.split("{%")[1:]
        for part in [part.partition("%}")[0]]
    }


def _try(templates: ChatTemplates) -> TurnShape | None:
    renderer = Renderer(templates.describe(max_characters=1 << 20))
    try:
        renderer.render(json.dumps({"messages": PROBE}))
    except RenderError as error:
        if error.reason in ("not_stable", "nothing_generated"):
            raise GristmillError(
                "GM-CHAT-005",
                f"the assistant's turns cannot be found in what the chat template makes: {error}",
                hint="mark them in a copy of the template with `{% generation %}` and `{% endgeneration %}`, or train "
                'on the last turn only: `train_on = "last"`',
            ) from error
        raise GristmillError(
            "GM-CHAT-004",
            f"the chat template fails on a small conversation: {error}",
            hint="what it misses may be a variable: `chat = { variables = { ... } }`; no template is given the date",
        ) from error
    return renderer.shape()
