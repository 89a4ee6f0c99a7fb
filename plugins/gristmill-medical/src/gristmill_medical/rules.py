# ruff: noqa: E501  # a table of patterns
r"""Identifiers of HIPAA's Safe Harbor other than names: one rule a form, in the order in which they are applied.

A table. 45 CFR 164.514(b)(2)(i) lists (A) to (R); `paragraph` says which one a rule is for. (P), biometric
identifiers, is covered as far as they have numbers; (Q), photographs of faces, does not occur in text.
Names, (A), are in `name_rules`.

Patterns are for Rust's `regex`: no look-around, time linear in the text. No rule crosses a line end, except for white
space inside a date. The group `before` is put back; so is `after`.
"""

from __future__ import annotations

from dataclasses import dataclass

from gristmill_medical.ascii_classes import ascii_classes

RESTRICTED_ZIP3 = (
    "036", "059", "063", "102", "203", "556", "692", "790", "821", "823", "830", "831", "878", "879", "884", "890", "893",
)  # fmt: skip
"""Initial digits shared by 20,000 people or fewer, which must become 000: 2000 Census, as listed in the Department of
Health and Human Services' "Guidance Regarding Methods for De-identification of Protected Health Information" (26
November 2012). The Department says to use newer data where there are some."""


PROTECTED = "\ufdd2"
"""A noncharacter of Unicode, for internal use: parts what a later rule would join."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One form of identifier: what is found, what is left of it, and the paragraph of the regulation."""

    kind: str
    paragraph: str
    pattern: str
    example: str
    left: str = ""
    """A group whose text stays in the placeholder: the year of a date, the first digits of a ZIP code."""

    instead: str = ""
    """A replacement that is no placeholder: for rules that only protect a text from later ones."""

    @property
    def replacement(self) -> str:
        """The replacement in the syntax of Rust's `regex`."""
        if self.instead:
            return self.instead
        kept = f" ${{{self.left}}}" if self.left in ("year", "zip3") else f" {self.left}" if self.left else ""
        before = "${before}" if "(?P<before>" in self.pattern else ""
        after = "${after}" if "(?P<after>" in self.pattern else ""
        return f"{before}[{self.kind.upper()}{kept}]{after}"


_MARK = r"(?:[ \t]*(?:(?:(?i:numbers?|no|num|nbr|ids?|identification|identifier)\b\.?)|#))"
_SEP = r"(?:[ \t]*(?:[:=#]|(?i:is|was|of)\b))*[ \t]*"
_LOOSE = rf"{_MARK}*{_SEP}"
"""Between a label that says all and its value: `MRN#: `."""
_STRICT = rf"{_MARK}+{_SEP}"
"""Between a label that is also an ordinary word and its value: `Case number: `."""
_ID = r"(?:[A-Za-z]{1,4}[-/]?)?\d(?:[-/.]?[0-9A-Za-z]){3,24}"
"""Letters, then a digit, then at least three more signs."""


def _label(kind: str, paragraph: str, label: str, example: str, value: str = _ID) -> Rule:
    return Rule(
        kind=kind, paragraph=paragraph, pattern=rf"(?P<before>\b(?:{label})){value}\b", example=example
    )


_AREA = r"[2-9]\d{2}"
PHONE = (
    rf"(?:(?:\+?1[-. ]?)?(?:\({_AREA}\)[ ]?|\b{_AREA}[-. ])|\+?\b1[-. ]{_AREA}[-. ])[2-9]\d{{2}}[-. ]\d{{4}}\b"
    r"(?:,?[ ]?(?i:ext\.?|extension|x)[ ]?\d{1,6}\b)?"
    r"|\+[1-9]\d{0,2}(?:[ .-]?\(?\d{2,4}\)?){2,5}\b"
)
"""North American numbers (NANP: area and exchange open with 2 to 9), and E.164 with its plus sign."""
_PHONE_BARE = rf"(?:{PHONE}|\b1?{_AREA}[2-9]\d{{6}}\b|\b[2-9]\d{{2}}[-. ]\d{{4}}\b)"
"""With a label, ten digits in one and local numbers count too."""

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_HEX = r"[0-9A-Fa-f]{1,4}"

CONTACT_RULES = (
    Rule(kind="email", paragraph="F", pattern=r"\b[A-Za-z0-9][A-Za-z0-9._%+'-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b",
         example="maria.lopez@example.org"),
    Rule(kind="email", paragraph="F",
         pattern=r"\b[A-Za-z0-9._%+-]+[ ]?(?:\bat\b|\(at\)|\[at\])[ ]?[A-Za-z0-9.-]+[ ]?(?:\bdot\b|\(dot\)|\[dot\])[ ]?"
         r"(?:com|org|net|edu|gov)\b", example="m.lopez at example dot org"),
    Rule(kind="email", paragraph="F",
         pattern=r"\b[A-Za-z0-9]+[._][A-Za-z0-9._'-]+[ ](?:at|\(at\)|\[at\])[ ](?:[A-Za-z0-9-]+\.)+(?:com|org|net|edu|gov|uk)\b",
         example="m.lopez at mail.example.org"),
    Rule(kind="url", paragraph="N", pattern=r"\b(?i:(?:https?|ftp)://|www\.)[^\s<>\"\[\]]*[^\s<>\"\[\]).,;:!?']",
         example="https://example.org/patients/lopez"),
    Rule(kind="url", paragraph="N",
         pattern=r"\b(?:[A-Za-z0-9-]+\.)+(?:com|org|net|gov|edu|info|io|us|uk)\b(?:/[^\s<>\"\[\]]*[^\s<>\"\[\]).,;:!?'])?",
         example="lopez.example.com/records"),
    Rule(kind="device", paragraph="M", pattern=r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b", example="00:1B:44:11:3A:B7"),
    Rule(kind="ip", paragraph="O",
         pattern=rf"\b(?:{_HEX}:){{7}}{_HEX}\b|\b(?:{_HEX}:){{1,6}}(?::{_HEX}){{1,6}}\b|\b(?:{_OCTET}\.){{3}}{_OCTET}\b",
         example="192.0.2.17"),
)  # fmt: skip

NUMBER_RULES = (
    Rule(kind="ssn", paragraph="G", pattern=r"\b\d{3}-\d{2}-\d{4}\b", example="219-09-9999"),
    _label("ssn", "G", rf"(?i:ssn?|social(?:[ ]security)?|s\.s\.n\.)\b{_LOOSE}", "SSN 219 09 9999", r"\d{3}[- ]?\d{2}[- ]?\d{4}"),
    _label("mrn", "H", rf"(?i:mrn|mr|med(?:ical)?[ ]rec(?:ord)?)\b{_STRICT}", "MR# 00482913"),
    _label("mrn", "H", rf"(?i:mrn)\b{_LOOSE}", "MRN 12-34-56"),
    _label("mrn", "H", rf"(?i:unit|chart|hospital|patient|pt)\b{_STRICT}", "Chart #: A77120"),
    _label("health_plan", "I", rf"(?i:member(?:ship)?|subscriber|insurance|insured|policy|group|beneficiary"
           rf"|(?:health[ ])?plan|medicare|medicaid|payer|hicn|mbi)\b{_STRICT}", "Member ID: XYZ104882913"),
    _label("health_plan", "I", r"(?i:hicn|mbi|medicare|medicaid|policy)\b[ ]?:[ ]?", "MBI: 1EG4-TE5-MK73"),
    _label("account", "J", rf"(?i:acct|account|iban)\b\.?{_LOOSE}", "Acct. 4401928377"),
    _label("licence", "K", rf"(?i:dea|npi|dl)\b{_LOOSE}", "NPI: 1234567893"),
    _label("vehicle", "L", r"(?i:licen[cs]e|number|registration)[ ](?i:plates?)\b" + _LOOSE + r"|(?i:plates?)\b" + _STRICT
           + r"|(?i:plates?)\b[ ]?:[ ]?|(?i:car|truck)[ ](?i:plates?)\b" + _LOOSE
           + r"|(?i:vehicle)[ ](?i:registration|tag)\b" + _LOOSE, "License plate 7ABC123",
           r"(?:[A-Z]{1,3}[ -]?\d{1,4}(?:[ -]?[A-Z]{1,3})?|\d{1,4}[ -]?[A-Z]{1,3}(?:[ -]?\d{1,4})?)"),
    _label("licence", "K", rf"(?i:licen[cs]e|certificate|certification|registration)\b{_STRICT}", "License # A1234567"),
    _label("licence", "K", r"(?i:licen[cs]e)\b[ ]?:[ ]?", "Driver's license: A1234567"),
    _label("vehicle", "L", r"(?i:vin|vehicle[ ]identification)\b[^\n.\[]{0,30}?\b", "VIN of the car: 1HGCM82633A004352",
           r"[A-HJ-NPR-Z0-9]{17}"),
    Rule(kind="device", paragraph="M", pattern=r"\(01\)\d{14}(?:\(\d{2}\)[0-9A-Za-z/-]{1,20})*", example="(01)00844588003288(21)A1B2"),
    _label("device", "M", rf"(?i:serial|s/n|sn|udi|imei)\b{_LOOSE}", "S/N: AB123456"),
    _label("device", "M", rf"(?i:device|implant|lot|model|pump|pacemaker|catalog(?:ue)?|lead)\b{_STRICT}", "Lot number: A12-3456"),
    _label("biometric", "P", r"(?i:finger[ ]?print|biometric|voice[ ]?print|palm[ ]?print|face[ ]?print|retinal?[ ]scan"
           rf"|iris(?:[ ](?:scan|template))?)(?i:[ ]template)?\b{_LOOSE}", "Fingerprint ID: FP-102938"),
    _label("other_id", "R", r"(?i:case|accession|encounter|specimen|visit|order|study|subject|claim|referral|rx"
           r"|prescription|requisition|episode|admission|sample|record|confirmation|tracking|reference|barcode|file"
           rf"|participant|enrol?lment|invoice|document|employee|badge)\b{_STRICT}", "Accession #: 4-18832"),
)  # fmt: skip

PHONE_RULES = (
    Rule(kind="fax", paragraph="E",
         pattern=rf"(?P<before>\b(?i:fax(?:ed)?|facsimile|telefax)(?:[ ](?i:to|at|us|line))*{_LOOSE}|(?m:^)[ \t]*F[.:][ ]?)(?:{_PHONE_BARE})",
         example="Fax: (202) 555-0143"),
    Rule(kind="phone", paragraph="D",
         pattern=rf"(?P<before>\b(?i:phone|telephone|tel|cell(?:ular)?|mobile|pager|beeper|call(?:ed)?|office|home|work|contact)\b\.?"
         rf"{_LOOSE})(?:{_PHONE_BARE})",
         example="Cell 2025550143"),
    Rule(kind="phone", paragraph="D", pattern=PHONE, example="(202) 555-0143"),
)  # fmt: skip

_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH = r"(?:0?[1-9]|1[0-2])"
_YEAR = r"(?P<year>(?:18|19|20)\d{2})"
_NAMES = (
    "Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?"
    "|Dec(?:ember)?"
)
_NAME = rf"(?:{_NAMES}|JAN(?:UARY)?|FEB(?:RUARY)?|MAR(?:CH)?|APR(?:IL)?|MAY|JUNE?|JULY?|AUG(?:UST)?|SEPT?(?:EMBER)?|OCT(?:OBER)?|NOV(?:EMBER)?|DEC(?:EMBER)?)"
_BIRTH = r"\b(?i:dob|d\.o\.b\.?|date[ ]of[ ]birth|birth[ ]?date|birthday|born)\b"

DATE_RULES = (
    Rule(kind="date", paragraph="C", left="year", example="2019-03-14T08:30",
         pattern=rf"\b{_YEAR}[-/](?:0[1-9]|1[0-2])[-/](?:0[1-9]|[12]\d|3[01])(?:[T ]\d{{2}}:\d{{2}}(?::\d{{2}}(?:\.\d+)?)?(?:Z|[+-]\d{{2}}:?\d{{2}})?)?\b"),
    Rule(kind="date", paragraph="C", left="year", example="3/14/2019",
         pattern=rf"\b{_DAY}(?:/{_DAY}/|-{_DAY}-|\.{_DAY}\.){_YEAR}\b"),
    Rule(kind="date", paragraph="C", example="03/14/19", pattern=rf"\b{_DAY}(?:/{_DAY}/|-{_DAY}-)\d{{2}}\b"),
    Rule(kind="date", paragraph="C", left="year", example="March 14th, 2019",
         pattern=rf"\b{_NAME}\.?[ ]+{_DAY}(?:st|nd|rd|th)?,?\s+{_YEAR}\b"),
    Rule(kind="date", paragraph="C", left="year", example="the 14th of March 2019",
         pattern=rf"\b{_DAY}(?:(?:st|nd|rd|th)?[ ]+(?:day[ ]+)?(?:of[ ]+)?|-){_NAME}\.?(?:,?\s+|-){_YEAR}\b"),
    Rule(kind="date", paragraph="C", example="14-Mar-19", pattern=rf"\b{_DAY}-{_NAME}-\d{{2}}\b"),
    Rule(kind="date", paragraph="C", left="year", example="March 2019", pattern=rf"\b{_NAME}\.?(?:,?\s+(?:of\s+)?|[-/]){_YEAR}\b"),
    Rule(kind="date", paragraph="C", left="year", example="03/2019", pattern=rf"\b{_MONTH}/{_YEAR}\b"),
    Rule(kind="date", paragraph="C", example="March 14", pattern=rf"\b{_NAME}\.?[ ]+{_DAY}(?:st|nd|rd|th)?\b"),
    Rule(kind="date", paragraph="C", example="14th of March",
         pattern=rf"\b{_DAY}(?:(?:st|nd|rd|th)[ ]+(?:of[ ]+)?|[ ]+){_NAME}\b"),
    Rule(kind="date", paragraph="C", example="since late March",
         pattern=rf"(?P<before>\b(?i:in|since|until|during|by|last|this|next|from)[ ]+(?:(?i:early|mid|late|the[ ]end[ ]of)[- ])?)(?:{_NAMES})\b"),
    Rule(kind="date", paragraph="C", example="fever on 3/14",
         pattern=rf"(?P<before>\b(?i:on|since|until|dated|from|through|thru)[ ]+){_MONTH}/{_DAY}\b"),
    Rule(kind="date", paragraph="C", example="DOB 19450314",
         pattern=rf"(?P<before>(?:{_BIRTH}|\b(?i:date)\b){_LOOSE})(?:18|19|20)\d{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\b"),
    # A year of birth can tell an age over 89, so it goes too.
    Rule(kind="date", paragraph="C", example="DOB: [DATE 1931]",
         pattern=rf"(?P<before>{_BIRTH}(?:[ ]+(?i:in|on|the))*[ \t]*:?[ \t]*)\[DATE [0-9]{{4}}\]"),
    Rule(kind="date", paragraph="C", example="born in 1931",
         pattern=rf"(?P<before>{_BIRTH}(?:[ ]+(?i:in))?[ \t]*:?[ \t]*)(?:18\d{{2}}|19[0-3]\d)\b"),
)  # fmt: skip
"""Dates keep their year, as the regulation allows, except for birth."""

_OLD = r"(?:9\d|1[01]\d|12[0-5])"
AGE_RULES = (
    Rule(kind="age", paragraph="C", left="90+", example="a 93-year-old man",
         pattern=rf"\b{_OLD}(?P<after>[ -]*(?i:years?|yrs?)\.?[ -]*(?i:old|of[ -]age)\b|[ -]?(?i:y/o|y\.o\.|yo|yr/o)(?:\b|[ ]))"),
    Rule(kind="age", paragraph="C", left="90+", example="Age: 93",
         pattern=rf"(?P<before>(?:^|[^\[A-Za-z])(?i:aged?)(?:[ ](?i:of|is|was))?[ ]?[:=]?[ ]?){_OLD}\b"),
    Rule(kind="age", paragraph="C", left="90+", example="93F with a cough",
         pattern=rf"(?P<before>(?m:^)[ \t]*|[.] ){_OLD}(?P<after>[ ]?[MF]\b)"),
    Rule(kind="age", paragraph="C", left="90+", example="ninety-three years old",
         pattern=r"\b(?i:ninety|one[ -]hundred)(?:[ -](?i:(?:and[ -])?(?:one|two|three|four|five|six|seven|eight|nine|ten)))?(?P<after>[ -](?i:years?)[ -](?i:old|of[ -]age)\b)"),
)  # fmt: skip

_STATES = (
    "Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|Indiana"
    "|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska"
    "|Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania"
    "|Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin|Wyoming"
)
_CLEAR = "AK|AR|AZ|CA|DE|FL|GA|IL|KS|KY|MI|MN|MT|NC|ND|NE|NH|NJ|NM|NV|NY|OH|RI|SC|SD|TN|TX|UT|VT|WA|WI|WV|WY|D\\.?C\\.?"
_UNCLEAR = "AL|CO|CT|HI|IA|ID|IN|LA|MA|MD|ME|MO|MS|OK|OR|PA|VA|PR|GU|VI"
"""Abbreviations that mean something else in a note (degrees, scans, words): with a ZIP code behind them only."""
_CITY = r"[A-Z][a-z]+(?:[ .]{1,2}[A-Z][a-z]+){0,2}"
_STREET_KIND = (
    "Street|St|Avenue|Ave|Av|Road|Rd|Drive|Dr|Lane|Ln|Boulevard|Blvd|Court|Ct|Way|Place|Pl|Terrace|Ter|Circle|Cir|Parkway"
    "|Pkwy|Highway|Hwy|Square|Sq|Trail|Trl|Alley|Aly|Loop|Pike|Turnpike|Plaza|Crescent|Row|Walk"
)
"""After the United States Postal Service's Publication 28, appendix C1, the frequent ones."""
_COMPASS = r"(?:N|S|E|W|NE|NW|SE|SW|North|South|East|West)\b\.?"
_UNIT = r"(?:,?[ ]+(?:(?i:apt|apartment|suite|ste|unit|room|rm|floor|fl)\b\.?[ ]?#?|#)[ ]?[A-Z0-9-]{1,6}\b)"
_ZIP_LABEL = rf"(?i:zip(?:[ ]?code)?|postal[ ]?code|postcode)\b{_LOOSE}"
_ZIP_PLACE = rf"\b(?:{_STATES}|{_CLEAR}|{_UNCLEAR})\.?,?[ ]+|\b{_ZIP_LABEL}"
_RESTRICTED = "|".join(RESTRICTED_ZIP3)

ZIP_RULES = (
    Rule(kind="zip", paragraph="B", left="000", example="Springfield, VT 05901",
         pattern=rf"(?P<before>{_ZIP_PLACE})(?:{_RESTRICTED})\d{{2}}(?:-\d{{4}})?\b"),
    Rule(kind="zip", paragraph="B", left="zip3", example="Dayton, OH 45402",
         pattern=rf"(?P<before>{_ZIP_PLACE})(?P<zip3>\d{{3}})\d{{2}}(?:-\d{{4}})?\b"),
    Rule(kind="zip", paragraph="B", left="000", example="05901-1234",
         pattern=rf"(?P<before>(?:^|[^-0-9.]))(?:{_RESTRICTED})\d{{2}}-\d{{4}}(?P<after>[^-0-9]|$)"),
    Rule(kind="zip", paragraph="B", left="zip3", example="45402-1234",
         pattern=r"(?P<before>(?:^|[^-0-9.]))(?P<zip3>\d{3})\d{2}-\d{4}(?P<after>[^-0-9]|$)"),
)  # fmt: skip

ADDRESS_RULES = (
    Rule(kind="address", paragraph="B", example="P.O. Box 1942", pattern=r"\b(?i:p\.?[ ]?o\.?[ ]?box|post[ ]office[ ]box)[ ]+\d+\b"),
    Rule(kind="address", paragraph="B", example="12 N. Oak Street, Apt 4B",
         pattern=rf"\b\d{{1,6}}[A-Z]?(?:[ ]+{_COMPASS})?(?:[ ]+(?:[A-Z][A-Za-z'’]+|\d{{1,3}}(?:st|nd|rd|th))){{1,4}}[ ]+(?:{_STREET_KIND})\b\.?"
         rf"(?:,?[ ]+{_COMPASS})?{_UNIT}?"),
    Rule(kind="address", paragraph="B", example="Address: 12 The Hollies",
         pattern=r"(?P<before>\b(?i:address)[ ]?:[ ]*)\d[^\n\[.;]{4,60}"),
    Rule(kind="address", paragraph="B", example="Dayton, OH", pattern=rf"\b{_CITY}(?P<after>,?[ ]+(?:{_CLEAR})\b)"),
    Rule(kind="address", paragraph="B", example="Bethesda, MD [ZIP 208]",
         pattern=rf"\b{_CITY}(?P<after>,?[ ]+(?:{_UNCLEAR})\.?,?[ ]+\[ZIP)"),
    Rule(kind="address", paragraph="B", example="New York, New York", pattern=r"\bNew York(?P<after>,[ ]+New York\b)"),
    # Of `Ohio, Indiana and Iowa` no state is a city: the comma behind a state is marked until the end.
    Rule(kind="address", paragraph="B", example="Ohio,", pattern=rf"\b(?P<state>{_STATES}),",
         instead=f"${{state}}{PROTECTED},"),
    Rule(kind="address", paragraph="B", example="Dayton, Ohio", pattern=rf"\b{_CITY}(?P<after>,[ ]+(?:{_STATES})\b)"),
    Rule(kind="address", paragraph="B", example="Kane County", pattern=r"\b[A-Z][a-z]+(?:[ ][A-Z][a-z]+)?(?P<after>[ ](?:County|Parish|Township)\b)"),
    Rule(kind="address", paragraph="B", example="City: Dayton", pattern=rf"(?P<before>\b(?i:city|town|county)[ ]?:[ ]*|\b(?i:city|town)[ ]of[ ]){_CITY}"),
    Rule(kind="address", paragraph="B", example="she lives in Dayton",
         pattern=rf"(?P<before>\b(?i:lives|living|lived|resides|residing|resident|born|raised|moved)[ ](?:in|near|from|to|of)[ ]){_CITY}"),
)  # fmt: skip

RULES_BEFORE_NAMES: tuple[Rule, ...] = (
    *CONTACT_RULES, *NUMBER_RULES, *PHONE_RULES, *DATE_RULES, *AGE_RULES, *ZIP_RULES, *ADDRESS_RULES,
)  # fmt: skip
"""Labels that name a number come before bare forms, and what a later rule would take for its own comes first."""


def compiled(rule: Rule) -> str:
    r"""Return a rule's pattern with ASCII classes.

    Examples
    --------
    >>> compiled(NUMBER_RULES[0])
    '(?-u:\\b)[0-9]{3}-[0-9]{2}-[0-9]{4}(?-u:\\b)'
    """
    return ascii_classes(rule.pattern)
