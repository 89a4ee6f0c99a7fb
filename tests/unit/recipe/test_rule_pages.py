"""Pages of built-in steps: complete, true, and refused when damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.curate.rule_examples import run_cleaning, run_dedup, run_example
from gristmill.errors import GristmillError
from gristmill.recipe import BUILTIN_STEPS
from gristmill.recipe.rules import pages
from gristmill.recipe.rules.pages import Example, load_costs, load_page

RULES = [use for use, model in BUILTIN_STEPS.items() if model.rules]
EXAMPLES = [(use, key) for use in RULES for key in BUILTIN_STEPS[use].rules]


@pytest.mark.parametrize("use", BUILTIN_STEPS)
def test_every_step_has_a_complete_page(use: str) -> None:
    page = load_page(use)
    assert len(page.definition) > 80
    assert page.differences
    assert all(len(text) > 20 for text in page.differences.values())
    assert set(page.drops) == set(BUILTIN_STEPS[use].rules)


@pytest.mark.parametrize("use", RULES)
def test_the_passing_text_passes(use: str) -> None:
    example = load_page(use).passes
    assert example is not None
    outcome = run_example(use, example)
    assert outcome.failed == ()
    # A text on which nothing is measured would pass, too.
    assert any(value is not None for value in outcome.values.values())


@pytest.mark.parametrize(("use", "key"), EXAMPLES)
def test_the_dropped_text_fails_its_rule(use: str, key: str) -> None:
    outcome = run_example(use, load_page(use).drops[key])
    assert key in outcome.limits
    assert key in outcome.failed


def test_what_cleaning_and_dedup_show() -> None:
    shown = load_page("clean").shows
    assert any(before != after for before, after in zip(shown, run_cleaning(shown), strict=True))
    for use in ("exact_dedup", "minhash_dedup"):
        shown = load_page(use).shows
        [removed] = run_dedup(use, shown)
        assert removed.text != removed.duplicate_of
        assert len(shown) == 3


def test_costs_name_steps() -> None:
    costs = load_costs()
    assert set(costs) <= set(BUILTIN_STEPS)
    assert all(cost > 0 for cost in costs.values())


def test_an_example_with_files_and_repetition() -> None:
    outcome = run_example(
        "gopher_quality",
        Example(text="the word ", repeat=30, config={"min_words": False, "stop_words": ["{folder}"]}),
    )
    assert outcome.values["num_words"] == 60
    assert "min_words" not in outcome.limits
    assert outcome.values["num_stop_words"] == 0


GOOD = """
definition = "d"
[passes]
text = "t"
[drops.num_sentences]
text = "t"
[drops.has_lorem_ipsum]
text = "t"
[drops.drop_curly_bracket]
text = "t"
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pages, "FOLDER", tmp_path)
    return tmp_path / "c4_quality.toml"


def test_rules_are_named_by_rule_or_key(write: Path) -> None:
    write.write_text(GOOD, encoding="utf-8")
    assert list(load_page("c4_quality").drops) == ["min_sentences", "drop_lorem_ipsum", "drop_curly_bracket"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("definition", "definitions"), "`definitions`"),
        (('definition = "d"', ""), "`definition`"),
        (("[passes]", "[drops.x]"), "`passes`"),
        (("[drops.num_sentences]", "[drops.sentences]"), "no such rule"),
        (("[drops.num_sentences]", "[drops.has_curly_bracket]"), "another example"),
        (('[drops.num_sentences]\ntext = "t"', ""), "no text for `min_sentences`"),
        (('text = "t"\n[drops.num', 'repeat = 0\ntext = "t"\n[drops.num'), "repeat"),
        (('text = "t"\n[drops.num', "[drops.num"), "`text`"),
        (('text = "t"\n[drops.num', 'text = "t"\nnote = 1\n[drops.num'), "`note`"),
        (("[passes]", "[columns]\nnum_words = 'x'\n[passes]"), "`num_words`"),
        (("[passes]", "[differences]\ndolma = 1\n[passes]"), "`differences.dolma`"),
        (("[passes]", "[passes"), "cannot be used"),
    ],
)
def test_a_damaged_page_says_what_is_wrong(write: Path, change: tuple[str, str], said: str) -> None:
    assert change[0] in GOOD
    write.write_text(GOOD.replace(*change), encoding="utf-8")
    with pytest.raises(GristmillError, match=said) as caught:
        load_page("c4_quality")
    assert caught.value.code == "GM-EXPLAIN-002"


def test_a_missing_page(write: Path) -> None:
    with pytest.raises(GristmillError) as caught:
        load_page("c4_quality")
    assert caught.value.code == "GM-EXPLAIN-002"
