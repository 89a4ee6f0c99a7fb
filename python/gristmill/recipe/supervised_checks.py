"""What must hold between turns, labels and the other parts of a recipe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gristmill.recipe.builtin import BuiltinStep
from gristmill.recipe.problems import Problem
from gristmill.recipe.sections import RESERVED_COLUMNS

if TYPE_CHECKING:
    from gristmill.recipe.model import Recipe


def check_supervised(recipe: Recipe) -> Iterator[Problem]:
    """Yield what is wrong with turns and labels."""
    with_turns = [source for source in recipe.sources if source.turn_fields]
    yield from _chat(recipe, bool(with_turns))
    for position, source in enumerate(recipe.sources):
        if source.turn_fields and source.format is not None and "." in source.format:
            yield Problem(
                code="GM-CHAT-001",
                message=f"source `{source.name}` is read by a plugin, which gives texts, not turns",
                place=f"[[source]] number {position + 1}",
                hint="write the records as JSON Lines or Parquet",
            )
    if with_turns:
        for position, step in enumerate(recipe.steps):
            if isinstance(step, BuiltinStep) and (step.edits_text or step.cut() is not None):
                yield Problem(
                    code="GM-CHAT-002",
                    message=f"`{step.name}` edits text, and source `{with_turns[0].name}` has turns, which are "
                    "rendered as they were read",
                    place=f"[[step]] number {position + 1}",
                    hint="curate such sources in a recipe without steps that edit text; rules and dedup can stay",
                )
    yield from _label(recipe)


def _chat(recipe: Recipe, has_turns: bool) -> Iterator[Problem]:
    if recipe.tokens is None:
        return
    if has_turns and recipe.tokens.chat is None:
        yield Problem(
            code="GM-CHAT-001",
            message="a source has turns, and `[tokens]` does not say how they become text",
            place="[tokens]",
            hint='add `chat = { template = "model", train_on = "assistant" }`',
        )
    if recipe.tokens.chat is not None and not has_turns:
        yield Problem(
            code="GM-CHAT-001",
            message="`chat` has nothing to render: no source has turns",
            place="[tokens]",
            hint='name the field in the source: `messages = "messages"`, or `prompt` and `response`',
        )


def _label(recipe: Recipe) -> Iterator[Problem]:
    label = None if recipe.tokens is None else recipe.tokens.label
    if label is None:
        return
    used = dict.fromkeys(RESERVED_COLUMNS, "a column that gristmill makes itself")
    for source in recipe.sources:
        fields = source.turn_fields or (source.text,)
        used |= dict.fromkeys(fields, f"what documents of source `{source.name}` say")
        if source.id is not None:
            used[source.id] = f"the id of source `{source.name}`"
    if recipe.is_signal_column(label.field):
        used[label.field] = "a column of a step"
    if recipe.extracted_columns().get(label.field) == "float64":
        used[label.field] = "a column of floating-point numbers"
    if label.field in used:
        yield Problem(
            code="GM-LABEL-002",
            message=f"`{label.field}` cannot be the label: it is {used[label.field]}",
            place="[tokens]",
            hint="name a field of the records that holds a string, a whole number or a boolean",
        )
