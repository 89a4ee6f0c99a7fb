"""Headings in the ways notes write them, and texts that only look like notes."""

import pytest

from gristmill.plugins.testing import run
from gristmill_medical import ClinicalNote, ClinicalSections
from gristmill_medical.sections import load_sections

NOTE = "CC: cough\nHPI: He coughs a lot.\n\nMEDICATIONS:\n\nAssessment and Plan\nTea."


def measure(text: str) -> dict[str, object]:
    return {name: values[0] for name, values in run(ClinicalSections, [text]).items()}


def test_golden_note() -> None:
    # By hand: " cough\n" 7, " He coughs a lot.\n\n" 19, "\n\n" 2, "\nTea." 5 of 71 characters.
    assert len(NOTE) == 71
    assert measure(NOTE) == {
        "num_sections": 4,
        "sections": "chief_complaint > history_present_illness > medications > assessment_plan",
        "section_fraction": pytest.approx(33 / 71, rel=1e-6),
        "largest_section": "history_present_illness",
        "num_empty_sections": 1,
    }


@pytest.mark.parametrize(
    ("line", "section"),
    [
        ("PAST MEDICAL HISTORY: none", "past_medical_history"),
        ("Past  Medical History:", "past_medical_history"),
        ("1. Medications on admission: none", "medications"),
        ("- PMH: none", "past_medical_history"),
        ("**x\nA/P: rest", "assessment_plan"),
        ("He coughs. PHYSICAL EXAMINATION: clear.", "physical_exam"),
        ("PREOPERATIVE DIAGNOSIS:  Gallstones", "preoperative_diagnosis"),
        ("ROS - negative", "review_of_systems"),
    ],
)
def test_forms_of_headings(line: str, section: str) -> None:
    assert measure(line)["sections"] == section


@pytest.mark.parametrize(
    "text",
    [
        "His medications: none of them helped",
        "a: one\np: two",
        "The plan: to go",
        "Physical exam and history of the body",
        "",
    ],
)
def test_prose_has_no_sections(text: str) -> None:
    assert measure(text)["num_sections"] == 0
    assert measure(text)["sections"] is None


def test_every_heading_of_the_table_is_found_under_its_name() -> None:
    sections = load_sections()
    found = run(ClinicalSections, [f"{heading.upper()}: x" for heading in sections])["sections"]
    assert found == list(sections.values())


def test_repeats_in_a_row_stand_once() -> None:
    assert measure("PLAN: a\nPLAN: b\nHPI: c\nPLAN: d")["sections"] == "plan > history_present_illness > plan"


def test_preset_keeps_notes_only(example: dict[str, str]) -> None:
    kept = dict(zip(example, run(ClinicalNote, list(example.values()))["keep"], strict=True))
    assert {name for name, keep in kept.items() if keep} == {"note-visit", "note-operation"}
    assert run(ClinicalNote, [NOTE], {"min_words": 5})["keep"] == [True]
