"""Source code for gristmill: language, licence headers, generated and vendored files, secrets, comments, syntax."""

from __future__ import annotations

from gristmill.plugins.api import Register, hookimpl
from gristmill_code.comments import CommentShare
from gristmill_code.generated import Generated, Vendored
from gristmill_code.language import Language
from gristmill_code.licences import LicenceHeader, StripLicenceHeader
from gristmill_code.parses import Parses
from gristmill_code.secrets import MaskSecrets, Secrets

__all__ = [
    "CommentShare",
    "Generated",
    "Language",
    "LicenceHeader",
    "MaskSecrets",
    "Parses",
    "Secrets",
    "StripLicenceHeader",
    "Vendored",
    "register_signals",
    "register_transforms",
]

gristmill_api = 1


@hookimpl
def register_signals(register: Register) -> None:
    """Register the signals."""
    for signal in (Language, LicenceHeader, Generated, Vendored, Secrets, CommentShare, Parses):
        register(signal)


@hookimpl
def register_transforms(register: Register) -> None:
    """Register the transforms."""
    register(StripLicenceHeader)
    register(MaskSecrets)
