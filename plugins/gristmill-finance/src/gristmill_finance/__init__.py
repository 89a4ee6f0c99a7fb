"""Financial text for gristmill: tickers, amounts, SEC filings, forward-looking statements, sentiment."""

from __future__ import annotations

from gristmill.plugins.api import Register, hookimpl
from gristmill_finance.amounts import CurrencyDensity, NumberDensity, TickerDensity
from gristmill_finance.boilerplate import FilingBoilerplate, StripFilingBoilerplate
from gristmill_finance.filings import FilingSections
from gristmill_finance.forward_looking import ForwardLooking, StripForwardLooking
from gristmill_finance.presets import FinancialText
from gristmill_finance.sentiment import Sentiment

__all__ = [
    "CurrencyDensity",
    "FilingBoilerplate",
    "FilingSections",
    "FinancialText",
    "ForwardLooking",
    "NumberDensity",
    "Sentiment",
    "StripFilingBoilerplate",
    "StripForwardLooking",
    "TickerDensity",
    "register_filters",
    "register_signals",
    "register_transforms",
]

gristmill_api = 1


@hookimpl
def register_signals(register: Register) -> None:
    """Register the signals."""
    for signal in (
        TickerDensity,
        NumberDensity,
        CurrencyDensity,
        FilingSections,
        FilingBoilerplate,
        ForwardLooking,
        Sentiment,
    ):
        register(signal)


@hookimpl
def register_transforms(register: Register) -> None:
    """Register the transforms."""
    register(StripFilingBoilerplate)
    register(StripForwardLooking)


@hookimpl
def register_filters(register: Register) -> None:
    """Register the preset."""
    register(FinancialText)
