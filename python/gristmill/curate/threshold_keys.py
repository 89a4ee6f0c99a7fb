"""`KEY=VALUE` on a recipe: which step's threshold is meant, and the recipe that has it.

Only thresholds can be set so: they are applied to columns that a run has stored. Every other key is refused with the
reason why a run would have to read documents again. Not here: what the changed recipe keeps and drops (`what_if`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from gristmill.curate.compile import CompiledSteps
from gristmill.errors import GristmillError
from gristmill.recipe import (
    AnyStep,
    BuiltinStep,
    PluginStep,
    Recipe,
    effective_toml,
    parse_recipe,
    toml_value,
)
from gristmill.recipe.problems import nearest
from gristmill.recipe.step_base import RESERVED_KEYS


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """A threshold key of a step and its new value.

    Parameters
    ----------
    step
        Name of the step.
    key
        A threshold key of it.
    value
        What the recipe would say; false switches the threshold off.
    """

    step: str
    key: str
    value: object

    @property
    def name(self) -> str:
        """The key with its step, as it is written on the command line."""
        return f"{self.step}.{self.key}"


def parse_settings(texts: Sequence[str], recipe: Recipe, compiled: CompiledSteps) -> list[Setting]:
    """Return what ``KEY=VALUE`` texts set.

    Parameters
    ----------
    texts
        As in ``gopher_quality.min_words=30``; the step may be left out where one step alone has the key.
    recipe
        The recipe that they are about.
    compiled
        The same recipe, compiled: it knows the keys of plugins.

    Raises
    ------
    GristmillError
        ``GM-WHATIF-001`` for a key that is no threshold, ``GM-WHATIF-002`` for one that no step has or several have,
        ``GM-WHATIF-004`` for a text that does not say ``KEY=VALUE``.
    """
    settings = []
    for text in texts:
        name, separator, written = text.partition("=")
        if not separator or not name.strip() or not written.strip():
            raise GristmillError(
                "GM-WHATIF-004",
                f"`{text}` is not `KEY=VALUE`",
                hint="for example `--set gopher_quality.min_words=30`",
            )
        step, key = _find(name.strip(), recipe, compiled)
        _refuse_unless_threshold(step, key, compiled)
        settings.append(Setting(step=step.name, key=key, value=_value(text, written)))
    return settings


def with_settings(recipe: Recipe, settings: Sequence[Setting]) -> Recipe:
    """Return the recipe in which the thresholds are set, checked as any other.

    Raises
    ------
    GristmillError
        What `parse_recipe` finds wrong with a value.
    """
    if not settings:
        return recipe
    tables = tomllib.loads(effective_toml(recipe))
    plugin_steps = {step.name for step in recipe.plugin_steps}
    for setting in settings:
        table = next(table for table in tables["step"] if table["name"] == setting.step)
        if setting.value is False and setting.step in plugin_steps:
            # A plugin's threshold is off when it is not there.
            table.pop(setting.key, None)
        else:
            table[setting.key] = setting.value
    text = "".join(f"{name} = {toml_value(value)}\n" for name, value in tables.items())
    return parse_recipe(text, base=recipe.base, path=recipe.path)


def _value(text: str, written: str) -> object:
    try:
        value: object = tomllib.loads(f"value = {written}")["value"]
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise GristmillError(
            "GM-WHATIF-004",
            f"`{text}`: `{written.strip()}` is no value of a threshold",
            hint="a number, or `false` to switch the threshold off",
        ) from error
    return value


def _find(name: str, recipe: Recipe, compiled: CompiledSteps) -> tuple[AnyStep, str]:
    """Return the step and the key that a name on the command line means."""
    for step in sorted(recipe.steps, key=lambda step: -len(step.name)):
        # A plugin step's name may hold dots itself.
        if name.startswith(f"{step.name}."):
            key = name[len(step.name) + 1 :]
            if key not in _keys(step, compiled):
                raise _unknown(name, [f"{step.name}.{known}" for known in _keys(step, compiled)])
            return step, key
    owners = [step for step in recipe.steps if name in _keys(step, compiled)]
    if len(owners) == 1:
        return owners[0], name
    if owners:
        listing = ", ".join(f"`{step.name}.{name}`" for step in owners)
        raise GristmillError(
            "GM-WHATIF-002", f"several steps have the key `{name}`", hint=f"name one of {listing}"
        )
    known = [f"{step.name}.{key}" for step in recipe.steps for key in _keys(step, compiled)]
    bare = [key.rpartition(".")[2] for key in known]
    close = nearest(name, bare)
    raise _unknown(name, known if close is None else [known[bare.index(close)]], close is not None)


def _unknown(name: str, known: Sequence[str], is_close: bool = False) -> GristmillError:
    close = known[0] if is_close else nearest(name, known)
    return GristmillError(
        "GM-WHATIF-002",
        f"no step of the recipe has the key `{name}`" + (f"; did you mean `{close}`?" if close else ""),
        hint="a key is written `<step>.<key>`; `gristmill explain rule STEP` lists the keys of a step",
    )


def _keys(step: AnyStep, compiled: CompiledSteps) -> list[str]:
    """Return every key of a step, thresholds first."""
    if isinstance(step, BuiltinStep):
        others = [key for key in type(step).model_fields if key not in step.rules]
        return [*step.rules, *others]
    described = _describe(step, compiled)
    outputs = cast(Mapping[str, Mapping[str, object]], described["outputs"])
    thresholds = _plugin_thresholds(outputs) if described["kind"] != "filter" else []
    return [*thresholds, *cast(Mapping[str, object], described["config"]), *RESERVED_KEYS]


def _plugin_thresholds(outputs: Mapping[str, Mapping[str, object]]) -> list[str]:
    from gristmill.plugins.active import threshold_keys
    from gristmill.plugins.operators import Output

    return threshold_keys({name: Output(type=str(output["type"])) for name, output in outputs.items()})


def _describe(step: PluginStep, compiled: CompiledSteps) -> Mapping[str, object]:
    return next(plugin for plugin in compiled.plugins if plugin["step"] == step.name)


def _refuse_unless_threshold(step: AnyStep, key: str, compiled: CompiledSteps) -> None:
    if isinstance(step, BuiltinStep):
        rule = step.rules.get(key)
        if rule is not None:
            if rule.column not in step.made_columns():
                raise _no_threshold(
                    step, key, f"the run did not measure `{rule.column}`: `measure` leaves it out"
                )
            return
    elif key in _keys(step, compiled) and key not in RESERVED_KEYS:
        if key not in cast(Mapping[str, object], _describe(step, compiled)["config"]):
            return
        raise _no_threshold(step, key, "it belongs to the plugin, which computes with it")
    raise _no_threshold(step, key, _why_not(step, key))


def _why_not(step: AnyStep, key: str) -> str:
    reserved = {
        "use": "it says which step this is",
        "name": "it says which step this is",
        "semantics": "it decides what is measured",
        "measure": "it decides what is measured",
        "on_error": "it decides what becomes of documents that the plugin fails on",
        "where": "it decides which documents the step is for",
    }
    if key in reserved:
        return reserved[key]
    if isinstance(step, BuiltinStep) and step.is_dedup:
        return "it decides which documents are compared, or which of them stays"
    if isinstance(step, BuiltinStep) and step.is_choice:
        return "it decides which of the kept documents are chosen"
    if isinstance(step, BuiltinStep) and step.edits_text:
        return "it edits the text"
    return "it decides what is measured"


def _no_threshold(step: AnyStep, key: str, why: str) -> GristmillError:
    return GristmillError(
        "GM-WHATIF-001",
        f"`{step.name}.{key}` is no threshold: {why}",
        hint="change it in the recipe and run that to see; thresholds are the keys that "
        f"`gristmill explain rule {step.use}` lists with a comparison",
    )
