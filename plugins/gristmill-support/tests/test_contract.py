"""The promises every operator makes: types, nulls, purity, independence of batches, determinism."""

import pytest

from gristmill.plugins.operators import Operator
from gristmill.plugins.testing import assert_contract
from gristmill_support import (
    AgentBoilerplate,
    ContactDetails,
    LatestReply,
    MaskContacts,
    Sentiment,
    StripAgentBoilerplate,
    StripQuotes,
    Turns,
)

OPERATORS = (
    AgentBoilerplate,
    ContactDetails,
    LatestReply,
    MaskContacts,
    Sentiment,
    StripAgentBoilerplate,
    StripQuotes,
    Turns,
)


@pytest.mark.parametrize("operator", OPERATORS)
def test_operator_keeps_the_contract(operator: type[Operator], example: dict[str, str]) -> None:
    assert_contract(
        operator, texts=[*example.values(), "\ufdd0Agent: x\ufdd0", "[EMAIL]", "> a\n> b", "Agent:"]
    )
