"""Counts checked by hand on a contract's head, clauses of CUAD, and text that only looks like them."""

import pytest

from gristmill.plugins.testing import run
from gristmill_legal.structure import ClauseStructure


def measure(text: str) -> dict[str, object]:
    return {name: values[0] for name, values in run(ClauseStructure, [text]).items()}


def test_golden_contract_head(example: dict[str, str]) -> None:
    assert measure(example["contract-head"]) == {
        "numbered_clause_fraction": pytest.approx(4 / 6, rel=1e-6),
        "num_definitions": 2,
        "num_cross_references": 2,
        "num_recitals": 2,
        "drafting_word_fraction": pytest.approx(4 / 45, rel=1e-6),
    }


def test_golden_cuad_clause(example: dict[str, str]) -> None:
    # "this Agreement" twice, "pursuant", "shall" twice; `(the "Term")`; "Sections 7.2".
    measured = measure(example["cuad-3"])
    assert (measured["num_definitions"], measured["num_cross_references"]) == (1, 1)
    assert measured["drafting_word_fraction"] == pytest.approx(5 / 41, rel=1e-6)


@pytest.mark.parametrize("name", ["recipe", "news"])
def test_other_text_has_no_structure(example: dict[str, str], name: str) -> None:
    assert set(measure(example[name]).values()) == {0}


@pytest.mark.parametrize(
    "text",
    [
        'The term "Net Sales" means money.',
        "“Confidential Information” shall have the meaning given below.",
        '(each, a "Party" and together the rest)',
        'the work done for them ("Services"), as agreed',
        '(hereinafter referred to as the "Seller")',
    ],
)
def test_definition_forms(text: str) -> None:
    assert measure(text)["num_definitions"] == 1


@pytest.mark.parametrize(
    "text", ['printf("Hello");', 'puts ("Hello");', 'He said "Yes" and left.', '"yes" means no']
)
def test_not_definitions(text: str) -> None:
    assert measure(text)["num_definitions"] == 0


def test_references_count_once_each() -> None:
    assert (
        measure("under Sections 2 and clause 4.2(a)(ii), Exhibit B, Article IV")["num_cross_references"] == 4
    )


def test_prose_that_starts_with_a_number_or_article_is_not_numbered() -> None:
    assert measure("2019 was good\nArticle about a thing\na cat")["numbered_clause_fraction"] == 0


def test_no_lines_and_no_words() -> None:
    measured = measure(" \n ")
    assert measured["numbered_clause_fraction"] is None
    assert measured["drafting_word_fraction"] is None


def test_hyphenated_words_stay_within_one() -> None:
    assert measure("hereby-shall")["drafting_word_fraction"] == 1.0
