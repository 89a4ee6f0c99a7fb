"""JSON Schema of a recipe file, for editors, and the pages of single keys, for `gristmill explain key`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gristmill.recipe.builtin import BuiltinStep
from gristmill.recipe.effective import toml_value
from gristmill.recipe.plugin_use import Report
from gristmill.recipe.sections import Dedup, Run, Source, Tokens
from gristmill.recipe.split import Split, SplitTime
from gristmill.recipe.step_base import PLUGIN_USE, PluginStep, Step
from gristmill.recipe.steps import BUILTIN_STEPS
from gristmill.recipe.training import Lora, Mixing, Train
from gristmill.recipe.values import format_bytes

SECTION_MODELS: Mapping[str, type[BaseModel]] = {
    "run": Run,
    "source": Source,
    "step": Step,
    **BUILTIN_STEPS,
    "plugin": PluginStep,
    "dedup": Dedup,
    "split": Split,
    "split.time": SplitTime,
    "tokens": Tokens,
    "train": Train,
    "train.lora": Lora,
    "train.mixing": Mixing,
    "report": Report,
}
"""Tables by the name that stands before the dot in `run.seed` or `gopher_quality.min_words`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyPage:
    """What there is to know about a recipe key.

    Parameters
    ----------
    name
        Table and key, for example ``run.seed``.
    type
        What may stand there, in words of JSON Schema.
    default
        As TOML; None for a required or optional key without one.
    is_required
        Whether a table without it is refused.
    description
        The help text.
    effect
        For keys of built-in steps: what a change re-runs.
    """

    name: str
    type: str
    default: str | None
    is_required: bool
    description: str
    effect: str | None = None


HOST_KEYS = (
    KeyPage(
        name="plugin.isolation",
        type='"none" or "process"',
        default=None,
        is_required=False,
        description="Where the operator lives: in the run's process or in one of its own, which may crash. The default "
        'is that of the operator, mostly `"none"`.',
    ),
    KeyPage(
        name="plugin.deadline",
        type='time such as "60s", or number of seconds',
        default=None,
        is_required=False,
        description="Longest time for a batch, and for a document alone. The default is that of the operator, "
        "mostly ten minutes.",
    ),
    KeyPage(
        name="plugin.max_memory",
        type='byte size such as "2GiB"',
        default=None,
        is_required=False,
        description='With `isolation = "process"`: largest private memory of that process.',
    ),
)
"""Keys of plugin steps that the host of plugins reads: they change no result."""


def key_pages() -> dict[str, KeyPage]:
    """Return the page of every key of a recipe, by name, tables in recipe order.

    Examples
    --------
    >>> key_pages()["run.seed"].default
    '0'
    >>> key_pages()["gopher_quality.min_words"].effect
    'threshold on `num_words`, kept if `>=`; a change recomputes no signal'
    """
    return {page.name: page for table, model in SECTION_MODELS.items() for page in _pages(table, model)}


def _pages(table: str, model: type[BaseModel]) -> Iterator[KeyPage]:
    properties = cast(Mapping[str, Mapping[str, object]], model.model_json_schema().get("properties", {}))
    is_step = issubclass(model, Step)
    for key, field in model.model_fields.items():
        if is_step and model is not Step and key in Step.model_fields:
            continue
        if model is PluginStep and key == "keys":
            continue
        yield KeyPage(
            name=f"{table}.{key}",
            type=_type_words(properties.get(key, {})),
            default=_default(field, properties.get(key, {})),
            is_required=field.is_required() and not (is_step and key == "name"),
            description=field.description or "",
            effect=_effect(model, key),
        )
    if model is PluginStep:
        yield from HOST_KEYS


def _effect(model: type[BaseModel], key: str) -> str | None:
    if not issubclass(model, BuiltinStep):
        return None
    rule = model.rules.get(key)
    if key in model.limits:
        return "a limit: a change recomputes nothing"
    if rule is None:
        return "a change runs the step again"
    return f"threshold on `{rule.column}`, kept if `{rule.keep}`; a change recomputes no signal"


def _default(field: FieldInfo, schema: Mapping[str, object]) -> str | None:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None:
        return None
    if isinstance(value, BaseModel):
        return None
    if _is_bytes(schema):
        return toml_value(format_bytes(value))
    return toml_value(value)


def _is_bytes(schema: Mapping[str, object]) -> bool:
    return schema.get("x-unit") == "bytes"


def _type_words(schema: Mapping[str, object]) -> str:
    """Return a schema as a few words: ``integer >= 0``, ``"plain" or "hf" or list of string``."""
    if _is_bytes(schema):
        return 'byte size such as "8MiB"'
    for key in ("anyOf", "oneOf"):
        if key in schema:
            members = [
                item for item in cast(list[Mapping[str, object]], schema[key]) if item.get("type") != "null"
            ]
            return " or ".join(dict.fromkeys(_type_words(item) for item in members))
    if "enum" in schema:
        return " or ".join(toml_value(item) for item in cast(list[object], schema["enum"]))
    if "const" in schema:
        return toml_value(schema["const"])
    if "$ref" in schema:
        return "table"
    kind = str(schema.get("type", "any value"))
    if kind == "array":
        inner = schema.get("items") or schema.get("prefixItems", [{}])
        first = inner[0] if isinstance(inner, list) else inner
        return f"list of {_type_words(cast(Mapping[str, object], first))}"
    if kind == "object":
        return "table"
    words = {"boolean": "true or false", "number": "number", "integer": "integer", "string": "string"}.get(
        kind, kind
    )
    bounds = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    shown = [f"{sign} {schema[name]}" for name, sign in bounds.items() if name in schema]
    return " ".join([words, ", ".join(shown)]).strip()


def json_schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of a recipe file.

    Examples
    --------
    >>> sorted(json_schema()["properties"])
    ['dedup', 'report', 'run', 'source', 'split', 'step', 'tokens', 'train']
    """
    definitions: dict[str, object] = {}

    def inline(model: type[BaseModel]) -> dict[str, object]:
        schema = model.model_json_schema(ref_template="#/$defs/{model}")
        definitions.update(schema.pop("$defs", {}))
        definitions[model.__name__] = schema
        return {"$ref": f"#/$defs/{model.__name__}"}

    models: tuple[type[Step], ...] = (*BUILTIN_STEPS.values(), PluginStep)
    steps = [inline(model) for model in models]
    for model in models:
        _loosen_step(cast(dict[str, object], definitions[model.__name__]))
    plugin = cast(dict[str, object], definitions["PluginStep"])
    plugin["additionalProperties"] = True
    properties = cast(dict[str, object], plugin["properties"])
    del properties["keys"]
    properties["use"] = {
        "type": "string",
        "pattern": f"^{PLUGIN_USE.pattern}$",
        "description": "`<plugin>.<operator>`.",
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gristmill recipe",
        "type": "object",
        "additionalProperties": False,
        "required": ["source"],
        "properties": {
            "run": inline(Run),
            "source": {"type": "array", "minItems": 1, "items": inline(Source)},
            "step": {"type": "array", "items": {"anyOf": steps}},
            "dedup": inline(Dedup),
            "split": inline(Split),
            "tokens": inline(Tokens),
            "train": inline(Train),
            "report": inline(Report),
        },
        "$defs": dict(sorted(definitions.items())),
    }


def _loosen_step(schema: dict[str, object]) -> None:
    """Say what a file may hold rather than what parsing makes of it: no `name` needed, single values in `where`."""
    schema["required"] = [key for key in cast(list[str], schema.get("required", [])) if key != "name"]
    properties = cast(dict[str, object], schema["properties"])
    scalar: dict[str, object] = {"type": ["string", "number", "boolean"]}
    where = cast(dict[str, object], properties["where"])
    where["additionalProperties"] = {"anyOf": [scalar, {"type": "array", "minItems": 1, "items": scalar}]}
