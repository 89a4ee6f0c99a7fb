"""Customer-service operators for gristmill: turns, quotes, boilerplate, contact details, sentiment, replies."""

from __future__ import annotations

from gristmill.plugins.api import Register, hookimpl
from gristmill_support.boilerplate import AgentBoilerplate, StripAgentBoilerplate
from gristmill_support.contacts import ContactDetails, MaskContacts
from gristmill_support.quotes import StripQuotes
from gristmill_support.replies import LatestReply
from gristmill_support.sentiment import Sentiment
from gristmill_support.turns import Turns

__all__ = [
    "AgentBoilerplate",
    "ContactDetails",
    "LatestReply",
    "MaskContacts",
    "Sentiment",
    "StripAgentBoilerplate",
    "StripQuotes",
    "Turns",
    "register_deciders",
    "register_signals",
    "register_transforms",
]

gristmill_api = 1


@hookimpl
def register_deciders(register: Register) -> None:
    """Register the decider."""
    register(LatestReply)


@hookimpl
def register_signals(register: Register) -> None:
    """Register the signals."""
    register(AgentBoilerplate)
    register(ContactDetails)
    register(Sentiment)
    register(Turns)


@hookimpl
def register_transforms(register: Register) -> None:
    """Register the transforms."""
    register(MaskContacts)
    register(StripAgentBoilerplate)
    register(StripQuotes)
