# ruff: noqa: E501  # patterns and tables, which read better unbroken
"""`finance.financial_text`: a filter that keeps documents about markets, companies' results and money.

A preset: thresholds over the same expressions as the signals. Who wants other decisions uses the signals and their
`min_` and `max_` keys.
"""

from __future__ import annotations

from gristmill.plugins.api import Expr, Field, Filter, col, frozen_config
from gristmill_finance.amounts import CurrencyDensity, NumberDensity, TickerDensity, share_of_words
from gristmill_finance.patterns import ascii_classes

FINANCIAL_TERM = (
    r"(?i)\b(?:net (?:sales|income|loss|revenues?|earnings|debt|assets?|interest)|operating (?:income|profit|loss|margin|cash flow|expenses)"
    r"|gross (?:profit|margin)|cost of (?:sales|revenues?|goods sold)|cash (?:flows?|equivalents)|free cash flow|balance sheets?"
    r"|income statement|total (?:assets|liabilities|equity)|shareholders['’]? equity|stockholders['’]? equity|retained earnings"
    r"|earnings per share|diluted|EBITDA|EBIT|depreciation|amorti[sz]ation|goodwill|accounts (?:payable|receivable)"
    r"|working capital|capital expenditures?|dividends?|shareholders?|stockholders?|common stock|preferred stock|securities"
    r"|fiscal (?:year|quarter|\d{4})|(?:first|second|third|fourth)[ -]quarter|year-over-year|basis points|interest rates?"
    r"|yields?|bonds?|treasur(?:y|ies)|coupon|maturity|hedg(?:e|es|ing)|derivatives?|swaps?|futures|equit(?:y|ies)|portfolio"
    r"|market capitali[sz]ation|initial public offering|IPO|underwriters?|credit facility|credit rating|liquidity|leverage|central bank|monetary policy|inflation)\b"
)
"""Captions of Regulation S-X, rules 5-02 to 5-04 (17 CFR 210), and terms of Regulation S-K, items 303 and 305."""


@frozen_config
class FinancialTextConfig:
    """Recipe keys of `finance.financial_text`."""

    min_term_fraction: float = Field(
        default=0.015,
        doc="financial terms for each word that are enough on their own",
        minimum=0.0,
        maximum=1.0,
    )
    min_currency_density: float = Field(
        default=0.01,
        doc="amounts of money for each word that are enough beside a third of the terms",
        minimum=0.0,
        maximum=1.0,
    )
    min_ticker_density: float = Field(
        default=0.005,
        doc="ticker symbols for each word that are enough on their own",
        minimum=0.0,
        maximum=1.0,
    )
    max_number_line_fraction: float = Field(
        default=0.8,
        doc="documents with more of their lines rows of figures are tables without text",
        minimum=0.0,
        maximum=1.0,
    )


class FinancialText(Filter):
    """Keeps documents with enough financial terms, or amounts of money beside some terms, or ticker symbols."""

    name, version = "financial_text", 1
    inputs = ("text",)
    reason = "the document is not financial text, or only a table"
    Config = FinancialTextConfig
    config: FinancialTextConfig

    def predicate(self) -> Expr:
        """Return whether a document stays; one without words goes."""
        terms = share_of_words(col("text").str.count_matches(ascii_classes(FINANCIAL_TERM))).fill_null(0.0)
        currency = CurrencyDensity().expr()[0].fill_null(0.0)
        tickers = TickerDensity().expr()[0].fill_null(0.0)
        rows = NumberDensity().expr()[1].fill_null(0.0)
        limits = self.config
        is_financial = (
            (terms >= limits.min_term_fraction)
            | ((currency >= limits.min_currency_density) & (terms >= limits.min_term_fraction / 3))
            | (tickers >= limits.min_ticker_density)
        )
        return is_financial & (rows <= limits.max_number_line_fraction)
