"""kill -9 while spans are found and cut: the same command continues and ends in the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.faults.killing import kill_after_every_task, kill_inside
from tests.support import prose

from gristmill.curate.run import curate

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
name = "lines"
unit = "line"
normalise = "words"

[[step]]
use = "bloom_dedup"
ngram_words = 5
expected_ngrams = 200000

[[step]]
use = "exact_dedup"

[[step]]
use = "minhash_dedup"
"""
STAGES = ("units", "copies", "bloom", "cut")


def write(folder: Path, pages: int) -> Path:
    """Write pages that share lines, in two files, and a recipe."""
    folder.mkdir()
    for half in range(2):
        rows = []
        for number in range(half, pages, 2):
            lines = [prose(number), prose(number % 7, words=20), prose(number % 11, words=14)]
            rows.append(json.dumps({"text": "\n\n".join(lines)}) + "\n")
        (folder / f"pages-{half}.jsonl").write_text("".join(rows), encoding="utf-8")
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    return recipe


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_after_every_task_and_resumed(workers: int, tmp_path: Path) -> None:
    reference = curate(write(tmp_path / "reference", 40), workers=1).digest
    recipe = write(tmp_path / "killed", 40)
    kill_after_every_task(recipe, reference, workers=workers, resumed_by=workers, least=6)


@pytest.mark.parametrize("stage", STAGES)
def test_killed_inside_a_task_and_resumed(stage: str, tmp_path: Path) -> None:
    reference = curate(write(tmp_path / "reference", 3000), workers=1).digest
    recipe = write(tmp_path / "killed", 3000)
    kill_inside(recipe, reference, stage)
