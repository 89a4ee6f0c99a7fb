"""Mails of several programs lose what they quote and keep what was written."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.plugins.testing import run
from gristmill_support import StripQuotes


def strip(text: str, **config: object) -> str:
    return str(run(StripQuotes, [text], config)["text"][0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes.\n\nOn Mon, 3 Jun 2024 at 10:15, Ann <a@example.org>\nwrote:\n> Restart it.\n> Ann\n", "Yes."),
        ("Yes.\n\nOn Mon, Ann wrote:\n\n> Did you?\n\nI did.", "Yes.\n\nI did."),
        ("Yes.\n\nOn Mon, Jun 3, 2024 Ann wrote:\nDid you?\nAnn", "Yes."),
        ("Ja.\n\nAm 3.6.2024 um 10:15 schrieb Ann:\n> Und?", "Ja."),
        ("Oui.\n\nLe lun. 3 juin 2024, Ann a écrit :\n> Alors ?", "Oui."),
        ("No.\n\n-----Original Message-----\nFrom: Ann\nSent: Mon\n\nDid you?", "No."),
        ("No.\n\nFrom: Ann\nSent: Monday\nTo: Bob\nSubject: it\n\nDid you?", "No."),
        (
            "See.\n\n---------- Forwarded message ---------\nFrom: Bob\nDate: Mon\nSubject: it\n\nIt broke.",
            "See.\n\nIt broke.",
        ),
        ("a\n> b\nc\n> d\ne", "a\nc\ne"),
        ("Bye\n-- \nBob\nACME", "Bye"),
        ("Bye\n\nSent from my iPhone", "Bye"),
        ("Bye\n\nGet Outlook for Android", "Bye"),
        ("Hi.\n\nThis e-mail and any files are confidential and\nintended for Bob.\n\nBye", "Hi.\n\nBye"),
        ("Hi.\n\nCONFIDENTIALITY NOTICE: do not\nread this.", "Hi."),
        ("Hi.\r\n\r\nOn Mon, Ann wrote:\r\n> Did you?\r\n", "Hi."),
    ],
)
def test_what_is_left(text: str, expected: str) -> None:
    assert strip(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "x > y and a -- b\n\n\n\nthat is all \n",
        "On Monday she wrote: go.",
        "From: the beginning\nwe knew it",
        "The message is confidential, he said.",
        "--\tno signature\nmore",
        "I sent from my office what you asked for.",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert strip(text) == text


def test_options() -> None:
    text = "a\n> b\n\nSent from my iPhone"
    assert strip(text, quotes=False) == "a\n> b"
    assert strip(text, signatures=False) == "a\n\nSent from my iPhone"
    assert strip("x\n\nDisclaimer: y", footers=False) == "x\n\nDisclaimer: y"


LINES = st.sampled_from(
    ["> quoted", "reply", "", "On Mon, Ann wrote:", "wrote:", "-- ", "From: a", "Sent: b", "To: c", "Sent from my phone",
     "-----Original Message-----", "Begin forwarded message:", "Subject: x", "Disclaimer: y", "é\u0301", "\r"]
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.lists(LINES, max_size=14))
def test_nothing_is_made_up_and_no_quoted_line_stays(lines: list[str]) -> None:
    after = strip("\n".join(lines))
    assert set(after.split("\n")) <= {*lines, ""}
    assert "> quoted" not in after
    if not set(lines) - {"reply", "", "é\u0301"}:
        assert after == "\n".join(lines)
