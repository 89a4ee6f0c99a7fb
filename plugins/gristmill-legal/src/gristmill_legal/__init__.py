"""Legal signals for gristmill: citation density, clause structure, licence boilerplate."""

from __future__ import annotations

from gristmill.plugins.api import Register, hookimpl
from gristmill_legal.boilerplate import LicenceBoilerplate
from gristmill_legal.citations import CitationDensity
from gristmill_legal.structure import ClauseStructure

__all__ = ["CitationDensity", "ClauseStructure", "LicenceBoilerplate", "register_signals"]

gristmill_api = 1


@hookimpl
def register_signals(register: Register) -> None:
    """Register the three signals."""
    register(CitationDensity)
    register(ClauseStructure)
    register(LicenceBoilerplate)
