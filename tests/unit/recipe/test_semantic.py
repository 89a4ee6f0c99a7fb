"""The step `semantic_dedup` in recipes: bands that follow from a recall, and what is refused."""

from __future__ import annotations

import math

import pytest

from gristmill.errors import GristmillError
from gristmill.recipe import SemanticDedup, derive_bands, parse_recipe
from gristmill.recipe.semantic import MAX_WIDTH, Bands

SOURCE = '[[source]]\nname = "a"\npaths = ["a.jsonl"]\nid = "id"\n'
STEP = '[[step]]\nuse = "semantic_dedup"\nembedding = "v"\ndimension = 8\n'


def step_of(keys: str) -> SemanticDedup:
    """Return the step of a recipe."""
    recipe = parse_recipe(SOURCE + STEP + keys, base=".")
    assert recipe.semantic_dedup is not None
    return recipe.semantic_dedup


@pytest.mark.parametrize("similarity", [0.05, 0.3, 0.5, 0.8, 0.9, 0.95, 0.99, 0.9999, 1.0])
@pytest.mark.parametrize("recall", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("most", [1, 8, 64, 1000])
def test_derived_bands_reach_the_recall_and_no_wider_ones_do(
    similarity: float, recall: float, most: int
) -> None:
    def reaches(bands: int, width: int) -> bool:
        return Bands(bands=bands, width=width).found(similarity) >= recall - 1e-12

    found = derive_bands(similarity, recall, most)
    if found is None:
        assert not reaches(most, 1)
        return
    assert found.bands <= most
    assert reaches(found.bands, found.width)
    assert found.bands == 1 or not reaches(found.bands - 1, found.width)
    assert found.width == MAX_WIDTH or not reaches(most, found.width + 1)


def test_the_formula_is_that_of_the_angle() -> None:
    assert Bands(bands=1, width=1).found(math.cos(math.pi / 4)) == pytest.approx(0.75)
    assert Bands(bands=2, width=3).found(0.0) == pytest.approx(1 - (1 - 1 / 8) ** 2)


def test_defaults_are_those_of_the_documentation() -> None:
    step = step_of("")
    assert (step.min_similarity, step.blocking, step.recall, step.survivor) == (
        0.95,
        "hyperplanes",
        0.95,
        "longest",
    )
    assert step.bands == Bands(bands=58, width=28)
    assert step_of('blocking = "all"\n').bands is None


@pytest.mark.parametrize(
    "keys",
    [
        "min_similarity = 0.0\n",
        "min_similarity = 1.5\n",
        "recall = 1.0\n",
        "recall = 0.0\n",
        'blocking = "kmeans"\n',
        "min_similarity = 0.1\nmax_bands = 1\n",
        "max_bands = 0\n",
        'where = { lang = "en" }\n',
    ],
)
def test_values_that_make_no_sense_are_refused(keys: str) -> None:
    with pytest.raises(GristmillError):
        step_of(keys)


def test_embedding_and_dimension_are_needed() -> None:
    for missing in ('embedding = "v"\n', "dimension = 8\n"):
        with pytest.raises(GristmillError):
            parse_recipe(SOURCE + STEP.replace(missing, ""), base=".")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (SOURCE + STEP + '[[step]]\nuse = "minhash_dedup"\n', "GM-RECIPE-009"),
        (SOURCE + STEP + '[[step]]\nuse = "exact_dedup"\n', "GM-RECIPE-009"),
        (SOURCE + '[[step]]\nuse = "minhash_dedup"\n[[step]]\nuse = "exact_dedup"\n' + STEP, "GM-RECIPE-009"),
        (SOURCE + STEP + STEP + 'name = "again"\n', "GM-RECIPE-009"),
        (
            SOURCE + '[[step]]\nuse = "minhash_dedup"\n' + STEP + 'survivor = "first"\n',
            "GM-RECIPE-010",
        ),
        (
            SOURCE + '[[step]]\nuse = "exact_dedup"\nsurvivor = "last"\n' + STEP + 'survivor = "first"\n',
            "GM-RECIPE-010",
        ),
        (SOURCE + STEP.replace('"v"', '"id"'), "GM-PLAN-006"),
        (SOURCE + STEP.replace('"v"', '"text"'), "GM-PLAN-006"),
        (SOURCE + STEP.replace('"v"', '"cluster"'), "GM-PLAN-006"),
        (SOURCE + 'columns = { v = "float64" }\n' + STEP, "GM-PLAN-006"),
        (SOURCE + '[[step]]\nuse = "gopher_quality"\nwhere = { v = 1 }\n' + STEP, "GM-PLAN-006"),
    ],
)
def test_what_does_not_fit_the_rest_of_a_recipe(text: str, code: str) -> None:
    with pytest.raises(GristmillError) as caught:
        parse_recipe(text, base=".")
    assert code in caught.value.code or code in str(caught.value)


def test_the_survivor_of_texts_holds_for_embeddings() -> None:
    near = '[[step]]\nuse = "minhash_dedup"\nsurvivor = "last"\n'
    assert parse_recipe(SOURCE + near + STEP, base=".").survivor == "last"
    both = near + STEP + 'survivor = "last"\n'
    assert parse_recipe(SOURCE + both, base=".").survivor == "last"
    assert parse_recipe(SOURCE + STEP + 'survivor = "first"\n', base=".").survivor == "first"
