"""Observation: tells plugins that a run started, a task finished, the run finished. They cannot change any data.

Only plugins that the recipe names are told. What a hook returns is ignored; what it raises is logged under the
plugin's name and counted, and the run goes on. Not here: the hooks' signatures (`hookspecs`).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from gristmill.plugins import hookspecs
from gristmill.plugins.capture import captured_output, plugin_logger, short_traceback


@dataclass(frozen=True, kw_only=True, slots=True)
class RunInfo:
    """The run that observers are told of.

    Parameters
    ----------
    folder
        The run folder.
    plan
        Fingerprint of the plan, 64 hexadecimal digits.
    recipe
        The recipe file's name, empty where there is none.
    """

    folder: Path
    plan: str
    recipe: str = ""


@dataclass(slots=True)
class Observers:
    """The observation hooks of the plugins of a run, and how many calls of them failed.

    Examples
    --------
    >>> Observers().tell("run_started", run=RunInfo(folder=Path("."), plan="ab"))
    """

    modules: Sequence[tuple[str, ModuleType]] = ()
    """Namespace and module of each plugin."""
    num_failed: dict[str, int] = field(default_factory=dict)
    """Failed calls by namespace."""

    def tell(self, hook: str, **values: object) -> None:
        """Call one hook of every plugin that has it, in order of their names, each with copies of the values."""
        for namespace, module in self.modules:
            function = getattr(module, hook, None)
            if function is None or not _is_marked(function):
                continue
            wanted = _argument_names(function)
            given = {name: _own(value) for name, value in values.items() if name in wanted}
            try:
                with captured_output(namespace):
                    function(**given)
            except (Exception, SystemExit) as error:  # noqa: BLE001  # logged and counted: observers change nothing
                self.num_failed[namespace] = self.num_failed.get(namespace, 0) + 1
                plugin_logger(namespace).warning("%s: %s", hook, short_traceback(error))


def observed_hooks(module: ModuleType) -> tuple[str, ...]:
    """Return the observation hooks that a plugin's module implements."""
    return tuple(name for name in hookspecs.OBSERVERS if _is_marked(getattr(module, name, None)))


def _is_marked(function: object) -> bool:
    return getattr(function, f"{hookspecs.PROJECT}_impl", None) is not None


def _argument_names(function: object) -> tuple[str, ...]:
    """Return which arguments a hook takes: as with pluggy, an implementation may leave some out."""
    code = getattr(function, "__code__", None)
    return () if code is None else code.co_varnames[: code.co_argcount]


def _own(value: object) -> object:
    return copy.deepcopy(value) if isinstance(value, Mapping) else value
