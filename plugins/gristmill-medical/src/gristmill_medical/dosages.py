# ruff: noqa: E501  # a table of patterns
r"""`medical.dosages`: amounts with units, routes and frequencies of medicines, and notations known to cause errors.

Units: UCUM (The Unified Code for Units of Measure, Regenstrief Institute), case sensitive codes and the words for them.
Routes and frequencies: the Latin abbreviations in use (USP, General Notices, and the Joint Commission's list of what is
in use). `num_error_prone`: ISMP List of Error-Prone Abbreviations, Symbols, and Dose Designations (Institute for Safe
Medication Practices, 2021; among them the Joint Commission's "Do Not Use" list, 2004): trailing zeros, missing leading
zeros, U and IU, QD and QOD, MS, MSO4, MgSO4, cc, µg, hs, SC and SQ and sub q, per os, TIW, x3d, D/C, AD and AS and AU.
"""

from __future__ import annotations

from typing import ClassVar

from gristmill.plugins.api import Expr, Float32, Signal, UInt32, col, when
from gristmill_medical.ascii_classes import ascii_classes

_NUMBER = r"\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?|\.\d+"
_MASS = r"mg|mcg|µg|μg|ug|g|gm|kg|ng|grams?|milligrams?|micrograms?|nanograms?|gr|grains?"
_VOLUME = r"mL|ml|cc|dL|L|liters?|litres?|milliliters?|millilitres?|drops?|gtts?|tsp|tbsp|teaspoons?|teaspoonfuls?|tablespoons?|ounces?|oz"
_OTHER = r"mEq|meq|mmol|mol|units?|U|IU|international units?|million units"
_FORM = r"tablets?|tabs?|capsules?|caps?|pills?|puffs?|sprays?|patch(?:es)?|suppositor(?:y|ies)|vials?|ampou?les?|lozenges?|doses?"
_PER = r"(?:[ ]?(?:/|per)[ ]?(?:\d+[ ]?)?(?:kg|m2|m²|mL|ml|L|day|d|dose|h|hr|hour|min|minute|week|wk|tablet|tab|5[ ]?mL)\b)"

AMOUNT = ascii_classes(
    rf"\b(?:{_NUMBER})(?:[ ]?(?:-|–|to)[ ]?(?:{_NUMBER}))?[ -]?(?:{_MASS}|{_VOLUME}|{_OTHER}|{_FORM})\b{_PER}{{0,2}}"
)
"""An amount with its unit: `500 mg`, `5-10 mL`, `2 tablets`, `15 mg/kg/day`."""
_LABORATORY = ascii_classes(
    rf"\b(?:{_NUMBER})[ ]?(?:mg|g|mcg|µg|ng|mEq|mmol|mL|U|IU|units?|pg)[ ]?(?:/|per)[ ]?(?:dL|dl|deciliters?|L|mL|ml)\b"
)
"""A concentration, which in running text is mostly a laboratory value: `130 mg/dL`."""

_NUMERAL = ascii_classes(
    r"\b(?i:stages?|class|grade|type|factor|phase|level|group|nerves?)[ ]+(?:[IVX]+[A-C]?\b(?:,|/|-)?[ ]?(?:and[ ]|or[ ]|to[ ])?){1,5}"
)
"""Roman numerals: `stage IV` is no route."""

ROUTE = ascii_classes(
    r"(?i:\bby[ ]mouth\b|\borally\b|\bintravenous(?:ly)?\b|\bintramuscular(?:ly)?\b|\bsubcutaneous(?:ly)?\b|\bsublingual(?:ly)?\b"
    r"|\bintranasal(?:ly)?\b|\btopical(?:ly)?\b|\brectal(?:ly)?\b|\bvaginal(?:ly)?\b|\binhaled\b|\btransdermal\b|\bintrathecal(?:ly)?\b"
    r"|\bintradermal(?:ly)?\b|\bp\.o\.|\bi\.v\.|\bi\.m\.|\bper os\b|\bsubcut\b|\bsub[- ]?q\b|\bsubq\b)|\b(?:PO|IV|IM|SC|SQ|SL|PR|INH|NEB|IVP|IVPB|PEG|NG)\b"
)
FREQUENCY = ascii_classes(
    r"(?i:\b(?:once|twice|thrice|(?:one|two|three|four|five|six|\d{1,2})[ ]times?)[ ](?:a|per|each|every)[ ](?:day|week|month)\b"
    r"|\b(?:once|twice|(?:three|four|five|six)[ ]times)[ ](?:daily|weekly|monthly)\b"
    r"|\bevery[ ](?:other[ ]day|day|morning|evening|night|(?:\d{1,2}|two|three|four|six|eight|twelve)(?:[ ]?(?:-|–|to)[ ]?\d{1,2})?[ ](?:hours?|hrs?|days?|weeks?|months?|minutes?))\b"
    r"|\bat[ ]bedtime\b|\bas[ ]needed\b|\bdaily\b|\bnightly\b|\bweekly\b"
    r"|\bq\.?[ ]?\d{1,2}(?:[ ]?-[ ]?\d{1,2})?[ ]?(?:h|hr|hrs|hours?|d|days?|wk|weeks?|min)\b|\bq\.?(?:h\.?s|a\.?m|p\.?m|o\.?d|d|i\.?d|h|wk|week|day)\b"
    r"|\bb\.?i\.?d\b|\bt\.?i\.?d\b|\bp\.?r\.?n\b|\bstat\b|\ba\.c\.|\bp\.c\.)|\b(?:AC|HS|ac|hs)\b"
)
_GAP = r"[^.;\n]{0,60}?"
COMPLETE = f"(?:{AMOUNT}){_GAP}(?:{ROUTE}){_GAP}(?:{FREQUENCY})|(?:{AMOUNT}){_GAP}(?:{FREQUENCY})"
"""An amount with a frequency behind it, and perhaps a route between them, in one sentence."""

ERROR_PRONE = ascii_classes(
    r"\b\d+\.0[ ]?(?:mg|mcg|g|mL|ml|units?)\b"
    r"|(?:^|[\s(])\.\d+[ ]?(?:mg|mcg|g|mL|ml|units?)\b"
    r"|\b\d+[ ]?(?:U|u|IU|iu|cc)\b|\b\d+(?:\.\d+)?[ ]?[µμ]g\b"
    r"|\b(?:QD|qd|q\.d|Q\.D|QOD|qod|q\.o\.d|Q\.O\.D|MSO4|MgSO4|TIW|tiw|BIW|biw|qhs|qHS|q1d|OJ)\b|\b(?i:per[ ]os)\b"
    r"|\b\d+[ ]?(?:mg|mcg|g|mL|ml)[ ](?:hs|HS|SC|SQ|sc|sq|sub[ ]?q|subq)\b|\bx[ ]?\d{1,2}d\b|\b(?:AD|AS|AU|OD|OS|OU)[ ](?:q|bid|tid|BID|TID|daily)"
    r"|\b\d{6,}[ ]?units?\b"
)


class Dosages(Signal):
    """Dosages of medicines.

    ``num_amounts``: amounts with units of mass, volume, activity or form (`500 mg`, `2 puffs`), without
    concentrations as laboratories give them (`130 mg/dL`). ``num_routes``, ``num_frequencies``: ways and times of giving.
    ``num_complete``: amounts with a frequency behind them in the same sentence. ``num_error_prone``: notations of the
    ISMP list. All uint32. ``dosage_density``: complete dosages for each 100 words, float32; null without words.
    """

    name, version = "dosages", 1
    inputs = ("text",)
    outputs: ClassVar = {
        "num_amounts": "uint32",
        "num_routes": "uint32",
        "num_frequencies": "uint32",
        "num_complete": "uint32",
        "num_error_prone": "uint32",
        "dosage_density": "float32?",
    }

    def expr(self) -> list[Expr]:
        """Return one expression an output."""
        text = col("text").str.replace_all(_NUMERAL, "_ ")
        medicines = text.str.replace_all(_LABORATORY, "_").str
        words = col("text").str.count_matches(r"\S+")
        complete = medicines.count_matches(COMPLETE)
        return [
            medicines.count_matches(AMOUNT).cast(UInt32).alias("num_amounts"),
            text.str.count_matches(ROUTE).cast(UInt32).alias("num_routes"),
            col("text").str.count_matches(FREQUENCY).cast(UInt32).alias("num_frequencies"),
            complete.cast(UInt32).alias("num_complete"),
            col("text").str.count_matches(ERROR_PRONE).cast(UInt32).alias("num_error_prone"),
            when(words > 0).then(complete * 100 / words).cast(Float32).alias("dosage_density"),
        ]
