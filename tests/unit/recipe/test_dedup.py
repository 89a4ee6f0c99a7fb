"""The keys of `minhash_dedup`: presets, derived bands and rows, shingles, and what cannot stand together."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gristmill.errors import GristmillError
from gristmill.recipe import MinhashDedup, effective_toml, key_pages, parse_recipe
from gristmill.recipe.banding import DERIVED_MINIMA, MAX_BANDS, MAX_MINIMA, MAX_ROWS, Banding, derive_banding
from gristmill.recipe.dedup import PRESETS

SOURCE = '[[source]]\nname = "web"\npaths = ["a.jsonl"]\n'


def make(**keys: object) -> MinhashDedup:
    return MinhashDedup.model_validate({"use": "minhash_dedup", "name": "near", **keys})


def numbers(step: MinhashDedup) -> tuple[int, int, str, int]:
    return step.bands, step.rows, step.shingles.unit, step.shingles.size


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, (14, 8, "word", 5)),
        ({"preset": "fineweb"}, (14, 8, "word", 5)),
        ({"preset": "nemo"}, (20, 13, "character", 24)),
        ({"preset": "olmo"}, (26, 11, "word", 5)),
        ({"preset": "nemo", "bands": 9}, (9, 13, "character", 24)),
        ({"preset": "nemo", "shingle_words": 7}, (20, 13, "word", 7)),
        ({"preset": "olmo", "rows": 4, "shingles": {"unit": "token", "size": 3}}, (26, 4, "token", 3)),
        ({"preset": "nemo", "recall": 0.92}, (14, 8, "character", 24)),
        ({"recall": 0.95}, (13, 7, "word", 5)),
        ({"recall": 0.95, "min_similarity": 0.5}, (23, 3, "word", 5)),
        ({"recall": 0.95, "rows": 8}, (17, 8, "word", 5)),
        ({"recall": 0.95, "bands": 20}, (20, 8, "word", 5)),
        ({"recall": 0.95, "bands": 20, "rows": 5}, (20, 5, "word", 5)),
        ({"shingles": {"unit": "character"}}, (14, 8, "character", 5)),
    ],
)
def test_what_follows_from_what(keys: dict[str, object], expected: tuple[int, int, str, int]) -> None:
    assert numbers(make(**keys)) == expected


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("shingle_words = 5\nshingles = { size = 5 }", "give one of them"),
        ("shingles = { unit = 'line' }", "character"),
        ("recall = 1.0", "recall"),
        ("recall = 0.99\nbands = 14\nrows = 8", "with probability 0.924, below `recall`"),
        ("recall = 0.9999999\nmin_similarity = 0.01", "no bands and rows up to 4096 minima"),
        ("recall = 0.9999\nrows = 30", "no such bands and rows"),
        ("preset = 'fineweb2'", "preset"),
        ("bands = 'many'\nrecall = 0.9", "bands"),
        ("bands = 100\nrows = 100", "above 4096"),
        ("verify = false\nmeasure = 'containment'", "verifies none"),
        ("verify = false\nmin_similarity = 0.7", "compares none"),
        ("semantics = 'datatrove'\nshingles = { unit = 'character' }", "leave `shingles` out"),
        ("semantics = 'datatrove'\npreset = 'nemo'", "leave `shingles` out"),
        ("semantics = 'datatrove'\nseed = 4294967296", "seeds of 32 bits"),
        ("semantics = 'dolma'", "no semantics `dolma`"),
    ],
)
def test_what_is_refused(lines: str, words: str) -> None:
    with pytest.raises(GristmillError) as caught:
        parse_recipe(f'{SOURCE}[[step]]\nuse = "minhash_dedup"\n{lines}\n', base=".")
    assert words in " ".join([str(caught.value), *caught.value.context])


def test_token_shingles_need_a_tokenizer() -> None:
    text = f'{SOURCE}[[step]]\nuse = "minhash_dedup"\nshingles = {{ unit = "token", size = 9 }}\n'
    with pytest.raises(GristmillError) as caught:
        parse_recipe(text, base=".")
    assert caught.value.code == "GM-RECIPE-014"
    recipe = parse_recipe(text + '[tokens]\ntokenizer = "tokenizer.json"\n', base=".")
    assert recipe.minhash_dedup is not None
    assert recipe.minhash_dedup.shingles.size == 9


@pytest.mark.parametrize(
    "lines",
    [
        "",
        "preset = 'nemo'",
        "recall = 0.97",
        "shingle_words = 3",
        "verify = false",
        "verify = false\nrecall = 0.9\nmin_similarity = 0.7",
        "semantics = 'datatrove'",
    ],
)
def test_the_effective_recipe_shows_the_numbers_and_parses_to_the_same(lines: str) -> None:
    recipe = parse_recipe(f'{SOURCE}[[step]]\nuse = "minhash_dedup"\n{lines}\n', base=".")
    step = recipe.minhash_dedup
    assert step is not None
    shown = effective_toml(recipe)
    assert f"bands = {step.bands}\nrows = {step.rows}\n" in shown
    assert f'shingles = {{ unit = "{step.shingles.unit}", size = {step.shingles.size} }}' in shown
    assert parse_recipe(shown, base=".") == recipe


def test_guesses_are_called_guesses() -> None:
    assert make().caveat() is None
    assert "guesses" in str(make(verify=False).caveat())


def test_key_pages_tell_where_presets_come_from() -> None:
    page = key_pages()["minhash_dedup.preset"]
    for name, preset in PRESETS.items():
        assert f"`{name}` {preset.banding.bands} x {preset.banding.rows} of" in page.description
    assert key_pages()["minhash_dedup.bands"].default == "14"
    assert key_pages()["minhash_dedup.max_cluster_fraction"].effect == "a limit: a change recomputes nothing"


SHARES = st.floats(min_value=0.05, max_value=1.0)
RECALLS = st.floats(min_value=0.0, max_value=0.999)


def reaches(bands: int, rows: int, similarity: float, recall: float) -> bool:
    return Banding(bands=bands, rows=rows).found(similarity) >= recall


@settings(max_examples=60, deadline=None)
@given(SHARES, RECALLS)
def test_derived_bands_and_rows_are_those_of_a_search_through_all_pairs(
    similarity: float, recall: float
) -> None:
    every = [
        (rows, bands)
        for rows in range(1, DERIVED_MINIMA + 1)
        if rows <= MAX_ROWS
        for bands in range(1, DERIVED_MINIMA // rows + 1)
        if reaches(bands, rows, similarity, recall)
    ]
    found = derive_banding(similarity, recall)
    if every:
        most_rows = max(rows for rows, _ in every)
        fewest = min(bands for rows, bands in every if rows == most_rows)
        assert found == Banding(bands=fewest, rows=most_rows)
    else:
        wanted = (bands for bands in range(1, MAX_BANDS + 1) if reaches(bands, 1, similarity, recall))
        first = next(wanted, None)
        assert found == (None if first is None else Banding(bands=first, rows=1))


@settings(max_examples=60, deadline=None)
@given(SHARES, RECALLS, st.integers(1, 40))
def test_one_of_the_two_derived_from_the_other(similarity: float, recall: float, given_number: int) -> None:
    by_rows = derive_banding(similarity, recall, rows=given_number)
    wanted = (
        bands
        for bands in range(1, MAX_BANDS + 1)
        if bands * given_number <= MAX_MINIMA and reaches(bands, given_number, similarity, recall)
    )
    first = next(wanted, None)
    assert by_rows == (None if first is None else Banding(bands=first, rows=given_number))
    by_bands = derive_banding(similarity, recall, bands=given_number)
    rows = [number for number in range(1, MAX_ROWS + 1) if reaches(given_number, number, similarity, recall)]
    allowed = [number for number in rows if number * given_number <= MAX_MINIMA]
    assert by_bands == (Banding(bands=given_number, rows=max(allowed)) if allowed else None)


def test_validation_of_a_step_by_itself_names_the_key() -> None:
    with pytest.raises(ValidationError, match="verifies none"):
        make(verify=False, measure="containment")
