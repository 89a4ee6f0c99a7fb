"""Medical operators for gristmill: de-identification, note sections, codes, dosages."""

from __future__ import annotations

from gristmill.plugins.api import Register, hookimpl
from gristmill_medical.codes import Codes
from gristmill_medical.deidentify import Deidentify, Identifiers, NoIdentifiers
from gristmill_medical.dosages import Dosages
from gristmill_medical.presets import ClinicalNote
from gristmill_medical.sections import ClinicalSections

__all__ = [
    "ClinicalNote",
    "ClinicalSections",
    "Codes",
    "Deidentify",
    "Dosages",
    "Identifiers",
    "NoIdentifiers",
    "register_filters",
    "register_signals",
    "register_transforms",
]

gristmill_api = 1


@hookimpl
def register_signals(register: Register) -> None:
    """Register the signals."""
    register(ClinicalSections)
    register(Codes)
    register(Dosages)
    register(Identifiers)


@hookimpl
def register_transforms(register: Register) -> None:
    """Register the transform."""
    register(Deidentify)


@hookimpl
def register_filters(register: Register) -> None:
    """Register the filters."""
    register(ClinicalNote)
    register(NoIdentifiers)
