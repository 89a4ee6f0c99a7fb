"""The hooks: each is called once for each plugin, at start-up, to collect operator classes.

A batch never passes through pluggy. A hook that is not in this file is refused by name (`check_pending`), so
that a misspelt one cannot be ignored. Order of registration carries no meaning: the recipe's order does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pluggy

if TYPE_CHECKING:
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


@hookspec
def register_readers(register: Register) -> None:
    """Register readers: file in, Arrow batches with a `text` column out.

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


HOOKS = ("register_readers", "register_transforms", "register_signals", "register_filters")
KIND_OF_HOOK = dict(zip(HOOKS, ("reader", "transform", "signal", "filter"), strict=True))
