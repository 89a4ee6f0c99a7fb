"""The hooks: those that register are called once for each plugin, at start-up, to collect operator classes.

Those that observe are called while a run goes on (`observers`) and change nothing.

A batch never passes through pluggy. A hook that is not in this file is refused by name (`check_pending`), so
that a misspelt one cannot be ignored. Order of registration carries no meaning: the recipe's order does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import pluggy

if TYPE_CHECKING:
    from gristmill.plugins.builtin import BuiltinRule
    from gristmill.plugins.observers import RunInfo
    from gristmill.plugins.operators import Operator

PROJECT = "gristmill"
API_MAJOR = 1
"""The only value of a plugin module's `gristmill_api` that this version loads."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Register(Protocol):
    """What a hook is given: call it once for each operator class; it checks the class at once."""

    def __call__(self, operator: type[Operator]) -> None:
        """Register one operator class under the plugin's namespace."""


class RegisterRule(Protocol):
    """What gristmill's own module is given: call it once for each built-in rule."""

    def __call__(self, rule: BuiltinRule) -> None:
        """Register one rule."""


@hookspec
def register_readers(register: Register) -> None:
    """Register readers: file in, Arrow batches with a `text` column out.

    .. versionadded:: 0.1
    """


@hookspec
def register_extractors(register: Register) -> None:
    """Register extractors: raw markup or bytes in, the document's text out, before any step.

    .. versionadded:: 0.1
    """


@hookspec
def register_transforms(register: Register) -> None:
    """Register transforms: text in, edited text out.

    .. versionadded:: 0.1
    """


@hookspec
def register_signals(register: Register) -> None:
    """Register signals: text and other columns in, typed columns out.

    .. versionadded:: 0.1
    """


@hookspec
def register_filters(register: Register) -> None:
    """Register filters: a named predicate over columns; false drops the document.

    .. versionadded:: 0.1
    """


@hookspec
def register_deciders(register: Register) -> None:
    """Register deciders: the documents of a group in; which of them stay, and why the others do not, out.

    .. versionadded:: 0.1
    """


@hookspec
def register_report_sections(register: Register) -> None:
    """Register report sections: a finished run in; title, text, tables and charts out.

    .. versionadded:: 0.1
    """


@hookspec
def register_trainer_callbacks(register: Register) -> None:
    """Register callbacks of training: told of steps, evaluations and checkpoints, unable to change them.

    .. versionadded:: 0.1
    """


@hookspec
def register_commands(register: Register) -> None:
    """Register commands: ``gristmill <plugin> <command> ...``.

    .. versionadded:: 0.1
    """


@hookspec
def run_started(run: RunInfo) -> None:
    """Observe that a curation run starts, before its first task. What it returns is ignored.

    .. versionadded:: 0.1
    """


@hookspec
def partition_finished(run: RunInfo, result: Mapping[str, object]) -> None:
    """Observe that a task is committed: ``stage``, ``done`` and ``total`` tasks of that stage.

    Tasks of an earlier start count as done at once. What it returns is ignored.

    .. versionadded:: 0.1
    """


@hookspec
def run_finished(run: RunInfo, report: Mapping[str, object]) -> None:
    """Observe that a run is finished: ``digest`` of its manifest, ``counts``, ``tasks_run``, ``tasks_reused``.

    What it returns is ignored.

    .. versionadded:: 0.1
    """


@hookspec
def register_rules(register: RegisterRule) -> None:
    """Register the rules that come with gristmill. Only gristmill's own module may implement this.

    .. versionadded:: 0.1
    """


OWN_HOOKS = ("register_rules",)
"""Hooks of gristmill's own module."""
HOOKS = (
    "register_readers",
    "register_extractors",
    "register_transforms",
    "register_signals",
    "register_filters",
    "register_deciders",
    "register_report_sections",
    "register_trainer_callbacks",
    "register_commands",
)
"""Hooks that register operators."""
OBSERVERS = ("run_started", "partition_finished", "run_finished")
"""Hooks that observe a run and change nothing."""
