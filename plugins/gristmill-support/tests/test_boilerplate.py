"""Set phrases count as whole sentences only, in every category."""

import pytest

from gristmill.plugins.testing import run
from gristmill_support import AgentBoilerplate, StripAgentBoilerplate
from gristmill_support.boilerplate import CATEGORIES, load_patterns


def measure(text: str) -> dict[str, object]:
    values = run(AgentBoilerplate, [text])
    return {name.removeprefix("num_"): found[0] for name, found in values.items() if found[0]}


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("Hello there!", "greeting"),
        ("How may I help you today?", "greeting"),
        ("Thank you for contacting ACME support.", "thanks"),
        ("We sincerely apologize for the inconvenience", "apology"),
        ("I'm so sorry to hear that.", "apology"),
        ("Please allow me a moment to look into this.", "hold"),
        ("Is there anything else I can help you with?", "closing"),
        ("Have a great day!", "closing"),
        ("Please take a moment to complete our short survey.", "survey"),
        ("Your ticket number is ABC-48213.", "ticket"),
        ("This is an automated message.", "ticket"),
        ("You are now chatting with Dana.", "channel"),
    ],
)
def test_each_category(text: str, category: str) -> None:
    found = measure(text)
    assert found.pop("boilerplate_fraction") == 1.0
    assert found == {category: 1}


@pytest.mark.parametrize(
    "text",
    [
        "The bag is in Ohio.",
        "Hello Kitty sells dolls in forty shops of this town.",
        "He said thanks and left the room.",
        "Sorry state of affairs",
    ],
)
def test_sentences_that_say_something(text: str) -> None:
    assert measure(text) == {}


def test_fraction_leaves_labels_out() -> None:
    # By hand: "Hello!" 6 of 6 + 19.
    assert measure("Agent: Hello! The bag is in Ohio.") == {
        "boilerplate_fraction": pytest.approx(6 / 25, rel=1e-6),
        "greeting": 1,
    }
    assert run(AgentBoilerplate, [" \n"])["boilerplate_fraction"] == [None]


def test_stripping_keeps_what_is_said() -> None:
    text = "Agent: Hello there! Thank you for contacting ACME. Your bag is in Ohio. Have a great day!\nCustomer: Good."
    assert run(StripAgentBoilerplate, [text])["text"] == ["Agent: Your bag is in Ohio.\nCustomer: Good."]
    assert run(StripAgentBoilerplate, ["Hello there! It broke."], {"categories": ["survey"]})["text"] == [
        "Hello there! It broke."
    ]
    assert run(StripAgentBoilerplate, ["It  broke. \n\n\n\nBadly. "])["text"] == [
        "It  broke. \n\n\n\nBadly. "
    ]


def test_table_is_in_the_form_that_is_searched() -> None:
    patterns = load_patterns()
    assert set(patterns) == set(CATEGORIES)
    for items in patterns.values():
        for pattern in items:
            assert pattern.replace(r"\S", "") == pattern.replace(r"\S", "").lower()
