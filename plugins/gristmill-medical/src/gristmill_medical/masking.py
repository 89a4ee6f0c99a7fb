"""Replaces identifiers by typed placeholders: the work behind `medical.deidentify` and `medical.identifiers`.

Everything but the last step is a chain of expressions. The last step repeats a name that was found in context
wherever else it stands in that document, and runs in Python for documents with such names only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from gristmill.plugins.api import col
from gristmill_medical.name_rules import marking
from gristmill_medical.rules import PROTECTED, RULES_BEFORE_NAMES, compiled

if TYPE_CHECKING:
    import polars as pl

Kind = Literal[
    "name", "address", "zip", "date", "age", "phone", "fax", "email", "ssn", "mrn", "health_plan", "account", "licence",
    "vehicle", "device", "url", "ip", "biometric", "other_id",
]  # fmt: skip
KINDS: tuple[Kind, ...] = (
    "name", "address", "zip", "date", "age", "phone", "fax", "email", "ssn", "mrn", "health_plan", "account", "licence",
    "vehicle", "device", "url", "ip", "biometric", "other_id",
)  # fmt: skip
"""The kinds of identifier, by paragraph of the regulation: name A; address and zip B; date and age C; and so on."""

START, END = "\ufdd0", "\ufdd1"
"""Noncharacters of Unicode, for internal use: around a name until the end. In a document they become U+FFFD."""
SIGNS = (START, END, PROTECTED)
_MIN_REPEATED = 3
_ORDINARY = frozenset(
    (  # noqa: SIM905  # easier to read
        "the this that these those there then she his her him they and but for with from was were are not has had "
        "patient patients doctor nurse mother father brother sister health hospital clinic medical center centre "
        "university institute institutes national department street city date name new north south east west "
    ).split()
)
_EPONYM = (
    r"(?:['’]s?)?\s+(?:\w+\s+){0,2}(?:diseases?|syndromes?|disorders?|sarcomas?|lymphomas?|tumou?rs?|palsy|chorea|sign|test|reflex"
    r"|score|scale|criteria|procedure|surgery|catheter|phenomenon|ataxia|dystrophy|anaemia|anemia|virus|fever)\b"
)


def placeholder(kind: str) -> str:
    """Return how the placeholders of a kind begin: `[NAME`, `[DATE` (and `]` or ` 2019]` behind it).

    Examples
    --------
    >>> placeholder("zip")
    '[ZIP'
    """
    return f"[{kind.upper()}"


def masked(
    texts: pl.Series,
    *,
    kinds: Sequence[Kind] = KINDS,
    keep_year: bool = True,
    keep_zip3: bool = True,
    given_names: bool = True,
    repeat_names: bool = True,
) -> pl.Series:
    """Return the texts with placeholders for identifiers of these kinds, in the same order.

    Cost: some eighty passes of linear patterns over each text.
    """
    expression = col("text").str.replace_many(list(SIGNS), ["\ufffd"] * len(SIGNS))
    for rule in RULES_BEFORE_NAMES:
        if rule.kind in kinds:
            replacement = rule.replacement
            if (rule.left == "year" and not keep_year) or (rule.left in ("zip3", "000") and not keep_zip3):
                replacement = re.sub(r"\[([A-Z]+) [^\]]*\]", r"[\1]", replacement)
            expression = expression.str.replace_all(compiled(rule), replacement)
    if "name" in kinds:
        for pattern, replacement in marking(START, END, given_names=given_names):
            expression = expression.str.replace_all(pattern, replacement)
    frame = (
        texts.alias("text").to_frame().select(text=expression.str.replace_all(PROTECTED, "", literal=True))
    )
    # "dictated by Dr. X": the title alone is no name.
    frame = frame.select(text=col("text").str.replace_all(f"{START}(Drs?|Mrs?|Ms|Prof){END}", "${1}"))
    if "name" not in kinds:
        return frame["text"]
    marked = f"{START}[^{START}{END}]*{END}"
    frame = frame.select(
        text=col("text").str.replace_all(marked, "[NAME]").str.replace_all(f"[{START}{END}]", ""),
        names=col("text").str.extract_all(marked),
    )
    return _repeated(frame) if repeat_names else frame["text"]


def _repeated(frame: pl.DataFrame) -> pl.Series:
    """Replace the words of each document's names where they stand alone, too: `Mr. Smith ... Smith said`."""
    rows = (
        frame.with_row_index("row").filter(col("names").list.len() > 0).select("row", "text", "names").rows()
    )
    if not rows:
        return frame["text"]
    texts = frame["text"].to_list()
    for row, text, names in rows:
        texts[row] = repeat_names(text, names)
    return type(frame["text"])("text", texts, dtype=frame["text"].dtype)


def repeat_names(text: str, names: Sequence[str]) -> str:
    """Return the text with `[NAME]` for every capitalised word of at least three letters of these names.

    A word stays where it is ordinary (`Patient`), or names a disease, a test or a tool in this text
    (`Parkinson's disease`).

    Examples
    --------
    >>> repeat_names("Smith came. A smith left.", ["John Smith"])
    '[NAME] came. A smith left.'
    """
    words = {
        word
        for name in names
        for word in re.findall(r"[^\W\d_](?:[\w-]|['’](?!s\b))*", name)
        if len(word) >= _MIN_REPEATED
        and word[0].isupper()
        and word.lower() not in _ORDINARY
        and word.lower() not in KINDS
    }
    if words:
        words -= {found[1] for found in re.finditer(rf"{_choice(words)}{_EPONYM}", text)}
    return re.sub(rf"{_choice(words)}(?!\w)", "[NAME]", text) if words else text


def _choice(words: set[str]) -> str:
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    return rf"(?<![\w\[])({'|'.join(map(re.escape, longest_first))})"
