"""Near duplicates against an exact join: nothing below `min_similarity` goes, little above it stays.

The reference counts shared shingles in plain Python (`bench/known_pairs/exact_join.py`); no hash of the engine is in it.
"""

from __future__ import annotations

import importlib.util
import random
import string
import sys
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gristmill

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "examples" / "quickstart" / "corpus"
WORDS_A_TEXT = 400
DOCUMENTS_A_TEMPLATE = 20


def load(name: str) -> ModuleType:
    """Return a module of `bench/known_pairs`."""
    qualified = f"known_pairs_{name}"
    spec = importlib.util.spec_from_file_location(qualified, ROOT / "bench" / "known_pairs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    sys.modules[qualified] = module
    spec.loader.exec_module(module)
    return module


exact_join = load("exact_join")
families = load("families")
families.DOCUMENTS_A_TEMPLATE = DOCUMENTS_A_TEMPLATE


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Stretches of the ASCII texts that the repository ships, without those that share much (licences do)."""
    words: list[str] = []
    for path in sorted(CORPUS.iterdir()):
        for batch in gristmill.read(path):
            for text in batch.column("text").to_pylist():
                if text and text.isascii():
                    words += text.split()
    found = [
        " ".join(words[at : at + WORDS_A_TEXT]) for at in range(0, len(words) - WORDS_A_TEXT, WORDS_A_TEXT)
    ]
    alike = {right for _, right in exact_join.exact_join(found, 0.1)}
    different = [text for row, text in enumerate(found) if row not in alike]
    assert len(different) >= 110 + 2 * (DOCUMENTS_A_TEMPLATE + 1)
    return different


def removals(
    documents: list[str], min_similarity: float = 0.8, *, bands: int = 14, rows: int = 8
) -> dict[int, tuple[int, float]]:
    """Return for each removed document what it went for and the similarity that is given as the reason."""
    table = pa.table({"text": documents})
    found = gristmill.near_duplicates(table, min_similarity=min_similarity, bands=bands, rows=rows)
    reasons = zip(
        found.column("duplicate_of").to_pylist(), found.column("similarity").to_pylist(), strict=True
    )
    gone = {row: (kept, value) for row, (kept, value) in enumerate(reasons) if kept is not None}
    assert not {kept for kept, _ in gone.values()} & gone.keys(), "went for a document that goes itself"
    return gone


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("min_similarity", [0.5, 0.8, 0.9])
def test_every_removal_has_the_similarity_that_it_claims(
    texts: list[str], seed: int, min_similarity: float
) -> None:
    pool = random.Random(seed).sample(texts, len(texts))
    documents = [made.text for made in families.make(pool, num_families=110, num_templates=2, seed=seed)]
    gone = removals(documents, min_similarity)
    assert len(gone) > 50
    sets = [exact_join.shingles(document) for document in documents]
    for row, (kept, claimed) in gone.items():
        similarity = exact_join.jaccard(sets[row], sets[kept])
        assert similarity >= min_similarity - 1e-6
        assert claimed == pytest.approx(similarity, abs=1e-6)


def test_documents_with_a_partner_are_found(texts: list[str]) -> None:
    """0.97 and 0.92 are what 14 bands of 8 rows promise; over three seeds some 400 documents have a partner."""
    found, there = {0.85: 0, 0.8: 0}, {0.85: 0, 0.8: 0}
    for seed in (1, 2, 3):
        pool = random.Random(seed).sample(texts, len(texts))
        documents = [made.text for made in families.make(pool, num_families=110, num_templates=2, seed=seed)]
        pairs = exact_join.exact_join(documents, 0.8)
        clusters = gristmill.near_duplicates(pa.table({"text": documents})).column("cluster").to_pylist()
        for level in found:
            near = {row for pair, value in pairs.items() if value >= level for row in pair}
            there[level] += len(near)
            found[level] += sum(clusters[row] is not None for row in near)
    assert there[0.85] > 250
    assert found[0.85] >= 0.97 * there[0.85]
    assert found[0.8] >= 0.92 * there[0.8]


@pytest.mark.parametrize("seed", [1, 2])
def test_documents_that_share_a_template_all_stay(texts: list[str], seed: int) -> None:
    """A fifth to three fifths of each text is the template; the rest is its own."""
    pool = random.Random(seed).sample(texts, len(texts))
    documents = [made.text for made in families.make(pool, num_families=0, num_templates=5, seed=seed)]
    assert len(documents) == 5 * DOCUMENTS_A_TEMPLATE
    pairs = exact_join.exact_join(documents, 0.2)
    assert len(pairs) > 500, "the templates are what makes them alike"
    assert max(pairs.values()) < 0.8
    assert removals(documents) == {}
    # With bands so short that nearly all of them meet, only the texts tell them apart.
    assert removals(documents, bands=64, rows=2) == {}
    assert len(removals(documents, 0.2, bands=64, rows=2)) > 20


def test_one_template_of_thousands_of_documents(texts: list[str]) -> None:
    """The bucket of a template is far larger than what is retried in it; true pairs inside it are found all the same."""
    chance = random.Random(5)
    template = texts[0].split()[:60]
    distinct = [
        " ".join([*template, *("".join(chance.choices(string.ascii_lowercase, k=7)) for _ in range(40))])
        for _ in range(2500)
    ]
    copies = [f"{text} again" for text in distinct[::50]]
    gone = removals([*distinct, *copies])
    assert all(
        (row, kept) in {(50 * number, 2500 + number) for number in range(50)}
        for row, (kept, _) in gone.items()
    )
    assert len(gone) >= 48


PREFIX = ("Order", "shipped", "to", "the", "depot", "and", "signed", "for", "by", "our", "clerk")


@pytest.mark.parametrize("num_words", range(4, 13))
def test_short_records_with_a_common_prefix_all_stay(num_words: int) -> None:
    """One of at most 12 words differs, `Order #123 shipped`: they share at most 7 of 9 shingles."""
    chance = random.Random(num_words)
    words = PREFIX[: num_words - 1]
    numbers = chance.sample(range(10_000_000), 1000)
    for place in (1, num_words - 1):
        records = [" ".join([*words[:place], f"#{number}", *words[place:]]) for number in numbers]
        assert removals(records) == {}


def test_equal_short_records_go_whatever_their_marks_and_case() -> None:
    records = ["Order #123 shipped", "order 123, shipped!", "Order #124 shipped", "#1", "1", "...", "!!!"]
    assert set(removals(records)) == {0, 4}


WORDS = st.sampled_from(["mill", "stone", "grain", "Flour", "sack", "WHEEL"])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(WORDS, max_size=14), min_size=2, max_size=25),
    st.sampled_from([0.3, 0.5, 0.8, 1.0]),
)
def test_small_documents_of_few_words(documents: list[list[str]], min_similarity: float) -> None:
    texts = [" ".join(words) for words in documents]
    sets = [exact_join.shingles(text) for text in texts]
    gone = removals(texts, min_similarity)
    for row, (kept, _) in gone.items():
        assert texts[row] == texts[kept] or exact_join.jaccard(sets[row], sets[kept]) >= min_similarity - 1e-6
    kept_sets = [one for row, one in enumerate(sets) if one and row not in gone]
    assert len(set(kept_sets)) == len(kept_sets), "two documents of the same shingles both stayed"
