"""Each rule masks its example, keeps what the regulation lets stay, and leaves ordinary text alone."""

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import GristmillError
from gristmill.plugins.testing import run
from gristmill_medical import Deidentify, Identifiers, NoIdentifiers
from gristmill_medical.masking import KINDS, masked, repeat_names
from gristmill_medical.name_rules import EXAMPLES
from gristmill_medical.rules import RESTRICTED_ZIP3, RULES_BEFORE_NAMES, Rule, compiled


def mask(text: str, **config: object) -> str:
    return str(run(Deidentify, [text], config)["text"][0])


@pytest.mark.parametrize("rule", RULES_BEFORE_NAMES, ids=lambda rule: rule.example)
def test_each_rule_finds_its_example(rule: Rule) -> None:
    found = pl.Series([rule.example]).str.replace_all(compiled(rule), rule.replacement)[0]
    assert found != rule.example
    if not rule.instead:
        assert f"[{rule.kind.upper()}" in found
    assert rule.paragraph in "ABCDEFGHIJKLMNOPR"


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_name_form_is_found(example: str) -> None:
    assert "[NAME]" in mask(example)
    assert not re.search("Okafor|OKAFOR|Ikenna|Ada", mask(example))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MRN: 00482913, SSN 219-09-9999", "MRN: [MRN], SSN [SSN]"),
        ("Springfield, VT 05901", "[ADDRESS], VT [ZIP 000]"),
        ("Dayton, OH 45402-1234", "[ADDRESS], OH [ZIP 454]"),
        ("seen 3/14/2019 and March 2020", "seen [DATE 2019] and [DATE 2020]"),
        ("DOB: 3/14/1931", "DOB: [DATE]"),
        ("a 93-year-old man, son aged 62", "a [AGE 90+]-year-old man, son aged 62"),
        ("Call (202) 555-0143, fax 202-555-0144.", "Call [PHONE], fax [FAX]."),
        ("Mr. Lopez came. Lopez was well.", "Mr. [NAME] came. [NAME] was well."),
        ("dictated by Dr. Redmond", "dictated by Dr. [NAME]"),
        ("in Ohio, Indiana and Iowa", "in Ohio, Indiana and Iowa"),
        ("of New York, New York", "of [ADDRESS], New York"),
        ("write to m.lopez@example.org or www.example.org/x.", "write to [EMAIL] or [URL]."),
    ],
)
def test_what_is_left(text: str, expected: str) -> None:
    assert mask(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "BP 120/80, pulse 72, pain 5/10, 3/4 cup, vision 20/40 OD.",
        "Stage IIIA (T2 N1 M0), Gleason 3+4, version 2.1.3, Table 12-3.",
        "Take 500 mg twice a day for 10 days; LDL 130 mg/dL in 2019.",
        "Parkinson's disease and Paget's disease of bone, grade 2.",
        "The may be 14 or 15 patients, aged 65 to 89, 45 years old.",
        "NDC 12345-6789-01; LOINC 8867-4; ICD-10 E11.9.",
        "An account of the study in group 12 of the case.",
        "MS is a disease. IV fluids, CT scan, PA film, OR time.",
    ],
)
def test_ordinary_medical_text_stays(text: str) -> None:
    assert mask(text) == text


def test_names_of_diseases_stay_when_their_discoverer_is_named() -> None:
    text = "Described in 1817 by Dr. James Parkinson. Parkinson's disease progresses; Parkinson's is common."
    assert mask(text) == text.replace("James Parkinson", "[NAME]")


def test_options() -> None:
    text = "Mr. Lopez of Dayton, OH 45402, 3/14/2019"
    assert mask(text, keep_year=False, keep_zip3=False) == "Mr. [NAME] of [ADDRESS], OH [ZIP], [DATE]"
    assert mask(text, kinds=["date"]) == "Mr. Lopez of Dayton, OH 45402, [DATE 2019]"
    assert mask("Jennifer Lopez sang. Lopez left.", given_names=False) == "Jennifer Lopez sang. Lopez left."
    assert mask("Mr. Lopez. Lopez left.", repeat_names=False) == "Mr. [NAME]. Lopez left."
    with pytest.raises(GristmillError) as caught:
        mask("x", kinds=[])
    assert caught.value.code == "GM-PLUGIN-009"


def test_restricted_zip_codes_are_the_published_ones() -> None:
    assert len(RESTRICTED_ZIP3) == len(set(RESTRICTED_ZIP3)) == 17
    for zip3 in RESTRICTED_ZIP3:
        assert mask(f"ZIP: {zip3}07") == "ZIP: [ZIP 000]"


def test_counts_agree_with_what_is_masked(example: dict[str, str]) -> None:
    texts = [*example.values(), "Mr. Lopez, [NAME], [DATE 2019]; MRN 4482913, 3/14/2019, 1/2/2020"]
    counted = run(Identifiers, texts)
    after = run(Deidentify, texts)["text"]
    for row, text in enumerate(texts):
        for kind in KINDS:
            count = sum(
                len(re.findall(rf"\[{kind.upper()}(?: [0-9+]+)?\]", str(side))) * sign
                for side, sign in ((after[row], 1), (text, -1))
            )
            assert counted[f"num_{kind}"][row] == count, (kind, text)
        assert counted["num_identifiers"][row] == sum(counted[f"num_{kind}"][row] for kind in KINDS)


def test_filter_drops_what_has_identifiers() -> None:
    texts = ["A cough.", "MRN: 00482913", "Seen 3/14/2019.", "see www.example.org", "Mr. Lopez coughs."]
    assert run(NoIdentifiers, texts)["keep"] == [True, False, True, True, False]
    assert run(NoIdentifiers, texts, {"kinds": ["date"]})["keep"] == [True, True, False, True, True]


PIECES = st.sampled_from(
    ["Mr. ", "Dr. ", "Lopez", "MRN: ", "00482913", "3/14/2019", "\n", " ", ", ", "OH ", "45402", "[", "]", "\ufdd0", "é", "93",
     "-year-old", "Patient: ", "@", "example.org", "’s", "(202) 555-0143", "born ", "in ", "March", "Ohio", "\u0301", "Dear "]
)  # fmt: skip


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.lists(st.lists(PIECES, max_size=12).map("".join), min_size=1, max_size=4))
def test_masking_is_row_by_row_and_leaves_no_signs(texts: list[str]) -> None:
    together = masked(pl.Series(texts, dtype=pl.String)).to_list()
    assert together == [masked(pl.Series([text], dtype=pl.String))[0] for text in texts]
    for text in together:
        assert not re.search("[\ufdd0-\ufdd2]", text)
        assert not re.search(r"\bMr\. Lopez", text)  # `93Mr.` is no title
        assert not re.search(r"\bMRN: 00482913", text)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    st.text(st.characters(categories=["Ll", "Zs", "Mn"]), max_size=200).filter(
        lambda text: not re.search("ninety|hundred", text)
    )
)
def test_small_letters_without_digits_are_left_alone(text: str) -> None:
    assert masked(pl.Series([text], dtype=pl.String))[0] == text


def test_repeated_words_are_whole_words() -> None:
    assert repeat_names("Leeds and Lee", ["Ann Lee"]) == "Leeds and [NAME]"
    assert repeat_names("The The", ["The"]) == "The The"
