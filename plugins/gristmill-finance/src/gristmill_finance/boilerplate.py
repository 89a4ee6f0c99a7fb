# ruff: noqa: E501  # patterns and tables, which read better unbroken
"""`finance.filing_boilerplate` and `finance.strip_filing_boilerplate`: what surrounds the text of an SEC filing.

Headers of EDGAR, what XBRL leaves behind, the cover page, signatures and the list of exhibits. Each is one pattern,
with the rule that prescribes it. Not here: items (`filings`), disclaimers (`forward_looking`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gristmill.plugins.api import (
    Expr,
    Field,
    Float32,
    Signal,
    Transform,
    UInt32,
    col,
    concat_str,
    frozen_config,
    lit,
    min_horizontal,
    sum_horizontal,
    when,
)
from gristmill_finance.patterns import ascii_classes


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part of a filing that is the same in all of them: name, pattern of `regex`, an example, the rule."""

    name: str
    pattern: str
    example: str
    source: str


_PERIODIC = r"(?:Pursuant\s+to\s+the\s+requirements\s+of\s+(?:Section\s+13|the\s+Securities))"
_BODY = r"(?:table\s+of\s+contents|part\s+i\b|item\s+1(?:\.\d\d)?[.:\s]|index\b)"

PARTS = (
    Part(
        name="edgar",
        pattern=r"(?s)<SEC-HEADER>.*?</SEC-HEADER>|<IMS-HEADER>.*?</IMS-HEADER>"
        r"|-----BEGIN PRIVACY-ENHANCED MESSAGE-----.*?\n\n"
        r"|(?m:^(?:</?(?:SEC-DOCUMENT|DOCUMENT|TEXT|PAGE|TYPE|SEQUENCE|FILENAME|DESCRIPTION|ACCEPTANCE-DATETIME)>[^\n]*|<C>|<S>|<CAPTION>)\r?\n?)",
        example="<SEC-HEADER>0000000000-20-000001.hdr.sgml : 20200101\nACCESSION NUMBER: 1\n</SEC-HEADER>\n",
        source="EDGAR Public Dissemination Service technical specification, SGML header tags",
    ),
    Part(
        name="xbrl",
        pattern=r"(?s)<XBRL>.*?</XBRL>|<(?:ix:header|ix:hidden|ix:resources)>.*?</(?:ix:header|ix:hidden|ix:resources)>"
        r"|(?m:^[ \t]*(?:0{2,5}\d{5,8}[ \t]+(?:[a-z]+(?:-[a-z]+)?:\w+[ \t]+)*\d{4}-\d\d-\d\d(?:[ \t]+\d{4}-\d\d-\d\d)?"
        r"|(?:iso4217:[A-Z]{3}|xbrli:(?:shares|pure))(?:[ \t]+(?:iso4217:[A-Z]{3}|xbrli:(?:shares|pure)))*"
        r"|(?:[a-z]+(?:-[a-z]+)?:\w+(?:Member|Axis|Domain)[ \t]*)+"
        r"|(?:https?://(?:fasb\.org|xbrl\.sec\.gov)/\S+[ \t]*)+)\r?(?:\n|$))",
        example="0000320193 us-gaap:CommonStockMember 2020-09-27 2021-09-25\n",
        source="Inline XBRL 1.1 specification, ix:header; EDGAR Filer Manual volume II, chapter 6 (contexts, units)",
    ),
    Part(
        name="cover",
        pattern=rf"(?si)\A.{{0,300}}?UNITED\s+STATES\s+SECURITIES\s+AND\s+EXCHANGE\s+COMMISSION.*?(?:exact\s+name\s+of\s+(?:the\s+)?registrant|commission\s+file\s+n).*?(?m:^)(?P<next>[ \t|#*]*{_BODY})",
        example="UNITED STATES\nSECURITIES AND EXCHANGE COMMISSION\nFORM 10-K\nCommission file number 1-1\n(Exact name of registrant)\nTABLE OF CONTENTS\n",
        source="cover pages of Forms 10-K, 10-Q and 8-K, which Rule 12b-23 and General Instructions prescribe",
    ),
    Part(
        name="signatures",
        pattern=rf"(?si)(?m:^)[ \t#*]*SIGNATURES?\b[^\n]{{0,40}}\n\s*{_PERIODIC}.*?(?P<next>\z|\n[ \t#*]*(?:exhibit\s+index|index\s+to\s+exhibits|item\s)|</TEXT>)",
        example="SIGNATURES\n\nPursuant to the requirements of the Securities Exchange Act of 1934, the registrant has signed.\n/s/ A. Author\n",
        source="Securities Exchange Act of 1934, sections 13 and 15(d); General Instruction D(2) of Form 10-K",
    ),
    Part(
        name="exhibits",
        pattern=r"(?mi)^[ \t#*]*(?:exhibit\s+index|index\s+to\s+exhibits)\b[^\n]*\n?|^[ \t|]*\(?(?:10[1-4]|3[12]|2[134]|99|9[5-9]|10|[1-4])\.(?:\d{1,3}|INS|SCH|CAL|DEF|LAB|PRE)[*+†#]*[ \t|]+(?:[^\n]*(?:incorporated\s+(?:herein\s+)?by\s+reference|filed\s+herewith|furnished\s+herewith|certification|consent\s+of|subsidiaries\s+of|XBRL|agreement|indenture|by-?laws|certificate\s+of\s+incorporation|plan\b)[^\n]*)\r?\n?",
        example="31.1 Certification of the Chief Executive Officer, filed herewith\n",
        source="Regulation S-K, item 601 (17 CFR 229.601), the exhibit table",
    ),
    Part(
        name="certification",
        pattern=r"(?si)\bI,[ \t][^\n]{3,80},[ \t]*certify[ \t]+that:?\s+1\.\s*I\s+have\s+reviewed\s+this\s+(?:annual|quarterly)\s+report.*?(?:internal\s+control\s+over\s+financial\s+reporting[.;]?\s*(?:Date|/s/|\z)|\z)",
        example="I, A. Author, certify that:\n1. I have reviewed this annual report on Form 10-K of X;\n",
        source="Regulation S-K, item 601(b)(31): the certification whose words are prescribed",
    ),
)
"""In the order in which they are taken out; a group called ``next`` is where the text goes on, and stays."""

NAMES = tuple(part.name for part in PARTS)


def strip(text: Expr, names: tuple[str, ...] = NAMES) -> Expr:
    """Return an expression for a column of texts without these parts.

    Examples
    --------
    >>> import polars as pl
    >>> pl.select(strip(pl.lit("<XBRL>a</XBRL>b"))).item()
    'b'
    """
    for part in PARTS:
        if part.name in names:
            text = text.str.replace_all(ascii_classes(part.pattern), "${next}")
    return text


class FilingBoilerplate(Signal):
    """How much of a document surrounds the text of a filing.

    ``boilerplate_fraction``: characters that `strip_filing_boilerplate` takes out over all, float32 in [0, 1]; null for
    empty text. ``parts``: which parts there are (``edgar``, ``xbrl``, ``cover``, ``signatures``, ``exhibits``,
    ``certification``), joined by commas; null if none. ``num_parts``: how many, uint32.
    """

    name, version = "filing_boilerplate", 1
    inputs = ("text",)
    outputs: ClassVar = {"boilerplate_fraction": "float32?", "parts": "utf8?", "num_parts": "uint32"}

    def expr(self) -> list[Expr]:
        """Return one expression an output."""
        text = col("text").str
        present = [text.contains(ascii_classes(part.pattern)) for part in PARTS]
        number = sum_horizontal([flag.cast(UInt32) for flag in present])
        names = concat_str(
            [when(flag).then(lit(part.name)) for flag, part in zip(present, PARTS, strict=True)],
            separator=",",
            ignore_nulls=True,
        )
        length = text.len_chars()
        kept = strip(col("text")).str.len_chars()
        share = 1.0 - min_horizontal(kept / length, lit(1.0))
        return [
            when(length > 0).then(share).cast(Float32).alias("boilerplate_fraction"),
            when(number > 0).then(names).alias("parts"),
            number.cast(UInt32).alias("num_parts"),
        ]


@frozen_config
class StripFilingBoilerplateConfig:
    """Recipe keys of `finance.strip_filing_boilerplate`."""

    parts: tuple[str, ...] = Field(default=NAMES, doc="the parts that go")

    def __post_init__(self) -> None:
        for name in self.parts:
            if name not in NAMES:
                raise ValueError(f"`{name}` is none of the parts known: {', '.join(NAMES)}")


class StripFilingBoilerplate(Transform):
    """Takes out the headers, cover page, signatures, exhibit lists and certifications of SEC filings."""

    name, version = "strip_filing_boilerplate", 1
    inputs = ("text",)
    Config = StripFilingBoilerplateConfig
    config: StripFilingBoilerplateConfig

    def expr(self) -> Expr:
        """Return the new text."""
        return strip(col("text"), self.config.parts)
