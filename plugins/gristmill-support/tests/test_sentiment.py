"""Words, negation, degree, capitals, `but` and emoji; the rules by hand on small sums."""

import math

import pytest

from gristmill.errors import GristmillError
from gristmill.plugins.testing import run
from gristmill_support import Sentiment
from gristmill_support.sentiment import load_lexicon

LEXICON = load_lexicon()


def score(text: str) -> float:
    return float(str(run(Sentiment, [text])["score"][0]))


def label(text: str) -> object:
    return run(Sentiment, [text])["label"][0]


def by_hand(total: float) -> object:
    return pytest.approx(total / math.sqrt(total * total + 15), rel=1e-5)


def test_sums_by_hand() -> None:
    rude, great = LEXICON["rude"], LEXICON["great"]
    assert score("rude") == by_hand(rude)
    assert score("the rude one") == by_hand(rude)
    assert score("very rude") == by_hand(rude - 0.293)
    assert score("slightly rude") == by_hand(rude + 0.293)
    assert score("so RUDE") == by_hand(rude - 0.293 - 0.733)
    assert score("it was neither great") == by_hand(-0.74 * great)
    assert score("rude but great") == by_hand(0.5 * rude + 1.5 * great)
    assert score("RUDE") == by_hand(rude)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Thank you, great crew!", "positive"),
        ("love it 😍", "positive"),
        ("worst airline, on hold for hours", "negative"),
        ("😡😡", "negative"),
        ("Not great at all", "negative"),
        ("Can I bring a bike?", "neutral"),
        ("", None),
        ("123 ...", None),
    ],
)
def test_labels(text: str, expected: object) -> None:
    assert label(text) == expected


def test_counts_and_thresholds() -> None:
    found = run(Sentiment, ["rude and great, never great"])
    assert (found["num_positive"], found["num_negative"]) == ([1], [3])
    assert run(Sentiment, ["nice"], {"positive": 0.99})["label"] == ["neutral"]
    with pytest.raises(GristmillError):
        run(Sentiment, ["x"], {"positive": 2})


def test_neighbours_are_of_the_same_document() -> None:
    assert run(Sentiment, ["not", "great"])["label"][1] == "positive"
