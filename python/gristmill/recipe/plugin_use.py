"""Names of plugins' operators outside of steps, with their keys; and the section `[report]`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue
from pydantic_core import PydanticCustomError

from gristmill.recipe.step_base import PLUGIN_USE
from gristmill.recipe.values import Section, Text, as_tuple, told


def use_table(written: str | Mapping[str, object]) -> dict[str, object]:
    """Return an operator's name, or its table, as a table with the name under ``use``.

    Examples
    --------
    >>> use_table("web.main_text"), use_table({"use": "web.main_text", "min_words": 5})
    ({'use': 'web.main_text'}, {'use': 'web.main_text', 'min_words': 5})
    """
    return {"use": written} if isinstance(written, str) else dict(written)


def _is_full_name(written: str | dict[str, JsonValue]) -> str | dict[str, JsonValue]:
    use = use_table(written).get("use")
    if not isinstance(use, str) or not PLUGIN_USE.fullmatch(use):
        raise PydanticCustomError("use", "must name `<plugin>.<operator>`")
    return written


PluginUse = Annotated[
    Annotated[Text | dict[str, JsonValue], AfterValidator(_is_full_name)],
    told('must be "<plugin>.<operator>", or a table of it under `use` and its keys'),
]
"""``"web.main_text"``, or ``{ use = "web.main_text", min_words = 5 }``."""

TRACKERS = ("tensorboard", "wandb", "trackio")
"""Callbacks of training that come with gristmill, by their bare names."""


def _is_callback(written: str | dict[str, JsonValue]) -> str | dict[str, JsonValue]:
    return written if use_table(written).get("use") in TRACKERS else _is_full_name(written)


CallbackUses = Annotated[
    tuple[
        Annotated[
            Annotated[Text | dict[str, JsonValue], AfterValidator(_is_callback)],
            told(
                'must be "tensorboard", "wandb", "trackio" or "<plugin>.<callback>", or a table of it under `use`'
            ),
        ],
        ...,
    ],
    BeforeValidator(as_tuple),
]

PluginUses = Annotated[tuple[PluginUse, ...], BeforeValidator(as_tuple)]


class Report(Section):
    """`[report]`: what stands in the report beside gristmill's own sections."""

    sections: PluginUses = Field(
        (),
        description='Report sections of plugins, such as `"support.label_balance"`. Those of plugins that a step '
        "names are there without being named.",
    )
