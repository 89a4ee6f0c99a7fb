"""What all steps have in common, and plugin steps. Not here: the built-in steps (`steps`).

A key is a name that a recipe may set in a step's table, such as `min_words`. A column is what a step makes for every
document, such as `gopher_quality.num_words`. A rule compares one column with the value of one key and drops documents
that do not hold, under a name of its own that rejects and counts show, such as `gopher_quality.min_words`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gristmill.recipe.values import Name, Scalar, Section, Text, told

SEMANTICS = ("gristmill", "datatrove", "dolma", "nemo")
"""Whose definition of a rule can be asked for."""

RESERVED_KEYS = ("use", "name", "semantics", "on_error", "where", "by")
"""Keys of every step; all other keys are the operator's."""

Comparison = Literal[">=", "<=", ">", "<", "=="]
ColumnKind = Literal["uint32", "float64", "bool"]

PLUGIN_USE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
"""How a plugin's operator is named: `<plugin>.<operator>`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """How a threshold key is applied: a document stays if its value in `column` compares so with the key's value.

    Parameters
    ----------
    column
        Signal column, without the step's name.
    keep
        Comparison that keeps a document; null always keeps it.
    rule
        Name in rejects and counts.
    """

    column: str
    keep: Comparison
    rule: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Threshold:
    """A `Rule` with its value.

    Parameters
    ----------
    rule, column, keep
        As in `Rule`.
    threshold
        Compared with; booleans are 0 and 1.
    key
        The recipe key that sets it.
    """

    rule: str
    column: str
    keep: Comparison
    threshold: float
    key: str


def _lists_of_values(value: object) -> object:
    """Make `{ lang = "en" }` and `{ lang = ["en", "de"] }` the same shape."""
    if not isinstance(value, Mapping):
        return value
    return {key: tuple(item) if isinstance(item, (list, tuple)) else (item,) for key, item in value.items()}


Where = Annotated[
    dict[str, tuple[Scalar, ...]],
    BeforeValidator(_lists_of_values),
    told("must be a table of values, or of lists of values: strings, numbers, true or false"),
]


class Step(Section):
    """The keys of every step.

    `use` and `name` are always set after parsing: `name` is `use` unless the recipe gives another.
    """

    use: str = Field(description="Which operator: a built-in name, or `<plugin>.<operator>`.")
    name: Name = Field(
        description="Unique name of the step; prefixes its columns. Needed where one rule is used twice."
    )
    semantics: Literal["gristmill", "datatrove", "dolma", "nemo"] = Field(
        "gristmill",
        description="Whose definition of the rule is meant; its page says which are known and how they differ.",
    )
    where: Where = Field(
        default_factory=dict,
        description='Documents that the step is for, by columns: `{ lang = "en" }` or `{ lang = ["en", "de"] }`; '
        "all others pass it untouched.",
    )

    is_plugin: ClassVar[bool] = False

    @field_validator("where")
    @classmethod
    def _one_type_a_column(cls, value: dict[str, tuple[Scalar, ...]]) -> dict[str, tuple[Scalar, ...]]:
        for column, allowed in value.items():
            if not allowed:
                raise PydanticCustomError("where", "no value is allowed for `{column}`", {"column": column})
            if len({scalar_type(item) for item in allowed}) > 1:
                raise PydanticCustomError("where", "values of `{column}` differ in type", {"column": column})
        return value


class PluginStep(Step):
    """A step of a plugin. Its own keys stay as they are written; the plugin host checks them.

    Parameters
    ----------
    keys
        The operator's keys, thresholds included, as TOML values.
    """

    on_error: Literal["quarantine", "null", "fail"] = Field(
        "quarantine",
        description="A document that the operator fails on leaves the flow, goes on with null, or stops the run; for a "
        "decider, the documents of a group leave the flow, or stay.",
    )
    by: Text | None = Field(
        None,
        description="For an operator that decides about groups, and needed there: the field of the input or column "
        "of a step whose equal values make a group. Documents without a value are in no group and stay.",
    )
    keys: dict[str, JsonValue] = Field(default_factory=dict, description="The operator's own keys.")

    is_plugin: ClassVar[bool] = True

    @model_validator(mode="after")
    def _whole_groups(self) -> Self:
        if self.by is not None and self.where:
            raise PydanticCustomError(
                "where", "a step with `by` is given whole groups of what is kept; `where` cannot be used here"
            )
        return self

    @property
    def is_choice(self) -> bool:
        """Whether it chooses among the documents that all others keep, a group at a time."""
        return self.by is not None

    @property
    def namespace(self) -> str:
        """The plugin: what stands before the dot of `use`."""
        return self.use.partition(".")[0]

    def table(self) -> dict[str, object]:
        """Return the step as the plugin manager takes it: reserved keys and operator's keys in one table."""
        by = {} if self.by is None else {"by": self.by}
        return {"use": self.use, "name": self.name, "on_error": self.on_error, **by, **self.keys}


def scalar_type(value: Scalar) -> Literal["utf8", "float64", "int64", "bool"]:
    """Return the column type that a value in a recipe asks for.

    Examples
    --------
    >>> scalar_type("en"), scalar_type(True), scalar_type(1), scalar_type(0.5)
    ('utf8', 'bool', 'int64', 'float64')
    """
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int64"
    return "float64" if isinstance(value, float) else "utf8"
