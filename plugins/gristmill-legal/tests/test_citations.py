"""Each form of citation is found once, in a sentence, and ordinary numbers are not."""

import polars as pl
import pytest

from gristmill.errors import GristmillError
from gristmill.plugins.testing import run
from gristmill_legal.citation_patterns import CITATION_PATTERNS, SYSTEMS, CitationPattern
from gristmill_legal.citations import CitationDensity


def num_citations(text: str, systems: tuple[str, ...] = SYSTEMS) -> float:
    density = run(CitationDensity, [text], {"systems": list(systems)})["citation_density"][0]
    assert isinstance(density, float)
    return round(density * len(text.split()), 3)


@pytest.mark.parametrize("form", CITATION_PATTERNS, ids=lambda form: form.name)
def test_each_pattern_finds_its_example_once(form: CitationPattern) -> None:
    text = f"The point was settled in {form.example}, as all agree."
    assert pl.Series([text]).str.count_matches(form.pattern).to_list() == [1]
    assert num_citations(text, tuple(form.system.split())) == 1
    assert form.source


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See 410 F.3d 1052 (9th Cir. 2005); 12 F. Supp. 2d 301; 93 S. Ct. 705.", 3),
        ("15 USC 78j and 17 C.F.R. § 240.10b-5 apply, as does Pub. L. 111-203.", 3),
        ("Nach § 433 BGB und §§ 823 ff.; BGHZ 12, 34; Art. 1 Abs. 1 GG.", 4),
        ("Regulation (EU) 2016/679, Council Directive 93/13/EEC and Article 101 TFEU.", 3),
        ("[2020] EWCA Civ 1058; [2003] EWHC 2297 (Ch); [1964] AC 465.", 3),
        ("Misrepresentation Act 1967 and the Consumer Rights Act 2015", 2),
    ],
)
def test_forms_in_running_text(text: str, expected: int) -> None:
    assert num_citations(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The U.S. team won 3 of 5 games in 2019.",
        "Call 555 0199 or write to Art 12, Room 7.",
        "They act in 2018 as they did before.",
        "The article 5 minutes later was gone; version 4.2/5 is out.",
        "List [2019] and [12] of 30 F. 20 C.",
    ],
)
def test_ordinary_text_has_none(text: str) -> None:
    assert num_citations(text) == 0


def test_systems_choose_what_counts() -> None:
    text = "347 U.S. 483 and [2019] UKSC 41"
    assert num_citations(text, ("us",)) == 1
    assert num_citations(text, ("uk",)) == 1
    assert num_citations(text) == 2


def test_a_document_without_words_has_no_density() -> None:
    assert run(CitationDensity, ["", " \n"])["citation_density"] == [None, None]


@pytest.mark.parametrize("systems", [[], ["fr"]])
def test_systems_are_checked(systems: list[str]) -> None:
    with pytest.raises(GristmillError) as caught:
        run(CitationDensity, ["x y"], {"systems": systems})
    assert caught.value.code == "GM-PLUGIN-009"


def test_golden_opinion(example: dict[str, str]) -> None:
    # Seven citations, counted by hand, in sixty words.
    values = run(CitationDensity, [example["opinion"], example["news"]])["citation_density"]
    assert values == [pytest.approx(7 / 60, rel=1e-6), 0.0]
