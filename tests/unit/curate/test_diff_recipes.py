"""What two runs were asked to do differently, and how it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.cli.diff import describe
from gristmill.curate.diff import RunDiff
from gristmill.curate.diff.recipes import (
    Change,
    input_changes,
    operator_changes,
    recipe_changes,
    tokenizer_changes,
)
from gristmill.curate.text_difference import first_difference

RECIPE = """
[run]
output = "a"
seed = 1
scratch_memory = "2GiB"

[[source]]
name = "web"
paths = ["web.jsonl"]
removal_budget = 1.0

[[step]]
use = "clean"
nfc = true

[[step]]
use = "gopher_quality"
name = "words"
min_words = 50

[train]
steps = 1
"""


def changes(folder: Path, other: str) -> dict[str, tuple[object, object]]:
    for name, text in (("a", RECIPE), ("b", other)):
        (folder / name).mkdir()
        (folder / name / "recipe.toml").write_text(text, encoding="utf-8")
    return {change.name: (change.a, change.b) for change in recipe_changes(folder / "a", folder / "b")}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("min_words = 50", "min_words = 40", {"step words: min_words": (50, 40)}),
        ("nfc = true", "", {"step clean: nfc": (True, None)}),
        ("seed = 1", "seed = 2", {"[run] seed": (1, 2)}),
        ('["web.jsonl"]', '["w/*.jsonl"]', {"source web: paths": (["web.jsonl"], ["w/*.jsonl"])}),
        (
            'name = "words"',
            'name = "prose"',
            {"step words": ("gopher_quality", None), "step prose": (None, "gopher_quality")},
        ),
        ("[train]", '[tokens]\ntokenizer = "t"\n[train]', {"[tokens] tokenizer": (None, "t")}),
        ('output = "a"', 'output = "b"', {}),
        ('"2GiB"', '"1GiB"', {}),
        ("removal_budget = 1.0", "removal_budget = 0.5", {}),
        ("steps = 1", "steps = 2", {}),
        ("seed = 1", "seed = 1  # the same", {}),
    ],
)
def test_recipe_changes(
    old: str, new: str, expected: dict[str, tuple[object, object]], tmp_path: Path
) -> None:
    assert old in RECIPE
    assert changes(tmp_path, RECIPE.replace(old, new)) == expected


def test_another_order_is_a_change(tmp_path: Path) -> None:
    first = '[[step]]\nuse = "clean"\nnfc = true\n'
    second = '[[step]]\nuse = "gopher_quality"\nname = "words"\nmin_words = 50\n'
    swapped = RECIPE.replace(first, "").replace(second, f"{second}\n{first}")
    assert changes(tmp_path, swapped) == {"order of steps": (["clean", "words"], ["words", "clean"])}


def test_a_run_without_recipe_has_no_changes(tmp_path: Path) -> None:
    assert recipe_changes(tmp_path / "none", tmp_path / "none") == []


def test_operators_tokenizers_and_inputs() -> None:
    def manifest(version: int, digest: str | None, files: dict[str, str]) -> dict[str, object]:
        return {
            "operators": [
                {
                    "step": "s",
                    "use": "p.x",
                    "version": version,
                    "distribution": "d",
                    "distribution_version": "1",
                },
                {"step": f"only-{version}", "use": "y", "version": 1},
            ],
            "tokenizer": None if digest is None else {"digest": digest},
            "inputs": [{"source": "web", "path": path, "digest": of} for path, of in files.items()],
        }

    a, b = manifest(1, "x", {"1": "d1", "2": "d2"}), manifest(2, None, {"2": "other", "3": "d3"})
    assert operator_changes(a, b) == [Change(where="operator", name="s: version", a=1, b=2)]
    assert tokenizer_changes(a, b) == [Change(where="tokenizer", name="digest", a="x", b=None)]
    assert tokenizer_changes(b, b) == []
    assert [(change.name, change.a, change.b) for change in input_changes(a, b)] == [
        ("web: 1", "d1", None),
        ("web: 2", "d2", "other"),
        ("web: 3", None, "d3"),
    ]


def test_many_inputs_are_counted_and_some_named() -> None:
    inputs = tuple(Change(where="input", name=f"web: {n}", a=None, b="d") for n in range(14))
    found = RunDiff(
        a=Path("a"),
        b=Path("b"),
        digests=("x", "y"),
        changes=inputs,
        counts={"same": 3},
        sources=({}, {}),
        differences_by_source={},
    )
    text = "\n".join(describe(found))
    assert "inputs: 14 files not the same" in text
    assert "  web: 9: only in B\n  and 4 more" in text
    assert "no document differs" in text
    assert not found.is_different


@pytest.mark.parametrize(
    ("this", "other", "is_beginning", "expected"),
    [
        ("abc", "abc", False, None),
        ("abc", "abcd", False, 3),
        ("abc", "abcd", True, None),
        ("abcd", "abc", True, 3),
        ("", "x", False, 0),
        ("xbc", "abc", True, 0),
        ("y" * 100 + "a", "y" * 100 + "b", False, 100),
    ],
)
def test_where_texts_part(this: str, other: str, is_beginning: bool, expected: int | None) -> None:
    found = first_difference(this, other, is_beginning=is_beginning)
    assert (None if found is None else found.character) == expected
    if found is not None:
        assert found.this != found.other
        assert max(len(found.this), len(found.other)) <= 60
