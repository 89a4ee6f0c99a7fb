# ruff: noqa: E501  # tables of patterns and words
r"""`support.contact_details` and `support.mask_contacts`: how to reach or bill a customer.

Card numbers: ISO/IEC 7812 (first digits of the networks, 13 to 19 digits, check digit by Luhn's method,
annex B). Telephone numbers: ITU-T E.164 with its plus sign, and the forms of the North American Numbering
Plan. Handles: as on social networks, up to 15 signs for X. Order, account, ticket and booking numbers need
their label, since they look like any number. Booking codes of airlines (record locators, IATA PADIS): six
capitals or digits behind their label.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from gristmill.plugins.api import Expr, Field, Signal, Transform, UInt32, col, frozen_config
from gristmill_support.ascii_classes import ascii_classes

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

Kind = Literal["email", "url", "card", "order", "account", "ticket", "booking", "phone", "handle", "address"]
KINDS: tuple[Kind, ...] = (
    "email",
    "url",
    "card",
    "order",
    "account",
    "ticket",
    "booking",
    "phone",
    "handle",
    "address",
)
"""In the order in which they are looked for."""

CARD = ascii_classes(r"\b[2-6](?:[ -]?\d){12,18}\b")
"""What may be a card number: 13 to 19 digits in groups, first digit of a card network."""
_MARK = r"(?:[ \t]*(?:(?i:numbers?|no|num|nbr|ids?)\b\.?|#))"
_SEP = r"(?:[ \t]*(?:[:=#]|(?i:is|was)\b))*[ \t]*"
_ID = r"(?:[A-Za-z]{1,4}[-/]?)?\d(?:[-/]?[0-9A-Za-z]){3,24}"
_AREA = r"[2-9]\d{2}"


def _labelled(label: str, value: str = _ID) -> str:
    return ascii_classes(rf"(?P<before>\b(?i:{label})\b(?:{_MARK}{_SEP}|[ ]?[:#][ ]*)){value}\b")


PATTERNS: Mapping[str, str] = {
    "email": ascii_classes(r"\b[A-Za-z0-9][A-Za-z0-9._%+'-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b"),
    "url": ascii_classes(r"\b(?i:(?:https?|ftp)://|www\.)[^\s<>\"\[\]]*[^\s<>\"\[\]).,;:!?']"),
    "order": _labelled("order|purchase|invoice|receipt|transaction|tracking|shipment|parcel|waybill|awb"),
    "account": _labelled("account|acct|customer|client|member(?:ship)?|loyalty|frequent[ ]fl[iy]er|mileage[ ]?plus|policy|iban"),
    "ticket": _labelled("ticket|case|claim|file|reference|ref|incident|complaint|request|bag[ ]tag"),
    "booking": ascii_classes(
        r"(?P<before>\b(?i:booking|reservation|confirmation|itinerary|record[ ]locator|locator|pnr|conf)\b"
        rf"(?:{_MARK}|[ ]?(?i:code)\b|[ ]?[:#])+{_SEP})(?:[A-Z0-9]{{6}}|\d{{5,13}})\b"
    ),
    "phone": ascii_classes(
        rf"(?:\+?1[-. ]?)?(?:\({_AREA}\)[ ]?|\b{_AREA}[-. ])[2-9]\d{{2}}[-. ]\d{{4}}\b(?:,?[ ]?(?i:ext\.?|x)[ ]?\d{{1,6}}\b)?"
        r"|\+[1-9]\d{0,2}(?:[ .-]?\(?\d{2,4}\)?){2,5}\b|\b1?8(?:00|33|44|55|66|77|88)\d{7}\b|\b0\d{3,4}[ ]?\d{3}[ ]?\d{3,4}\b"
    ),
    "handle": r"(?P<before>^|[^A-Za-z0-9_@/.])@[A-Za-z0-9_]{2,30}",
    "address": ascii_classes(
        r"\b\d{1,6}(?:[ ]+(?:[NSEW]|North|South|East|West)\.?)?(?:[ ]+[A-Z][A-Za-z'’]+){1,3}[ ]+"
        r"(?:Street|St|Avenue|Ave|Road|Rd|Drive|Lane|Ln|Boulevard|Blvd|Court|Ct|Place|Pl|Terrace|Parkway|Pkwy|Highway|Hwy|Square)\b\.?"
        r"(?:,?[ ]+(?i:apt|suite|unit)\.?[ ]?#?[A-Z0-9-]{1,6}\b)?"
    ),
}  # fmt: skip
"""Patterns by kind; a group `before` is put back. Cards are looked for apart, for their check digit."""


def is_card_number(text: str) -> bool:
    """Return whether the digits of a text are a card number: 13 to 19, Luhn's check digit, not all equal.

    Examples
    --------
    >>> is_card_number("4111 1111 1111 1111"), is_card_number("4111 1111 1111 1112")
    (True, False)
    """
    digits = [int(sign) for sign in text if sign in "0123456789"]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [
        2 * digit - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))
    ]
    return sum(doubled) % 10 == 0


def mask_cards(texts: pl.Series) -> pl.Series:
    """Return the texts with `[CARD]` for card numbers whose check digit is right.

    Python sees those texts only that hold thirteen digits in a row or in groups.
    """
    import polars as pl

    rows = texts.str.contains(CARD).fill_null(False).arg_true().to_list()
    if not rows:
        return texts
    pattern = re.compile(CARD.replace("(?-u:\\b)", r"(?a:\b)"))
    values = texts.to_list()
    for row in rows:
        values[row] = pattern.sub(
            lambda found: "[CARD]" if is_card_number(found[0]) else found[0], values[row]
        )
    return pl.Series(texts.name, values, dtype=pl.String)


def masked(texts: pl.Series, kinds: tuple[Kind, ...] = KINDS) -> pl.Series:
    """Return the texts with placeholders for contact details of these kinds."""
    for kind in KINDS:
        if kind not in kinds:
            continue
        if kind == "card":
            texts = mask_cards(texts)
        else:
            before = "${before}" if "(?P<before>" in PATTERNS[kind] else ""
            texts = texts.str.replace_all(PATTERNS[kind], f"{before}[{kind.upper()}]")
    return texts


@frozen_config
class MaskContactsConfig:
    """Recipe keys of `support.mask_contacts`."""

    kinds: tuple[Kind, ...] = Field(default=KINDS, doc="kinds of contact detail that are replaced")

    def __post_init__(self) -> None:
        if not self.kinds:
            raise ValueError("`kinds` is empty")


class MaskContacts(Transform):
    """Text with `[EMAIL]`, `[PHONE]`, `[CARD]`, `[ORDER]`, `[HANDLE]` and so on; labels stay: `Order #[ORDER]`."""

    name, version = "mask_contacts", 1
    Config = MaskContactsConfig
    config: MaskContactsConfig

    def apply(self, batch: pa.RecordBatch) -> pl.Series:
        """Return the new texts."""
        return masked(_series(batch), self.config.kinds)


class ContactDetails(Signal):
    """Contact details by kind, as `support.mask_contacts` replaces them: ``num_contacts`` and ``num_<kind>``, uint32."""

    name, version = "contact_details", 1
    inputs = ("text",)
    outputs: ClassVar = {"num_contacts": "uint32", **{f"num_{kind}": "uint32" for kind in KINDS}}

    def compute(self, batch: pa.RecordBatch) -> Mapping[str, pl.Series]:
        """Mask the batch and count what was put in."""
        import polars as pl

        before = _series(batch)
        frame = pl.DataFrame({"before": before, "after": masked(before)})
        counted = frame.select(
            (_num("after", kind) - _num("before", kind)).clip(lower_bound=0).cast(UInt32).alias(f"num_{kind}")
            for kind in KINDS
        )
        total = counted.select(pl.sum_horizontal(pl.all()).cast(pl.UInt32)).to_series()
        return {"num_contacts": total, **{name: counted[name] for name in counted.columns}}


def _num(column: str, kind: str) -> Expr:
    import polars as pl

    return col(column).str.count_matches(f"[{kind.upper()}]", literal=True).cast(pl.Int64)


def _series(batch: pa.RecordBatch) -> pl.Series:
    import polars as pl

    series = pl.from_arrow(batch.column("text"))
    assert isinstance(series, pl.Series)
    return series
