"""Legal operators for gristmill: citations, structure, defined terms, jurisdiction, boilerplate, redaction."""

from __future__ import annotations

from gristmill.plugins.api import Register, hookimpl
from gristmill_legal.boilerplate import LicenceBoilerplate
from gristmill_legal.citations import CitationDensity
from gristmill_legal.definitions import DefinedTerms
from gristmill_legal.jurisdiction import Jurisdiction
from gristmill_legal.redact import Redact
from gristmill_legal.structure import ClauseStructure

__all__ = [
    "CitationDensity",
    "ClauseStructure",
    "DefinedTerms",
    "Jurisdiction",
    "LicenceBoilerplate",
    "Redact",
    "register_signals",
    "register_transforms",
]

gristmill_api = 1


@hookimpl
def register_signals(register: Register) -> None:
    """Register the signals."""
    register(CitationDensity)
    register(ClauseStructure)
    register(DefinedTerms)
    register(Jurisdiction)
    register(LicenceBoilerplate)


@hookimpl
def register_transforms(register: Register) -> None:
    """Register the transform."""
    register(Redact)
