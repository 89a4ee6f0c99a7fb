"""The effective recipe: every key with its value, defaults included, as TOML that parses to the same recipe."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import cast

from gristmill.recipe.model import Recipe
from gristmill.recipe.values import format_bytes

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BYTE_KEYS = frozenset({"max_document_bytes", "scratch_memory", "partition_bytes", "shard_bytes"})
_ESCAPED = re.compile(r'[\x00-\x1f\x7f"\\]')

HEADER = (
    "# The effective recipe: every key, defaults included. Paths are as in the recipe it was made from.\n"
)


def effective_toml(recipe: Recipe) -> str:
    r"""Return a recipe as TOML with all defaults written out; parsing it gives the same recipe.

    Examples
    --------
    >>> from gristmill.recipe import parse_recipe
    >>> recipe = parse_recipe('[[source]]\nname = "a"\npaths = ["a.jsonl"]', base=".")
    >>> text = effective_toml(recipe)
    >>> 'max_document_bytes = "8MiB"' in text
    True
    >>> parse_recipe(text, base=".") == recipe
    True
    """
    parts = [_table("[run]", recipe.section("run"))]
    for name in ("source", "step"):
        parts += [_table(f"[[{name}]]", table) for table in cast(list[object], recipe.section(name))]
    if recipe.dedup.index is not None:
        parts.append(_table("[dedup]", recipe.section("dedup")))
    parts.append(_table("[split]", recipe.section("split")))
    if recipe.tokens is not None:
        parts.append(_table("[tokens]", recipe.section("tokens")))
    if recipe.train is not None:
        train = dict(cast(Mapping[str, object], recipe.section("train")))
        lora = train.pop("lora", None)
        parts.append(_table("[train]", train))
        if lora is not None:
            parts.append(_table("[train.lora]", lora))
    if recipe.report.sections:
        parts.append(_table("[report]", recipe.section("report")))
    return HEADER + "\n" + "\n".join(parts)


def _table(header: str, table: object) -> str:
    lines = [header]
    for key, value in cast(Mapping[str, object], table).items():
        shown = format_bytes(value) if key in _BYTE_KEYS and isinstance(value, int) else value
        lines.append(f"{_key(key)} = {toml_value(shown)}")
    return "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _string(key)


def toml_value(value: object) -> str:
    r"""Return a JSON value without nulls as an inline TOML value.

    Examples
    --------
    >>> toml_value({"lang": ["en", "d\"e"], "n": 1e-07, "on": True})
    '{ lang = ["en", "d\\"e"], n = 1e-07, on = true }'
    """
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _string(value)
        case int():
            return str(value)
        case float():
            return repr(value)
        case Mapping():
            items = ", ".join(f"{_key(str(key))} = {toml_value(item)}" for key, item in value.items())
            return f"{{ {items} }}" if items else "{}"
        case list() | tuple():
            return f"[{', '.join(toml_value(item) for item in value)}]"
        case _:
            # Dates of a plugin's keys: TOML writes them as ISO does.
            return str(value)


def _string(text: str) -> str:
    escaped = _ESCAPED.sub(_escape, text)
    return f'"{escaped}"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character == "\x7f":
        return "\\u007f"
    return json.dumps(character)[1:-1]
