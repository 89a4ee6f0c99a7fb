# ruff: noqa: E501  # patterns and tables, which read better unbroken
"""`finance.ticker_density`, `finance.number_density`, `finance.currency_density`: how much of a text is market data.

All are counts over words; a word is text between white space. Not here: what the numbers are about.
"""

from __future__ import annotations

import re
from typing import ClassVar

from gristmill.plugins.api import (
    Expr,
    Field,
    Float32,
    Signal,
    UInt32,
    col,
    frozen_config,
    lit,
    min_horizontal,
    sum_horizontal,
    when,
)
from gristmill_finance.patterns import any_of, ascii_classes

CURRENCY_CODES = [
    "AED",
    "AFN",
    "ALL",
    "AMD",
    "AOA",
    "ARS",
    "AUD",
    "AWG",
    "AZN",
    "BAM",
    "BBD",
    "BDT",
    "BGN",
    "BHD",
    "BIF",
    "BMD",
    "BND",
    "BOB",
    "BRL",
    "BSD",
    "BTN",
    "BWP",
    "BYN",
    "BZD",
    "CAD",
    "CDF",
    "CHF",
    "CLP",
    "CNY",
    "COP",
    "CRC",
    "CUP",
    "CVE",
    "CZK",
    "DJF",
    "DKK",
    "DOP",
    "DZD",
    "EGP",
    "ERN",
    "ETB",
    "EUR",
    "FJD",
    "FKP",
    "GBP",
    "GEL",
    "GHS",
    "GIP",
    "GMD",
    "GNF",
    "GTQ",
    "GYD",
    "HKD",
    "HNL",
    "HTG",
    "HUF",
    "IDR",
    "ILS",
    "INR",
    "IQD",
    "IRR",
    "ISK",
    "JMD",
    "JOD",
    "JPY",
    "KES",
    "KGS",
    "KHR",
    "KMF",
    "KPW",
    "KRW",
    "KWD",
    "KYD",
    "KZT",
    "LAK",
    "LBP",
    "LKR",
    "LRD",
    "LSL",
    "LYD",
    "MAD",
    "MDL",
    "MGA",
    "MKD",
    "MMK",
    "MNT",
    "MOP",
    "MRU",
    "MUR",
    "MVR",
    "MWK",
    "MXN",
    "MYR",
    "MZN",
    "NAD",
    "NGN",
    "NIO",
    "NOK",
    "NPR",
    "NZD",
    "OMR",
    "PAB",
    "PEN",
    "PGK",
    "PHP",
    "PKR",
    "PLN",
    "PYG",
    "QAR",
    "RON",
    "RSD",
    "RUB",
    "RWF",
    "SAR",
    "SBD",
    "SCR",
    "SDG",
    "SEK",
    "SGD",
    "SHP",
    "SLE",
    "SOS",
    "SRD",
    "SSP",
    "STN",
    "SVC",
    "SYP",
    "SZL",
    "THB",
    "TJS",
    "TMT",
    "TND",
    "TOP",
    "TRY",
    "TTD",
    "TWD",
    "TZS",
    "UAH",
    "UGX",
    "USD",
    "UYU",
    "UZS",
    "VED",
    "VES",
    "VND",
    "VUV",
    "WST",
    "XAF",
    "XCD",
    "XOF",
    "XPF",
    "YER",
    "ZAR",
    "ZMW",
]
"""Codes of currencies in use, ISO 4217:2015, list one (SIX Interbank Clearing, published 2024); funds, metals and test
codes are left out. A code counts only beside an amount: `ALL`, `TOP` and `TRY` are words too."""

CURRENCY_SIGNS = r"(?:US\$|A\$|C\$|NZ\$|HK\$|S\$|R\$|NT\$|[$€£¥₹₩₽₺₪₫฿₦₱₴₡₲₵₸₼₾])"
"""Signs of the Unicode block Currency Symbols that are of a currency in use, those of Latin-1, and dollars by country."""

_NUMBER = r"(?:\d{1,3}(?:[,'’\x{00A0} ]\d{3})+|\d+)(?:[.,]\d+)?"
_SCALE = r"(?:[ \x{00A0}]?(?:thousand|million|billion|trillion|mn|bn|tn|mio|mrd|[mMkKbB]n?\b))"
_CODES = "|".join(CURRENCY_CODES)
AMOUNT = (
    rf"\(?[-−+]?{CURRENCY_SIGNS}[ \x{{00A0}}]?\(?[-−+]?{_NUMBER}{_SCALE}?"
    rf"|\b(?:{_CODES})[ \x{{00A0}}]?[-−+]?{_NUMBER}{_SCALE}?"
    rf"|\b{_NUMBER}{_SCALE}?[ \x{{00A0}}]?(?:[€£¥₹₽₺₴]|(?:{_CODES})\b|(?i:dollars|euros?|pounds sterling|yen|francs|rupees|yuan|renminbi|cents)\b)"
)
"""An amount of money: sign or ISO code before or behind a number."""
PERCENTAGE = rf"\b{_NUMBER}[ \x{{00A0}}]?(?:%|(?i:per ?cent(?:age points?)?)\b)"
"""A percentage, or percentage points."""
BASIS_POINTS = rf"\b{_NUMBER}[ \x{{00A0}}-]?(?i:basis[ -]points?|bps?)\b"
"""A hundredth of a percentage point; market usage."""
NUMBER = rf"\b{_NUMBER}"
"""Digits, with separators of thousands and decimals as SI, English and Swiss usage write them."""

_CELL = r"[-−+$€£¥(]*[ \t]?[-−(]?[0-9][0-9.,]*"
"""A figure in a table: negative ones in brackets, as accountants write them."""

WORD = r"\S+"


def share_of_words(hits: Expr) -> Expr:
    """Return hits for each word as float32 in [0, 1]; null without words."""
    words = col("text").str.count_matches(WORD)
    return when(words > 0).then(min_horizontal(hits / words, lit(1.0))).cast(Float32)


class NumberDensity(Signal):
    """How much of a document is numbers.

    ``number_density``: numbers for each word, float32 in [0, 1], null without words. ``number_line_fraction``: share of
    lines with text that are rows of figures (two numbers or more, and more digits than letters): tables; null
    without lines. ``num_percentages`` and ``num_basis_points``: uint32.
    """

    name, version = "number_density", 1
    inputs = ("text",)
    outputs: ClassVar = {
        "number_density": "float32?",
        "number_line_fraction": "float32?",
        "num_percentages": "uint32",
        "num_basis_points": "uint32",
    }

    def expr(self) -> list[Expr]:
        """Return one expression an output."""
        text = col("text").str
        lines = text.count_matches(r"(?m)^.*\S")
        # A row of a table: cells of figures, and at most one label of words before them.
        rows = text.count_matches(
            rf"(?m)^[ \t]*[^\n0-9]{{0,80}}?(?:{_CELL}[)%]?[ \t|]+){{1,30}}{_CELL}[)%|]*[ \t]*\r?$"
        )
        return [
            share_of_words(text.count_matches(ascii_classes(NUMBER))).alias("number_density"),
            when(lines > 0).then(rows / lines).cast(Float32).alias("number_line_fraction"),
            text.count_matches(ascii_classes(PERCENTAGE)).cast(UInt32).alias("num_percentages"),
            text.count_matches(ascii_classes(BASIS_POINTS)).cast(UInt32).alias("num_basis_points"),
        ]


class CurrencyDensity(Signal):
    """Amounts of money for each word.

    ``currency_density``: float32 in [0, 1], null without words. ``num_amounts``: uint32. Signs count before and
    behind a number, ISO 4217 codes beside one, names of the large currencies behind one.
    """

    name, version = "currency_density", 1
    inputs = ("text",)
    outputs: ClassVar = {"currency_density": "float32?", "num_amounts": "uint32"}

    def expr(self) -> list[Expr]:
        """Return one expression an output."""
        amounts = col("text").str.count_matches(ascii_classes(AMOUNT))
        return [
            share_of_words(amounts).alias("currency_density"),
            amounts.cast(UInt32).alias("num_amounts"),
        ]


EXCHANGES = (
    "NYSE American|NYSE Arca|NYSE MKT|NYSE|NASDAQ|Nasdaq|NasdaqGS|NasdaqGM|NasdaqCM|AMEX|CBOE|OTCQX|OTCQB|OTCMKTS|OTC"
    "|TSX-V|TSXV|TSX|CSE|LSE|AIM|LON|XETRA|Xetra|FWB|FRA|EPA|AMS|BIT|BME|SIX|SWX|STO|CPH|HEL|OSE|WSE|ASX|NZX|HKEX|SEHK"
    "|HKG|SGX|TSE|TYO|KRX|KOSPI|NSE|BSE|SSE|SZSE|JSE|B3|BMV|TASE|MOEX"
)
"""Abbreviations that the exchanges use of themselves, as in press releases; those of ISO 10383 (MIC) are four letters and
not used with symbols in prose."""
_SYMBOL = r"[A-Z]{1,5}(?:[.-][A-Z]{1,2})?"
CASHTAG = rf"(?-u:\B)\${_SYMBOL}\b(?:[\s.,:!?)'\"’]|$)"
"""`$AAPL`: letters behind a dollar sign, upper case as the platforms that use it write it. Variables of shells and of PHP can look the
same; they are in source code."""
EXCHANGE_SYMBOL = rf"\b(?:{EXCHANGES})[ \t]?:[ \t]?(?:{_SYMBOL}|\d{{4,6}})\b"
"""`NYSE: IBM`: exchange, colon, symbol (digits in Asia)."""
SUFFIXED = (
    r"\b(?:[A-Z]{1,5}|\d{4})\.(?:L|DE|F|PA|AS|MI|MC|SW|ST|CO|HE|OL|TO|V|AX|HK|SI|T|KS|NS|BO|SS|SZ|SA|MX)\b"
)
"""`VOD.L`: symbol and place, as data vendors write it (Reuters instrument codes). Only beside words of the market."""
MARKET_WORDS = r"(?i)\b(?:shares?|stocks?|equit(?:y|ies)|ticker|nyse|nasdaq|exchange|traded?|trading|investors?|earnings|dividends?)\b"
"""What has to stand in a document for a bare symbol to count: capitals alone are names of anything."""


@frozen_config
class TickerDensityConfig:
    """Recipe keys of `finance.ticker_density`."""

    symbols: tuple[str, ...] = Field(
        default=(), doc="bare symbols that count too, such as AAPL, in documents with words of the market"
    )
    min_symbol_letters: int = Field(
        default=3, doc="bare symbols shorter than this are ignored: `A`, `IT`, `ON` are words", minimum=1
    )
    max_upper_case_fraction: float = Field(
        default=0.3,
        doc="bare symbols do not count in documents with more of their letters than this in upper case",
        minimum=0.0,
        maximum=1.0,
    )

    def __post_init__(self) -> None:
        for symbol in self.symbols:
            if not re.fullmatch(r"[A-Z0-9]{1,6}(?:[.-][A-Z0-9]{1,4})?", symbol):
                raise ValueError(
                    f"`{symbol}` is no symbol: capitals and digits, with one part behind `.` or `-`"
                )


class TickerDensity(Signal):
    """Ticker symbols for each word.

    ``ticker_density``: float32 in [0, 1], null without words. ``num_tickers``: uint32. Cashtags (`$AAPL`) and symbols
    with their exchange (`NYSE: IBM`) count anywhere; `VOD.L` and the symbols of the recipe only in documents that
    hold a word of the market, outside of text in capitals, and not if shorter than `min_symbol_letters`.
    """

    name, version = "ticker_density", 1
    inputs = ("text",)
    outputs: ClassVar = {"ticker_density": "float32?", "num_tickers": "uint32"}
    Config = TickerDensityConfig
    config: TickerDensityConfig

    def expr(self) -> list[Expr]:
        """Return one expression an output."""
        text = col("text").str
        sure = text.count_matches(any_of([EXCHANGE_SYMBOL, CASHTAG]))
        bare = [SUFFIXED]
        listed = [
            re.escape(name) for name in self.config.symbols if len(name) >= self.config.min_symbol_letters
        ]
        if listed:
            # Longer ones first: `BRK.B` before `BRK`.
            bare.append(rf"\b(?:{'|'.join(sorted(listed, key=lambda name: (-len(name), name)))})\b")
        letters = text.count_matches(r"[A-Za-z]")
        upper = text.count_matches(r"[A-Z]")
        is_prose = (upper <= letters * self.config.max_upper_case_fraction) & text.contains(
            ascii_classes(MARKET_WORDS)
        )
        # What stands with its exchange or a dollar sign has been counted.
        rest = text.replace_all(any_of([EXCHANGE_SYMBOL, CASHTAG]), " ").str
        tickers = sum_horizontal(sure, when(is_prose).then(rest.count_matches(any_of(bare))).otherwise(0))
        return [share_of_words(tickers).alias("ticker_density"), tickers.cast(UInt32).alias("num_tickers")]
