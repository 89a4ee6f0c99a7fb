"""Licence wording is found through comment marks, line breaks, case and quotation marks."""

import pytest

from gristmill.plugins.testing import run
from gristmill_legal.boilerplate import LicenceBoilerplate, load_phrases

NOTICE = (
    "This program is free software; you can redistribute it and/or modify it under the terms of the GNU "
    "General Public License as published by the Free Software Foundation; either version 2 of the License, "
    "or (at your option) any later version."
)


def measure(text: str) -> tuple[object, object]:
    values = run(LicenceBoilerplate, [text])
    return values["boilerplate_fraction"][0], values["licence"][0]


def test_golden_notice() -> None:
    # By hand: two phrases of 94 and 70 characters.
    assert len(NOTICE) == 239
    assert measure(NOTICE) == (pytest.approx((94 + 70) / 239, rel=1e-6), "GPL")


def test_comment_marks_and_line_breaks_do_not_matter() -> None:
    words = NOTICE.split()
    lines = [" ".join(words[start : start + 9]) for start in range(0, len(words), 9)]
    for mark in (" * ", "# ", "// ", ";; ", "> "):
        assert measure("\n".join(mark + line for line in lines)) == measure(NOTICE)
    assert measure(NOTICE.upper()) == measure(NOTICE)


def test_golden_examples(example: dict[str, str]) -> None:
    fraction, licence = measure(example["licence-mit"])
    assert licence == "MIT"
    assert fraction == pytest.approx(0.9538, abs=5e-5)
    assert measure(example["cuad-0"]) == (pytest.approx(65 / 468, rel=1e-6), "contract")
    assert measure(example["news"]) == (0.0, None)


def test_most_characters_name_the_licence() -> None:
    mit = (
        "The above copyright notice and this permission notice shall be included in all copies or "
        "substantial portions of the Software."
    )
    assert measure(f"{mit} {NOTICE}")[1] == "GPL"
    assert measure(f"{mit} {mit} {NOTICE}")[1] == "MIT"


def test_no_text_has_no_share() -> None:
    assert measure("") == (None, None)
    assert measure(" // \n # ") == (None, None)


def test_phrases_are_in_the_form_that_is_searched() -> None:
    phrases = load_phrases()
    assert len(phrases) > 300
    for phrase in phrases:
        assert phrase == " ".join(phrase.lower().split()), phrase
        assert not set(phrase) & set("“”\t"), phrase
    assert set(phrases.values()) >= {"MIT", "BSD", "GPL", "LGPL", "Apache", "MPL", "CC", "contract"}


def test_every_phrase_is_found_on_its_own() -> None:
    phrases = load_phrases()
    values = run(LicenceBoilerplate, list(phrases))
    found = zip(phrases.items(), values["boilerplate_fraction"], values["licence"], strict=True)
    assert not [phrase for (phrase, family), share, licence in found if (share, licence) != (1.0, family)]
