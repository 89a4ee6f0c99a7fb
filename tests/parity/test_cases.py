"""What other tools measure on the same texts: every case of `cases/<use>.json` and every text of `plain/<use>.py`.

The values in a case file were produced by the tool that it names, with the script in `bench/parity/`. A module in
`plain/` is a rule again, in plain Python, for rules that no other tool has; it has `values(text, config)`, and may have
`CONFIGS`, a list of configurations, and `TEXTS`, further texts.
"""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from gristmill.curate.rule_examples import Outcome, run_example
from gristmill.recipe import BUILTIN_STEPS
from gristmill.recipe.rules.pages import Example

HERE = Path(__file__).parent
FILES = sorted((HERE / "cases").glob("*.json"))
PLAIN = sorted((HERE / "plain").glob("*.py"))
SHARED = ("tool", "how", "tolerance", "cases")
PARTS = ("text", "repeat", "config", "semantics", "columns", "files", "expect", "keep", "why", "tolerance")
NASTY = (
    "",
    " ",
    "a",
    "\n\n\n",
    "one",
    "One sentence, with a comma. And another one!",
    "line one\nline two\r\nline one\n\n\n- bullet…\n",
    "e\u0301\u0302 Ω مرحبا بالعالم 你好,世界。",
    "👩\u200d👩\u200d👧 😀 \U0001f1e9\U0001f1ea",
    "nul \x00 and \x1c separators \u2028 and \ufffd marks",
    "the same words again and again " * 40,
    "x" * 5000,
)


def step_of(file: Path) -> str:
    """Return the step that a case file is about: what stands before the first dot of its name."""
    return file.name.partition(".")[0]


def cases() -> Iterator[object]:
    """Yield every case with the step and the tolerance."""
    for file in FILES:
        content = json.loads(file.read_text(encoding="utf-8"))
        for number, case in enumerate(content["cases"]):
            tolerance = case.get("tolerance", content.get("tolerance", 1e-12))
            yield pytest.param(step_of(file), case, tolerance, id=f"{file.stem}-{number}")


def plain() -> Iterator[object]:
    """Yield every plain module with every configuration and text."""
    for file in PLAIN:
        module = load(file)
        for number, config in enumerate(getattr(module, "CONFIGS", [{}])):
            for position, text in enumerate((*NASTY, *getattr(module, "TEXTS", ()))):
                yield pytest.param(file.stem, module, config, text, id=f"{file.stem}-{number}-{position}")


def load(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"plain_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_values(outcome: Outcome, expected: Mapping[str, object], tolerance: float) -> None:
    for column, value in expected.items():
        found = outcome.values[column]
        if isinstance(value, float) and isinstance(found, (int, float)) and not isinstance(found, bool):
            assert math.isclose(found, value, rel_tol=tolerance, abs_tol=tolerance), (column, found, value)
        else:
            assert found == value, (column, found, value)


@pytest.mark.parametrize(("use", "case", "tolerance"), list(cases()))
def test_a_case_of_another_tool(use: str, case: Mapping[str, object], tolerance: float) -> None:
    config = dict(case.get("config", {}))
    if "semantics" in case:
        config["semantics"] = case["semantics"]
    optional = {part: case[part] for part in ("repeat", "columns", "files") if part in case}
    outcome = run_example(use, Example(text=case["text"], config=config, **optional))
    expected = dict(case.get("expect", {}))
    keep = case.get("keep", expected.pop("keep", None))
    assert expected or keep is not None, "a case that expects nothing"
    assert_values(outcome, expected, tolerance)
    if keep is not None:
        assert (outcome.failed == ()) == keep, outcome


@pytest.mark.parametrize(("use", "module", "config", "text"), list(plain()))
def test_a_rule_in_plain_python(
    use: str, module: ModuleType, config: Mapping[str, object], text: str
) -> None:
    expected = module.values(text, config)
    assert set(expected) == set(BUILTIN_STEPS[use].columns)
    assert_values(run_example(use, Example(text=text, config=config)), expected, 1e-9)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_case_file_says_where_it_is_from(file: Path) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    assert step_of(file) in BUILTIN_STEPS
    assert set(content) <= set(SHARED)
    assert len(content["tool"]) > 5
    assert len(content["how"]) > 10
    for case in content["cases"]:
        assert set(case) <= set(PARTS), case


def test_there_are_cases() -> None:
    assert FILES
