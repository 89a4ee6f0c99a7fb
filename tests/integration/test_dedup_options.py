"""What a recipe can ask of near-duplicate removal, end to end on a few documents."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from tests.support import prose

from gristmill.curate.run import CuratedRun, curate
from gristmill.curate.verify import verify_run

WHOLE = prose(900, words=120)
TEXTS = {
    **{f"other-{number}": prose(number, words=120) for number in range(12)},
    "whole": WHOLE,
    "copy": WHOLE + " One more sentence.",
    "excerpt": " ".join(WHOLE.split()[:60]),
}


def run_with(folder: Path, lines: str) -> CuratedRun:
    rows = (json.dumps({"id": name, "text": text}) for name, text in TEXTS.items())
    (folder / "a.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    recipe = folder / "recipe.toml"
    recipe.write_text(
        '[run]\noutput = "run"\n[[source]]\nname = "a"\npaths = ["a.jsonl"]\nid = "id"\n'
        f'[[step]]\nuse = "minhash_dedup"\n{lines}\n',
        encoding="utf-8",
    )
    run = curate(recipe, workers=1)
    assert verify_run(run.path).ok
    return run


def gone(run: CuratedRun) -> dict[str, float | None]:
    """Return what went, with the similarity that is given as the reason."""
    rows = run.rejects().select("id", "similarity").collect()
    return dict(rows.iter_rows())


@pytest.mark.parametrize(
    "lines",
    [
        "",
        'preset = "fineweb"',
        'preset = "nemo"',
        'preset = "olmo"',
        "recall = 0.99",
        'shingles = { unit = "character", size = 9 }',
        'semantics = "datatrove"',
        'semantics = "datatrove"\npreset = "fineweb"\nmin_similarity = 0.7',
    ],
)
def test_the_copy_is_found_whatever_is_compared(lines: str, tmp_path: Path) -> None:
    run = run_with(tmp_path, lines)
    found = gone(run)
    assert set(found) == {"whole"}, "the longer one stays"
    similarity = found["whole"]
    assert similarity is not None
    assert 0.9 < similarity < 1.0
    [row] = run.rejects().collect().to_dicts()
    [step] = tomllib.loads((run.path / "recipe.toml").read_text())["step"]
    assert 1 <= row["shared_bands"] <= step["bands"]


@pytest.mark.parametrize("semantics", ["gristmill", "datatrove"])
def test_guesses_have_no_similarity(semantics: str, tmp_path: Path) -> None:
    run = run_with(tmp_path, f'semantics = "{semantics}"\nverify = false')
    assert set(gone(run).values()) == {None}
    assert len(gone(run)) == 1
    assert run.manifest["dedup"]["guessed"] == 1  # type: ignore[index]
    assert run.rejects().collect()["threshold"].to_list() == [None]


def test_an_excerpt_is_contained_in_what_it_is_taken_from(tmp_path: Path) -> None:
    # Keys of one minimum propose nearly every pair, so that only the measure decides.
    lines = "bands = 200\nrows = 1\nmin_similarity = 0.9\n"
    assert set(gone(run_with(tmp_path, lines))) == {"whole"}
    found = gone(run_with(tmp_path, lines + 'measure = "containment"'))
    assert set(found) == {"whole", "excerpt"}
    assert found["excerpt"] == 1.0


def test_derived_numbers_stand_in_the_effective_recipe(tmp_path: Path) -> None:
    run = run_with(tmp_path, "recall = 0.95")
    [step] = tomllib.loads((run.path / "recipe.toml").read_text())["step"]
    assert (step["bands"], step["rows"], step["recall"]) == (13, 7, 0.95)
    assert step["shingles"] == {"unit": "word", "size": 5}
