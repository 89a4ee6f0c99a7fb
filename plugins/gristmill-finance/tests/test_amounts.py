"""Amounts, percentages and symbols are found as the market writes them; ordinary capitals and numbers are not."""

import pytest
from hypothesis import given, settings, strategies

from gristmill.errors import GristmillError
from gristmill.plugins.testing import documents, run
from gristmill_finance.amounts import CURRENCY_CODES, CurrencyDensity, NumberDensity, TickerDensity


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Revenue was $12.4 million, up from $ 11,900,000.", 2),
        ("EUR 5bn or USD 1,250.00 and 300 CHF", 3),
        ("It costs 20 €, £3 or 15 dollars; US$40 in all", 4),
        ("(¥1,200) and ₹ 99 and HK$7", 3),
        ("net loss of $(3.2) billion", 1),
    ],
)
def test_amounts(text: str, expected: int) -> None:
    assert run(CurrencyDensity, [text])["num_amounts"] == [expected]


@pytest.mark.parametrize(
    "text", ["ALL 4 of us TRY it", "a $variable and $HOME", "USD is a code", "call 555 now", "$", "TOP OF 10"]
)
def test_no_amounts(text: str) -> None:
    # `ALL 4` is an amount by form: the codes that are words need a decimal or thousand to tell; one is the price.
    expected = 1 if text.startswith("ALL") else 0
    assert run(CurrencyDensity, [text])["num_amounts"] == [expected]


def test_percentages_and_basis_points() -> None:
    values = run(
        NumberDensity,
        ["Rates rose 25 basis points to 5.25%, or 3 per cent; 10bp, 10-bps, 2 percentage points."],
    )
    assert (values["num_percentages"], values["num_basis_points"]) == ([3], [3])


def test_golden_density() -> None:
    values = run(NumberDensity, ["Sales were 1,234.5 in 2020.", "", "none"])
    assert values["number_density"] == [pytest.approx(2 / 5, rel=1e-6), None, 0.0]


def test_rows_of_tables_are_told_from_prose() -> None:
    table = "Net sales      $ 1,200   $ 1,100\nCosts          (800)   (700)\n\nWe sold 3 of 4 plants in 2020, as planned.\n"
    assert run(NumberDensity, [table])["number_line_fraction"] == [pytest.approx(2 / 3, rel=1e-6)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("IBM (NYSE: IBM) and Apple (NASDAQ:AAPL) rose.", 2),
        ("Buying $TSLA and $BRK.B today", 2),
        ("Shares of Vodafone (VOD.L) fell; Toyota (7203.T) too.", 2),
        ("Tencent (HKEX: 0700)", 1),
        ("The price is $A or $5; export $PATH=$HOME/bin &$AB", 2),
        ("He works in IT, lives in the USA and reads the FT.", 0),
        ("Note: see NYSE for details: A", 0),
    ],
)
def test_symbols(text: str, expected: int) -> None:
    assert run(TickerDensity, [text])["num_tickers"] == [expected]


def test_listed_symbols_need_the_market_around_them() -> None:
    keys = {"symbols": ["AAPL", "IT", "BRK.B", "CAT"]}
    texts = [
        "AAPL shares rose, and BRK.B with them.",
        "The CAT scan showed nothing.",
        "CAT SHARES ARE TRADED. SO IS EVERYTHING IN CAPITALS.",
        "IT stocks: shares of NYSE: CAT.",
    ]
    assert run(TickerDensity, texts, keys)["num_tickers"] == [2, 0, 0, 1]
    assert run(TickerDensity, texts[:1], {**keys, "min_symbol_letters": 5})["num_tickers"] == [1]


@pytest.mark.parametrize("symbol", ["aapl", "A B", "", "TOOLONGNAME", "(A"])
def test_symbols_are_checked(symbol: str) -> None:
    with pytest.raises(GristmillError) as caught:
        run(TickerDensity, ["x"], {"symbols": [symbol]})
    assert caught.value.code == "GM-PLUGIN-009"


def test_currency_codes_are_those_of_the_standard() -> None:
    assert len(CURRENCY_CODES) == len(set(CURRENCY_CODES))
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in CURRENCY_CODES)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(documents(), strategies.sampled_from([TickerDensity, NumberDensity, CurrencyDensity]))
def test_densities_stay_in_range(texts: list[str], operator: type) -> None:
    for name, values in run(operator, texts).items():
        if name.endswith(("density", "fraction")):
            assert all(value is None or 0 <= value <= 1 for value in values)
