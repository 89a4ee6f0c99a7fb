"""Items, boilerplate and disclaimers of filings written for these tests, whose form the SEC prescribes."""

import pytest
from hypothesis import given, settings, strategies

from gristmill.errors import GristmillError
from gristmill.plugins.testing import run
from gristmill_finance.boilerplate import NAMES, PARTS, FilingBoilerplate, Part, StripFilingBoilerplate
from gristmill_finance.filings import ITEMS, FilingSections
from gristmill_finance.forward_looking import ForwardLooking, StripForwardLooking

COVER = """UNITED STATES
SECURITIES AND EXCHANGE COMMISSION
Washington, D.C. 20549

FORM 10-K

(Exact name of registrant as specified in its charter)
Indicate by check mark whether the registrant is a large accelerated filer.

"""
CONTENTS = """TABLE OF CONTENTS

Item 1.   Business .................... 3
Item 1A.  Risk Factors                  9
Item 7.   Management's Discussion and Analysis\t21

"""
BODY = """PART I

Item 1. Business

We mill grain in three countries. We expect volumes to rise.

ITEM 1A.
RISK FACTORS

Harvests may fail.

Item 7. Management’s Discussion and Analysis of Financial Condition

Sales rose 4 % to $12.5 million.

"""
SIGNATURES = """SIGNATURES

Pursuant to the requirements of Section 13 or 15(d) of the Securities Exchange Act of 1934, the registrant has duly
caused this report to be signed.

/s/ A. Author
"""
DISCLAIMER = """This release contains forward-looking statements within the meaning of the Private Securities
Litigation Reform Act of 1995. Actual results may differ materially.
"""


def sections(text: str, form: str = "10-K") -> dict[str, object]:
    return {name: values[0] for name, values in run(FilingSections, [text], {"form": form}).items()}


def test_items_are_found_in_order_and_contents_told_apart() -> None:
    assert sections(COVER + CONTENTS + BODY) == {
        "items": "1,1A,7",
        "item_fraction": pytest.approx(3 / len(ITEMS["10-K"])),
        "is_in_order": 1,
        "num_contents_lines": 3,
    }
    assert sections(CONTENTS)["items"] is None


def test_items_out_of_order_are_said() -> None:
    found = sections("Item 7. Management's Discussion\n\nItem 1. Business\n")
    assert (found["items"], found["is_in_order"]) == ("7,1", 0)


@pytest.mark.parametrize("form", ITEMS)
def test_forms_have_no_item_in_prose(form: str) -> None:
    found = sections("See Item 7 and item 1.01 of the list. The first item is business.\n", form)
    assert found == {"items": None, "item_fraction": 0.0, "is_in_order": None, "num_contents_lines": 0}


def test_items_of_other_forms() -> None:
    quarterly = "PART I\nItem 1. Financial Statements\nx\nItem 2. Management's Discussion\nPART II\nItem 6. Exhibits\n"
    assert sections(quarterly, "10-Q")["items"] == "I-1,I-2,II-6"
    current = "Item 2.02 Results of Operations and Financial Condition\nx\nItem 9.01. Exhibits\n"
    assert sections(current, "8-K")["items"] == "2.02,9.01"


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_every_part_finds_its_example(part: Part) -> None:
    values = run(FilingBoilerplate, [part.example])
    assert values["parts"] == [part.name]
    assert values["num_parts"] == [1]
    assert part.source


def test_boilerplate_goes_and_text_stays() -> None:
    edgar = "<SEC-HEADER>x\nACCESSION NUMBER: 1\n</SEC-HEADER>\n<TYPE>10-K\n"
    text = edgar + COVER + CONTENTS + BODY + SIGNATURES
    assert run(StripFilingBoilerplate, [text])["text"] == [CONTENTS + BODY]
    assert run(FilingBoilerplate, [text])["parts"] == ["edgar,cover,signatures"]
    assert run(StripFilingBoilerplate, [text], {"parts": ["signatures"]})["text"] == [
        edgar + COVER + CONTENTS + BODY
    ]


def test_exhibits_behind_signatures_are_a_part_of_their_own() -> None:
    text = BODY + SIGNATURES + "\nEXHIBIT INDEX\n\n31.1 Certification of the Chief Executive Officer\n"
    assert run(StripFilingBoilerplate, [text], {"parts": ["signatures"]})["text"][0].endswith(
        "\nEXHIBIT INDEX\n\n31.1 Certification of the Chief Executive Officer\n"
    )
    assert run(FilingBoilerplate, [text])["parts"] == ["signatures,exhibits"]


def test_xbrl_contexts_go_line_by_line() -> None:
    text = (
        "0000320193 us-gaap:CommonStockMember 2020-09-27 2021-09-25\niso4217:USD xbrli:shares\nSales rose.\n"
    )
    assert run(StripFilingBoilerplate, [text])["text"] == ["Sales rose.\n"]


@pytest.mark.parametrize(
    "text",
    [
        "SIGNATURES of the guests are in the book.\n",
        "The United States Securities and Exchange Commission fined them.\n",
        "10.1 seconds is the record.\n",
        "Exhibits of the museum\n",
        "",
    ],
)
def test_other_text_is_left_alone(text: str) -> None:
    assert run(StripFilingBoilerplate, [text])["text"] == [text]
    assert run(FilingBoilerplate, [text])["num_parts"] == [0]


def test_unknown_parts_are_refused() -> None:
    with pytest.raises(GristmillError) as caught:
        run(StripFilingBoilerplate, ["x"], {"parts": ["cover", "back"]})
    assert caught.value.code == "GM-PLUGIN-009"
    assert len(set(NAMES)) == len(NAMES)


def test_disclaimers_are_measured_and_go_with_their_heading() -> None:
    text = f"Sales rose.\n\nForward-Looking Statements\n\n{DISCLAIMER}\nThe end.\n"
    values = run(ForwardLooking, [text, "Sales rose.\n", ""])
    assert values["num_disclaimers"] == [1, 0, 0]
    assert values["disclaimer_fraction"] == [pytest.approx(len(DISCLAIMER) / len(text), rel=1e-6), 0.0, None]
    assert run(StripForwardLooking, [text])["text"] == ["Sales rose.\n\n\n\nThe end.\n"]
    assert run(StripForwardLooking, [text], {"heading": False})["text"] == [text.replace(DISCLAIMER, "")]


def test_statements_about_the_future_are_counted_and_stay() -> None:
    text = "We expect sales to rise. Sales rose in May. Costs will fall.\nMargins held."
    assert run(ForwardLooking, [text])["forward_fraction"] == [pytest.approx(2 / 4)]
    assert run(StripForwardLooking, [text])["text"] == [text]


@pytest.mark.parametrize(
    "text", ["Forward-looking statements\n\nare rare here.\n", "Actual results pleased us.\n"]
)
def test_ordinary_paragraphs_are_no_disclaimers(text: str) -> None:
    assert run(ForwardLooking, [text])["num_disclaimers"] == [0]
    assert run(StripForwardLooking, [text])["text"] == [text]


PIECES = strategies.sampled_from(
    [COVER, CONTENTS, BODY, SIGNATURES, DISCLAIMER, "<SEC-HEADER>", "</TEXT>", "\n", "\r\n", "é", "Item 1."]
)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(strategies.lists(PIECES, max_size=8).map("".join))
def test_stripping_only_takes_away(text: str) -> None:
    stripped = run(StripFilingBoilerplate, [text])["text"][0]
    kept = iter(text)
    assert all(character in kept for character in stripped)
    share = run(FilingBoilerplate, [text])["boilerplate_fraction"][0]
    assert share is None or 0 <= share <= 1
