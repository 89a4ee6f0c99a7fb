"""The built-in steps: thresholds and computing keys divide the keys, and defaults are the published ones."""

from __future__ import annotations

import pytest

from gristmill.recipe import BUILTIN_STEPS, BuiltinStep, Step

EVERY = sorted(BUILTIN_STEPS)
REQUIRED: dict[str, dict[str, object]] = {
    "semantic_dedup": {"embedding": "vector", "dimension": 8},
    "sample": {"fraction": 0.5},
    "mix": {"temperature": 2.0},
    "select": {"by": "score", "keep": {"fraction": 0.5}},
}
"""Keys without a default, by step."""


def make(use: str, **keys: object) -> BuiltinStep:
    return BUILTIN_STEPS[use].model_validate({"use": use, "name": use, **REQUIRED.get(use, {}), **keys})


@pytest.mark.parametrize("use", EVERY)
def test_each_key_is_a_threshold_or_affects_computing(use: str) -> None:
    step = make(use)
    own = set(type(step).model_fields) - set(Step.model_fields) - {"measure"}
    assert set(step.rules) | set(step.computing()) == own
    assert not set(step.rules) & set(step.computing())


@pytest.mark.parametrize("use", EVERY)
def test_each_threshold_reads_a_column_of_its_step(use: str) -> None:
    step = make(use)
    assert {threshold.column for threshold in step.thresholds()} <= set(step.columns)
    names = [threshold.rule for threshold in step.thresholds()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("use", EVERY)
def test_each_key_is_documented(use: str) -> None:
    fields = BUILTIN_STEPS[use].model_fields
    assert all(field.description for key, field in fields.items() if key != "use")
    assert BUILTIN_STEPS[use].source_note


def test_published_defaults_of_gopher() -> None:
    repetition = {threshold.rule: threshold.threshold for threshold in make("gopher_repetition").thresholds()}
    assert repetition == {
        "duplicate_line_fraction": 0.30,
        "duplicate_paragraph_fraction": 0.30,
        "duplicate_line_character_fraction": 0.20,
        "duplicate_paragraph_character_fraction": 0.20,
        "top_2_gram_character_fraction": 0.20,
        "top_3_gram_character_fraction": 0.18,
        "top_4_gram_character_fraction": 0.16,
        "duplicate_5_gram_character_fraction": 0.15,
        "duplicate_6_gram_character_fraction": 0.14,
        "duplicate_7_gram_character_fraction": 0.13,
        "duplicate_8_gram_character_fraction": 0.12,
        "duplicate_9_gram_character_fraction": 0.11,
        "duplicate_10_gram_character_fraction": 0.10,
    }
    quality = [(item.column, item.keep, item.threshold) for item in make("gopher_quality").thresholds()]
    assert quality == [
        ("num_words", ">=", 50),
        ("num_words", "<=", 100_000),
        ("mean_word_length", ">=", 3),
        ("mean_word_length", "<=", 10),
        ("hash_ratio", "<=", 0.1),
        ("ellipsis_ratio", "<=", 0.1),
        ("bullet_line_fraction", "<=", 0.9),
        ("ellipsis_line_fraction", "<=", 0.3),
        ("alphabetic_word_fraction", ">=", 0.8),
        ("num_stop_words", ">=", 2),
    ]


def test_published_defaults_of_c4_and_fineweb() -> None:
    assert [(item.column, item.keep, item.threshold) for item in make("c4_quality").thresholds()] == [
        ("num_sentences", ">=", 5),
        ("has_lorem_ipsum", "==", 0),
        ("has_curly_bracket", "==", 0),
    ]
    assert [(item.column, item.keep, item.threshold) for item in make("fineweb_quality").thresholds()] == [
        ("terminal_punctuation_line_fraction", ">=", 0.12),
        ("short_line_fraction", "<=", 0.67),
        ("duplicate_line_character_fraction", "<=", 0.01),
        ("newline_word_ratio", "<=", 0.3),
    ]


def test_a_switch_that_is_off_is_no_threshold() -> None:
    rules = [threshold.rule for threshold in make("c4_quality", drop_curly_bracket=False).thresholds()]
    assert rules == ["num_sentences", "has_lorem_ipsum"]


def test_false_switches_a_threshold_off() -> None:
    step = make("gopher_quality", min_words=False, max_hash_ratio=False)
    assert {"min_words", "hash_ratio"}.isdisjoint(threshold.rule for threshold in step.thresholds())


def test_only_measured_columns_are_made_and_judged() -> None:
    step = make("gopher_quality", measure=("num_words", "hash_ratio"))
    assert list(step.made_columns()) == ["num_words", "hash_ratio"]
    assert [threshold.rule for threshold in step.thresholds()] == ["min_words", "max_words", "hash_ratio"]


def test_whole_numbers_are_welcome_where_a_number_is_meant() -> None:
    [threshold] = [
        item for item in make("gopher_quality", max_hash_ratio=1).thresholds() if item.rule == "hash_ratio"
    ]
    assert threshold.threshold == 1.0
