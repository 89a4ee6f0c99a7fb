"""Dosages as prescriptions, leaflets and notes write them, and numbers that are none."""

import pytest

from gristmill.plugins.testing import run
from gristmill_medical import Dosages


def measure(text: str) -> dict[str, object]:
    return {
        name.removeprefix("num_"): values[0] for name, values in run(Dosages, [text]).items() if values[0]
    }


@pytest.mark.parametrize(
    "text",
    [
        "metformin 500 mg PO BID",
        "Take 2 tablets by mouth every 6 hours",
        "amoxicillin 40 mg/kg/day in three doses, 10 mL twice daily",
        "100 mg every 12 hours",
        "1,500 mg a dose, once a day",
        "albuterol 2 puffs q4-6h prn",
        "insulin 10 units subcutaneously at bedtime",
    ],
)
def test_complete_dosages(text: str) -> None:
    assert measure(text)["complete"] >= 1


@pytest.mark.parametrize(
    "text",
    [
        "LDL 130 mg/dL daily",
        "walks 5 miles daily",
        "stage IV, stages III and IV",
        "a 3-day trip, 2019",
        "150 patients twice",
    ],
)
def test_not_dosages(text: str) -> None:
    measured = measure(text)
    assert "complete" not in measured
    assert "amounts" not in measured
    assert "routes" not in measured


@pytest.mark.parametrize(
    "text",
    [
        "1.0 mg",
        "give .5 mg",
        "10U of insulin",
        "5 cc",
        "20 µg",
        "QD",
        "q.o.d.",
        "MSO4",
        "10000000 units",
        "per os",
        "10 mg SQ",
    ],
)
def test_error_prone_notations(text: str) -> None:
    assert measure(text)["error_prone"] == 1


@pytest.mark.parametrize(
    "text", ["0.5 mg", "1 mg", "10 units", "5 mL", "20 mcg", "daily", "10.05 mg", "Queue"]
)
def test_recommended_notations(text: str) -> None:
    assert "error_prone" not in measure(text)


def test_density_and_no_words() -> None:
    assert measure("500 mg PO BID")["dosage_density"] == 25.0
    assert run(Dosages, [" \n"])["dosage_density"] == [None]
