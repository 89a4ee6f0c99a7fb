"""Contact details in their forms; card numbers by their check digit, against a slow reckoning."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import GristmillError
from gristmill.plugins.testing import run
from gristmill_support import ContactDetails, MaskContacts
from gristmill_support.contacts import KINDS, is_card_number


def mask(text: str, **config: object) -> str:
    return str(run(MaskContacts, [text], config)["text"][0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("card 4111 1111 1111 1111 or 4111111111111112", "card [CARD] or 4111111111111112"),
        ("Amex 3782-822463-10005", "Amex [CARD]"),
        ("order #48213377, Order no. A-55312", "order #[ORDER], Order no. [ORDER]"),
        ("account number: 88213", "account number: [ACCOUNT]"),
        ("Case ID 4-18832", "Case ID [TICKET]"),
        ("confirmation code GXK4TQ, PNR: ABCDEF", "confirmation code [BOOKING], PNR: [BOOKING]"),
        ("call (202) 555-0143 or +49 30 1234567", "call [PHONE] or [PHONE]"),
        ("text 07946 000 123", "text [PHONE]"),
        ("@acme help, a.b@example.com", "[HANDLE] help, [EMAIL]"),
        ("at https://example.com/x?y=1.", "at [URL]."),
        ("to 12 Main Street, Apt 4", "to [ADDRESS]"),
    ],
)
def test_forms(text: str, expected: str) -> None:
    assert mask(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "in order to go",
        "my account was closed in 2019",
        "flight 1234 at 10:15",
        "seat 12A @ gate 4",
        "$1,299.00 on 3/14/2019",
        "ORDER NOW",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert mask(text) == text


def test_counts_agree_with_masking_and_kinds_choose(example: dict[str, str]) -> None:
    texts = [*example.values(), "[EMAIL] a@example.com b@example.com, order #48213377"]
    counted, after = run(ContactDetails, texts), run(MaskContacts, texts)["text"]
    for row, text in enumerate(texts):
        for kind in KINDS:
            mark = f"[{kind.upper()}]"
            assert counted[f"num_{kind}"][row] == str(after[row]).count(mark) - text.count(mark)
        assert counted["num_contacts"][row] == sum(int(str(counted[f"num_{kind}"][row])) for kind in KINDS)
    assert mask("a@example.com @x1", kinds=["handle"]) == "a@example.com [HANDLE]"
    with pytest.raises(GristmillError) as caught:
        mask("x", kinds=[])
    assert caught.value.code == "GM-PLUGIN-009"


@settings(deadline=None)
@given(st.text("0123456789", min_size=12, max_size=20), st.sampled_from(["", " ", "-"]))
def test_luhn_agrees_with_the_definition(digits: str, gap: str) -> None:
    total = 0
    for place, digit in enumerate(digits[::-1]):
        value = int(digit) * (1 + place % 2)
        total += sum(map(int, str(value)))
    right = total % 10 == 0 and 13 <= len(digits) <= 19 and len(set(digits)) > 1
    assert is_card_number(gap.join(digits)) == right
    if digits[0] in "23456":
        assert (mask(f"x {gap.join(digits)} y") == "x [CARD] y") == right


@settings(deadline=None, max_examples=40)
@given(
    st.text(st.characters(categories=["Ll", "Zs", "Mn", "Po"], exclude_characters="@#:.'’％﹪"), max_size=200)
)
def test_text_without_digits_and_signs_is_left_alone(text: str) -> None:
    assert mask(text) == text
    assert not re.search(r"\[[A-Z]+\]", mask(text))
