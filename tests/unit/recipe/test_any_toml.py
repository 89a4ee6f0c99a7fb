"""Whatever stands in a recipe, the answer is a recipe or an error with a page: never another exception."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.errors import GristmillError, catalogue
from gristmill.recipe import BUILTIN_STEPS, effective_toml, key_pages, parse_recipe, toml_value

KEYS = st.sampled_from(
    sorted({name.rpartition(".")[2] for name in key_pages()} | {"wher", "x.y", "", "evaluate"})
)
LEAVES = (
    st.booleans()
    | st.integers(min_value=-10, max_value=1 << 40)
    | st.floats()
    | st.sampled_from(
        ["", "en", "8MiB", "clean", "legal.x", "longest", "plain", "/a", "a\x00b", *BUILTIN_STEPS]
    )
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=6
)
TABLES = st.dictionaries(KEYS, VALUES, max_size=5)
STEPS = st.builds(
    lambda use, table: {"use": use, **table}, st.sampled_from([*BUILTIN_STEPS, "legal.x", "language"]), TABLES
)
RECIPES = st.fixed_dictionaries(
    {
        "source": st.lists(
            st.builds(lambda table: {"name": "a", "paths": ["a"], **table}, TABLES), max_size=2
        )
        | VALUES
    },
    optional={
        "run": TABLES | VALUES,
        "step": st.lists(STEPS, max_size=4) | VALUES,
        "split": TABLES | VALUES,
        "tokens": st.builds(lambda table: {"tokenizer": "t", **table}, TABLES) | VALUES,
        "train": st.builds(lambda table: {"model": "m", "steps": 1, **table}, TABLES) | VALUES,
        "evaluate": VALUES,
    },
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(RECIPES)
def test_any_recipe_gives_a_recipe_or_an_error_with_a_page(tables: dict[str, object]) -> None:
    text = "\n".join(f"{name} = {toml_value(value)}" for name, value in tables.items())
    try:
        recipe = parse_recipe(text, base="/base")
    except GristmillError as refused:
        error, recipe = refused, None
    if recipe is None:
        assert error.code in catalogue()
        assert error.message
    else:
        assert parse_recipe(effective_toml(recipe), base="/base") == recipe
