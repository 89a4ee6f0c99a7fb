"""Parties, signatories and dates become placeholders, the same one for the same name or day."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.plugins.testing import run
from gristmill_legal.redact import Redact, number_dates, parties

HEAD = (
    'This Agreement, dated June 3, 2020, is made by and between Acme Tools, Inc., a Delaware corporation ("Acme"), and Zed GmbH\n'
    '(the "Licensee"). Acme shall pay the Licensee by 4 July 2021. ACME TOOLS, INC. and Acme Tools agreed on 6/3/2020.\n'
    "By: /s/ Ada Okafor\nName: Ada Okafor\nfor Zed\nGmbH"
)


def redact(text: str, **config: object) -> str:
    return str(run(Redact, [text], config)["text"][0])


def test_golden_head() -> None:
    assert redact(HEAD) == (
        'This Agreement, dated [DATE_1], is made by and between [PARTY_1], a Delaware corporation ("[PARTY_1]"), and [PARTY_2]\n'
        '(the "Licensee"). [PARTY_1] shall pay the Licensee by [DATE_2]. [PARTY_1] and [PARTY_1] agreed on [DATE_1].\n'
        "By: /s/ [PERSON_1]\nName: [PERSON_1]\nfor [PARTY_2]"
    )


def test_options() -> None:
    assert "Acme" in redact(HEAD, parties=False)
    assert "[DATE" not in redact(HEAD, dates=False)
    assert "Ada Okafor" in redact(HEAD, persons=False)


@pytest.mark.parametrize(
    "name",
    [
        "Acme Tools, Inc.",
        "2TheMart.com, Inc.",
        "iVillage, Inc.",
        "Smith & Sons LLC",
        "ABC N.V.",
        "Foo Bar Co., Ltd.",
        "Tiffany & Co.",
        "Xy S.p.A.",
    ],
)
def test_names_of_companies(name: str) -> None:
    assert "[PARTY_1]" in redact(f"We met {name} today.")
    assert name not in redact(f"We met {name} today.")


@pytest.mark.parametrize(
    "text",
    [
        "The Company shall pay the Seller. Each Party agrees, except for the limited licence.",
        "In Denver, CO the Group met. Section 2.05 Limits.",
        "Sections 3/4 of 2020 and $1,299.00 in May; 12 of 30.",
        "",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redact(text) == text


def test_a_preamble_names_parties_without_legal_form() -> None:
    text = 'between Northwind Traders, an Ohio partnership ("Northwind"), and Contoso, a company. Northwind and Contoso agree.'
    assert redact(text).endswith("[PARTY_1] and [PARTY_2] agree.")


@pytest.mark.parametrize(
    "same",
    [
        "June 3, 2020",
        "3 June 2020",
        "3rd day of June, 2020",
        "6/3/2020",
        "2020-06-03",
        "Jun. 3, 2020",
        "JUNE 3, 2020",
        "6-3-2020",
    ],
)
def test_a_day_is_one_however_it_is_written(same: str) -> None:
    assert number_dates(f"June 3, 2020 or {same}") == "[DATE_1] or [DATE_1]"


PIECES = st.sampled_from(
    ["Acme", "Tools", " ", ", ", "Inc.", "LLC", '("Acme")', "between ", " and ", "\n", "June 3, 2020", "[PARTY_1]", "é", "Name: Ada Lee", "the ", "Company"]
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_no_date_is_left_and_names_have_numbers_in_order(text: str) -> None:
    after = redact(text)
    assert "June 3, 2020" not in after or re.search(r"\wJune|2020\w", text)
    assert len(parties(text)) <= len(text)
    fresh = redact(text.replace("[PARTY_1]", ""))
    numbers = [int(number) for number in re.findall(r"\[PARTY_([0-9]+)\]", fresh)]
    assert set(numbers) <= set(range(1, len(parties(text.replace("[PARTY_1]", ""))) + 1))
