# ruff: noqa: E501  # tables of patterns
"""`legal.redact`: parties, signatories and dates as numbered placeholders, the same number for the same one.

`[PARTY_1]` is the first company of the document wherever it stands again, under its short name, too; `[DATE_2]` the second
date, however it is written; `[PERSON_1]` the first signatory. Numbers are counted in each document, so this runs in Python
document by document. What a company is, its name tells (`Inc.`, `LLC`, `GmbH`), or its place behind `by and between`.
Legal forms: those of ISO 20275 (Entity Legal Forms) that CUAD's contracts show.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill.plugins.api import Field, Transform, frozen_config, per_document

_FORM = (
    r"(?:Incorporated|INCORPORATED|Inc|INC|Corporation|CORPORATION|Corp|CORP|L\.?L\.?C|LLC|Limited|Co\.,?[ ]Limited|CO\.,?[ ]LIMITED"
    r"|(?:Co\.?,?[ ])?Ltd|(?:CO\.?,?[ ])?LTD|L\.?L\.?P|L\.P|PLC|plc|P\.L\.C|GmbH|GMBH|AG|S\.?A\.?S|S\.A|S\.p\.A|S\.?r\.?l|S\.R\.L|N\.V|B\.V|AB|A/S"
    r"|ASA|Oyj?|K\.K|Pty|PTY|Pte|PTE|N\.A|&[ ]Co)"
)
_WORD = r"(?:[A-Z0-9][\w&'’+-]{0,40}(?:\.\w{1,20})*|[A-Z]\.|(?:St|ST)\.|&|of|and)"
COMPANY = re.compile(
    rf"(?<![\w.])(?:(?:[A-Z]|\d{{1,3}}[A-Za-z])[\w&'’+-]{{0,40}}(?:\.\w{{1,20}})*(?:,?[ ]{_WORD}){{0,5}}?|[a-z]{{1,4}}[A-Z][A-Za-z]{{1,20}}|[a-z]{{3,20}}\.com),?[ ]"
    rf"(?:\([A-Za-z .]{{2,30}}\)[ ])?{_FORM}\b\.?(?:,?[ ]{_FORM}\b\.?){{0,2}}"
)
"""Words with capitals that end in a legal form."""
_PREAMBLE = re.compile(
    r"\b(?:(?:by[ ]and[ ])?between|BETWEEN|among|AMONG|BY[ ]AND[ ]BETWEEN)[: ]+(?P<first>[A-Z][^,;(\"“]{2,80}?)(?=[,(;\"“]|[ ](?:and|a|an|with|having)[ ])"
)
_AND_PARTY = re.compile(
    r"\)[,;]?[ ](?:and|AND)[ ](?P<first>[A-Z][^,;(\"“]{2,80}?)(?=[,(;\"“]|[ ](?:a|an|with|having)[ ])"
)
_SHORT_NAME = re.compile(
    r"[^()\"“]{0,260}\([^)\"“]{0,80}[\"“](?P<name>[A-Z0-9][^\"”]{1,40}?)[,.]?[\"”](?:[^)\"“]{0,20}[\"“](?P<other>[A-Z][^\"”]{1,40}?)[\"”])?"
)
_SIGNATORY = re.compile(
    r"(?:/s/[ ]?|\b(?:Name|NAME|Print Name|Printed Name|Attn|Attention|ATTN)[ ]?:[ ]{0,4})(?P<name>[A-Z][a-z.'’-]+(?:[ ][A-Z][a-z.'’-]*){1,3})"
)
ROLES = frozenset(
    [
        "company",
        "party",
        "parties",
        "agreement",
        "seller",
        "buyer",
        "licensor",
        "licensee",
        "customer",
        "supplier",
        "distributor",
        "franchisor",
        "franchisee",
        "consultant",
        "contractor",
        "client",
        "provider",
        "recipient",
        "lender",
        "borrower",
        "agent",
        "landlord",
        "tenant",
        "owner",
        "manufacturer",
        "developer",
        "sponsor",
        "vendor",
        "reseller",
        "shipper",
        "carrier",
        "investor",
        "purchaser",
        "affiliate",
        "affiliates",
        "executive",
        "employee",
        "partner",
        "partners",
        "principal",
        "parent",
        "subsidiary",
        "corporation",
        "bank",
        "trust",
        "trustee",
        "university",
        "issuer",
        "holder",
        "member",
        "manager",
        "operator",
        "lessor",
        "lessee",
        "transporter",
        "advertiser",
        "publisher",
        "content",
        "host",
        "guarantor",
        "assignor",
        "assignee",
        "grantor",
        "grantee",
        "promoter",
        "talent",
        "artist",
        "producer",
        "broker",
        "dealer",
        "underwriter",
        "fund",
        "adviser",
        "advisor",
        "service",
        "services",
        "effective",
        "date",
        "the",
        "product",
        "products",
        "territory",
        "term",
        "state",
        "us",
        "we",
        "you",
        "our",
        "your",
        "group",
        "holdings",
        "venture",
        "board",
        "exhibit",
        "schedule",
        "section",
        "article",
        "each",
        "either",
        "registrant",
        "administrator",
        "custodian",
        "marketer",
        "servicer",
        "outsourcer",
        "endorser",
        "hosting",
        "site",
        "web",
        "development",
        "systems",
        "business",
        "new",
        "first",
        "second",
        "united",
        "states",
        "national",
        "general",
    ]
)
"""Words that name a role or a thing of every contract, not a party."""
_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_MONTHS = {name.lower()[:3]: number for number, name in enumerate(_MONTH.split("|"), start=1)}
_DATE = re.compile(
    rf"\b(?P<m1>{_MONTH}|{_MONTH.upper()}|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.?\s{{1,4}}(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?[,\s]{{1,4}}(?P<y1>\d{{4}})\b"
    rf"|\b(?P<d2>\d{{1,2}})(?:\s?(?:st|nd|rd|th))?(?:\s{{1,4}}(?i:day))?(?:\s{{1,4}}(?i:of))?\s{{1,4}}(?P<m2>{_MONTH}|{_MONTH.upper()})\s?[,.]?\s{{1,4}}(?P<y2>\d{{4}})\b"
    r"|\b(?P<m3>\d{1,2})(?P<gap>[/-])(?P<d3>\d{1,2})(?P=gap)(?P<y3>\d{4}|\d{2})\b|\b(?P<y4>(?:19|20)\d{2})-(?P<m4>\d{2})-(?P<d4>\d{2})\b"
    rf"|\b(?P<m5>{_MONTH}),?\s{{1,4}}(?P<y5>(?:19|20)\d{{2}})\b"
)


@frozen_config
class RedactConfig:
    """Recipe keys of `legal.redact`."""

    parties: bool = Field(
        default=True, doc="replace companies and their short names by `[PARTY_1]` and so on"
    )
    persons: bool = Field(default=True, doc="replace signatories and addressees by `[PERSON_1]` and so on")
    dates: bool = Field(
        default=True, doc="replace dates with a day, or with month and year, by `[DATE_1]` and so on"
    )


class Redact(Transform):
    """A contract with placeholders for its parties, signatories and dates, numbered as they first stand.

    The roles that a contract gives its parties (`the Licensor`) stay. Addresses and amounts stay, too.
    """

    name, version = "redact", 1
    Config = RedactConfig
    config: RedactConfig

    @per_document
    def edit(self, text: str) -> str:
        """Return the text with placeholders."""
        names: dict[str, str] = {}
        if self.config.parties:
            for number, forms in enumerate(parties(text), start=1):
                names.update((form, f"[PARTY_{number}]") for form in forms if form not in names)
        if self.config.persons:
            people = dict.fromkeys(found["name"] for found in _SIGNATORY.finditer(text))
            for number, person in enumerate((name for name in people if name not in names), start=1):
                names[person] = f"[PERSON_{number}]"
        if names:
            # White space within a name may be a line end elsewhere.
            longest_first = sorted(names, key=lambda name: (-len(name), name))
            choice = "|".join(re.escape(name).replace(r"\ ", r"\s+") for name in longest_first)
            text = re.sub(
                rf"(?<![\w\[])(?:{choice})(?!\w)", lambda found: names[" ".join(found[0].split())], text
            )
        return number_dates(text) if self.config.dates else text


def parties(text: str) -> list[list[str]]:
    """Return for each party the forms of its name: full, in capitals, without its legal form, short name.

    Examples
    --------
    >>> parties('This is made by and between Acme Tools, Inc. ("Acme") and Zed LLC.')[0][:2]
    ['Acme Tools, Inc.', 'Acme']
    """
    flat = " ".join(text.split())
    found: dict[str, list[str]] = {}
    for name, end in _names(flat):
        key = re.sub(r"[^a-z0-9]", "", name.lower())
        forms = found.setdefault(key, [])
        short = _SHORT_NAME.match(flat, end)
        candidates = [name, *(filter(None, short.groups()) if short else ())]
        bare = re.sub(rf"(?:,?[ ]{_FORM}\.?)+$", "", name)
        candidates += [bare, name.rstrip("."), name.upper(), bare.upper()]
        for form in (" ".join(candidate.split()).rstrip(",") for candidate in candidates):
            if form and form not in forms and len(form) > 1 and not _is_role(form):
                forms.append(form)
    return [forms for forms in found.values() if forms]


def _names(flat: str) -> Iterator[tuple[str, int]]:
    """Yield names of companies with the places of their ends, in the order of the text."""
    spans = [found.span() for found in COMPANY.finditer(flat)]
    for pattern in (_PREAMBLE, _AND_PARTY):
        spans += [found.span("first") for found in pattern.finditer(flat, 0, 20_000)]
    end_of_last = -1
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        name = re.sub(
            r"^(?:(?:The|THE|And|AND|By|BY|Between|Among|This|Whereas|WHEREAS|WITNESSETH|If|When|To|Upon|Of|OF|and|of|FOR)[ ])+",
            "",
            flat[start:end],
        ).strip(" ,")
        if start >= end_of_last and not _is_role(name) and any(sign.isupper() for sign in name):
            end_of_last = end
            yield name, end


def _is_role(name: str) -> bool:
    words = re.findall(r"[A-Za-z]+", name.lower())
    return not words or all(word in ROLES or word in ("and", "of", "or", "a", "this") for word in words)


def number_dates(text: str) -> str:
    """Return the text with `[DATE_1]` and so on; a date is the same however it is written (month first in `3/4/2020`).

    Examples
    --------
    >>> number_dates("On June 3, 2020, then 6/3/2020, then 4 May 2021.")
    'On [DATE_1], then [DATE_1], then [DATE_2].'
    """
    numbers: dict[tuple[int, int, int], int] = {}

    def replace(found: re.Match[str]) -> str:
        parts = {key[0]: value for key, value in found.groupdict().items() if value and key != "gap"}
        month = _MONTHS[parts["m"].lower()[:3]] if parts["m"].isalpha() else int(parts["m"])
        year = int(parts["y"])
        key = (year + (2000 if year < 50 else 1900) if year < 100 else year, month, int(parts.get("d", 0)))
        return f"[DATE_{numbers.setdefault(key, len(numbers) + 1)}]"

    return re.sub(_DATE, replace, text)
