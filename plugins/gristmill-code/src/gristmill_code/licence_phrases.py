# ruff: noqa: E501  # a table of patterns, which read better unbroken
"""The words by which licence notices at the top of files are known, and whose they are. A table.

Phrases are lower case with single spaces; notices are brought into that form first. Texts of the licences are quoted
only as far as recognising them takes. Identifiers are those of the SPDX License List 3.25 (CC BY 3.0).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class LicencePhrase:
    """One phrase: pattern (of `re`, on evened text), the licence it names, its family, and the source."""

    spdx: str | None
    family: str
    pattern: str
    source: str


def _row(spdx: str | None, family: str, pattern: str, source: str) -> LicencePhrase:
    return LicencePhrase(spdx=spdx, family=family, pattern=pattern, source=source)


LICENCE_PHRASES = (
    _row(
        "Apache-2.0",
        "Apache",
        r"apache license,? version 2\.0|apache\.org/licenses/license-2\.0|apache-2\.0 license",
        "Apache License 2.0, appendix",
    ),
    _row(
        "MPL-2.0",
        "MPL",
        r"mozilla public license,? v(?:ersion|\.) ?2\.0|mozilla\.org/mpl/2\.0",
        "MPL 2.0, exhibit A",
    ),
    _row("MPL-1.1", "MPL", r"mozilla public license version 1\.1", "MPL 1.1, exhibit A"),
    _row(
        "EPL-2.0",
        "EPL",
        r"eclipse public license,? (?:- )?v(?:ersion)? ?2\.0|eclipse\.org/legal/epl-2\.0",
        "EPL 2.0, exhibit A",
    ),
    _row(
        "EPL-1.0",
        "EPL",
        r"eclipse public license,? (?:- )?v(?:ersion)? ?1\.0|eclipse\.org/legal/epl-v10",
        "EPL 1.0",
    ),
    _row(
        "BSL-1.0",
        "Boost",
        r"boost software license,? (?:- )?version 1\.0|boost\.org/license_1_0",
        "Boost Software License 1.0",
    ),
    _row(
        "BSD-3-Clause",
        "BSD",
        r"neither the names? of .{1,120}? nor the names? of (?:its|the|any|other)|new bsd license|3-clause bsd",
        "BSD 3-clause licence, third condition",
    ),
    _row(
        "BSD-2-Clause",
        "BSD",
        r"redistribution and use in source and binary forms|simplified bsd license|2-clause bsd",
        "BSD 2-clause licence",
    ),
    _row(
        None,
        "BSD",
        r"bsd-style license|\bbsd licen[cs]e",
        "The Go Authors' notice, which names the file LICENSE",
    ),
    _row(
        "ISC",
        "ISC",
        r"permission to use, copy, modify,? and(?:/or)? distribute this software for any purpose with or without fee",
        "ISC licence",
    ),
    _row(
        "Zlib",
        "zlib",
        r"provided ['\"`]{1,2}as-is['\"`]{1,2}, without any express or implied warranty\. in no event will the authors",
        "zlib licence",
    ),
    _row(
        "Unlicense",
        "public domain",
        r"free and unencumbered software released into the public domain",
        "The Unlicense",
    ),
    _row(
        "CC0-1.0",
        "public domain",
        r"creativecommons\.org/publicdomain/zero/1\.0|cc0 1\.0 universal|\bcc0-1\.0\b",
        "CC0 1.0 legal tools",
    ),
    _row(
        "MIT",
        "MIT",
        r"permission is hereby granted, free of charge, to any person obtaining a copy|\bmit licen[cs]e|opensource\.org/licenses/mit",
        "MIT licence",
    ),
    _row(None, "public domain", r"(?:placed in|is in|into|released to) the public domain", "usual wording"),
)
"""Where several are found, the first of this order names the licence. The GNU licences come before all (`GNU_NAME`)."""

GNU_NAME = r"gnu (?P<kind>affero general|lesser general|library general|general) public licen[cs]e"
"""Their notices name one of these; version and "any later version" make the identifier (GPL 3, "How to Apply These
Terms"; SPDX: `-only`, `-or-later`)."""
GNU_IDENTIFIERS = {
    "affero general": "AGPL",
    "lesser general": "LGPL",
    "library general": "LGPL",
    "general": "GPL",
}

LINE_PHRASES = (
    r"copyright (?:\(c\)|©|\d{4}|by )|\(c\) (?:copyright )?\d{4}|©\s?\d{4}|^\W*copyright\b|@copyright\b|@licen[cs]e\b",
    r"all rights reserved",
    r"spdx-(?:license-identifier|filecopyrighttext)",
)
"""Words that make their own line part of a notice, and nothing around it."""

FURTHER_PHRASES = (
    r"the above copyright notice|this permission notice|redistributions? (?:of source code|in binary form)",
    r"(?:software|program|file|material|library|package|work|source code|author \S+ ) (?:is|are) (?:provided|distributed) .{0,80}?(?:as[ -]is|without (?:any )?warrant|in the hope|express)",
    r"without (?:even the implied )?warrant(?:y|ies) (?:of|or conditions)|in no event shall|implied warrant(?:y|ies) of|conditions of any kind",
    r"(?:is|are) free software|redistribute (?:it|them) and/or modify|you should have received a copy of",
    r"you may not use this file except|unless required by applicable law|you may obtain a copy of the licen[cs]e",
    r"(?:under|by|to) the (?:terms|conditions) (?:of|in|and)|licen[cs]ed under|governed by (?:a|the) .{0,40}licen[cs]e|subject to the terms",
    r"see the .{0,30}(?:licen[cs]e|copying|notice|authors).{0,20} (?:file|for)|licen[cs]e that can be found|full (?:copyright and )?licen[cs]e (?:information|text)",
    r"write to the free software foundation|gnu\.org/(?:licenses|copyleft)|this file is part of",
)
"""Words of notices that name no licence: they say which paragraphs belong to one."""
