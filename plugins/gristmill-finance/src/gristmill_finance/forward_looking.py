# ruff: noqa: E501  # patterns and tables, which read better unbroken
"""`finance.forward_looking` and `finance.strip_forward_looking`: statements about the future, and their disclaimer.

The Private Securities Litigation Reform Act of 1995 protects forward-looking statements that are called so and come
with cautionary words; hence every report and press release holds the same paragraph. Not here: whether one is true.
"""

from __future__ import annotations

from typing import ClassVar

from gristmill.plugins.api import (
    Expr,
    Field,
    Float32,
    Signal,
    Transform,
    UInt32,
    col,
    frozen_config,
    lit,
    min_horizontal,
    when,
)
from gristmill_finance.patterns import ascii_classes

FORWARD_WORD = (
    r"\b(?:may|(?i:anticipat(?:e[sd]?|ing)|believes?|estimates?|estimated|expect(?:s|ed|ing)?|forecasts?|forecasting|foresees?|intends?"
    r"|intended|outlook|plans? to|projects? (?:that|to)|projected|projections?|guidance|targets?|targeted|predicts?|potential(?:ly)?"
    r"|might|could|should|would|will|continues? to|is likely to|are likely to|on track to|aims? to|going forward"
    r"|forward-looking))\b"
)
"""Words that cautionary paragraphs themselves name, after the Act's definition: projections, plans and objectives,
statements of future performance (15 U.S.C. 78u-5(i)(1)). `May` with a capital is the month."""

SENTENCE = r"[^.!?\n]*[^\s.!?\n][^.!?\n]*(?:[.!?]+|\n|\z)"
"""Text up to a full stop or a line's end: coarse, and the same for what is counted and what it is counted against."""

_DISCLAIMER_WORDS = (
    r"(?:private\s+securities\s+litigation\s+reform\s+act"
    r"|section\s+(?:27A\s+of\s+the\s+securities\s+act|21E\s+of\s+the\s+securities\s+exchange\s+act)"
    r"|(?:safe[\s-]+harbou?r|cautionary)\s+(?:statements?|provisions?|note|language)[^\n]*forward[\s-]+looking"
    r"|forward[\s-]+looking\s+statements?[^\n]*(?:within\s+the\s+meaning|safe[\s-]+harbou?r"
    r"|risks\s+and\s+uncertainties|undue\s+reliance|actual\s+results)"
    r"|actual\s+results[^\n]*(?:differ\s+materially|could\s+differ|may\s+differ)"
    r"|undue\s+reliance\s+on\s+(?:these|such|any|the)?\s*forward[\s-]+looking"
    r"|(?:no|not|any|disclaims?\s+any)\s+(?:obligation|duty|intention)[^\n]*(?:update|revise)[^\n]*forward[\s-]+looking"
    r"|forward[\s-]+looking[^\n]*(?:undertakes?|assumes?)\s+no\s+(?:obligation|duty))"
)
"""Words that the safe harbour's cautionary paragraphs share: 15 U.S.C. 77z-2(c) and 78u-5(c) ("meaningful cautionary
statements"), and the sections that every one of them cites."""

_LINE = r"[^\n]*\S[^\n]*"
DISCLAIMER = rf"(?i)(?m:^)(?:{_LINE}\n)*?(?:{_LINE})?{_DISCLAIMER_WORDS}[^\n]*(?:\n{_LINE})*(?:\n|\z)"
"""A paragraph (lines with text, between empty ones) that holds such words."""
DISCLAIMER_HEADING = (
    r"(?mi)^[ \t#*]*(?:(?:cautionary|special|important)[ \t]+(?:statements?|notes?|notices?|language)[ \t]+(?:regarding|concerning|about|on|for)[ \t]+)?"
    r"(?:forward[- ]looking[ \t]+(?:statements?|information)|safe[ \t]+harbou?r(?:[ \t]+statements?)?)[ \t:.*]*\r?(?:\n|\z)"
)
"""A line of its own above the paragraph."""


class ForwardLooking(Signal):
    """Forward-looking statements in a document.

    ``forward_fraction``: sentences with a word of the future over all sentences, float32 in [0, 1], the disclaimer left out;
    null without sentences. ``disclaimer_fraction``: characters of disclaimer paragraphs over all, float32 in [0, 1];
    null for empty text. ``num_disclaimers``: such paragraphs, uint32.
    """

    name, version = "forward_looking", 1
    inputs = ("text",)
    outputs: ClassVar = {
        "forward_fraction": "float32?",
        "disclaimer_fraction": "float32?",
        "num_disclaimers": "uint32",
    }

    def expr(self) -> list[Expr]:
        """Return one expression an output."""
        text = col("text").str
        body = text.replace_all(ascii_classes(DISCLAIMER), "").str
        sentences = body.count_matches(SENTENCE)
        # A sentence that holds a word: the text before it within the sentence, the word, and the rest.
        with_word = body.count_matches(rf"[^.!?\n]*?{ascii_classes(FORWARD_WORD)}(?:[^.!?\n]*)")
        length = text.len_chars()
        kept = body.len_chars()
        return [
            when(sentences > 0)
            .then(min_horizontal(with_word / sentences, lit(1.0)))
            .cast(Float32)
            .alias("forward_fraction"),
            when(length > 0).then(1.0 - kept / length).cast(Float32).alias("disclaimer_fraction"),
            text.count_matches(ascii_classes(DISCLAIMER)).cast(UInt32).alias("num_disclaimers"),
        ]


@frozen_config
class StripForwardLookingConfig:
    """Recipe keys of `finance.strip_forward_looking`."""

    heading: bool = Field(default=True, doc="whether a heading such as `Forward-Looking Statements` goes too")


class StripForwardLooking(Transform):
    """Takes out the disclaimer paragraphs; statements about the future themselves stay."""

    name, version = "strip_forward_looking", 1
    inputs = ("text",)
    Config = StripForwardLookingConfig
    config: StripForwardLookingConfig

    def expr(self) -> Expr:
        """Return the new text."""
        text = col("text").str
        stripped = text.replace_all(ascii_classes(DISCLAIMER), "")
        if self.config.heading:
            # A heading alone is no disclaimer: it goes only with its paragraph.
            has_one = text.contains(ascii_classes(DISCLAIMER))
            return when(has_one).then(stripped.str.replace_all(DISCLAIMER_HEADING, "")).otherwise(stripped)
        return stripped
