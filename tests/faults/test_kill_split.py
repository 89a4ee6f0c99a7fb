"""kill -9 while documents are split: the same command continues and ends in the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.faults.killing import kill_inside
from tests.splits import families, write

from gristmill.curate.run import curate

SPLIT = '[split]\nvalidation = 0.1\ntest = 0.1\ngroup_by = ["cluster", "customer"]\nstratify = "label"'
STAGES = ("split_keys", "split_group", "split_assign", "split_index", "split_prove")


@pytest.mark.parametrize("stage", STAGES)
def test_killed_inside_a_task_and_resumed(stage: str, tmp_path: Path) -> None:
    rows = [
        {**row, "customer": n // 2 if n % 20 < 2 else None, "label": n % 4}
        for n, row in enumerate(families(500))
    ]
    reference = curate(write(tmp_path / "reference", rows, SPLIT), workers=1).digest
    recipe = write(tmp_path / "killed", rows, SPLIT)
    kill_inside(recipe, reference, stage)
