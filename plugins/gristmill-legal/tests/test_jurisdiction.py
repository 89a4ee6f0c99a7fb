"""Governing law and courts in the wordings of contracts, and laws that only happen to be named."""

import pytest

from gristmill.plugins.testing import run
from gristmill_legal.jurisdiction import Jurisdiction, load_places


def measure(text: str) -> dict[str, object]:
    return {name: values[0] for name, values in run(Jurisdiction, [text]).items() if values[0]}


@pytest.mark.parametrize(
    ("text", "law"),
    [
        (
            "This Agreement shall be governed by and construed in accordance with the laws of the State of New York.",
            "New York",
        ),
        ("It will be governed by the internal laws of the\nCommonwealth of Massachusetts.", "Massachusetts"),
        ("This Agreement shall be construed in accordance with English law.", "England and Wales"),
        ("THIS AGREEMENT SHALL BE GOVERNED BY THE LAWS OF THE STATE OF TEXAS.", "Texas"),
        (
            "The Laws of the State of Delaware (without reference to conflicts) shall govern the construction.",
            "Delaware",
        ),
        (
            "Disputes shall be governed by the laws of the People's Republic of China.",
            "People's Republic of China",
        ),
        (
            "governed by, and interpreted in accordance with, the laws of England and Wales",
            "England and Wales",
        ),
        ("governed by the laws of the Province of Ontario and the federal laws of Canada", "Ontario"),
        (
            "governed by the laws of the United States and the laws of the State of Ohio; governed by the laws of the State of Ohio",
            "Ohio",
        ),
    ],
)
def test_governing_law(text: str, law: str) -> None:
    assert measure(text)["governing_law"] == law


@pytest.mark.parametrize(
    "text",
    [
        "Acme is a corporation organized and existing under the laws of the State of Delaware.",
        "We moved to New York, where the law is hard.",
        "The parties met in Texas. Laws were made.",
        "",
    ],
)
def test_no_governing_law(text: str) -> None:
    assert measure(text) == {}


def test_courts_and_arbitration() -> None:
    text = (
        "The parties submit to the exclusive jurisdiction of the courts of England. Any dispute shall be finally settled by "
        "arbitration under the Rules of Arbitration of the ICC."
    )
    assert measure(text) == {"courts": "England", "num_forum_clauses": 1, "num_arbitration_clauses": 2}
    assert (
        measure("Venue shall lie in the state courts located in Harris County, Texas.")["courts"] == "Texas"
    )


def test_most_often_named_place_wins() -> None:
    one = "This Agreement is governed by the laws of {}. "
    assert measure(one.format("Ohio") + one.format("Utah") * 2)["governing_law"] == "Utah"
    assert measure(one.format("Ohio") + one.format("Utah"))["governing_law"] == "Ohio"


def test_golden_example(example: dict[str, str]) -> None:
    measured = measure(example["cuad-0"])
    assert "governing_law" not in measured  # "the laws of such state": no place is named


def test_places_are_unambiguous() -> None:
    places = load_places()
    assert len(places) > 150
    assert all(name == name.lower() for name in places)
    assert set(places.values()) <= {places[name.lower()] for name in places.values()}
