from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shard_fixture import Made, made_documents, write_run

from gristmill.errors import GristmillError
from gristmill.loader import IGNORED, Ledger, Loader, LoaderState
from gristmill.shards import open_shards


def loader(folder: Path, **options) -> Loader:
    return Loader(open_shards(folder), **({"sequence_length": 16, "seed": 3} | options))


def flat(rows) -> list[tuple]:
    return [(r.pieces, r.tokens.tolist(), r.positions.tolist(), r.targets.tolist()) for r in rows]


def test_a_row_holds_tokens_restarting_positions_and_shifted_targets(tmp_path: Path) -> None:
    write_run(tmp_path, [Made(tokens=[10, 11, 12, 13]), Made(tokens=[20, 21, 22])])
    (row,) = loader(tmp_path, is_shuffled=False, sequence_length=8).take(5)
    assert row.tokens.tolist() == [10, 11, 12, 13, 20, 21, 22]
    assert row.positions.tolist() == [0, 1, 2, 3, 0, 1, 2]
    assert row.targets.tolist() == [11, 12, 13, IGNORED, 21, 22, IGNORED]
    assert row.num_trained == 5


def test_masks_are_runs_that_begin_untrained(tmp_path: Path) -> None:
    documents = [Made(tokens=[1, 2, 3, 4, 5, 6], mask=[2, 3, 1]), Made(tokens=[7, 8, 9], mask=[0, 2, 1])]
    write_run(tmp_path, documents)
    found = loader(tmp_path, is_shuffled=False)
    (row,) = found.take(1)
    ignored = IGNORED
    assert row.targets.tolist() == [ignored, 3, 4, 5, ignored, ignored, 8, ignored, ignored]
    assert (found.ledger.trained, found.ledger.masked, found.ledger.first) == (4, 3, 2)


def test_a_mask_survives_the_cutting_of_its_document(tmp_path: Path) -> None:
    tokens = list(range(1, 31))
    write_run(tmp_path, [Made(tokens=tokens, mask=[5, 20, 5])])
    rows = loader(tmp_path, sequence_length=8).take(50)
    trained = sorted(int(target) for row in rows for target in row.targets if target != IGNORED)
    assert trained == tokens[5:25]


@pytest.mark.parametrize("mask", [[1], [1, 2, 3], []])
def test_a_mask_of_another_length_is_refused(tmp_path: Path, mask: list[int]) -> None:
    write_run(tmp_path, [Made(tokens=[1, 2, 3], mask=mask)])
    with pytest.raises(GristmillError) as error:
        loader(tmp_path).take(1)
    assert error.value.code == "GM-SHARDS-006"


def test_the_ledger_closes_over_epochs_and_weights(tmp_path: Path) -> None:
    write_run(tmp_path, made_documents(101, longest=60))
    found = loader(tmp_path, num_epochs=2, weights={"books": 1.5, "web": 0.25})
    rows = found.take(10**6)
    ledger = found.ledger
    ledger.check_rows(16)
    ledger.check_targets()
    assert abs(ledger.documents - 2 * (0.25 * 51 + 50 + 25)) <= 2
    assert ledger.rows == len(rows)
    assert ledger.trained == sum(row.num_trained for row in rows)
    assert found.take(1) == []


@pytest.mark.parametrize(("name", "check"), [("read", "rows"), ("padded", "rows"), ("masked", "targets")])
def test_a_ledger_that_does_not_close_is_an_error(name: str, check: str) -> None:
    right = Ledger(read=9, placed=9, padded=7, rows=1, first=2, masked=3, trained=4)
    wrong = replace(right, **{name: getattr(right, name) + 1})
    right.check_rows(16)
    right.check_targets()
    with pytest.raises(GristmillError) as error:
        wrong.check_rows(16) if check == "rows" else wrong.check_targets()
    assert error.value.code == "GM-LOADER-003"


@pytest.mark.parametrize("stop", [0, 1, 17, 60, 100, 150])
def test_a_loader_continues_exactly_through_json(tmp_path: Path, stop: int) -> None:
    write_run(tmp_path, made_documents(101, longest=60))
    options = {"num_epochs": 3, "weights": {"web": 0.5}}
    whole = loader(tmp_path, **options)
    rows = whole.take(10**6)
    assert len(rows) > 150
    first = loader(tmp_path, **options)
    head = first.take(stop)
    saved = json.loads(json.dumps(first.state().to_json()))
    again = loader(tmp_path, **options, state=LoaderState.from_json(saved))
    assert flat(head + again.take(10**6)) == flat(rows)
    assert again.ledger == whole.ledger


def test_rows_are_counted_without_reading(tmp_path: Path) -> None:
    write_run(tmp_path, made_documents(101, longest=60))
    found = loader(tmp_path, num_epochs=None)
    one, two = (len(loader(tmp_path, num_epochs=number).take(10**6)) for number in (1, 2))
    assert found.count_rows(epochs=1) == one
    assert found.count_rows(epochs=2) == two
    assert found.count_rows(epochs=1.5) == one + -(-(two - one) // 2)
    by_tokens = found.count_rows(tokens=500)
    placed = np.cumsum([len(row.tokens) for row in found.take(by_tokens)])
    assert placed[-1] >= 500 > placed[-2]


def test_a_state_of_other_shards_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "a", made_documents(101))
    write_run(tmp_path / "b", made_documents(50))
    found = loader(tmp_path / "a")
    found.take(3)
    for options in ({"state": found.state(), "seed": 4}, {"state": found.state()}):
        with pytest.raises(GristmillError) as error:
            loader(tmp_path / "b", **options)
        assert error.value.code == "GM-LOADER-002"
    with pytest.raises(GristmillError) as error:
        LoaderState.from_json({"version": 2, "settings": {}})
    assert error.value.code == "GM-LOADER-002"


def test_a_state_of_another_version_is_refused() -> None:
    for state in ({"epoch": 0, "cursor": 5, "window": [[0, 0, 3]]}, {"version": 3}):
        with pytest.raises(GristmillError) as error:
            LoaderState.from_json(state)
        assert error.value.code == "GM-LOADER-006"


def test_a_state_that_was_tampered_with_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path, made_documents(101))
    found = loader(tmp_path)
    found.take(3)
    saved = found.state().to_json()
    plan = saved["plan"]
    for change in (
        {"window": [[101, 0, 1]]},
        {"window": [[0, 5, 5]]},
        {"window": [[0, 0, 1000]]},
        {"rest": [0, 1000]},
        {"streams": [[0, 5000]]},
        {"streams": []},
        {"placed_by_source": [1]},
    ):
        with pytest.raises(GristmillError) as error:
            loader(tmp_path, state=LoaderState.from_json(saved | {"plan": plan | change}))
        assert error.value.code == "GM-LOADER-002", change
    pending = plan | {"ledger": plan["ledger"] | {"pending": 0}}
    with pytest.raises(GristmillError) as error:
        loader(tmp_path, state=LoaderState.from_json(saved | {"plan": pending}))
    assert error.value.code == "GM-LOADER-003"


@pytest.mark.parametrize("weight", [-1.0, math.inf, math.nan])
def test_an_impossible_weight(tmp_path: Path, weight: float) -> None:
    write_run(tmp_path, made_documents(3))
    with pytest.raises(GristmillError) as error:
        loader(tmp_path, weights={"web": weight})
    assert error.value.code == "GM-LOADER-005"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"sequence_length": 1}, "GM-LOADER-004"),
        ({"batch_rows": 0}, "GM-LOADER-008"),
        ({"rank": 2, "num_ranks": 2}, "GM-LOADER-008"),
        ({"dtype": "float32"}, "GM-LOADER-008"),
        ({"targets": "all"}, "GM-LOADER-008"),
    ],
)
def test_settings_that_make_no_sense(tmp_path: Path, options, code: str) -> None:
    write_run(tmp_path, made_documents(3))
    with pytest.raises(GristmillError) as error:
        loader(tmp_path, **options)
    assert error.value.code == code


def test_without_shuffling_the_order_is_that_of_the_shards(tmp_path: Path) -> None:
    write_run(tmp_path, [Made(tokens=[number] * 16) for number in range(40)])
    rows = loader(tmp_path, is_shuffled=False).take(100)
    assert [row.tokens[0] for row in rows] == list(range(40))


def test_epochs_and_seeds_differ_and_repeat(tmp_path: Path) -> None:
    write_run(tmp_path, [Made(tokens=[number] * 16) for number in range(400)])

    def order(**options) -> list[int]:
        return [int(row.tokens[0]) for row in loader(tmp_path, **options).take(10**6)]

    two = order(num_epochs=2)
    assert two[:400] == order()
    assert sorted(two[:400]) == sorted(two[400:]) == list(range(400))
    assert two[:400] != two[400:]
    assert order(seed=4) != two[:400]
    assert abs(float(np.corrcoef(np.arange(400), two[:400])[0, 1])) < 0.2


@pytest.mark.parametrize("weights", [{}, {"web": 0.0, "books": 0.0}])
def test_nothing_to_read_is_refused(tmp_path: Path, weights: dict[str, float]) -> None:
    write_run(tmp_path, made_documents(10) if weights else [Made(tokens=[])])
    with pytest.raises(GristmillError) as error:
        loader(tmp_path, weights=weights)
    assert error.value.code == "GM-LOADER-001"


def test_the_loader_imports_no_torch() -> None:
    program = "import sys, gristmill.loader; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
