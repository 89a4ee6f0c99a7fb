"""Several processes on a CPU: equal to one, resumed by others, and ended together when one of them fails."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import ranks
import torch
from shard_fixture import Made, write_run
from tiny import config as config_of

from gristmill.errors import GristmillError
from gristmill.shards import open_shards
from gristmill.train.distributed.launch import launch, num_processes
from gristmill.train.distributed.parallel import as_parallel
from gristmill.train.run import train

TOLERANCE = 1e-12
"""In float64: sums over ranks come in another order."""


def some_run(folder: Path) -> Path:
    chance = np.random.default_rng(3)
    documents = [
        Made(
            tokens=chance.integers(1, 60, chance.integers(5, 90)).tolist(),
            source=("web", "books")[number % 2],
        )
        for number in range(60)
    ]
    return write_run(folder, documents[:50], documents[50:])


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return some_run(tmp_path_factory.mktemp("ranks"))


def test_two_ranks_compute_what_one_does(run_dir: Path) -> None:
    """Whole copies and shards, all weights and adapters: gradients, losses, norms, weights, validation."""
    found = launch(ranks.all_ways, (run_dir,), size=2, answers={})
    assert isinstance(found, dict)
    assert len(found) == 4
    shards = open_shards(run_dir)
    for (method, dtype, sharding), many in found.items():
        made = ranks.make(method, torch.float64, ranks.CPU)
        one = ranks.steps(as_parallel(made), shards, ranks.rows_of(shards))
        where = f"{method}, {dtype}, {sharding}"
        bound = TOLERANCE
        np.testing.assert_allclose(many["losses"], one["losses"], rtol=bound, err_msg=where)
        np.testing.assert_allclose(many["norms"], one["norms"], rtol=bound, err_msg=where)
        assert many["validation"].loss == pytest.approx(one["validation"].loss, rel=bound), where
        for mine, theirs in zip(many["gradients"], one["gradients"], strict=True):
            for name, expected in theirs.items():
                scale = max(float(np.abs(expected).max()), 1e-6)
                np.testing.assert_allclose(
                    mine[name], expected, atol=bound * scale, rtol=0, err_msg=where + name
                )
        for mine, theirs in zip(many["pieces"], one["pieces"], strict=True):
            assert [(p.row, p.doc, p.start, p.stop) for p in mine] == [
                (p.row, p.doc, p.start, p.stop) for p in theirs
            ]


def test_a_step_that_is_not_finite_on_one_rank_is_skipped_on_all(run_dir: Path) -> None:
    assert launch(ranks.one_is_not_finite, (run_dir,), size=2, answers={}) == [True, True, False]


def test_rank_0_speaks_with_the_caller() -> None:
    answer, members, process = launch(
        ranks.talks, (21,), size=3, answers={"twice": lambda number: 2 * number}
    )
    assert answer == 42
    assert members == [0, 1, 2]
    assert process != os.getpid()


@pytest.mark.parametrize(
    ("how", "code"),
    [("killed", "GM-TRAIN-041"), ("exit", "GM-TRAIN-041"), ("error", "GM-TRAIN-007")],
)
def test_one_failure_ends_all_and_is_named(how: str, code: str) -> None:
    with pytest.raises(GristmillError) as raised:
        launch(ranks.fails, (how,), size=2, answers={})
    assert raised.value.code == code


def test_a_bug_on_one_rank_comes_out_as_it_is() -> None:
    with pytest.raises(LookupError, match="a bug"):
        launch(ranks.fails, ("bug",), size=2, answers={})


def test_nothing_is_left_when_the_caller_is_interrupted() -> None:
    found: list[int] = []

    def here(number: int) -> None:
        found.append(number)
        raise KeyboardInterrupt

    with ranks.no_processes_left(found), pytest.raises(KeyboardInterrupt):
        launch(ranks.hangs, (), size=2, answers={"here": here})
    assert found


def losses(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def seen(folder: Path) -> list[tuple[int, int, int, int, int]]:
    table = pq.read_table(folder / "batches")
    columns = [table.column(name).to_pylist() for name in ("step", "row", "doc", "start", "stop")]
    return sorted(zip(*columns, strict=True))


def test_any_number_of_processes_continues_what_another_began(run_dir: Path, tmp_path: Path) -> None:
    """The same documents in the same steps, the same losses but for rounding, and the same files at the end."""
    settings = config_of(
        sequence_length=64,
        batch_tokens=256,
        steps=9,
        checkpoint_every_steps=3,
        eval_every_steps=3,
        patience=9,
    )
    alone = train(settings, run_dir, on_event=lambda _: None, folder=tmp_path / "alone", processes=1)
    asked = iter([False, False, True, False, False, True, *[False] * 9])
    folder = tmp_path / "many"
    for processes in (2, 1, 2):
        result = train(
            settings,
            run_dir,
            on_event=lambda _: None,
            should_stop=lambda: next(asked),
            folder=folder,
            processes=processes,
        )
    assert result.is_complete
    assert seen(folder) == seen(tmp_path / "alone")
    np.testing.assert_allclose(losses(folder), losses(tmp_path / "alone"), rtol=1e-4)
    assert result.ledger == alone.ledger
    assert (folder / "model/model.safetensors").is_file()
    assert not list(folder.glob("**/rank-*"))


def test_shards_of_a_model_are_exported_whole(run_dir: Path, tmp_path: Path) -> None:
    settings = config_of(sequence_length=64, batch_tokens=256, steps=2)
    from dataclasses import replace

    from safetensors.torch import load_file

    whole = train(settings, run_dir, on_event=lambda _: None, folder=tmp_path / "one", processes=1)
    cut = train(
        replace(settings, sharding="fsdp"),
        run_dir,
        on_event=lambda _: None,
        folder=tmp_path / "two",
        processes=2,
    )
    assert whole.model is not None
    assert cut.model is not None
    expected, found = (load_file(one.model / "model.safetensors") for one in (whole, cut))
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("number", [0, -1])
def test_a_number_of_processes_that_is_none(number: int) -> None:
    with pytest.raises(GristmillError, match="at least 1"):
        num_processes(number)


def test_a_rank_that_is_killed_leaves_a_training_that_continues(run_dir: Path, tmp_path: Path) -> None:
    """SIGKILL for rank 1 in the middle: all end, nothing hangs, and the same call goes on from the checkpoint."""
    settings = config_of(sequence_length=64, batch_tokens=256, steps=60, checkpoint_every_steps=2)
    folder, killed = tmp_path / "train", threading.Event()

    def kill_one(event: object) -> None:
        assert isinstance(event, dict)
        if event["done"] < 4 or killed.is_set():
            return
        killed.set()
        # Ranks are children of the server of processes, which is a child of this one.
        found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        ranks_alive = [number for number in found if parent_of(parent_of(number)) == os.getpid()]
        os.kill(max(ranks_alive), 9)

    started = time.monotonic()
    with pytest.raises(GristmillError) as raised:
        train(settings, run_dir, on_event=kill_one, folder=folder, processes=2)
    assert raised.value.code in ("GM-TRAIN-041", "GM-TRAIN-042")
    assert time.monotonic() - started < 120
    events: list[str] = []
    asked = iter([True])
    result = train(
        settings,
        run_dir,
        on_event=lambda event: events.append(str(event["message"])),
        should_stop=lambda: next(asked, True),
        folder=folder,
        processes=1,
    )
    assert result.steps >= 3
    assert any("continuing after step" in message for message in events)


def parent_of(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
