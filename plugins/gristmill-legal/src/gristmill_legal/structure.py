"""`legal.clause_structure`: whether a document is built like a contract.

Forms follow K. A. Adams, A Manual of Style for Contract Drafting (American Bar Association): numbered
articles and sections, autonomous definitions (`"X" means`) and integrated ones (`(the "X")`),
cross-references, and recitals. UK numbering and "clause" follow the Office of the Parliamentary Counsel's
drafting guidance.
"""

from __future__ import annotations

from typing import ClassVar

from gristmill.plugins.api import Expr, Float32, Signal, UInt32, col, lit, min_horizontal, when
from gristmill_legal.ascii_classes import ascii_classes

# Straight and curly quotation marks, double and single.
_QUOTE, _UNQUOTE = r"[\"\x{201C}'\x{2018}]", r"[\"\x{201D}'\x{2019}]"

NUMBERED_LINE = (
    r"(?m)^[ \t]*(?:(?i:article|section|clause|schedule|exhibit|annex)[ \t]+(?:\d+|[IVXLC]+|[A-Z])\b"
    r"|\d{1,3}(?:\.\d{1,3})+\.?[ \t]|\d{1,3}\.[ \t]|\((?:[a-z]|[ivx]{1,5}|[A-Z]|\d{1,2})\)[ \t]|[a-z]\)[ \t])"
)
"""A line that opens with a clause number: `4.2 `, `4. `, `(a) `, `ARTICLE IV`."""

TEXT_LINE = r"(?m)^.*\S"
"""A line with anything on it."""

_TERM = rf"{_QUOTE}[A-Z][^\"“”\n]{{0,60}}?{_UNQUOTE}"
_INTRODUCTION = (
    r"the|this|each|an?|any|such|all|collectively|together|individually|hereinafter|hereafter|referred|to|as"
)

DEFINITION = (
    rf"{_TERM}\s+(?:shall\s+)?(?:means?|ha(?:s|ve)\s+the\s+meanings?|refers?\s+to|includes?)\b"
    rf"|\((?:(?:{_INTRODUCTION}|or|and)[,:]?\s+){{1,8}}{_TERM}"
    rf"|\s\({_TERM}\)[\s,.]"
)
"""An autonomous definition (`"X" means`), or an integrated one in brackets (`(the "X")`, ` ("X") `).

Without an introducing word, white space before and a space, comma or full stop behind are needed, so that
calls in source code are not taken for definitions.
"""

CROSS_REFERENCE = (
    r"\b(?:[Ss]ections?|SECTIONS?|[Aa]rticles?|ARTICLES?|[Cc]lauses?|[Pp]aragraphs?|Schedules?|Exhibits?|Annex(?:es)?"
    r"|Appendix|Appendices)\s+(?:\d+(?:\.\d+)*|[IVXLC]+\b|[A-Z]\b)(?:\([A-Za-z0-9]{1,4}\))*"
)
"""A reference to a numbered part: `Section 4.2(a)`, `Exhibit B`."""

RECITAL = r"\b(?:WHEREAS|NOW,?\s+THEREFORE|IN\s+WITNESS\s+WHEREOF|WITNESSETH)\b"
"""The capitals by which recitals and closing words are known."""

DRAFTING_WORD = (
    r"(?i)\b(?:shall|here(?:by|in|of|on|to|under|with|after|inafter|inabove|inbelow|tofore)"
    r"|there(?:of|on|to|under|with|inafter|tofore)|where(?:as|of|upon)|witnesseth|notwithstanding|pursuant|aforesaid"
    r"|aforementioned|foregoing|forthwith|licensee|licensor|sublicensees?|lessee|lessor|indemni(?:fy|fied|fies|ties|ty"
    r"|fication)|covenants?|warrants|assigns|this\s+agreement|(?:either|each|other|neither|both|the)\s+part(?:y|ies))\b"
)
"""Words by which drafting is known: "shall", the here- and there- words, names of roles. Adams lists most as
archaisms."""


class ClauseStructure(Signal):
    """The marks of contract drafting in a document.

    ``numbered_clause_fraction``: share of lines with text that open with a clause number, in [0, 1]; null
    without such lines. ``num_definitions``, ``num_cross_references``, ``num_recitals``: counts. A heading
    `Section 4` at the start of a line counts as a cross-reference too. ``drafting_word_fraction``: words (and
    the few word pairs) typical of legal drafting over all words, in [0, 1]; null without words.
    """

    name, version = "clause_structure", 1
    inputs = ("text",)
    outputs: ClassVar = {
        "numbered_clause_fraction": "float32?",
        "num_definitions": "uint32",
        "num_cross_references": "uint32",
        "num_recitals": "uint32",
        "drafting_word_fraction": "float32?",
    }

    def expr(self) -> list[Expr]:
        """Return one expression an output."""
        text = col("text").str
        lines = text.count_matches(TEXT_LINE)
        words = text.count_matches(r"\S+")
        drafting = text.count_matches(ascii_classes(DRAFTING_WORD))
        numbered = text.count_matches(ascii_classes(NUMBERED_LINE))
        return [
            when(lines > 0).then(numbered / lines).cast(Float32).alias("numbered_clause_fraction"),
            text.count_matches(ascii_classes(DEFINITION)).cast(UInt32).alias("num_definitions"),
            text.count_matches(ascii_classes(CROSS_REFERENCE)).cast(UInt32).alias("num_cross_references"),
            text.count_matches(ascii_classes(RECITAL)).cast(UInt32).alias("num_recitals"),
            # Words joined by a hyphen or slash are one word here and may hold two drafting words: hence the
            # limit.
            when(words > 0)
            .then(min_horizontal(drafting / words, lit(1.0)))
            .cast(Float32)
            .alias("drafting_word_fraction"),
        ]
