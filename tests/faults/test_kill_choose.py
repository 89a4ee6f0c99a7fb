"""kill -9 while documents are chosen: the same command continues and ends in the same bytes; damage is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.faults.killing import kill_after_every_task, kill_inside
from tests.support import prose

from gristmill.curate.run import curate
from gristmill.errors import GristmillError

RECIPE = """
[run]
output = "run"
partition_bytes = "64KiB"
scratch_memory = "128MiB"

[[source]]
name = "pages"
paths = ["pages-*.jsonl"]

[[step]]
use = "exact_dedup"

[[step]]
use = "select"
by = "importance"
target = ["target.txt"]
keep = { words = 9000 }
diversity = { ngram_words = 4, min_new = 0.2, expected_ngrams = 100000 }

[[step]]
use = "sample"
fraction = 0.5
by = "source"
"""


def write(folder: Path, pages: int) -> Path:
    """Write pages in two files, a target, and a recipe."""
    folder.mkdir()
    for half in range(2):
        rows = [json.dumps({"text": prose(number)}) + "\n" for number in range(half, pages, 2)]
        (folder / f"pages-{half}.jsonl").write_text("".join(rows), encoding="utf-8")
    (folder / "target.txt").write_text("the mill and the river\nflour of the valley\n", encoding="utf-8")
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    return recipe


def test_killed_after_every_task_and_resumed(tmp_path: Path) -> None:
    reference = curate(write(tmp_path / "reference", 200), workers=1).digest
    recipe = write(tmp_path / "killed", 200)
    kill_after_every_task(recipe, reference, workers=1, resumed_by=2, least=8)


@pytest.mark.parametrize("stage", ["scores", "choose"])
def test_killed_inside_a_task_and_resumed(stage: str, tmp_path: Path) -> None:
    reference = curate(write(tmp_path / "reference", 2000), workers=1).digest
    recipe = write(tmp_path / "killed", 2000)
    kill_inside(recipe, reference, stage)


def test_a_damaged_file_of_reasons_is_refused(tmp_path: Path) -> None:
    recipe = write(tmp_path / "run", 60)
    reference = curate(recipe, workers=1).digest
    run = recipe.parent / "run"
    files = (run / "work" / "data").glob("choose-*.choices.bin")
    damaged = next(file for file in sorted(files) if file.stat().st_size)
    content = bytearray(damaged.read_bytes())
    content[9] ^= 1
    damaged.write_bytes(content)
    for manifest in (run / "work" / "manifests").glob("tokenise-*"):
        manifest.unlink()
    with pytest.raises(GristmillError) as error:
        curate(recipe, workers=1)
    assert error.value.code == "GM-IO-003"
    damaged.unlink()
    assert curate(recipe, workers=1).digest == reference
