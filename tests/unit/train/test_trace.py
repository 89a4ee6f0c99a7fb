"""Step to documents and batch, document to steps and checkpoints; and what documents cost."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file
from shard_fixture import Made, made_documents, write_run
from tiny import config, run_folder, trained

from gristmill.cli.main import main
from gristmill.errors import GristmillError
from gristmill.shards import open_shards
from gristmill.train.batches import collate
from gristmill.train.document_losses import DocumentLosses
from gristmill.train.records import BATCHES_SCHEMA, parts_of
from gristmill.train.run import train
from gristmill.train.trace import documents_of_step, exposure, open_trace, rebuild_step

POISON_EVERY = 25


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished training of two epochs, with documents longer than a row, over eleven checkpoints of which two stay."""
    folder = tmp_path_factory.mktemp("traced")
    write_run(
        folder, [*made_documents(40), *made_documents(4, longest=200, seed=5)], made_documents(6, seed=9)
    )
    trained(folder, epochs=2, checkpoint_every_steps=2)
    return folder


def all_pieces(run: Path) -> list[dict]:
    return pq.read_table(run / "train/batches").to_pylist()


def test_every_step_is_made_again_bit_for_bit(run: Path, tmp_path: Path) -> None:
    import torch

    trace = open_trace(run)
    digests = set()
    for step in range(1, trace.last_recorded + 1):
        rows, digest = rebuild_step(trace, step)
        digests.add(digest)
    assert len(digests) == trace.last_recorded
    assert main(["trace", str(run), "--step", "3", "--batch", str(tmp_path / "batch.safetensors"), "-q"]) == 0
    rows, _ = rebuild_step(trace, 3)
    found, batch = load_file(tmp_path / "batch.safetensors"), collate(rows, torch.device("cpu"))
    for name in ("tokens", "positions", "targets"):
        np.testing.assert_array_equal(found[name], getattr(batch, f"{name}_T").numpy())
    np.testing.assert_array_equal(found["bounds"], batch.bounds.numpy())


def test_a_changed_shard_is_noticed(tmp_path: Path) -> None:
    documents = made_documents(30)
    write_run(tmp_path, documents)
    trained(tmp_path, epochs=1)
    documents[4] = Made(tokens=[*documents[4].tokens[:-1], 63], source=documents[4].source)
    write_run(tmp_path, documents)
    trace = open_trace(tmp_path)
    [step] = exposure(trace, "doc", trace.shards.doc(4).doc)["steps"]
    with pytest.raises(GristmillError) as raised:
        rebuild_step(trace, step)
    assert raised.value.code == "GM-TRAIN-052"
    assert main(["trace", str(tmp_path), "--step", str(step), "--rebuild"]) == 1


def test_what_is_not_recorded_says_what_is(tmp_path: Path) -> None:
    with pytest.raises(GristmillError, match="no records") as raised:
        open_trace(tmp_path)
    assert raised.value.code == "GM-TRAIN-050"
    run_folder(tmp_path)
    trained(tmp_path, epochs=1, checkpoint_every_steps=4)
    *_, (first, _, last) = parts_of(tmp_path / "train/batches")
    last.unlink()  # what a kill after the last checkpoint leaves: metrics of steps without their pieces
    trace = open_trace(tmp_path)
    for step, message in (
        (first, "was done, but its documents are not recorded"),
        (999, "there is no step 999"),
    ):
        with pytest.raises(GristmillError, match=message) as raised:
            documents_of_step(trace, step)
        assert raised.value.code == "GM-TRAIN-051"
        assert f"steps 1 to {first - 1} are recorded" in raised.value.message


def test_a_document_is_found_in_exactly_the_steps_that_saw_it(run: Path) -> None:
    trace, pieces = open_trace(run), all_pieces(run)
    steps, tokens = defaultdict(set), defaultdict(int)
    for piece in pieces:
        steps[piece["doc"]].add(piece["step"])
        tokens[piece["doc"]] += piece["stop"] - piece["start"]
    assert len(steps) == 44
    for doc, expected in steps.items():
        found = exposure(trace, "doc", doc)
        assert found["steps"] == sorted(expected)
        assert found["tokens"] == tokens[doc]
        # A checkpoint saw a document if one of its steps came before it.
        assert [one["step"] for one in found["checkpoints"]] == [
            step for step in trace.checkpoints if min(expected) <= step
        ]
    assert sum(exposure(trace, "source", name)["pieces"] for name in ("web", "books")) == len(pieces)


def test_the_command_names_documents_steps_and_checkpoints(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", str(run), "--step", "2", "--json", "--rebuild"]) == 0
    step = json.loads(capsys.readouterr().out)
    assert step["batch"]["is_equal"]
    assert sum(one["trained_tokens"] for one in step["documents"]) == step["trained_tokens"]
    mean = sum(one["loss"] * one["trained_tokens"] for one in step["documents"]) / step["trained_tokens"]
    assert mean == pytest.approx(step["metric"]["loss"], rel=1e-12)
    chosen = step["documents"][0]
    assert chosen["raises"] == max(one["raises"] for one in step["documents"])
    for name in (str(chosen["doc"]), chosen["key"], chosen["key"][:12]):
        assert main(["trace", str(run), "--doc", name, "--json"]) == 0
        [document] = json.loads(capsys.readouterr().out)["documents"]
        assert document["key"] == chosen["key"]
        assert 2 in document["steps"]
        assert document["shards"][0]["shard"].startswith("tokens/train/")
    assert main(["trace", str(run), "--doc", "no such document"]) == 2
    assert main(["trace", str(run), "--source", "no such source"]) == 2
    assert "GM-TRAIN-053" in capsys.readouterr().err


def test_a_poisoned_document_comes_first_in_its_step(tmp_path: Path) -> None:
    """Each step that holds exactly one poisoned document is a trial."""
    chance = random.Random(1)
    documents = made_documents(700, num_ids=48, longest=40)
    poisoned = set(range(0, len(documents), POISON_EVERY))
    for number in poisoned:
        length = chance.randint(8, 40)
        documents[number] = Made(tokens=[chance.randrange(64) for _ in range(length)])
    write_run(tmp_path, documents)
    trained(tmp_path, epochs=2)
    trace = open_trace(tmp_path)
    bad = {trace.shards.doc(number).doc for number in poisoned}
    trials = hits = 0
    # The first tenth of the steps learns what a text is; before that everything is noise.
    for step in range(trace.last_recorded // 10, trace.last_recorded + 1):
        found = documents_of_step(trace, step)
        if sum(one["doc"] in bad for one in found) == 1:
            trials += 1
            hits += found[0]["doc"] in bad
    assert trials >= 25
    assert hits / trials >= 0.95


def expected_losses(run: Path) -> dict[int, tuple[int, float]]:
    sums: dict[int, list[float]] = defaultdict(lambda: [0, 0.0])
    for piece in all_pieces(run):
        sums[piece["doc"]][0] += piece["trained"]
        sums[piece["doc"]][1] += piece["loss"]
    return {doc: (trained, total / trained) for doc, (trained, total) in sums.items()}


def test_document_losses_are_the_means_over_their_pieces(run: Path) -> None:
    table = pq.read_table(run / "train/document_losses.parquet").to_pylist()
    expected = expected_losses(run)
    assert {row["doc"] for row in table} == set(expected)
    for row in table:
        trained_tokens, mean = expected[row["doc"]]
        assert row["tokens"] == trained_tokens
        assert row["loss"] == pytest.approx(mean, rel=1e-12)
        assert row["epochs"] == 2.0
    # It learns, so the second time costs less than the first; both together are the mean.
    assert np.mean([row["last_loss"] for row in table]) < np.mean([row["first_loss"] for row in table])
    for row in table:
        assert (row["first_loss"] + row["last_loss"]) / 2 == pytest.approx(row["loss"], rel=1e-9)


def test_document_losses_do_not_depend_on_checkpoints_or_stops(run: Path, tmp_path: Path) -> None:
    write_run(
        tmp_path, [*made_documents(40), *made_documents(4, longest=200, seed=5)], made_documents(6, seed=9)
    )
    asked = iter([False, False, True, *[False] * 99])
    settings = config(epochs=2, checkpoint_every_steps=5)
    stopped = train(settings, tmp_path, on_event=lambda _: None, should_stop=lambda: next(asked))
    assert not stopped.is_complete
    assert (tmp_path / "train/document_losses.parquet").exists()
    train(settings, tmp_path, on_event=lambda _: None)
    name = "train/document_losses.parquet"
    assert (tmp_path / name).read_bytes() == (run / name).read_bytes()


def test_pieces_of_a_skipped_step_are_not_in_the_losses(tmp_path: Path) -> None:
    shards = open_shards(write_run(tmp_path, made_documents(2)))
    losses = DocumentLosses(shards)
    whole = {"start": 0, "row": 0, "row_digest": bytes(16), "source": "web"}
    pieces = [
        {"step": step, "index": 0, "doc": 0, "key": bytes(16), "trained": 3, "loss": loss, **whole}
        | {"stop": len(shards.doc(0).tokens)}
        for step, loss in ((1, 6.0), (2, None), (3, 3.0))
    ]
    losses.add(pa.Table.from_pylist(pieces, BATCHES_SCHEMA))
    [row] = losses.table().to_pylist()
    assert (row["epochs"], row["tokens"], row["loss"]) == (3.0, 6, 1.5)
    assert (row["first_loss"], row["last_loss"]) == (2.0, 1.0)
