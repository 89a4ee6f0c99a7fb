"""Codes count where the text says that they are codes; check digits agree with a slow reckoning."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.plugins.testing import run
from gristmill_medical import Codes
from gristmill_medical.codes import loinc_check_digit


def measure(text: str) -> dict[str, object]:
    return {name.removeprefix("num_"): values[0] for name, values in run(Codes, [text]).items() if values[0]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ICD-10-CM: E11.9, I10 and N18.3", {"icd10": 3}),
        ("ICD-10 codes S72.001A; W01.0XXA", {"icd10": 2}),
        ("type 2 diabetes (E11.9), pain [M54.5, M25.561]", {"icd10": 3}),
        ("CPT 99213, 99214-25; CPT code 0042T", {"cpt": 3}),
        ("HCPCS J1100", {"hcpcs": 1}),
        ("LOINC 8867-4, 2345-7, 2345-8", {"loinc": 2, "loinc_invalid": 1}),
        ("NDC 0777-3105-02 and NDC: 12345-6789-01", {"ndc": 2}),
        ("A12 is a page, B12 a vitamin, room E11.9 is a room, 99213 a number, 8867-4 another", {}),
        ("See (B12) and (Fig. A1) and ICD in Room 12", {}),
    ],
)
def test_codes_in_text(text: str, expected: dict[str, int]) -> None:
    assert measure(text) == expected


def test_check_digits_of_published_codes() -> None:
    # Of the LOINC Users' Guide and of C-CDA's section templates.
    for code in ("2951-2", "8867-4", "10164-2", "11348-0", "48765-2", "29545-1", "51847-2", "718-7"):
        number, digit = code.split("-")
        assert loinc_check_digit(number) == int(digit), code


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 99_999), st.integers(0, 9))
def test_columns_and_the_slow_check_digit_agree(number: int, digit: int) -> None:
    right = loinc_check_digit(str(number)) == digit
    assert measure(f"LOINC {number}-{digit}") == {"loinc" if right else "loinc_invalid": 1}
