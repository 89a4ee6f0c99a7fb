"""Tables of `[tokens]` for data that teaches something: `chat` and `label`, and the keys of sources with turns."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue, field_validator
from pydantic_core import PydanticCustomError

from gristmill.recipe.values import Section, Text, TextTuple

TooLong = Literal["split", "truncate", "drop"]

TURN_KEYS = ("messages", "prompt", "input", "response", "system", "tools")
"""Keys of a source that say where turns are."""


class Chat(Section):
    """`chat` in `[tokens]`: how turns become text, and which of them are trained."""

    template: Text = Field(
        "model",
        description='Chat template: `"model"` for that beside the tokenizer (`chat_template.jinja` or '
        "`tokenizer_config.json`), or a file.",
    )
    train_on: Literal["assistant", "last", "all"] = Field(
        "assistant",
        description="Which tokens are trained: all turns of the assistant, its last one, or everything.",
    )
    too_long: TooLong | None = Field(
        None, description="As `too_long` in `[tokens]`, for conversations only; by default the same."
    )
    variables: dict[Text, JsonValue] = Field(
        default_factory=dict,
        description='Variables that the template sees, for example `{ date_string = "26 Jul 2024" }`.',
    )


def _names(value: object) -> object:
    """Let `[0, 1]` stand for the labels `"0"` and `"1"`."""
    if not isinstance(value, list):
        return value
    return [str(item) if isinstance(item, int) and not isinstance(item, bool) else item for item in value]


class Label(Section):
    """`label` in `[tokens]`: the class of each document."""

    field: Text = Field(
        description="Field of the records that holds the class: a string, a whole number or a boolean."
    )
    order: Annotated[TextTuple, BeforeValidator(_names)] | None = Field(
        None,
        description="Every class, in the order of their numbers; a record with another is quarantined. By default "
        "whatever the kept documents have, sorted.",
    )

    @field_validator("order")
    @classmethod
    def _each_once(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        twice = [name for name in value or () if (value or ()).count(name) > 1]
        if twice:
            raise PydanticCustomError("label", "`{name}` is there twice", {"name": twice[0]})
        return value
