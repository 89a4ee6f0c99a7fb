"""What a plugin offers, as data: `gristmill plugin show` and the reference pages are made from it."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from dataclasses import dataclass
from pathlib import Path

from gristmill.plugins.active import Registered, outputs_of, threshold_keys
from gristmill.plugins.config import config_fields
from gristmill.plugins.kinds import READS_NOTHING
from gristmill.plugins.manager import PluginManager
from gristmill.plugins.operators import work_method


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigKey:
    """One recipe key of an operator; `default` as Python writes it, None if the key is required."""

    name: str
    type: str
    default: str | None
    doc: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorInfo:
    """One operator of a plugin.

    `outputs` is name to type, with ``?`` behind it if null is allowed; only readers have `suffixes`, and they
    have no `keys`, because a source cannot set any.
    """

    name: str
    kind: str
    tier: int
    version: int
    doc: str
    inputs: tuple[str, ...]
    outputs: dict[str, str]
    keys: tuple[ConfigKey, ...]
    threshold_keys: tuple[str, ...]
    suffixes: tuple[str, ...]
    deterministic: bool
    distribution: str | None
    distribution_version: str | None


def show_plugin(namespace: str, *, plugins_dir: Path | None = None) -> list[OperatorInfo]:
    """Load a plugin and return what it offers, sorted by name.

    Raises
    ------
    GristmillError
        GM-PLUGIN-001 to -007 if it cannot be loaded.
    """
    manager = PluginManager.load([namespace], plugins_dir=plugins_dir)
    return [_describe(registered) for registered in manager.operators.values()]


def _describe(registered: Registered) -> OperatorInfo:
    operator = registered.operator
    outputs = outputs_of(operator)
    types = typing.get_type_hints(operator.Config)
    is_reader = registered.kind == "reader"
    return OperatorInfo(
        name=registered.full_name,
        kind=registered.kind,
        tier=work_method(operator)[1],
        version=operator.version,
        doc=inspect.cleandoc(operator.__doc__ or ""),
        inputs=() if registered.kind in READS_NOTHING else operator.inputs,
        outputs={name: f"{output.type}{'?' if output.nullable else ''}" for name, output in outputs.items()},
        keys=tuple(
            _describe_key(field, types[name])
            for name, field in config_fields(operator.Config).items()
            if not is_reader
        ),
        threshold_keys=tuple(threshold_keys(outputs)) if registered.kind == "signal" else (),
        suffixes=tuple(getattr(operator, "suffixes", ())),
        deterministic=operator.deterministic,
        distribution=registered.distribution,
        distribution_version=registered.distribution_version,
    )


def _describe_key(field: dataclasses.Field[object], kind: object) -> ConfigKey:
    default: str | None = None
    if field.default is not dataclasses.MISSING:
        default = repr(field.default)
    elif field.default_factory is not dataclasses.MISSING:
        default = repr(field.default_factory())
    shown = inspect.formatannotation(kind).replace("typing.", "")
    return ConfigKey(name=field.name, type=shown, default=default, doc=str(field.metadata.get("doc", "")))
