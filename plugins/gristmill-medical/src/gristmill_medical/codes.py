# ruff: noqa: E501  # a table of patterns
r"""`medical.codes`: codes of medical classifications, where the text says that they are codes.

Formats: ICD-10-CM Official Guidelines for Coding and Reporting (CMS and NCHS, FY 2024), section I.A: three to seven
signs, a letter, a digit, a digit or letter, then after a point up to four more. CPT (American Medical Association):
five digits, the last one may be a letter; the codes themselves are the AMA's and are not listed here. HCPCS level II
(CMS): a letter from A to V and four digits. LOINC Users' Guide (Regenstrief Institute): digits, a hyphen and a check digit
by the modulus 10 method. NDC: 21 CFR 207.33, ten digits in three groups of 4-4-2, 5-3-2 or 5-4-1; eleven in billing.

`A12` alone is a page, a vitamin or a room: a code counts after the name of its classification, alone or in a list. ICD-10
codes with a point count in brackets behind a word as well, as in `type 2 diabetes (E11.9)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from gristmill.plugins.api import Signal
from gristmill_medical.ascii_classes import ascii_classes

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

_ICD10_CODE = r"[A-TV-Z]\d[0-9AB](?:\.[0-9A-Z]{1,4})?"
_CPT_CODE = r"\d{4}[0-9FTU]"
_HCPCS_CODE = r"[A-V]\d{4}"
_LOINC_CODE = r"\d{1,5}-\d"
_NDC_CODE = r"(?:\d{4}-\d{4}-\d{2}|\d{5}-\d{3}-\d{2}|\d{5}-\d{4}-\d{1,2})"
_BETWEEN = r"(?:[ \t]*(?:(?i:codes?|numbers?|no\.?|is|are|was|dx|diagnos[ie]s)\b|[:#=(]))*[ \t]*"
_NEXT = r"(?:[ ]?(?:,|;|/|&|(?i:and|or|to|through)\b|-)[ ]?){1,2}"


def _listed(label: str, code: str) -> str:
    return ascii_classes(rf"\b(?:{label}){_BETWEEN}{code}\b(?:{_NEXT}{code}\b)*")


ICD10 = _listed(r"ICD[- ]?10(?:[- ]?(?:CM|PCS))?|ICD|(?i:dx|diagnosis|diagnoses)[ ](?i:codes?)", _ICD10_CODE)
ICD10_IN_BRACKETS = ascii_classes(
    r"[a-z][ ][(\[][A-TV-Z]\d[0-9AB]\.[0-9A-Z]{1,4}(?:[,;][ ]?[A-TV-Z]\d[0-9AB]\.[0-9A-Z]{1,4})*[)\]]"
)
CPT = _listed(r"CPT(?:®|-4)?", _CPT_CODE)
HCPCS = _listed(r"HCPCS(?:[ ]Level[ ]II)?|J-(?i:codes?)", _HCPCS_CODE)
LOINC = _listed(r"LOINC®?", _LOINC_CODE)
NDC = _listed(r"NDC(?:[ ]?11)?", _NDC_CODE)


def loinc_check_digit(number: str) -> int:
    """Return the check digit of the part of a LOINC code before its hyphen (modulus 10).

    From the right every other digit, beginning with the first, is doubled; digits are added up.

    Examples
    --------
    >>> loinc_check_digit("8867"), loinc_check_digit("2345"), loinc_check_digit("10164")
    (4, 7, 2)
    """
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return -total % 10


class Codes(Signal):
    """Codes of ICD-10-CM, CPT, HCPCS level II, LOINC and NDC that are named as such; all uint32.

    ``num_loinc`` counts codes whose check digit is right, ``num_loinc_invalid`` those whose is not: a sign of typing
    errors, or of invented text.
    """

    name, version = "codes", 1
    inputs = ("text",)
    outputs: ClassVar = {
        "num_icd10": "uint32",
        "num_cpt": "uint32",
        "num_hcpcs": "uint32",
        "num_loinc": "uint32",
        "num_loinc_invalid": "uint32",
        "num_ndc": "uint32",
    }

    def compute(self, batch: pa.RecordBatch) -> Mapping[str, pl.Series]:
        """Find the lists of codes, then the codes in them."""
        import polars as pl

        text = pl.col("text").str
        documents = pl.DataFrame({"text": pl.from_arrow(batch.column("text"))})

        def num(pattern: str, code: str) -> pl.Expr:
            lists = text.extract_all(pattern).list.join(" ")
            return lists.str.count_matches(ascii_classes(rf"\b{code}\b"))

        bracketed = text.extract_all(ICD10_IN_BRACKETS).list.join(" ")
        counted = documents.select(
            num_icd10=num(ICD10, _ICD10_CODE)
            + bracketed.str.count_matches(ascii_classes(r"\b[A-TV-Z]\d[0-9AB]\.")),
            num_cpt=num(CPT, _CPT_CODE),
            num_hcpcs=num(HCPCS, _HCPCS_CODE),
            num_ndc=num(NDC, _NDC_CODE),
        )
        loinc = documents.select(
            row=pl.int_range(pl.len(), dtype=pl.Int64),
            code=text.extract_all(LOINC).list.join(" ").str.extract_all(ascii_classes(rf"\b{_LOINC_CODE}\b")),
        )
        codes = loinc.explode("code").drop_nulls().with_columns(valid=_has_right_check_digit("code"))
        by_row = codes.group_by("row").agg(right=pl.col("valid").sum(), wrong=(~pl.col("valid")).sum())
        checked = loinc.select("row").join(by_row, on="row", how="left", maintain_order="left")
        counted = counted.with_columns(
            num_loinc=checked["right"].fill_null(0), num_loinc_invalid=checked["wrong"].fill_null(0)
        )
        return {name: counted[name].cast(pl.UInt32) for name in self.outputs}


def _has_right_check_digit(column: str) -> pl.Expr:
    """Return whether a code's last digit is the one `loinc_check_digit` gives, for codes of up to six digits."""
    import polars as pl

    number = pl.col(column).str.extract(r"^([0-9]+)-").str.zfill(6)
    total = pl.lit(0, pl.Int64)
    for place in range(6):
        digit = number.str.slice(5 - place, 1).cast(pl.Int64)
        value = digit * 2 if place % 2 == 0 else digit
        total = total + value // 10 + value % 10
    return (10 - total % 10) % 10 == pl.col(column).str.slice(-1).cast(pl.Int64)
