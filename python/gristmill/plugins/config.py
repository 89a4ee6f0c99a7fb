"""Configuration of plugin operators: a frozen data class, and the checks of what a recipe gives it.

Not here: threshold keys (`min`, `max`, ...), which belong to the host and are split off in `activate`.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypeVar, Union, cast, dataclass_transform

from gristmill.errors import GristmillError

T = TypeVar("T")
_MISSING = dataclasses.MISSING


def Field(  # noqa: N802  # the public name, as in other configuration libraries
    default: T, *, doc: str = "", minimum: float | None = None, maximum: float | None = None
) -> T:
    """Return a configuration field: default, help text and, for numbers, range with both ends.

    Examples
    --------
    >>> @frozen_config
    ... class Config:
    ...     window: int = Field(5, doc="words on each side", minimum=1)
    >>> Config().window
    5
    """
    metadata = {"doc": doc, "minimum": minimum, "maximum": maximum}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(Field,))
def frozen_config(cls: type[T]) -> type[T]:
    """Turn a class into a frozen, keyword-only, slotted data class: the form of every operator's `Config`.

    Examples
    --------
    >>> @frozen_config
    ... class Config:
    ...     words: tuple[str, ...] = ("a", "b")
    >>> Config(words=("c",))
    Config(words=('c',))
    """
    return dataclasses.dataclass(frozen=True, kw_only=True, slots=True)(cls)


@frozen_config
class NoConfig:
    """The configuration of an operator that has none."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to `name`, or None if none is close.

    Examples
    --------
    >>> nearest("legel", ["legal", "medical"])
    'legal'
    """
    found = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return found[0] if found else None


def config_fields(config_class: type) -> dict[str, dataclasses.Field[object]]:
    """Return the fields of a configuration class by name, in the order they are written."""
    return {field.name: field for field in dataclasses.fields(config_class)}


def parse_config(config_class: type, values: Mapping[str, object], *, operator: str) -> object:
    """Return `config_class(**values)` after checking every key and type.

    Lists become tuples and whole numbers become floats where the field says so; nothing else is converted.

    Raises
    ------
    GristmillError
        GM-PLUGIN-008 for a key that is not a field, GM-PLUGIN-009 for a value that does not fit.

    Examples
    --------
    >>> @frozen_config
    ... class Config:
    ...     share: float = 0.5
    >>> parse_config(Config, {"share": 1}, operator="demo.x")
    Config(share=1.0)
    """
    fields = config_fields(config_class)
    hints = typing.get_type_hints(config_class)
    checked: dict[str, object] = {}
    for key, value in values.items():
        if key not in fields:
            raise unknown_key(key, fields, operator=operator)
        try:
            checked[key] = _convert(value, hints[key])
            _check_range(checked[key], fields[key].metadata)
        except (TypeError, ValueError) as error:
            raise _wrong_value(operator, key, str(error)) from error
    for name, field in fields.items():
        if name not in checked and field.default is _MISSING and field.default_factory is _MISSING:
            raise _wrong_value(operator, name, "is required")
    try:
        return cast(Callable[..., object], config_class)(**checked)
    except (TypeError, ValueError) as error:
        raise GristmillError("GM-PLUGIN-009", f"`{operator}` refuses its configuration: {error}") from error


def unknown_key(key: str, known: Iterable[str], *, operator: str) -> GristmillError:
    """Return the error for a recipe key that an operator does not have, with the nearest known key."""
    names = sorted(known)
    close = nearest(key, names)
    listing = ", ".join(f"`{name}`" for name in names) or "none"
    hint = f"did you mean `{close}`?" if close else None
    return GristmillError(
        "GM-PLUGIN-008", f"`{operator}` has no key `{key}`", hint=hint, context=(f"known keys: {listing}",)
    )


def canonical_config(config: object) -> dict[str, object]:
    """Return a configuration as plain JSON values, every field included, for plans and fingerprints.

    Examples
    --------
    >>> canonical_config(NoConfig())
    {}
    """
    return {name: _plain(getattr(config, name)) for name in config_fields(type(config))}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in sorted(value.items())}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a configuration cannot hold a {type(value).__name__}")


def _wrong_value(operator: str, key: str, problem: str) -> GristmillError:
    return GristmillError("GM-PLUGIN-009", f"`{operator}`: key `{key}` {problem}")


def _check_range(value: object, metadata: Mapping[str, object]) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    minimum, maximum = metadata.get("minimum"), metadata.get("maximum")
    if isinstance(minimum, (int, float)) and value < minimum:
        raise ValueError(f"must be at least {minimum}, not `{value}`")
    if isinstance(maximum, (int, float)) and value > maximum:
        raise ValueError(f"must be at most {maximum}, not `{value}`")


def _convert(value: object, hint: object) -> object:
    """Return `value` as the annotated type; TypeError or ValueError says what was expected."""
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return _convert_union(value, arguments)
    if origin is Literal:
        if not any(value == item and type(value) is type(item) for item in arguments):
            raise ValueError(f"must be one of {', '.join(map(repr, arguments))}, not {_shown(value)}")
        return value
    if origin is tuple:
        return _convert_tuple(value, arguments)
    if origin in (dict, Mapping):
        if not isinstance(value, Mapping):
            raise TypeError(f"must be a table, not {_shown(value)}")
        return {str(key): _convert(item, arguments[1]) for key, item in value.items()}
    return _convert_scalar(value, hint)


def _convert_union(value: object, arguments: tuple[object, ...]) -> object:
    if value is None and type(None) in arguments:
        return None
    problems = []
    for option in arguments:
        if option is type(None):
            continue
        try:
            return _convert(value, option)
        except (TypeError, ValueError) as error:
            problems.append(str(error))
    raise TypeError(" or ".join(problems))


def _convert_tuple(value: object, arguments: tuple[object, ...]) -> object:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"must be a list, not {_shown(value)}")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_convert(item, arguments[0]) for item in value)
    if len(value) != len(arguments):
        raise ValueError(f"must have {len(arguments)} items, not {len(value)}")
    return tuple(_convert(item, option) for item, option in zip(value, arguments, strict=True))


def _shown(value: object) -> str:
    """Return a value as a recipe has it, so that `"2"` is not taken for `2`."""
    # Here, because authors import this module, and it is quick to load.
    from gristmill.recipe.effective import toml_value

    return f"`{toml_value(value)}`"


def _convert_scalar(value: object, hint: object) -> object:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"must be finite, not `{value}`")
        return number
    if hint in names:
        if type(value) is not hint:
            raise TypeError(f"must be {names[hint]}, not {_shown(value)}")
        return value
    raise TypeError(f"has the type `{hint}`, which a recipe cannot fill")
