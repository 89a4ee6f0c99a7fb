from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
from shard_fixture import Made, made_documents, write_run
from torch.utils.data import DataLoader

from gristmill.errors import GristmillError
from gristmill.loader import Loader
from gristmill.loader.torch_data import PackedDataset, read_ahead, to_tensors
from gristmill.shards import open_shards

OPTIONS = {"sequence_length": 32, "seed": 5, "batch_rows": 3}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run(tmp_path, made_documents(301, longest=60))


def flat(batch) -> tuple:
    get = batch.get if isinstance(batch, dict) else lambda name: getattr(batch, name)
    names = ("tokens", "positions", "targets", "bounds", "table")
    return (get("global_rows"), *(get(name).tolist() for name in names))


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("num_workers", [0, 1, 2, 3])
@pytest.mark.parametrize(("rank", "num_ranks"), [(0, 1), (1, 2)])
def test_batches_are_the_same_for_any_number_of_workers(
    folder: Path, num_workers: int, rank: int, num_ranks: int
) -> None:
    shards = open_shards(folder)
    options = {**OPTIONS, "rank": rank, "num_ranks": num_ranks}
    expected = [flat(batch) for batch in Loader(shards, **options)]
    dataset = PackedDataset(shards, options)
    found = [flat(batch) for batch in DataLoader(dataset, batch_size=None, num_workers=num_workers)]
    assert len(found) > 20
    assert [batch[1:] for batch in found] == [batch[1:] for batch in expected]
    assert [batch[0] for batch in found] == [batch[0] for batch in expected]


def test_a_data_set_resumes_by_what_was_used_not_by_what_was_made(folder: Path) -> None:
    shards = open_shards(folder)
    expected = [flat(batch) for batch in Loader(shards, **OPTIONS)]
    dataset = PackedDataset(shards, OPTIONS)
    batches = iter(DataLoader(dataset, batch_size=None, num_workers=2, prefetch_factor=4))
    used = [next(batches) for _ in range(7)]
    state = dataset.state_at(used[-1]["global_rows"])
    del batches
    again = PackedDataset(shards, {**OPTIONS, "state": state})
    found = [flat(batch) for batch in DataLoader(again, batch_size=None, num_workers=1)]
    assert found == expected[7:]


def test_settings_are_checked_before_workers_start(folder: Path) -> None:
    with pytest.raises(GristmillError) as error:
        PackedDataset(open_shards(folder), {**OPTIONS, "batch_rows": 0})
    assert error.value.code == "GM-LOADER-008"


@pytest.mark.parametrize("depth", [1, 3])
def test_reading_ahead_gives_the_same_batches(folder: Path, depth: int) -> None:
    shards = open_shards(folder)
    expected = [flat(to_tensors(batch)) for batch in Loader(shards, **OPTIONS)]
    loader = Loader(shards, **OPTIONS)
    kept = list(read_ahead(loader, "cpu", depth=depth))
    assert [flat(batch) for batch in kept] == expected
    state = loader.state_at(kept[4].global_rows)
    again = Loader(shards, **OPTIONS, state=state)
    assert [flat(to_tensors(batch)) for batch in again] == expected[5:]


def test_leaving_the_loop_ends_the_thread(folder: Path) -> None:
    ahead = read_ahead(Loader(open_shards(folder), **OPTIONS, num_epochs=None), "cpu")
    next(ahead)
    ahead.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "gristmill-read-ahead"]


def test_an_error_is_raised_where_its_batch_was_wanted(tmp_path: Path) -> None:
    write_run(tmp_path, [Made(tokens=[1, 2, 3], mask=[1])])
    with pytest.raises(GristmillError) as error:
        list(read_ahead(Loader(open_shards(tmp_path), **OPTIONS), "cpu"))
    assert error.value.code == "GM-SHARDS-006"


def test_padded_batches_have_the_shape_of_rows(folder: Path) -> None:
    batch = next(read_ahead(Loader(open_shards(folder), **OPTIONS, padding=0, dtype="int32"), "cpu"))
    assert batch.tokens.shape == batch.targets.shape == (3, 32)
    assert batch.tokens.dtype == batch.bounds.dtype == torch.int32
    assert int(batch.bounds[-1]) == 3 * 32


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_reading_ahead_to_a_gpu(folder: Path) -> None:
    shards = open_shards(folder)
    expected = [flat(to_tensors(batch)) for batch in Loader(shards, **OPTIONS)]
    found = read_ahead(Loader(shards, **OPTIONS), "cuda", depth=2)
    assert [flat(batch) for batch in found] == expected
