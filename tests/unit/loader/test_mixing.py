from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from shard_fixture import Made, write_run

from gristmill.errors import GristmillError
from gristmill.loader import Loader, LoaderState, Mixing, Phase, unimax
from gristmill.shards import Shards, open_shards

NUM_DOCUMENTS = 3000


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    """Nine of ten documents are of the web, and books are five times as long."""
    rng = np.random.default_rng(4)
    ids = list(range(64)) * 100
    documents = []
    for number in range(NUM_DOCUMENTS):
        source = "books" if number % 10 == 0 else "web"
        median = 500 if source == "books" else 100
        length = int(min(4000, max(1, rng.lognormal(math.log(median), 1.0))))
        documents.append(Made(tokens=ids[:length], source=source))
    folder = tmp_path_factory.mktemp("mixed")
    return open_shards(write_run(folder, documents, rows=64))


def mixed(shards: Shards, mixing: Mixing, **options) -> Loader:
    return Loader(shards, **({"sequence_length": 512, "seed": 1} | options), mixing=mixing)


def shares_of(placed: dict[str, int]) -> dict[str, float]:
    whole = sum(placed.values())
    return {name: tokens / whole for name, tokens in placed.items()}


@pytest.mark.parametrize("books", [0.1, 0.5, 0.73, 0.99])
def test_shares_hold_within_half_a_percent(shards: Shards, books: float) -> None:
    loader = mixed(shards, Mixing(shares={"books": books, "web": 1 - books}))
    loader.skip(40_000)
    for _ in range(5):
        loader.skip(1000)
        assert shares_of(loader.placed_by_source)["books"] == pytest.approx(books, abs=0.005)


def test_temperatures_follow_their_formula(shards: Shards) -> None:
    natural = shares_of(dict(zip(shards.sources, tokens_by_source(shards), strict=True)))
    for temperature, weights in [(1.0, {}), (3.0, {}), (1e9, {}), (1.0, {"books": 2.0})]:
        raw = {name: weights.get(name, 1.0) * share ** (1 / temperature) for name, share in natural.items()}
        expected = {name: value / sum(raw.values()) for name, value in raw.items()}
        loader = mixed(shards, Mixing(temperature=temperature), weights=weights)
        loader.skip(40_000)
        assert shares_of(loader.placed_by_source) == pytest.approx(expected, abs=0.005)


def tokens_by_source(shards: Shards) -> list[int]:
    lengths, sources = shards.lengths().to_numpy(), shards.source_indices().to_numpy()
    return [int(lengths[sources == source].sum()) for source in range(len(shards.sources))]


def test_a_source_at_its_cap_leaves_and_every_epoch_of_it_was_whole(shards: Shards) -> None:
    loader = mixed(shards, Mixing(temperature=1e9, max_epochs={"books": 2}))
    tokens = dict(zip(shards.sources, tokens_by_source(shards), strict=True))
    loader.skip(5 * sum(tokens.values()) // 512)
    placed = loader.placed_by_source
    ledger = loader.ledger
    assert placed["books"] - 2 * tokens["books"] == pytest.approx(0, abs=ledger.repeated)
    assert placed["books"] >= 2 * tokens["books"]
    assert placed["web"] > 2 * tokens["web"]


def test_a_mixture_whose_sources_are_all_capped_ends(shards: Shards) -> None:
    loader = mixed(shards, Mixing(shares={"web": 1, "books": 1}, max_epochs=1.5), num_epochs=None)
    counts: dict[int, int] = {}
    for batch in loader:
        for document, start in zip(batch.documents.tolist(), batch.starts.tolist(), strict=True):
            counts[document] = counts.get(document, 0) + (start == 0)
    assert set(counts.values()) == {1, 2}
    assert loader.ledger.pending == 0
    assert loader.ledger.documents == sum(counts.values()) == math.ceil(1.5 * 2700) + 450


def test_phases_begin_at_their_fraction(shards: Shards) -> None:
    total = 20_000_000
    mixing = Mixing(
        shares={"web": 1},
        schedule=(Phase(at=0.25, shares={"web": 1, "books": 1}), Phase(at=0.75, shares={"books": 1})),
    )
    loader = mixed(shards, mixing, total_tokens=total)
    marks = []
    for fraction in (0.24, 0.26, 0.74, 0.78, 1.0):
        loader.skip(round(fraction * total / 512) - loader.global_rows)
        marks.append(dict(loader.placed_by_source))
    added = [
        {name: after[name] - before[name] for name in after} for before, after in itertools.pairwise(marks)
    ]
    assert marks[0]["books"] == 0
    assert shares_of(added[1])["books"] == pytest.approx(0.5, abs=0.005)
    assert shares_of(added[3])["web"] == 0


def test_a_mixture_continues_in_every_part(shards: Shards) -> None:
    mixing = Mixing(shares={"web": 3, "books": 1}, max_epochs=2, schedule=(Phase(at=0.4, temperature=2.0),))
    options = {"total_tokens": 1_500_000, "num_epochs": None}
    whole = mixed(shards, mixing, **options)
    rows = [row.pieces for row in whole.take(10**6)]
    for stop in range(0, len(rows), 301):
        first = mixed(shards, mixing, **options)
        first.skip(stop)
        saved = json.loads(json.dumps(first.state().to_json()))
        again = mixed(shards, mixing, **options, state=LoaderState.from_json(saved))
        assert [row.pieces for row in again.take(150)] == rows[stop : stop + 150]
        assert first.state_at(stop) == first.state()


def test_another_mixture_is_no_continuation(shards: Shards) -> None:
    state = mixed(shards, Mixing(shares={"web": 1})).state()
    for mixing in (Mixing(shares={"web": 1, "books": 1}), Mixing(shares={"web": 1}, max_epochs=3)):
        with pytest.raises(GristmillError) as error:
            mixed(shards, mixing, state=state)
        assert error.value.code == "GM-LOADER-002"


def test_rows_of_a_mixture_are_counted(shards: Shards) -> None:
    loader = mixed(shards, Mixing(shares={"web": 1, "books": 1}))
    number = loader.count_rows(tokens=100_000)
    loader.skip(number)
    assert loader.ledger.placed >= 100_000 > loader.ledger.placed - 512
    assert loader.count_rows(epochs=0.5) == pytest.approx(shards.num_tokens / 2 / 512, rel=0.01)


@pytest.mark.parametrize(
    "make",
    [
        lambda _: Mixing(shares={"web": -1}),
        lambda _: Mixing(shares={"web": 0}),
        lambda _: Mixing(temperature=0.5),
        lambda _: Mixing(max_epochs=0),
        lambda _: Mixing(schedule=(Phase(at=0.5), Phase(at=0.2))),
        lambda _: Mixing(schedule=(Phase(at=0.0),)),
        lambda shards: mixed(shards, Mixing(shares={"wbe": 1})),
        lambda shards: mixed(shards, Mixing(max_epochs={"wbe": 1})),
        lambda shards: mixed(shards, Mixing(schedule=(Phase(at=0.5),))),
        lambda shards: mixed(shards, Mixing(), weights={"web": 0, "books": 0}),
    ],
)
def test_a_mixture_that_makes_no_sense(shards: Shards, make) -> None:
    with pytest.raises(GristmillError) as error:
        make(shards)
    assert error.value.code == "GM-LOADER-007"


def test_unimax_is_as_even_as_the_cap_allows() -> None:
    tokens = {"a": 1000, "b": 50, "c": 400}
    assert unimax(tokens, total_tokens=300, max_epochs=4) == pytest.approx(
        {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}
    )
    found = unimax(tokens, total_tokens=2000, max_epochs=2)
    assert found == pytest.approx({"a": 0.55, "b": 0.05, "c": 0.4})
    assert unimax(tokens, total_tokens=10**9, max_epochs=1) == pytest.approx(
        {name: number / 1450 for name, number in tokens.items()}
    )
