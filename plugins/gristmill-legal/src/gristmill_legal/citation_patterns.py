"""How legal sources are cited, one pattern a form, each with the authority for it.

A table; not here: counting.

Patterns are for Rust's `regex` (no look-around, no back-references), so they run in time linear in the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gristmill_legal.ascii_classes import ascii_classes


@dataclass(frozen=True, kw_only=True, slots=True)
class CitationPattern:
    """One form of citation.

    `system` is the legal system a recipe may choose: ``us``, ``eu``, ``de`` or ``uk``.
    """

    name: str
    system: str
    pattern: str
    example: str
    source: str


_INDIGO = "The Indigo Book 2.0 (Public Resource, CC0)"
_REPORTERS = (
    r"U\.\s?S\.|S\.\s?Ct\.|L\.\s?Ed\.(?:\s?2d)?"
    r"|F\.\s?Supp\.(?:\s?[23]d)?|F\.\s?App['\x{2019}]x|F\.\s?(?:2d|3d|4th)|F\.\s?R\.\s?D\.|B\.\s?R\.|Fed\.\s?Cl\."
    r"|A\.\s?[23]d|P\.\s?[23]d|N\.\s?E\.(?:\s?[23]d)?|N\.\s?W\.(?:\s?2d)?|S\.\s?E\.(?:\s?2d)?"
    r"|S\.\s?W\.(?:\s?[23]d)?|So\.(?:\s?[23]d)?|Cal\.\s?Rptr\.(?:\s?[23]d)?|N\.\s?Y\.\s?S\.(?:\s?[23]d)?"
)
_UK_COURTS = (
    r"UKSC|UKHL|UKPC|UKUT|UKFTT|UKEAT|EWCA\s+(?:Civ|Crim)|EWHC|EWFC|EWCOP|CSIH|CSOH|HCJAC|NICA|NIQB|EAT"
)
_GERMAN_CODES = (
    r"BGB|HGB|StGB|StPO|ZPO|GG|AktG|GmbHG|InsO|UWG|UrhG|MarkenG|PatG|BDSG|TMG|AO|EStG|UStG|SGB|VwGO|VwVfG|ArbGG"
    r"|KSchG|BetrVG|DS-?GVO|AEUV|EUV|EMRK|EGBGB"
)

CITATION_PATTERNS = (
    CitationPattern(
        name="us_reporter",
        system="us",
        pattern=rf"\b\d{{1,4}}\s+(?:{_REPORTERS})\s+(?:\d{{1,5}}\b|_{{2,}})",
        example="347 U.S. 483",
        source=f"{_INDIGO}, rules 11-12, tables T1 and T3; first series `F.`, `A.`, `P.` left out",
    ),
    CitationPattern(
        name="us_code",
        system="us",
        pattern=r"\b\d{1,2}\s+U\.?\s?S\.?\s?C\.?(?:\s?A\.)?\s*(?:§{1,2}|[Ss]ec(?:tions?|s?\.))?\s*\d+[a-z]*",
        example="17 U.S.C. § 107",
        source=f"{_INDIGO}, rule 16 (federal statutes)",
    ),
    CitationPattern(
        name="us_regulation",
        system="us",
        pattern=r"\b\d{1,2}\s+C\.?\s?F\.?\s?R\.?\s*(?:§{1,2}|[Pp]arts?|[Ss]ec(?:tions?|s?\.))?\s*\d+"
        r"|\b\d{1,3}\s+Fed\.\s?Reg\.\s+[0-9,]+",
        example="45 C.F.R. § 164.514",
        source=f"{_INDIGO}, rule 18 (regulations)",
    ),
    CitationPattern(
        name="us_session_law",
        system="us",
        pattern=r"\bPub(?:\.|lic)\s?L(?:\.|aw)(?:\s?No\.)?\s*\d{2,3}[-\x{2013}]\d+|\b\d{1,3}\s+Stat\.\s+\d+",
        example="Pub. L. No. 107-204",
        source=f"{_INDIGO}, rule 16.2 (session laws)",
    ),
    CitationPattern(
        name="us_rule",
        system="us",
        pattern=r"\bFed\.\s?R\.\s?(?:Civ|Crim|App|Bankr)\.\s?P\.\s+\d+|\bFed\.\s?R\.\s?Evid\.\s+\d+",
        example="Fed. R. Civ. P. 12(b)(6)",
        source=f"{_INDIGO}, rule 17 (rules of procedure)",
    ),
    CitationPattern(
        name="german_article",
        system="de",
        pattern=r"\bArt(?:\.|ikel)\s*\d+[a-z]?(?:\s+(?:Abs\.|Satz|S\.|Nr\.|UAbs\.|lit\.)\s*\w+)*"
        rf"\s+(?:{_GERMAN_CODES})\b",
        example="Art. 6 Abs. 1 lit. f DSGVO",
        source="Handbuch der Rechtsförmlichkeit (Ministry of Justice, 3rd ed. 2008), part B",
    ),
    CitationPattern(
        name="german_case",
        system="de",
        pattern=r"\b(?:BGHZ|BGHSt|BVerfGE|BVerwGE)\s+\d+,\s*\d+|\b[IVX]+\s+Z[RB]\s+\d+/\d{2}\b",
        example="BVerfGE 65, 1",
        source="official collections BGHZ, BGHSt, BVerfGE, BVerwGE; file numbers of the Federal Court",
    ),
    CitationPattern(
        name="section_sign",
        system="us de",
        pattern=r"§{1,2}\s*\d+[a-z]?(?:[.:-]\d+)*",
        example="§ 1983",
        source=f"{_INDIGO}, rule 16; Handbuch der Rechtsförmlichkeit, part B",
    ),
    CitationPattern(
        name="eu_act",
        system="eu",
        pattern=r"\b(?:[Dd]irectives?|Regulations?|Decisions?|Richtlinien?|Verordnung(?:en)?|[Rr]èglements?)\s+"
        r"(?:\((?:EU|EC|EEC|EG|EWG|UE|CE|CEE|Euratom)\)\s*)?(?:(?:No|Nr|n[o°])\.?\s*)?\d{2,4}/\d{1,4}\b",
        example="Directive 95/46/EC",
        source="Interinstitutional Style Guide (EU Publications Office), on the numbering of acts",
    ),
    CitationPattern(
        name="eu_article",
        system="eu",
        pattern=r"\b(?:Art(?:icles?|s?\.))\s*\d+(?:\(\w{1,3}\))*\s+(?:of\s+the\s+)?"
        r"(?:GDPR|TFEU|TEU|ECHR|RGPD|TFUE|TUE|CEDH)\b",
        example="Article 6(1)(f) GDPR",
        source="Interinstitutional Style Guide (EU Publications Office), on references to Treaties",
    ),
    CitationPattern(
        name="ecli",
        system="eu de",
        pattern=r"\bECLI:[A-Z]{2}:[A-Za-z0-9.]{1,7}:\d{4}:[A-Za-z0-9.]{1,25}",
        example="ECLI:EU:C:2014:317",
        source="Council conclusions on the European Case Law Identifier (2011/C 127/01), annex",
    ),
    CitationPattern(
        name="eu_case",
        system="eu",
        pattern=r"\bCases?\s+[CTF][-\x{2011}\x{2013}]\d{1,4}/\d{2}\b|\bRechtssache\s+[CT][-\x{2011}\x{2013}]\d{1,4}/\d{2}\b",
        example="Case C-131/12",
        source="Court of Justice of the EU, method of citing the case-law, 2014",
    ),
    CitationPattern(
        name="uk_neutral",
        system="uk",
        pattern=rf"\[(?:19|20)\d{{2}}\]\s+(?:{_UK_COURTS})\s+\d+",
        example="[2019] UKSC 41",
        source="Practice Direction (Judgments: Form and Citation) [2001] 1 WLR 194 and [2002] 1 WLR 346",
    ),
    CitationPattern(
        name="uk_report",
        system="uk",
        pattern=r"[\[(](?:18|19|20)\d{2}[\])]\s+(?:\d{1,2}\s+)?(?:A\.?C\.?|Q\.?B\.?|K\.?B\.?|Ch\.?|W\.?L\.?R\.?"
        r"|All\s?E\.?R\.?|Cr\.?\s?App\.?\s?R\.?)\s+\d+",
        example="[1932] AC 562",
        source="OSCOLA, 4th ed. (University of Oxford, Faculty of Law), section 2.1 on reports",
    ),
    CitationPattern(
        name="uk_act",
        system="uk",
        pattern=r"\b(?:[A-Z][a-z]+,?\s+(?:(?:and|of|the|for|in|to|etc\.?|\([A-Z][a-z]+\))\s+){0,2}){1,6}"
        r"Act\s+(?:1[89]|20)\d{2}\b",
        example="Data Protection Act 2018",
        source="Short Titles Act 1896 and the short-title section of each Act; OSCOLA, section 2.4.1",
    ),
)
"""Specific forms stand before general ones: at one place of the text the first that fits is counted."""

System = Literal["us", "eu", "de", "uk"]
SYSTEMS: tuple[System, ...] = ("us", "eu", "de", "uk")


def combined_pattern(systems: Sequence[str]) -> str:
    """Return one pattern that matches any citation of these legal systems.

    Examples
    --------
    >>> combined_pattern(("uk",)).count("UKSC")
    1
    """
    chosen = [item.pattern for item in CITATION_PATTERNS if set(item.system.split()) & set(systems)]
    return "|".join(f"(?:{ascii_classes(pattern)})" for pattern in chosen)
