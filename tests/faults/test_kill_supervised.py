"""kill -9 while conversations are rendered, tokenised and divided: the same command ends in the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.chats import conversation, write_lines, write_model, write_recipe
from tests.faults.test_kill_resume import start

from gristmill.curate.run import curate
from gristmill.curate.verify import verify_run


def write(folder: Path) -> Path:
    folder.mkdir()
    write_model(folder / "model")
    for part in ("a", "b"):
        rows = [
            {
                "id": f"{part}{n}",
                "tone": "ab"[n % 2],
                "messages": conversation(n, exchanges=1 + n % 4, system=True),
            }
            for n in range(40)
        ]
        write_lines(folder / f"{part}.jsonl", rows)
    return write_recipe(
        folder,
        'paths = ["?.jsonl"]\nmessages = "messages"',
        'max_tokens = 300\nchat = {}\nlabel = { field = "tone" }',
        '[[step]]\nuse = "exact_dedup"',
    ).rename(folder / "chat.toml")


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_while_turns_become_shards(workers: int, tmp_path: Path) -> None:
    recipe = write(tmp_path / "reference")
    # A task a file, so that there is something between the tasks.
    recipe.write_text(recipe.read_text().replace("seed = 7", "seed = 7\npartition_bytes = 1"))
    reference = curate(recipe, workers=1).digest
    killed = write(tmp_path / "killed")
    killed.write_text(recipe.read_text())
    deaths = 0
    for events in (2, 3, 5, 7):
        deaths += start(killed, workers, kill_after_events=events).wait(timeout=120) != 0
    assert deaths >= 2
    finished = curate(killed, workers=workers)
    assert finished.digest == reference
    assert verify_run(finished.path).ok
