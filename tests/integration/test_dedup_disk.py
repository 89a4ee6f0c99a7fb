"""The disk formula of the plan against the files that a run really leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.support import prose

from gristmill.curate.dry_run import DryRun
from gristmill.curate.footprint import PROMISED_BYTES, bytes_a_document
from gristmill.curate.plan import Plan, make_plan
from gristmill.curate.run import dry_run
from gristmill.recipe import load_recipe

NUM_DOCUMENTS = 400


def write(folder: Path, *, steps: str) -> Path:
    """Write documents of which each thirtieth is a copy, and each thirtieth a near copy, and a recipe."""
    texts = [prose(number) for number in range(NUM_DOCUMENTS)]
    for number in range(0, NUM_DOCUMENTS, 15):
        texts[number] = texts[3] if number % 30 else texts[number + 5] + " One more."
    lines = (json.dumps({"text": text}) for text in texts)
    (folder / "a.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    path = folder / "recipe.toml"
    path.write_text(
        f'[run]\noutput = "run"\n[[source]]\nname = "a"\npaths = ["a.jsonl"]\n{steps}', encoding="utf-8"
    )
    return path


def left(run: DryRun) -> Mapping[str, tuple[int, int]]:
    """Return rows and bytes of every committed file that is no table, by the name of its artefact."""
    found: dict[str, tuple[int, int]] = {}
    for path in (run.path / "work" / "manifests").glob("*.json"):
        manifest = json.loads(path.read_text())
        for name, artefact in manifest["outputs"].items():
            stage = path.name.partition("-")[0]
            name = "exact removals" if (stage, name) == ("exact", "removals") else name  # noqa: PLW2901
            rows, num_bytes = found.get(name, (0, 0))
            found[name] = (rows + artefact["rows"], num_bytes + artefact["bytes"])
    return found


@pytest.mark.parametrize("bands", [14, 3])
def test_files_take_what_the_formula_says(bands: int, tmp_path: Path) -> None:
    steps = f'[[step]]\nuse = "exact_dedup"\n[[step]]\nuse = "minhash_dedup"\nbands = {bands}\n'
    recipe = write(tmp_path, steps=steps)
    plan: Plan = make_plan(load_recipe(recipe))
    files = left(dry_run(recipe, workers=1))
    for cost in plan.file_costs():
        rows, num_bytes = files[cost.file]
        if cost.is_for_all:
            assert num_bytes == cost.num_bytes * NUM_DOCUMENTS, cost.file
        else:
            assert rows > 0, f"{cost.file}: the corpus proves nothing"
            assert num_bytes == cost.num_bytes * rows, cost.file
    binary = {
        name
        for name in files
        if name not in ("text", "signals", "edits", "carried", "unreadable", "decisions")
    }
    assert binary == {cost.file for cost in plan.file_costs()}, "a file that the formula does not know"
    if bands == 14:
        assert bytes_a_document(plan.file_costs()) == 238
        total = sum(files[cost.file][1] for cost in plan.file_costs())
        assert total <= PROMISED_BYTES * NUM_DOCUMENTS, (
            "a thirtieth of copies and one of near copies fit, too"
        )


def test_the_plan_shows_formulas_and_numbers(tmp_path: Path) -> None:
    shown = "\n".join(
        make_plan(load_recipe(write(tmp_path, steps='[[step]]\nuse = "minhash_dedup"\n'))).describe()
    )
    assert "index 48 + verdict 2 + bands 168 = 218 bytes a document" in shown
    assert "buckets 24 / key shared with a better one" in shown
    assert "of it 1 bit a document" in shown
    num_bytes = (tmp_path / "a.jsonl").stat().st_size
    assert f"about {-(-num_bytes // 3000):,} documents, if they have 3,000 bytes of input each" in shown


def test_a_plan_without_dedup_needs_no_memory_for_it(tmp_path: Path) -> None:
    shown = "\n".join(make_plan(load_recipe(write(tmp_path, steps=""))).describe())
    assert "index 48 + verdict 2 = 50 bytes a document" in shown
    assert "memory of a dedup task" not in shown
