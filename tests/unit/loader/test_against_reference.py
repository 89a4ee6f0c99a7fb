"""Rows are those of the slow, obvious loader: order, weights, mixture, packing, and every number in a row."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shard_fixture import Made, write_run

from gristmill.errors import GristmillError
from gristmill.loader import IGNORED, Loader, LoaderState, Mixing, Phase, build_row
from gristmill.shards import Shards, open_shards
from reference import Settings, rows_of

SOURCES = ("web", "books")


@st.composite
def corpora(draw) -> list[Made]:
    """Documents with masks, some empty, of one token, or longer than rows."""
    documents = []
    for length in draw(st.lists(st.integers(0, 70), min_size=1, max_size=150).filter(any)):
        tokens = [(length * 7 + place) % 64 for place in range(length)]
        mask = None
        if length and draw(st.integers(0, 3)) == 0:
            first = draw(st.integers(0, length))
            mask = [first, length - first]
        documents.append(Made(tokens=tokens, source=SOURCES[length * 13 % 2], mask=mask))
    return documents


mixings = st.builds(
    Mixing,
    shares=st.one_of(st.none(), st.just({"web": 1.0, "books": 3.0}), st.just({"books": 1.0})),
    temperature=st.sampled_from([1.0, 2.0, 1e9]),
    max_epochs=st.sampled_from([0.5, 1, 2.5, {"web": 1, "books": 2}]),
    schedule=st.one_of(st.just(()), st.just((Phase(at=0.3, shares={"web": 1.0}), Phase(at=0.6)))),
)


def reference_of(loader: Loader, shards: Shards, **options) -> Settings:
    blocks = [
        list(
            zip(
                batch.column("tokens").value_lengths().to_pylist(),
                batch.column("source").indices.to_pylist(),
                strict=True,
            )
        )
        for batch in shards._batches
    ]
    chosen = loader.state().settings
    return Settings(
        blocks=blocks,
        sequence_length=chosen["sequence_length"],
        seed=chosen["seed"],
        weights=chosen["weights"],
        is_shuffled=chosen["is_shuffled"],
        mixing=chosen["mixing"],
        **options,
    )


def flat(rows) -> list[tuple]:
    return [(r.pieces, r.tokens.tolist(), r.positions.tolist(), r.targets.tolist()) for r in rows]


@settings(deadline=None, max_examples=60)
@given(
    documents=corpora(),
    sequence_length=st.integers(2, 40),
    seed=st.integers(0, 5),
    num_epochs=st.integers(1, 3),
    is_shuffled=st.booleans(),
    weights=st.sampled_from([{}, {"web": 2.25}, {"web": 0.5, "books": 1.0}, {"books": 0.0}]),
    mixing=st.one_of(st.none(), mixings),
    is_narrow=st.booleans(),
    rows=st.integers(1, 9),
)
def test_rows_are_those_of_the_obvious_loader(
    documents, sequence_length, seed, num_epochs, is_shuffled, weights, mixing, is_narrow, rows
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_run(Path(folder), documents, rows=rows, is_narrow=is_narrow)
        shards = open_shards(folder)
        try:
            loader = Loader(
                shards,
                sequence_length=sequence_length,
                seed=seed,
                num_epochs=num_epochs,
                is_shuffled=is_shuffled,
                weights=weights,
                mixing=mixing,
                total_tokens=3 * shards.num_tokens,
            )
        except GristmillError as error:
            assert error.code in ("GM-LOADER-001", "GM-LOADER-007")  # noqa: PT017
            return
        expected = list(islice(rows_of(reference_of(loader, shards, num_epochs=num_epochs)), 300))
        found = loader.take(300)
        assert [row.pieces for row in found] == expected
        assert flat(found) == flat(build_row(shards, pieces) for pieces in expected)
        ledger = loader.ledger
        ledger.check_rows(sequence_length)
        ledger.check_targets()
        assert ledger.trained == sum(row.num_trained for row in found)


@settings(deadline=None, max_examples=40)
@given(
    documents=corpora(),
    sequence_length=st.integers(2, 40),
    stop=st.integers(0, 80),
    ranks=st.tuples(st.integers(1, 4), st.integers(1, 9)),
    mixing=st.one_of(st.none(), mixings),
)
def test_resuming_on_another_number_of_ranks_changes_no_row(
    documents, sequence_length, stop, ranks, mixing
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_run(Path(folder), documents)
        shards = open_shards(folder)
        options = {
            "sequence_length": sequence_length,
            "seed": 3,
            "num_epochs": 2,
            "mixing": mixing,
            "total_tokens": 2 * shards.num_tokens,
        }
        try:
            whole = Loader(shards, **options)
        except GristmillError as error:
            assert error.code in ("GM-LOADER-001", "GM-LOADER-007")  # noqa: PT017
            return
        expected = flat(whole.take(10**6))
        before, after = ranks
        found: list = [None] * len(expected)
        states = []
        for rank in range(before):
            loader = Loader(shards, **options, rank=rank, num_ranks=before)
            for number, row in enumerate(flat(loader.take(stop))):
                found[number * before + rank] = row
            states.append(json.dumps(loader.state().to_json()))
        assert len(set(states)) == 1
        base = LoaderState.from_json(json.loads(states[0]))
        assert base.rows == min(stop * before, len(expected))
        ends = []
        for rank in range(after):
            loader = Loader(shards, **options, rank=rank, num_ranks=after, state=base)
            for number, row in enumerate(flat(loader.take(10**6))):
                assert found[base.rows + number * after + rank] is None
                found[base.rows + number * after + rank] = row
            ends.append(loader.ledger)
        assert found == expected
        assert all(end == whole.ledger for end in ends)


@settings(deadline=None, max_examples=30)
@given(
    documents=corpora(),
    sequence_length=st.integers(2, 40),
    batch_rows=st.integers(1, 5),
    targets=st.sampled_from(["next", "labels", "mask", "none"]),
    dtype=st.sampled_from(["int64", "int32", "uint32", "uint16"]),
    padding=st.sampled_from([None, 63]),
    is_reused=st.booleans(),
)
def test_every_form_of_a_batch_holds_the_same(
    documents, sequence_length, batch_rows, targets, dtype, padding, is_reused
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_run(Path(folder), documents)
        shards = open_shards(folder)
        rows = iter(Loader(shards, sequence_length=sequence_length).take(10**6))
        loader = Loader(
            shards,
            sequence_length=sequence_length,
            batch_rows=batch_rows,
            targets=targets,
            dtype=dtype,
            padding=padding,
        )
        out = loader.new_arrays() if is_reused else None
        seen = 0
        while (batch := loader.next_batch(out=out)) is not None:
            assert batch.tokens.dtype == dtype
            tokens, positions = batch.tokens.reshape(-1), batch.positions.reshape(-1)
            found = None if batch.targets is None else batch.targets.reshape(-1)
            assert len(tokens) == len(positions) == batch.row_bounds[-1] == batch.bounds[-1]
            trained = 0
            for start, stop in zip(batch.row_bounds[:-1], batch.row_bounds[1:], strict=True):
                row = next(rows)
                used = len(row.tokens)
                assert tokens[start : start + used].tolist() == row.tokens.tolist()
                assert positions[start : start + used].tolist() == row.positions.tolist()
                assert stop - start == (used if padding is None else sequence_length)
                assert (tokens[start + used : stop] == 63).all()
                assert positions[start + used : stop].tolist() == list(range(stop - start - used))
                expected = np.append(row.targets, np.full(stop - start - used, IGNORED))
                if targets == "labels":
                    expected = np.append(IGNORED, expected[:-1])
                if targets == "mask":
                    expected = (expected != IGNORED).astype(np.uint8)
                if found is not None:
                    assert found[start:stop].tolist() == expected.tolist()
                trained += row.num_trained
            assert batch.num_trained == trained
            bounds = Counter(batch.bounds.tolist())
            place = 0
            for number, piece in enumerate(batch.pieces):
                row = int(batch.rows_of_pieces[number])
                place = max(place, int(batch.row_bounds[row]))
                assert bounds[place]
                place += piece.length
                assert bounds[place]
                document = shards.doc(piece.document)
                assert document.doc == batch.docs[number]
                assert document.source == shards.sources[batch.sources[number]]
            seen += batch.num_rows
        assert next(rows, None) is None
        assert seen == loader.global_rows


def test_the_order_is_fixed_for_good(tmp_path: Path) -> None:
    """Checkpoints rely on it: another order would make them repeat and miss documents."""
    write_run(tmp_path, [Made(tokens=[number] * 4) for number in range(12)], rows=3)
    rows = Loader(open_shards(tmp_path), sequence_length=4, seed=7).take(12)
    assert [int(row.tokens[0]) for row in rows] == [1, 11, 2, 9, 5, 3, 4, 10, 6, 7, 0, 8]


@pytest.mark.parametrize(
    ("median", "cap", "most"), [(330, 4096, 0.005), (600, 4096, 0.005), (600, 2048, 0.005), (200, 512, 0.02)]
)
def test_rows_are_full(tmp_path: Path, median: int, cap: int, most: float) -> None:
    """The bar is what an offline best-fit reaches on such lengths; padding to the longest fills a third."""
    rng = np.random.default_rng(5)
    lengths = np.maximum(1, rng.lognormal(np.log(median), 1.0, 20_000)).astype(np.int64)
    ids = np.arange(64).tolist() * (int(lengths.max()) // 64 + 1)
    write_run(tmp_path, [Made(tokens=ids[:length]) for length in lengths], rows=4096, num_shards=1)
    loader = Loader(open_shards(tmp_path), sequence_length=cap)
    loader.skip(10**9)
    ledger = loader.ledger
    assert ledger.padded / (ledger.rows * cap) < most
