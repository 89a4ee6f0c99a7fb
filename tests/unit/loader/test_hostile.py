"""Corpora and settings at the edges: nothing is lost, doubled or waited for."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shard_fixture import Made, write_run

from gristmill._native import Session, TokenColumns
from gristmill.errors import GristmillError
from gristmill.loader import BatchArrays, Loader
from gristmill.shards import Shards, open_shards

CORPORA = {
    "one document": [Made(tokens=[5, 6, 7])],
    "one token": [Made(tokens=[5])],
    "mostly empty": [Made(tokens=[])] * 50 + [Made(tokens=[4, 5])] + [Made(tokens=[])] * 50,
    "documents of one token": [Made(tokens=[number % 64]) for number in range(300)],
    "longer than rows": [Made(tokens=list(range(64)) * 50)] * 3,
    "exactly a row": [Made(tokens=list(range(16)))] * 20,
    "one more than a row": [Made(tokens=list(range(17)))] * 20,
}


@pytest.mark.parametrize("name", CORPORA)
@pytest.mark.parametrize("num_ranks", [1, 3, 1000])
def test_every_prediction_is_made_once_an_epoch(tmp_path: Path, name: str, num_ranks: int) -> None:
    documents = CORPORA[name]
    write_run(tmp_path, documents)
    shards = open_shards(tmp_path)
    predicted: Counter[tuple[int, int]] = Counter()
    for rank in range(min(num_ranks, 10)):
        loader = Loader(shards, sequence_length=16, num_epochs=2, rank=rank, num_ranks=num_ranks)
        for batch in loader:
            for piece in batch.pieces:
                predicted.update((piece.document, place) for place in range(piece.start + 1, piece.stop))
        loader.ledger.check_rows(16)
    expected = Counter(
        {(d, p): 2 for d, document in enumerate(documents) for p in range(1, len(document.tokens))}
    )
    if num_ranks < 1000:
        assert predicted == expected
    else:
        assert predicted <= expected


def test_a_rank_without_rows_ends_at_once(tmp_path: Path) -> None:
    write_run(tmp_path, CORPORA["one document"])
    loader = Loader(open_shards(tmp_path), sequence_length=16, rank=7, num_ranks=8)
    assert loader.next_batch() is None
    assert loader.global_rows == 1


def test_a_last_batch_that_is_not_full_can_be_left_out(tmp_path: Path) -> None:
    write_run(tmp_path, CORPORA["exactly a row"])
    counts = []
    for rank in range(3):
        loader = Loader(
            open_shards(tmp_path),
            sequence_length=16,
            batch_rows=2,
            rank=rank,
            num_ranks=3,
            is_last_dropped=True,
        )
        counts.append([batch.num_rows for batch in loader])
    assert counts == [[2, 2, 2]] * 3


@pytest.mark.parametrize("fault", ["short", "read-only", "type", "shared", "strided"])
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, fault: str) -> None:
    write_run(tmp_path, CORPORA["exactly a row"])
    loader = Loader(open_shards(tmp_path), sequence_length=16, batch_rows=2)
    good = loader.new_arrays()
    tokens = good.tokens
    if fault == "short":
        tokens = tokens[:31]
    if fault == "read-only":
        tokens.flags.writeable = False
    if fault == "type":
        tokens = np.empty(32, np.float64)
    if fault == "shared":
        tokens = good.positions
    if fault == "strided":
        tokens = np.empty(64, np.int64)[::2]
    with pytest.raises((GristmillError, TypeError, ValueError, BufferError)):
        loader.next_batch(out=BatchArrays(tokens=tokens, positions=good.positions, targets=good.targets))


def test_wide_ids_do_not_go_into_narrow_arrays(tmp_path: Path) -> None:
    write_run(tmp_path, [Made(tokens=[5, 6])], is_narrow=False)
    with pytest.raises(GristmillError) as error:
        Loader(open_shards(tmp_path), sequence_length=16, dtype="uint16").next_batch()
    assert error.value.code == "GM-LOADER-008"


def test_labels_are_carried(tmp_path: Path) -> None:
    write_run(tmp_path, [Made(tokens=[5, 6, 7]), Made(tokens=[8, 9])], num_shards=1)
    path = tmp_path / "tokens/train/shard-00000.arrow"
    table = pa.ipc.open_file(path).read_all()
    table = table.append_column(pa.field("label", pa.int32()), pa.array([3, None], pa.int32()))
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    shards = open_shards(tmp_path, verify=False)
    batch = Loader(shards, sequence_length=16, is_shuffled=False).next_batch()
    assert batch.labels.tolist() == [3, -1]


def rewritten(folder: Path, **options) -> Shards:
    """Return the shards of a run after writing its first file again with other options."""
    path = folder / "tokens/train/shard-00000.arrow"
    table = pa.ipc.open_file(path).read_all()
    with (
        pa.OSFile(str(path), "wb") as sink,
        pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer,
    ):
        writer.write_table(table)
    return open_shards(folder, verify=False)


def test_a_compressed_shard_is_refused_because_it_cannot_be_mapped(tmp_path: Path) -> None:
    write_run(tmp_path, [Made(tokens=list(range(64)) * 20)] * 20)
    with pytest.raises(GristmillError) as error:
        Loader(rewritten(tmp_path, compression="zstd"), sequence_length=16)
    assert error.value.code == "GM-SHARDS-005"


@settings(deadline=None, max_examples=200)
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_file_is_refused_or_read_within_its_bounds(place: float, value: int, cut: bool) -> None:
    content = shard_bytes()
    at = int(place * len(content))
    damaged = content[:at] if cut else content[:at] + bytes([value]) + content[at + 1 :]
    try:
        session = Session()
        columns = TokenColumns([pa.array(np.frombuffer(damaged, np.uint8))], 2, session)
        columns.count_sources(session)
    except GristmillError as error:
        assert error.code.startswith("GM-SHARDS-")  # noqa: PT017
    except RuntimeError as error:
        # The Arrow library gives up by a panic on some damage; it is caught. pyarrow, which opens files first, refuses.
        assert str(error).startswith("a fault inside gristmill")  # noqa: PT017


@cache
def shard_bytes() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write_run(Path(folder), [Made(tokens=[1, 2, 3], mask=[1, 2])] * 9, num_shards=1, rows=4)
        return Path(folder, "tokens/train/shard-00000.arrow").read_bytes()


@pytest.mark.slow
def test_memory_does_not_grow_with_documents(tmp_path: Path) -> None:
    """Two hundred thousand documents: an index of 8 bytes each would already show."""
    documents = [Made(tokens=[1, 2])] * 200_000
    write_run(tmp_path, documents, rows=4096)
    shards = open_shards(tmp_path)
    before = anonymous_bytes()
    loader = Loader(shards, sequence_length=64)
    loader.skip(2000)
    assert anonymous_bytes() - before < 1_600_000


def anonymous_bytes() -> int:
    for line in Path(f"/proc/{os.getpid()}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    pytest.skip("no RssAnon here")
