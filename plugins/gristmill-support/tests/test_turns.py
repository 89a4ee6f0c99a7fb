"""Labels of chats in several forms, and letters that only hold colons."""

import pytest

from gristmill.plugins.testing import run
from gristmill_support import Turns

CHAT = "Agent: Hello.\nCustomer: It broke.\nIt really did.\nAgent: Oh!\n"


def measure(text: str, **config: object) -> dict[str, object]:
    return {name: values[0] for name, values in run(Turns, [text], config).items()}


def test_golden_chat() -> None:
    # By hand: "Hello." 6 and "Oh!" 3 of 9 + 24 characters.
    assert measure(CHAT) == {
        "num_turns": 3,
        "num_speakers": 2,
        "num_agent_turns": 2,
        "num_customer_turns": 1,
        "num_messages": 0,
        "agent_fraction": pytest.approx(9 / 33, rel=1e-6),
        "customer_fraction": pytest.approx(24 / 33, rel=1e-6),
        "is_alternating": True,
    }


@pytest.mark.parametrize(
    ("text", "turns", "agents"),
    [
        ("[10:32] Maria: hi\n[10:33] Dana (Support): yes\n[10:34] Maria: ok", 3, 1),
        ("10:32 AM - Visitor 4411: hi\n10:33 AM - Agent 2: yes", 2, 1),
        ("**User:** hi\n**Assistant:** yes", 2, 1),
        ("<ann> : hi\n<bob> : yes\n<ann> : ok\n<bob> : no", 4, 0),
        ("Note: this is a letter.\nPS: bye", 0, 0),
        ("No labels here", 0, 0),
    ],
)
def test_forms_of_labels(text: str, turns: int, agents: int) -> None:
    measured = measure(text)
    assert (measured["num_turns"], measured["num_agent_turns"]) == (turns, agents)


def test_own_labels_and_repeats() -> None:
    assert measure("Zed: hi", agents=["Zed"])["num_agent_turns"] == 1
    assert measure("Zed: hi\nCustomer: yes\nCustomer: no", customers=["zed"])["is_alternating"] is False


def test_messages_of_a_thread() -> None:
    text = "Yes.\n\nOn Mon, Ann wrote:\n> No.\n>\n> On Sun, Bob wrote:\n>> Yes?\n-----Original Message-----\nFrom: a"
    assert measure(text)["num_messages"] == 3
    assert measure(text)["agent_fraction"] is None
