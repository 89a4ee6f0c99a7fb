"""gristmill's own rules as a plugin describes itself: one hook, the same marker, the same registration.

So `gristmill plugin list` and `show` know one list of what a step may use. The rules themselves run in the engine; what
stands here is their description, out of the recipe's classes. Not here: rules (`gristmill.recipe`, native).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pluggy

from gristmill.plugins import hookspecs
from gristmill.plugins.hookspecs import RegisterRule, hookimpl

if TYPE_CHECKING:
    from gristmill.recipe import BuiltinStep

gristmill_api = 1

NAMESPACE = hookspecs.PROJECT
"""The name of the built-in plugin; no other may have it. Its rules are used without it: ``use = "gopher_quality"``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltinRule:
    """A rule that comes with gristmill.

    Parameters
    ----------
    name
        What a recipe's `use` says.
    kind
        ``rule``, ``dedup`` or ``choice``: how a step takes documents out, if it does.
    version
        Raised whenever its results change.
    summary
        First line of its page; `gristmill explain rule NAME` shows all of it.
    inputs
        Columns that it always reads; a key may name more.
    outputs
        Columns ``<step>.<name>`` with their types.
    keys
        Recipe keys beside those of every step, with defaults.
    semantics
        Definitions of other tools that it knows, its own first.
    edits_text
        Whether it changes texts.

    Examples
    --------
    >>> rules = {rule.name: rule for rule in builtin_rules()}
    >>> rules["clean"].edits_text, rules["gopher_quality"].outputs["num_words"]
    (True, 'uint32')
    """

    name: str
    kind: str
    version: int
    summary: str
    inputs: tuple[str, ...]
    outputs: Mapping[str, str]
    keys: Mapping[str, str | None]
    semantics: tuple[str, ...]
    edits_text: bool


@hookimpl
def register_rules(register: RegisterRule) -> None:
    """Register every built-in step of the recipe."""
    from gristmill.recipe import BUILTIN_STEPS, key_pages

    pages = key_pages()
    for name, model in BUILTIN_STEPS.items():
        own = [key for key in model.model_fields if f"{name}.{key}" in pages]
        register(_describe(name, model, {key: pages[f"{name}.{key}"].default for key in own}))


def builtin_rules() -> list[BuiltinRule]:
    """Return the rules that come with gristmill, sorted by name; registered as a plugin's operators are.

    Examples
    --------
    >>> "minhash_dedup" in [rule.name for rule in builtin_rules()]
    True
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(sys.modules[__name__], name=NAMESPACE)
    manager.check_pending()
    found: dict[str, BuiltinRule] = {}

    def register(rule: BuiltinRule) -> None:
        assert rule.name not in found, "names of built-in steps are unique"
        found[rule.name] = rule

    manager.hook.register_rules(register=register)
    return [found[name] for name in sorted(found)]


def _describe(name: str, model: type[BuiltinStep], keys: Mapping[str, str | None]) -> BuiltinRule:
    return BuiltinRule(
        name=name,
        kind="dedup" if model.is_dedup else "choice" if model.is_choice else "rule",
        version=model.version,
        summary=(model.__doc__ or "").strip().partition("\n")[0],
        inputs=("text",),
        outputs={column: str(kind) for column, kind in model.columns.items()},
        keys=keys,
        semantics=tuple(model.semantics_known),
        edits_text=model.edits_text,
    )
