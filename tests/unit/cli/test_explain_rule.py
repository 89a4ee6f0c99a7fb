"""`explain rule`: the page of a step or of one rule, on a terminal, as JSON and in Markdown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gristmill import _native
from gristmill.cli.main import main
from gristmill.cli.rule_markdown import overview, step_page
from gristmill.cli.rule_page import example_text, rule_lines, step_facts
from gristmill.recipe import BUILTIN_STEPS
from gristmill.recipe.rules import pages

PAGE = """
definition = "Words are counted.\\n\\nAll of them."
cost = "one look"
[columns]
num_sentences = "end marks, counted"
[differences]
datatrove = "Counts with NLTK."
[passes]
text = "This is a sentence. "
repeat = 6
[drops.num_sentences]
text = "This is one sentence."
[drops.has_lorem_ipsum]
text = "Here is some lorem ipsum.\\nAnd ``` more."
config = { min_sentences = 1 }
[drops.has_curly_bracket]
text = "This is a { sentence."
"""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give `c4_quality` a page and a cost of the test's own."""
    (tmp_path / "c4_quality.toml").write_text(PAGE, encoding="utf-8")
    (tmp_path / "costs.toml").write_text("[costs]\nc4_quality = 0.25\n", encoding="utf-8")
    monkeypatch.setattr(pages, "FOLDER", tmp_path)
    monkeypatch.setattr(pages, "COSTS", tmp_path / "costs.toml")


def explain(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["explain", "rule", name]) == 0
    return capsys.readouterr().out


def test_the_page_of_a_step(page: None, capsys: pytest.CaptureFixture[str]) -> None:
    text = explain("c4_quality", capsys)
    for line in (
        "  source: Raffel et al. 2020, T5, arXiv 1910.10683, section 2.2.",
        "  cost: 0.25 ns a byte of text beyond segmentation: one look",
        "Words are counted.",
        "  c4_quality.num_sentences  uint32",
        "    end marks, counted",
        "    a document stays if `c4_quality.num_sentences` >= 5, or null; set by the key `min_sentences`",
        "  datatrove: Counts with NLTK.",
        "    | This is a sentence. ",
        "    6 times",
        "    num_sentences 6, has_lorem_ipsum false, has_curly_bracket false",
        "    num_sentences is 1, at least 5 wanted",
        "    has_curly_bracket is true, has to be false",
        "    with `min_sentences = 1`",
    ):
        assert line in text.split("\n"), line


def test_the_page_of_one_rule_is_about_that_rule(page: None, capsys: pytest.CaptureFixture[str]) -> None:
    text = explain("c4_quality.min_sentences", capsys)
    assert "a text that c4_quality.num_sentences drops" in text
    assert "datatrove: Counts with NLTK." in text
    assert "curly" not in text
    assert "Words are counted." not in text


def test_the_page_as_json(page: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "rule", "c4_quality", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cost_ns_per_byte"] == 0.25
    assert found["columns"][0]["formula"] == "end marks, counted"
    assert found["examples"]["drops"]["min_sentences"]["failed"] == ["min_sentences"]
    assert [rule["default"] for rule in found["rules"]] == [5, True, True]


def test_the_page_in_markdown(page: None) -> None:
    facts = step_facts("c4_quality")
    text = "\n".join(step_page(facts))
    assert (
        "| `num_sentences` | uint32 | Sentences in the lines that were kept; 0 if none was. end marks, counted |"
        in text
    )
    assert "| `num_sentences` | `min_sentences` | `5` | `num_sentences >= min_sentences` |" in text
    assert "Dropped by `num_sentences`: num_sentences is 1, at least 5 wanted." in text
    # A fence in the text does not end the example.
    assert "````text\nHere is some lorem ipsum.\nAnd ``` more.\n````" in text
    assert "| 0.25 | gristmill" in overview({"c4_quality": facts})


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("near_duplicate", "minhash_dedup"),
        ("minhash_dedup.near_duplicate", "minhash_dedup"),
        ("exact_dedup.exact_duplicate", "exact_dedup"),
        ("exact_dedup", "exact_dedup"),
    ],
)
def test_dedup_is_found_by_what_rejects_call_it(
    name: str, step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = explain(name, capsys)
    assert text.startswith(f"{step}: ")
    assert "is removed for" in text


def test_a_dedup_rule_of_the_other_step_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "rule", "exact_dedup.near_duplicate"]) == 2
    assert "GM-CLI-009" in capsys.readouterr().err


def test_cleaning_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert "becomes `café au lait" in explain("clean", capsys)


def test_a_step_without_page_has_its_columns_and_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "FOLDER", tmp_path)
    for use in BUILTIN_STEPS:
        facts = step_facts(use)
        lines = list(rule_lines(facts, is_one_rule=False))
        assert lines[0].startswith(f"{use}: ")
        assert all(any(str(column["name"]) in line for line in lines) for column in facts["columns"])


def test_every_column_is_described() -> None:
    described = json.loads(_native.rule_columns())
    for use, model in BUILTIN_STEPS.items():
        found = {column["name"]: column["description"] for column in described.get(use, [])}
        assert list(found) == list(model.columns), use
        assert all(text.endswith(".") for text in found.values()), use


def test_long_examples_are_cut() -> None:
    example = {
        "text": "line\n" * 50,
        "repeat": 1,
        "config": {},
        "columns": {"url": "http://a"},
        "files": {"l": "x"},
    }
    text, notes = example_text(example)
    assert text.count("\n") == 12
    assert notes == "with `url` being `http://a`, `l` holding `x`"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing_left", "steps: bloom_dedup, exact_dedup, substring_dedup"),
        ("too_little_left", "fewer words than its `min_words_left`"),
        ("exact_dedup.nothing_left", "`gristmill explain rule exact_dedup` has the page"),
        ("tokens.too_long", "more ids than `max_tokens`"),
        ("nothing_trained", "no turn of the assistant"),
    ],
)
def test_other_names_in_rejects_have_a_page(
    name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in explain(name, capsys)


def test_a_step_that_cuts_nothing_leaves_nothing_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "rule", "minhash_dedup.nothing_left"]) == 2
    assert "GM-CLI-009" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "name", "close"),
    [
        ("rule", "min_word", "min_words"),
        ("rule", "gopher_quality.min_word", "gopher_quality.min_words"),
        ("rule", "gopher_qualty", "gopher_quality"),
        ("rule", "gopher_qualty.min_words", "gopher_quality.min_words"),
        ("rule", "gopher_quality.max_meen_word_length", "gopher_quality.max_mean_word_length"),
        ("rule", "nothing_leff", "nothing_left"),
        ("key", "shard_byte", "shard_bytes"),
        ("key", "min_word", "min_words"),
        ("key", "run.sed", "run.seed"),
        ("error", "GM-TOKEN-001", "GM-TOKENS-001"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_nearest(
    kind: str, name: str, close: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", kind, name]) == 2
    assert f"did you mean `{close}`?" in capsys.readouterr().err
