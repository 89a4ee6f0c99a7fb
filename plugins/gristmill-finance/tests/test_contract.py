"""The promises every operator makes: types, nulls, purity, independence of batches, determinism."""

import pytest

from gristmill.plugins.operators import Operator
from gristmill.plugins.testing import assert_contract
from gristmill_finance import (
    CurrencyDensity,
    FilingBoilerplate,
    FilingSections,
    FinancialText,
    ForwardLooking,
    NumberDensity,
    Sentiment,
    StripFilingBoilerplate,
    StripForwardLooking,
    TickerDensity,
)
from gristmill_finance.boilerplate import PARTS

TEXTS = [
    "".join(part.example for part in PARTS),
    "Shares of IBM (NYSE: IBM) rose 4 % to $120.5; the bank did not default.\n",
    "Item 1. Business\n\nItem 1A. Risk Factors ..... 7\n",
    "Forward-looking statements under the Private Securities Litigation Reform Act of 1995.\n" * 3,
    "$" * 3000 + "1" * 3000,
    "1,000 " * 3000,
]


@pytest.mark.parametrize(
    "operator",
    [
        CurrencyDensity,
        FilingBoilerplate,
        FilingSections,
        FinancialText,
        ForwardLooking,
        NumberDensity,
        Sentiment,
        StripFilingBoilerplate,
        StripForwardLooking,
        TickerDensity,
    ],
)
def test_operator_keeps_the_contract(operator: type[Operator]) -> None:
    assert_contract(operator, texts=TEXTS)
