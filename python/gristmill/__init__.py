"""gristmill: raw documents to verified, tokenised Arrow shards, and shards to a fine-tuned model.

Names are loaded when they are first used, so that importing the package is quick and pulls in no heavy library.

>>> import gristmill
>>> callable(gristmill.curate), callable(gristmill.signals)
(True, True)
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gristmill.curate.run import curate
    from gristmill.curate.segments import segments
    from gristmill.curate.tables import Tokenizer, clean, near_duplicates, read, signals
    from gristmill.errors import GristmillError
    from gristmill.export.run import export
    from gristmill.shards import open_shards

    __version__: str

_HOMES = {
    "GristmillError": "gristmill.errors",
    "Tokenizer": "gristmill.curate.tables",
    "clean": "gristmill.curate.tables",
    "near_duplicates": "gristmill.curate.tables",
    "open_shards": "gristmill.shards",
    "read": "gristmill.curate.tables",
    "segments": "gristmill.curate.segments",
    "signals": "gristmill.curate.tables",
}

_CALLABLE = {"curate": "gristmill.curate.run", "export": "gristmill.export.run"}
"""Subpackages that are functions, too, with the module where the function of that name is."""

__all__ = [
    "GristmillError",
    "Tokenizer",
    "__version__",
    "clean",
    "curate",
    "export",
    "near_duplicates",
    "open_shards",
    "read",
    "segments",
    "signals",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("gristmill")
        except PackageNotFoundError:
            return "0+source"  # a source tree on the path that was never installed
    if name in _CALLABLE:
        return import_module(f"gristmill.{name}")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module `gristmill` has no attribute `{name}`")


def __dir__() -> list[str]:
    return sorted(__all__)


class _CallableModule(ModuleType):
    """A subpackage that can also be called, such as `gristmill.curate("recipe.toml")`."""

    def __call__(self, *arguments: object, **options: object) -> object:
        # The one place that passes arguments through: the signature is that of the function itself.
        name = self.__name__.rpartition(".")[2]
        return getattr(import_module(_CALLABLE[name]), name)(*arguments, **options)


class _Package(ModuleType):
    """The package itself. Importing a subpackage binds its name here; some names are a function and a subpackage."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _CALLABLE and isinstance(value, ModuleType):
            value.__class__ = _CallableModule
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
