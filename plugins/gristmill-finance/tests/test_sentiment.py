"""Words are found whole and in any case, negations turn them round, other lists are read and checked."""

import hashlib
from pathlib import Path

import pytest

from gristmill.errors import GristmillError
from gristmill.plugins.testing import run
from gristmill_finance.presets import FinancialText
from gristmill_finance.sentiment import GROUPS, Sentiment, own_lexicon, parse_lexicon


def counts(text: str, **keys: object) -> tuple[object, object]:
    values = run(Sentiment, [text], keys)
    return values["num_positive"][0], values["num_negative"][0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Profits ROSE while losses narrowed.", (2, 1)),
        ("The company was not profitable.", (0, 1)),
        ("There was no material impairment.", (1, 0)),
        ("It didn’t miss: no loss, no default", (2, 0)),
        ("Not today. Profits rose.", (2, 0)),
        ("gaining, gains; regains", (2, 0)),
        ("a going\nconcern doubt", (0, 1)),
        ("write-downs and write-offs", (0, 2)),
    ],
)
def test_words_and_negations(text: str, expected: tuple[int, int]) -> None:
    assert counts(text) == expected


def test_the_window_is_in_words() -> None:
    text = "not one two profit"
    assert counts(text) == (0, 1)
    assert counts(text, negation_window=1) == (1, 0)
    assert counts("not profit", negation_window=0) == (0, 1)


def test_scores() -> None:
    values = run(Sentiment, ["profit profit loss", "nothing", ""])
    assert values["sentiment"] == [pytest.approx(1 / 3), None, None]
    assert values["sentiment_density"] == [1.0, 0.0, None]


def test_own_list_is_complete() -> None:
    from importlib.resources import files

    rows = [
        line.split("\t")
        for line in (files("gristmill_finance") / "lexicon.tsv").read_text("utf-8").splitlines()[1:]
    ]
    assert {group for _, _, group in rows} == set(GROUPS)
    assert len({word for word, _, _ in rows}) == len(rows) == len(own_lexicon())
    for word, kind in own_lexicon().items():
        assert counts(word) == ((1, 0) if kind == "positive" else (0, 1)), word


def test_a_list_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text("# mine\nBullish\tpositive\textra\n", encoding="utf-8")
    keys = {"lexicon": str(path), "lexicon_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    assert counts("bullish profit", **keys) == (1, 0)
    with pytest.raises(GristmillError):
        run(Sentiment, ["x"], {**keys, "lexicon_sha256": "0" * 64})
    for broken in ({"lexicon": str(path)}, {**keys, "lexicon_sha256": "x"}):
        with pytest.raises(GristmillError) as caught:
            run(Sentiment, ["x"], broken)
        assert caught.value.code == "GM-PLUGIN-009"


@pytest.mark.parametrize("text", ["", "# only\n", "word\n", "word\tneutral\n", "\tpositive\n"])
def test_broken_lists_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="lexicon"):
        parse_lexicon(text)


def test_the_preset_keeps_financial_text() -> None:
    texts = [
        "Net sales for the fiscal year rose 4 % to $12.5 million, and operating income to $2 million.",
        "IBM (NYSE: IBM) opened a new office.",
        "The recipe needs two eggs and 200 g of flour, for $3.",
        "Cash flows and dividends are explained in the notes; retained earnings grew.",
        "2019 1,200 1,300\n2020 1,400 1,500\n2021 $ 7 $ 8\n",
        "",
    ]
    assert run(FinancialText, texts)["keep"] == [True, True, False, True, False, False]
