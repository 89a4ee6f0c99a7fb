"""Every rule has a parity case, a property test, a benchmark line and a page. A rule that lacks one fails here."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import gristmill
from gristmill import _native
from gristmill.recipe import BUILTIN_STEPS
from gristmill.recipe.rules.pages import load_page

REPOSITORY = Path(gristmill.__file__).parents[2]
PARITY = REPOSITORY / "tests/parity"
FIGURES = REPOSITORY / "bench/results/rules/figures.json"
SIGNALS = REPOSITORY / "rust/core/src/signals"
LEAST_CASES = 5

RULES = [
    use for use, model in BUILTIN_STEPS.items() if not (model.is_dedup or model.is_choice) and use != "clean"
]


def test_these_are_the_rules() -> None:
    """An empty list would make all tests below pass; and what the engine has, a recipe can use."""
    assert {"gopher_repetition", "gopher_quality", "c4_quality", "fineweb_quality"} <= set(RULES)
    assert {"clean", *RULES} == set(json.loads(_native.rule_columns()))


@pytest.mark.parametrize("use", RULES)
def test_it_has_columns_and_a_source(use: str) -> None:
    model = BUILTIN_STEPS[use]
    assert model.columns
    assert len(model.source_note) > 10
    assert {rule.column for rule in model.rules.values()} <= set(model.columns)


@pytest.mark.parametrize("use", RULES)
def test_it_has_parity_cases(use: str) -> None:
    file = PARITY / f"cases/{use}.json"
    plain = PARITY / f"plain/{use}.py"
    assert file.is_file() or plain.is_file(), f"neither {file} nor {plain}"
    if not file.is_file():
        assert re.search(r"^def values\(text: str, config: ", plain.read_text(encoding="utf-8"), re.MULTILINE)
        return
    cases = json.loads(file.read_text(encoding="utf-8"))["cases"]
    assert len({json.dumps(case, sort_keys=True) for case in cases}) >= LEAST_CASES
    known = {*BUILTIN_STEPS[use].columns, "keep"}
    for case in cases:
        assert set(case.get("expect", {})) <= known
        assert "keep" in case or case["expect"]


def test_there_is_a_property_test_of_the_registry() -> None:
    """The Rust test that holds each entry of the registry to its reference is there, and is one."""
    registry = (SIGNALS / "registry.rs").read_text(encoding="utf-8")
    # A field without default: an entry that leaves it out does not compile in tests.
    assert re.search(r"#\[cfg\(test\)\]\s*pub(\(super\))? reference: fn", registry)
    assert re.search(r"#\[cfg\(test\)\]\s*pub(\(super\))? variants: ", registry)
    tests = (SIGNALS / "tests.rs").read_text(encoding="utf-8")
    assert "for entry in entries()" in tests
    assert "(entry.reference)(config, text)" in tests
    assert re.search(r"proptest! \{.*\.check\(", tests, re.DOTALL)


@pytest.mark.parametrize("use", RULES)
def test_it_is_in_the_registry(use: str) -> None:
    """What the engine names is its registry, all of which the property test runs, and what needs more than the core has."""
    assert use in json.loads(_native.rule_columns())


@pytest.mark.parametrize("use", RULES)
def test_it_has_a_benchmark_line(use: str) -> None:
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    assert figures["steps"][use]["ns_per_byte"] > 0


@pytest.mark.parametrize("use", RULES)
def test_it_has_a_page(use: str) -> None:
    page = load_page(use)
    assert page.definition
    assert page.differences
    assert page.passes is not None or not BUILTIN_STEPS[use].rules
    assert (REPOSITORY / f"docs/reference/rules/{use}.md").is_file()
