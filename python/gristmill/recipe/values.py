"""Types of recipe values: byte sizes, shares, names. Not here: sections (`sections`, `steps`, `training`)."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

UNIT_BYTES = {
    "B": 1,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}
_BYTE_SIZE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?) ?(?P<unit>[A-Za-z]+)")

Scalar = StrictBool | StrictInt | StrictFloat | StrictStr
"""A value that a `where` condition compares with."""


class Section(BaseModel):
    """A table of the recipe: typed, frozen, no other keys than the declared ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def parse_bytes(value: object) -> int:
    """Return a byte size as a whole number.

    Parameters
    ----------
    value
        A whole number of bytes, or a number with a unit: B, KiB, MiB, GiB, TiB, kB, MB, GB or TB.

    Raises
    ------
    PydanticCustomError
        When it is neither.

    Examples
    --------
    >>> parse_bytes("8MiB"), parse_bytes("1.5 kB"), parse_bytes(7)
    (8388608, 1500, 7)
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _BYTE_SIZE.fullmatch(value) if isinstance(value, str) else None
    unit_bytes = UNIT_BYTES.get(match["unit"]) if match else None
    if match is None or unit_bytes is None:
        raise PydanticCustomError(
            "byte_size",
            'must be a byte size such as "8MiB" (units: {units})',
            {"units": ", ".join(UNIT_BYTES)},
        )
    return round(float(match["number"]) * unit_bytes)


def format_bytes(num_bytes: int) -> int | str:
    """Return a byte size as a recipe writes it: the largest binary unit that divides it, else the number.

    Examples
    --------
    >>> format_bytes(8 << 20), format_bytes(1000)
    ('8MiB', 1000)
    """
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if num_bytes and num_bytes % UNIT_BYTES[unit] == 0:
            return f"{num_bytes // UNIT_BYTES[unit]}{unit}"
    return num_bytes


def _number(value: object) -> object:
    """Let `1` stand where `1.0` is meant; strict mode would refuse it."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def as_tuple(value: object) -> object:
    """Let a TOML array become a tuple; strict mode would refuse it."""
    return tuple(value) if isinstance(value, list) else value


def told(words: str) -> WrapValidator:
    """Return a validator that says one thing for whatever is wrong, where a type has several forms.

    Parameters
    ----------
    words
        What has to stand there: ``must be ...``.
    """

    def check(value: object, handler: ValidatorFunctionWrapHandler) -> object:
        try:
            return handler(value)
        except ValidationError:
            raise PydanticCustomError("told", "{words}", {"words": words}) from None

    return WrapValidator(check)


ByteSize = Annotated[
    int,
    Field(gt=0),
    BeforeValidator(parse_bytes),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "exclusiveMinimum": 0},
                {
                    "type": "string",
                    "pattern": f"^{_BYTE_SIZE.pattern.replace('?P<number>', '?:').replace('?P<unit>', '?:')}$",
                },
            ],
            "x-unit": "bytes",
        }
    ),
]
"""A positive number of bytes, written as a number or as ``"8MiB"``."""

Number = Annotated[float, BeforeValidator(_number)]
"""A finite number; whole numbers are welcome."""

Fraction = Annotated[float, Field(ge=0.0, le=1.0), BeforeValidator(_number)]
"""A share, in [0, 1]."""

OpenFraction = Annotated[float, Field(ge=0.0, lt=1.0), BeforeValidator(_number)]
"""A share, in [0, 1)."""

NotNegative = Annotated[float, Field(ge=0.0), BeforeValidator(_number)]
"""A number of at least 0."""


def _limit(value: object) -> object:
    """Let `false` switch a threshold off, and `1` stand where `1.0` is meant."""
    return None if value is False else _number(value)


def _false_or(schema: dict[str, object]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [schema, {"const": False}]})


Limit = Annotated[
    Annotated[float, Field(ge=0.0)] | None,
    BeforeValidator(_limit),
    _false_or({"type": "number", "minimum": 0}),
]
"""A threshold of at least 0; `false` switches it off."""

FractionLimit = Annotated[
    Annotated[float, Field(ge=0.0, le=1.0)] | None,
    BeforeValidator(_limit),
    _false_or({"type": "number", "minimum": 0, "maximum": 1}),
]
"""A threshold on a share, in [0, 1]; `false` switches it off."""

NumberLimit = Annotated[float | None, BeforeValidator(_limit), _false_or({"type": "number"})]
"""A threshold; `false` switches it off."""


def _count_limit(value: object) -> object:
    return None if value is False else value


CountLimit = Annotated[
    Annotated[int, Field(ge=0)] | None,
    BeforeValidator(_count_limit),
    _false_or({"type": "integer", "minimum": 0}),
]
"""A threshold on a count; `false` switches it off."""

Positive = Annotated[float, Field(gt=0.0), BeforeValidator(_number)]
"""A number above 0."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$", max_length=100)]
"""A name that may stand in file names, columns and reports."""

Text = Annotated[str, Field(min_length=1)]
"""A string that is not empty."""

TextTuple = Annotated[tuple[Text, ...], Field(min_length=1), BeforeValidator(as_tuple)]
"""A list of strings, at least one."""
