# ruff: noqa: E501, SIM905  # a table of patterns
r"""Names in context: paragraph (A) of 45 CFR 164.514(b)(2)(i). A table.

Each pattern has a group `name`; the text around it stays. Given names are the frequent ones of the 1990 census of the
United States (Bureau of the Census, `dist.male.first` and `dist.female.first`, public domain), less those that are
also places, months or words of medicine.
"""

from __future__ import annotations

from gristmill_medical.ascii_classes import ascii_classes

GIVEN_NAMES = (
    "James John Robert Michael William David Richard Charles Joseph Thomas Christopher Daniel Paul Donald George "
    "Kenneth Steven Edward Brian Ronald Anthony Kevin Jason Matthew Gary Timothy Jose Larry Jeffrey Frank Eric "
    "Stephen Andrew Raymond Gregory Joshua Jerry Dennis Walter Patrick Peter Harold Douglas Henry Carl Arthur Ryan "
    "Roger Joe Juan Albert Jonathan Justin Terry Gerald Keith Samuel Ralph Lawrence Nicholas Benjamin Bruce Brandon "
    "Adam Harry Fred Wayne Billy Steve Louis Jeremy Aaron Randy Eugene Carlos Russell Bobby Victor Ernest Phillip "
    "Todd Jesse Craig Alan Shawn Sean Philip Chris Johnny Jimmy Antonio Mary Patricia Linda Barbara Elizabeth "
    "Jennifer Maria Susan Margaret Dorothy Lisa Nancy Karen Betty Helen Sandra Donna Carol Ruth Sharon Michelle "
    "Laura Sarah Kimberly Deborah Jessica Shirley Cynthia Angela Melissa Brenda Amy Anna Rebecca Kathleen Pamela "
    "Martha Debra Amanda Stephanie Carolyn Christine Marie Janet Catherine Frances Ann Joyce Diane Alice Julie "
    "Heather Teresa Doris Gloria Evelyn Jean Cheryl Mildred Katherine Joan Ashley Judith Janice Nicole Judy "
    "Christina Kathy Theresa Denise Tammy Irene Jane Lori Rachel Marilyn Andrea Kathryn Louise Sara Anne Jacqueline "
    "Wanda Bonnie Julia Lois Tina Phyllis Norma Paula Diana Annie Lillian Emily "
).split()

# Letters of Latin alphabets: Unicode's own classes make patterns that take ten times as long to compile.
_UP, _LOW, _ANY = "A-ZÀ-ÖØ-Þ", "a-zß-öø-ɏ", "A-Za-zÀ-ÖØ-öø-ɏ"
_WORD = rf"(?:St\.[ ]?)?[{_UP}](?:[{_LOW}'’]|[{_UP}][{_LOW}])[{_ANY}'’-]*"
"""A capital, then small letters: `Smith`, `O'Brien`, `VanBuren`."""
_MORE = rf"(?:[ ]+(?:[{_UP}]\.?[ ]+)?(?:(?:van|von|de|del|della|la|der|den|bin|al|el)[ ]+){{0,2}}{_WORD})"
_NAME = rf"(?:(?:[{_UP}]\.[ ]?){{1,2}})?{_WORD}{_MORE}{{0,2}}"
_FULL_NAME = rf"(?:(?:[{_UP}]\.[ ]?){{1,2}}{_WORD}|{_WORD}{_MORE}{{1,2}})"
_CAPITAL_WORD = rf"[{_UP}][{_UP}'’-]+"
_CAPITALS = rf"{_CAPITAL_WORD}(?:,?[ ]+(?:ST\.[ ]?)?[{_UP}](?:[{_UP}'’-]+|\.)){{1,3}}"
_LISTED = rf"{_WORD}(?:[ ]{_WORD})?,[ ]?{_WORD}(?:[ ][{_UP}]\.?)?"
_VALUE = rf"(?:{_LISTED}|{_NAME}|{_CAPITALS})"
_CREDENTIAL = (
    r"M\.?D\.?|D\.?O\.?|R\.?N\.?|N\.?P\.?|P\.?A\.?(?:-C)?|Ph\.?D\.?|D\.?D\.?S\.?|DPM|LPN|CRNA|MBBS|FACS|FACP|Pharm\.?D\.?|RPh|LCSW"
    r"|MSW|DNP|CNM|FNP(?:-C)?|ARNP|APRN|BSN|MSN|MPH|O\.?D\.?|D\.?C\.?|Esq\.?"
)
_RELATIVE = (
    "husband|wife|spouse|partner|fiancée?|boyfriend|girlfriend|son|daughter|mother|father|brother|sister|grandson|granddaughter"
    "|grandmother|grandfather|aunt|uncle|niece|nephew|cousin|friend|neighbou?r|caregiver|guardian|roommate"
)
_LABEL = (
    "patient(?:'s)?(?:[ ]name)?|pt\\.?(?:[ ]name)?|(?:full|legal|maiden|last|first|family|given)[ ]name|surname"
    "|(?:attending|referring|admitting|ordering|consulting|treating|primary[ ]care|family)(?:[ ](?:physician|provider|doctor|surgeon))?"
    "|physician|doctor|provider|surgeon|assistant(?:[ ]surgeon)?|an(?:a)?esthesiologist|pcp|author|clinician|therapist|nurse"
    "|next[ ]of[ ]kin|nok|emergency[ ]contact|guardian|spouse|contact[ ]person|guarantor|insured|subscriber|attn|attention|to|from"
    "|(?:electronically|digitally)[ ]signed|dictated[ ]by|transcribed[ ]by|reviewed[ ]by|seen[ ]by|cosigned[ ]by"
)

_RULES = (
    ("title", r"\b(?:(?:Drs?|Mr|Mrs|Ms|Mx|Prof|Rev)\b\.?[ ]+)+(?P<name>NAME(?:[ ]and[ ]NAME)?)", "Prof. Dr. Okafor"),
    ("title", r"\b(?:Professor|Miss|Mister|Madam)[ ]+(?P<name>NAME)", "Professor Okafor"),
    ("title", r"\b(?:MR|MRS|MS|DR)\.[ ]+(?P<name>ONE_CAPITAL)", "MR. OKAFOR"),
    ("label", r"\b(?i:LABEL)[ ]?:[ \t]*(?P<name>VALUE)", "Patient: Okafor, Ada"),
    ("label", r"(?m:^)[ \t]*(?i:name|re|cc|dear|regarding)[ ]?:[ \t]*(?P<name>VALUE)", "Name: Ada Okafor"),
    ("label", r"\bDear[ ]+(?P<name>NAME)", "Dear Ada,"),
    ("signature", r"\b(?i:signed|dictated|transcribed|authenticated|co-?signed|attested)[ ](?i:by)[ ]?:?[ ]+(?P<name>VALUE)",
     "signed by Ada Okafor"),
    ("credential", r"(?P<name>FULL),[ ]+(?:CREDENTIAL)(?:[\s,.;)]|$)", "Ada Okafor, M.D."),
    ("credential", r"\b(?P<name>CAPITALS),[ ]+(?:CREDENTIAL)(?:[\s,.;)]|$)", "ADA OKAFOR, MD"),
    ("relative", r"\b(?i:his|her|their|my|patient's|the)[ ](?:(?:late|older|younger|elder|oldest|youngest)[ ])?(?:RELATIVE),?[ ]+(?P<name>NAME)",
     "her husband Ikenna"),
    ("letter",
     r"\b(?i:thank[ ]you[ ]for[ ](?:referring|sending|seeing)|pleasure[ ]of[ ](?:seeing|meeting|evaluating|caring[ ]for))[ ]+(?P<name>NAME)", "Thank you for referring Ada Okafor"),
    ("age", r"(?P<name>FULL)[ ]is[ ]an?[ ](?:[a-z]+[ ]){0,3}(?:\d{1,3}|\[AGE 90\+\])[- ](?:year|yr|month|y)", "Ada Okafor is a 64-year-old"),
)  # fmt: skip


def _expand(pattern: str) -> str:
    for word, meaning in (
        ("ONE_CAPITAL", _CAPITAL_WORD), ("FULL", _FULL_NAME), ("NAME", _NAME), ("VALUE", _VALUE), ("LABEL", _LABEL), ("CREDENTIAL", _CREDENTIAL),
        ("CAPITALS", _CAPITALS), ("RELATIVE", _RELATIVE),
    ):  # fmt: skip
        pattern = pattern.replace(word, meaning)
    return ascii_classes(pattern)


def _bracketed(pattern: str, start: str, end: str) -> tuple[str, str]:
    """Return a pattern and a replacement that puts the two signs around the group `name`."""
    before, _, rest = pattern.partition("(?P<name>")
    depth, index = 1, 0
    while depth:
        depth += {"(": 1, ")": -1}.get(rest[index], 0) if rest[index - 1 : index] != "\\" else 0
        index += 1
    whole = f"(?P<before>{before})(?P<name>{rest[:index]}(?P<after>{rest[index:]})"
    return whole, f"${{before}}{start}${{name}}{end}${{after}}"


def marking(start: str, end: str, *, given_names: bool) -> list[tuple[str, str]]:
    """Return patterns and replacements that put `start` and `end` around each name.

    Examples
    --------
    >>> len(marking("<", ">", given_names=True)) - len(marking("<", ">", given_names=False))
    1
    """
    patterns = [_expand(pattern) for _, pattern, _ in _RULES]
    if given_names:
        patterns.append(_expand(rf"\b(?P<name>(?:{'|'.join(GIVEN_NAMES)}){_MORE}{{1,2}})"))
    return [_bracketed(pattern, start, end) for pattern in patterns]


EXAMPLES = tuple(example for _, _, example in _RULES)
