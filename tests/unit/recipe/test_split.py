from __future__ import annotations

import pytest

from gristmill.errors import GristmillError
from gristmill.recipe import parse_recipe
from gristmill.recipe.effective import effective_toml
from gristmill.recipe.split import microseconds_in, microseconds_of

SOURCE = '[[source]]\nname = "a"\npaths = ["a.jsonl"]\n'


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("validation = 0.6\ntest = 0.4", "together must be below 1"),
        ('group_by = "customer"', 'must be "cluster", "document" or a list of columns'),
        ("group_by = []", "must not be an empty list"),
        ('time = { column = "d" }', "needs `validation_from` or `test_from`"),
        ('time = { column = "d", test_from = "soon" }', "must be a date or date-time"),
        ('time = { column = "d", test_from = 2024-01-01, embargo = "7 days" }', "must be a duration"),
        (
            'time = { column = "d", validation_from = 2024-02-01, test_from = 2024-01-01 }',
            "must be before",
        ),
        ('test = 0.1\ntime = { column = "d", test_from = 2024-01-01 }', "`test` has no effect beside `time`"),
        ('previous = "x"\ntime = { column = "d", test_from = 2024-01-01 }', "`previous` has no effect"),
        ("min_similarity = 0.4", "at least 0.5"),
        ('test = 0.1\ngroup_by = ["text"]', "cannot be used in `[split]`"),
        ('test = 0.1\nstratify = "num_tokens"', "cannot be used in `[split]`"),
        ('test = 0.1\nparent = "of"', "no source has one"),
        ('previous = "s3://bucket/run"', "no local path"),
        ("tset = 0.1", "did you mean `test`?"),
    ],
)
def test_what_cannot_be_is_refused(keys: str, words: str) -> None:
    with pytest.raises(GristmillError) as caught:
        parse_recipe(f"{SOURCE}[split]\n{keys}\n", base=".")
    assert words in caught.value.render()


def test_a_split_survives_the_effective_recipe_and_names_its_columns() -> None:
    text = (
        SOURCE
        + """[split]
group_by = ["cluster", "customer", "source"]
parent = "of"
time = { column = "day", test_from = 2024-01-01T12:00:00Z, embargo = "1.5d" }
"""
    ).replace("[split]", 'id = "id"\n[split]')
    recipe = parse_recipe(text, base=".")
    assert parse_recipe(effective_toml(recipe), base=".") == recipe
    assert recipe.split.columns() == ("customer", "source", "of", "day")
    assert recipe.extracted_columns() == {"customer": "utf8", "day": "utf8", "of": "utf8"}


def test_without_anything_held_out_no_column_is_read() -> None:
    recipe = parse_recipe(SOURCE + '[split]\ngroup_by = ["customer"]\nstratify = "label"\n', base=".")
    assert recipe.extracted_columns() == {}
    assert not recipe.split.holds_out


def test_moments_and_durations() -> None:
    assert microseconds_of("2024-03-01T00:00:00+02:00") == 1_709_244_000_000_000
    assert microseconds_in("1.5h") == 5_400_000_000
    assert [microseconds_in(f"1{unit}") // 10**6 for unit in "smhdw"] == [1, 60, 3600, 86_400, 604_800]
