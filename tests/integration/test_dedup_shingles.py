"""What near-duplicate removal compares: words, characters, token ids; and a run that removes as datatrove does."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from tests.support import WORDS, write_tokenizer

from gristmill.curate.run import CuratedRun, curate

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def words(chance: random.Random, number: int) -> list[str]:
    """Return words of five letters."""
    return ["".join(chance.choices(LETTERS, k=5)) for _ in range(number)]


def run(folder: Path, texts: list[str], step: str, more: str = "") -> CuratedRun:
    """Curate the texts with one dedup step."""
    rows = (json.dumps({"id": str(row), "text": text}) for row, text in enumerate(texts))
    (folder / "texts.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    recipe = folder / "recipe.toml"
    recipe.write_text(
        '[run]\noutput = "run"\n[[source]]\nname = "texts"\npaths = ["texts.jsonl"]\nid = "id"\n'
        f'removal_budget = 1.0\n[[step]]\nuse = "minhash_dedup"\n{step}\n{more}',
        encoding="utf-8",
    )
    return curate(recipe, workers=1)


def gone(done: CuratedRun) -> dict[str, float | None]:
    """Return what was removed, with the similarity."""
    rows = done.rejects().select("id", "similarity").collect()
    return dict(rows.iter_rows())


@pytest.mark.parametrize(
    ("shingles", "more"),
    [
        ('{ unit = "word", size = 5 }', ""),
        ('{ unit = "character", size = 24 }', ""),
        ('{ unit = "token", size = 5 }', '[tokens]\ntokenizer = "tokenizer.json"\n'),
    ],
)
def test_a_copy_with_another_ending_goes_whatever_shingles_are_made_of(
    tmp_path: Path, shingles: str, more: str
) -> None:
    write_tokenizer(tmp_path / "tokenizer.json")
    chance = random.Random(5)
    # The tokenizer knows these words only.
    first, other = (chance.choices(sorted(set(WORDS)), k=300) for _ in range(2))
    texts = [" ".join([*first, "and", "so", "on"]), " ".join(first), " ".join(other)]
    found = gone(run(tmp_path, texts, f"shingles = {shingles}", more))
    assert list(found) == ["1"]
    similarity = found["1"]
    assert similarity is not None
    assert 0.95 < similarity < 1.0


def test_an_excerpt_goes_where_containment_is_asked_for(tmp_path: Path) -> None:
    chance = random.Random(6)
    whole = words(chance, 400)
    # Three quarters of it: a Jaccard similarity that the keys find, and below the threshold.
    texts = [" ".join(whole), " ".join(whole[:300])]
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    banding = "bands = 40\nrows = 4\nmin_similarity = 0.9"
    assert gone(run(tmp_path / "one", texts, banding)) == {}
    found = gone(run(tmp_path / "two", texts, f'{banding}\nmeasure = "containment"'))
    assert found == {"1": 1.0}


def test_without_verification_datatroves_clusters_go_but_for_their_root(tmp_path: Path) -> None:
    chance = random.Random(7)
    base = words(chance, 300)
    # A chain: each is like the one before, and the last nothing like the first.
    chain = [base]
    for step in range(6):
        chain.append(list(chain[-1]))
        chain[-1][50 * step : 50 * step + 20] = words(chance, 20)
    texts = [" ".join(text) for text in chain] + ["only four short words", "only four short words"]
    step = 'semantics = "datatrove"\nverify = false\nbands = 40\nrows = 3\nmax_cluster_fraction = 1.0'
    done = run(tmp_path, texts, step)
    found = gone(done)
    # All but one of the chain; documents below five tokens have no signature there.
    assert len(found) == len(chain) - 1
    assert set(found) < {str(number) for number in range(len(chain))}
    assert set(found.values()) == {None}
