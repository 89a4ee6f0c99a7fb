"""Keys of `substring_dedup`, and what the plan makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.curate.passages import describe
from gristmill.curate.plan import make_plan
from gristmill.errors import GristmillError
from gristmill.recipe import load_recipe, parse_recipe

SOURCE = '[[source]]\nname = "a"\npaths = ["a.jsonl"]\n'
STEP = '[[step]]\nuse = "substring_dedup"\n'


def cut(keys: str) -> object:
    """Return what the step asks for."""
    recipe = parse_recipe(SOURCE + STEP + keys, base=".")
    return recipe.cut_steps[0].cut()


@pytest.mark.parametrize(
    ("keys", "options"),
    [
        ("", {"length": {"min_bytes": 200}, "whole_lines": False}),
        ("min_bytes = 100\nwhole_lines = true\n", {"length": {"min_bytes": 100}, "whole_lines": True}),
        ("min_words = 50\n", {"length": {"min_words": 50}, "whole_lines": False}),
    ],
)
def test_one_length_in_bytes_or_words(keys: str, options: object) -> None:
    assert cut(keys) == {
        "producer": "passages",
        "separators": "none",
        "min_words_left": None,
        "options": options,
    }


@pytest.mark.parametrize(
    "keys",
    [
        "min_bytes = 200\nmin_words = 50\n",
        "min_bytes = 19\n",
        "min_words = 4\n",
        'where = { lang = "en" }\n',
    ],
)
def test_contradictions_are_refused(keys: str) -> None:
    with pytest.raises(GristmillError):
        parse_recipe(SOURCE + STEP + keys, base=".")


def test_the_plan_counts_its_memory(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n', encoding="utf-8")
    path = tmp_path / "recipe.toml"
    path.write_text(SOURCE, encoding="utf-8")
    without = make_plan(load_recipe(path))
    path.write_text('[run]\nscratch_memory = "1GiB"\n' + SOURCE + STEP, encoding="utf-8")
    plan = make_plan(load_recipe(path))
    assert describe(without) == []
    [line] = describe(plan)
    assert "substring_dedup" in line
    assert "1024 MiB" in line
    assert line in plan.describe()
    assert plan.memory_bound_bytes(workers=1) > without.memory_bound_bytes(workers=1) + (900 << 20)
    assert plan.fingerprint() != without.fingerprint()
