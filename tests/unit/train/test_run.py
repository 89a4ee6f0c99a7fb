from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from shard_fixture import Made, made_documents, write_run
from tiny import LLAMA, config, run_folder, trained

from gristmill.errors import GristmillError
from gristmill.loader import Loader
from gristmill.shards import open_shards
from gristmill.train import outcome, session
from gristmill.train.config import LoraConfig
from gristmill.train.records import rows_of_step
from gristmill.train.run import train


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def losses(folder: Path) -> list[object]:
    return [line["loss"] for line in lines(folder / "train/metrics.jsonl") if "loss" in line]


def test_training_learns_and_writes_what_it_promises(tmp_path: Path) -> None:
    events: list[dict[str, object]] = []
    result = trained(tmp_path, events.append, epochs=4, eval_every_steps=10)
    assert result.is_complete
    assert result.last_validation_loss < 0.7 * result.first_validation_loss
    folder = tmp_path / "train"
    assert {path.name for path in folder.iterdir()} == {
        "batches",
        "checkpoints",
        "document_losses.parquet",
        "lock",
        "metrics.jsonl",
        "model",
        "proof.json",
        "result.json",
        "timings.jsonl",
        "training.json",
    }
    steps = [line for line in lines(folder / "metrics.jsonl") if "loss" in line]
    assert [line["step"] for line in steps] == list(range(1, result.steps + 1))
    evaluated = [line["step"] for line in lines(folder / "metrics.jsonl") if "validation_loss" in line]
    assert evaluated == sorted({0, *range(10, result.steps, 10), result.steps})
    assert steps[-1]["trained_tokens"] == result.trained_tokens == result.ledger["trained"]
    assert steps[-1]["tokens"] == result.ledger["placed"]
    done = [event for event in events if "tokens_per_s" in event]
    assert [event["done"] for event in done] == list(range(1, result.steps + 1))
    assert all(event["stage"] == "train" and event["total"] == result.steps for event in done)
    assert done[-1]["seconds_left"] == 0


def test_four_epochs_see_every_token_four_times(tmp_path: Path) -> None:
    result = trained(tmp_path, epochs=4)
    shards = open_shards(tmp_path)
    assert result.ledger["read"] == 4 * shards.num_tokens
    assert result.trained_tokens == 4 * (shards.num_tokens - len(shards))
    seen = pq.read_table(tmp_path / "train/batches")
    assert len(seen) == 4 * len(shards)
    assert sorted(set(seen["doc"].to_pylist())) == sorted(document.doc for document in shards)
    assert seen["trained"].to_numpy().sum() == result.trained_tokens
    by_step = seen.group_by("step").aggregate([("loss", "sum"), ("trained", "sum")]).to_pylist()
    means = {row["step"]: row["loss_sum"] / row["trained_sum"] for row in by_step}
    for line in lines(tmp_path / "train/metrics.jsonl"):
        if "loss" in line:
            assert means[line["step"]] == pytest.approx(line["loss"], rel=1e-9)


@pytest.mark.parametrize("length", [{"steps": 3}, {"tokens": 700}, {"epochs": 0.5}])
def test_the_length_can_be_given_in_three_ways(tmp_path: Path, length) -> None:
    result = trained(tmp_path, **length)
    rows = result.ledger["rows"]
    if "steps" in length:
        assert (result.steps, rows) == (3, 12)
    elif "tokens" in length:
        assert 700 <= result.ledger["placed"] < 700 + 64
        assert result.steps == -(-rows // 4)
    else:
        whole = trained(tmp_path / "whole", epochs=1).ledger["rows"]
        assert rows == -(-whole // 2)


def test_a_finished_training_is_left_alone(tmp_path: Path) -> None:
    first = trained(tmp_path, steps=3)
    before = {
        path: path.stat().st_mtime_ns for path in (tmp_path / "train").rglob("*") if path.name != "lock"
    }
    events: list[dict[str, object]] = []
    again = trained(tmp_path, events.append, steps=3, checkpoint_every_steps=1, threads=None)
    assert again.was_finished
    assert "nothing to do" in str(events[-1]["message"])
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (again.steps, again.loss, again.ledger) == (first.steps, first.loss, first.ledger)
    assert (again.model, again.adapter) == (first.model, first.adapter)


def test_a_spoiled_export_is_made_again_without_training_again(tmp_path: Path) -> None:
    trained(tmp_path, steps=3)
    weights = tmp_path / "train/model/model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1])
    events: list[dict[str, object]] = []
    again = trained(tmp_path, events.append, steps=3)
    assert not again.was_finished
    assert not any("tokens_per_s" in event for event in events)
    assert weights.read_bytes() == content


@pytest.mark.parametrize("change", [{"learning_rate": 0.02}, {"seed": 1}, {"weights": {"web": 2.0}}])
def test_other_settings_start_anew(tmp_path: Path, change) -> None:
    trained(tmp_path, steps=3)
    first = losses(tmp_path)
    events: list[dict[str, object]] = []
    again = trained(tmp_path, events.append, steps=3, **change)
    assert not again.was_finished
    assert any("anew" in str(event["message"]) for event in events)
    assert len(losses(tmp_path)) == 3
    assert losses(tmp_path) != first


@pytest.mark.parametrize("split", ["train", "validation"])
def test_other_shards_start_anew(tmp_path: Path, split: str) -> None:
    trained(tmp_path, steps=3)
    splits = {"train": made_documents(60), "validation": made_documents(10, seed=9)}
    splits[split] = made_documents(30, seed=4)
    write_run(tmp_path, **splits)
    again = trained(tmp_path, steps=3)
    assert not again.was_finished
    seen = pq.read_table(tmp_path / "train/batches")["step"].to_pylist()
    assert sorted(set(seen)) == [1, 2, 3]


def test_another_model_in_the_folder_starts_anew(tmp_path: Path) -> None:
    base = trained(tmp_path / "base", steps=1).model
    trained(tmp_path / "run", steps=1, model=base)
    (base / "model.safetensors").write_bytes(
        (trained(tmp_path / "other", steps=2).model / "model.safetensors").read_bytes()
    )
    assert not trained(tmp_path / "run", steps=1, model=base).was_finished
    assert trained(tmp_path / "run", steps=1, model=base).was_finished


def test_two_runs_of_one_recipe_write_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        trained(tmp_path / name, epochs=2)
    one, other = (tmp_path / name / "train" for name in ("a", "b"))
    for name in ("metrics.jsonl", "model/model.safetensors", "training.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    assert pq.read_table(one / "batches").equals(pq.read_table(other / "batches"))


@pytest.mark.parametrize("method", ["full", "lora"])
def test_stopping_and_continuing_at_any_step_changes_no_bit(tmp_path: Path, method: str) -> None:
    """Stops after each step in turn, into the second epoch and with dropout, so every part of the state matters."""
    model: object = LLAMA
    if method == "lora":
        trained(tmp_path / "base", steps=2)
        model = tmp_path / "base/train/model"
    options = {"model": model, "method": method, "epochs": 2, "lora": LoraConfig(rank=4, dropout=0.2)}
    whole = trained(tmp_path / "whole", **options)
    run_folder(tmp_path / "parts")
    calls = 0
    while not (
        result := train(
            config(**options), tmp_path / "parts", on_event=lambda _: None, should_stop=lambda: True
        )
    ).is_complete:
        calls += 1
        assert result.steps == calls
    assert calls == whole.steps - 1
    one, other = tmp_path / "whole/train", tmp_path / "parts/train"
    assert one.joinpath("metrics.jsonl").read_bytes() == other.joinpath("metrics.jsonl").read_bytes()
    assert pq.read_table(one / "batches").equals(pq.read_table(other / "batches"))
    for name in ["model/model.safetensors"] + ["adapter/adapter_model.safetensors"] * (method == "lora"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_lines_beyond_the_checkpoint_are_dropped_on_resume(tmp_path: Path) -> None:
    options = {"steps": 9, "checkpoint_every_steps": 4}
    whole = trained(tmp_path / "whole", **options)
    folder = run_folder(tmp_path / "cut")

    def stop_hard(event) -> None:
        if event.get("done") == 7 and "tokens_per_s" in event:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config(**options), folder, on_event=stop_hard)
    assert len(losses(folder)) == 7
    with (folder / "train/metrics.jsonl").open("a") as file:
        file.write('{"step": 8, "lo')
    events: list[dict[str, object]] = []
    again = train(config(**options), folder, on_event=events.append)
    assert any("continuing after step 4" in str(event["message"]) for event in events)
    assert losses(folder) == losses(tmp_path / "whole")
    assert again.ledger == whole.ledger
    assert pq.read_table(folder / "train/batches").equals(pq.read_table(tmp_path / "whole/train/batches"))


def test_a_step_can_be_made_again_from_its_records(tmp_path: Path) -> None:
    result = trained(tmp_path, steps=7, weights={"web": 0.5})
    shards = open_shards(tmp_path)
    loader = Loader(shards, sequence_length=64, seed=0, num_epochs=None, weights={"web": 0.5})
    for step in range(1, result.steps + 1):
        expected, found = loader.take(4), rows_of_step(result.folder, shards, step)
        assert [row.pieces for row in found] == [row.pieces for row in expected]
        for one, other in zip(found, expected, strict=True):
            assert (one.tokens == other.tokens).all()
            assert (one.targets == other.targets).all()
            assert (one.positions == other.positions).all()
    assert rows_of_step(result.folder, shards, result.steps + 1) == []


def test_a_mixture_is_what_was_trained_on_and_continues(tmp_path: Path) -> None:
    options = {"steps": 12, "mixing": {"shares": {"books": 3.0, "web": 1.0}}}
    whole = trained(tmp_path / "whole", **options)
    run_folder(tmp_path / "parts")
    while not train(
        config(**options), tmp_path / "parts", on_event=lambda _: None, should_stop=lambda: True
    ).is_complete:
        pass
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    pieces = pq.read_table(whole.folder / "batches").to_pylist()
    shards = open_shards(tmp_path / "whole")
    tokens = {"books": 0, "web": 0}
    for piece in pieces:
        tokens[shards.doc(piece["index"]).source] += piece["stop"] - piece["start"]
    assert tokens["books"] > 2 * tokens["web"] > 0


def test_a_mixture_that_ends_before_the_training_says_so(tmp_path: Path) -> None:
    with pytest.raises(GristmillError) as error:
        trained(tmp_path, steps=1000, mixing={"max_epochs": 1})
    assert error.value.code == "GM-LOADER-007"


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def no_memory(*_, **__):
    raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory")


@pytest.mark.parametrize(
    ("where", "fault", "code"),
    [
        ((session, "save_checkpoint"), full_disk, "GM-IO-002"),
        ((outcome, "export_model"), full_disk, "GM-IO-002"),
        ((session, "train_step"), no_memory, "GM-TRAIN-015"),
    ],
)
def test_a_fault_of_the_machine_has_a_code_and_the_same_command_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where, fault, code: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(*where, fault)
        with pytest.raises(GristmillError) as error:
            trained(tmp_path, steps=3)
    assert error.value.code == code
    assert error.value.exit_code == 3
    assert trained(tmp_path, steps=3).is_complete


def test_another_number_of_threads_is_said_when_continuing(tmp_path: Path) -> None:
    run_folder(tmp_path)
    train(config(steps=3, threads=2), tmp_path, on_event=lambda _: None, should_stop=lambda: True)
    events: list[dict[str, object]] = []
    assert train(config(steps=3, threads=1), tmp_path, on_event=events.append).is_complete
    assert any("made with 2 threads" in str(event["message"]) for event in events)


def test_a_folder_that_holds_no_run_is_left_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(GristmillError) as error:
        train(config(), tmp_path / "typo", on_event=lambda _: None)
    assert error.value.code == "GM-SHARDS-001"
    assert not (tmp_path / "typo").exists()


def test_without_a_validation_split_its_loss_is_not_measured(tmp_path: Path) -> None:
    run_folder(tmp_path, num_validation=0)
    result = trained(tmp_path, steps=2)
    assert result.first_validation_loss is result.last_validation_loss is None
    assert not any("validation_loss" in line for line in lines(tmp_path / "train/metrics.jsonl"))


def test_a_training_that_diverges_stops_and_names_the_documents(tmp_path: Path) -> None:
    with pytest.raises(GristmillError) as error:
        trained(
            tmp_path, steps=30, learning_rate=1e30, clip_norm=None, max_skipped_steps=3, warmup_fraction=0.0
        )
    assert error.value.code == "GM-TRAIN-012"
    skipped = [line for line in lines(tmp_path / "train/metrics.jsonl") if line.get("skipped")]
    assert len(skipped) >= 3
    assert all(line["documents"] for line in skipped)


def test_a_second_process_on_the_folder_is_refused(tmp_path: Path) -> None:
    run_folder(tmp_path)

    def again(_) -> None:
        train(config(steps=2), tmp_path, on_event=lambda _: None)

    with pytest.raises(GristmillError) as error:
        train(config(steps=2), tmp_path, on_event=again)
    assert error.value.code == "GM-TRAIN-006"


@pytest.mark.parametrize(
    "change",
    [
        {"model": LLAMA | {"vocab_size": 63}},
        {"model": LLAMA | {"max_position_embeddings": 63}},
    ],
)
def test_a_model_that_does_not_fit_the_shards(tmp_path: Path, change) -> None:
    with pytest.raises(GristmillError) as error:
        trained(tmp_path, **change)
    assert error.value.code == "GM-TRAIN-008"


def test_adapters_on_random_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GristmillError) as error:
        trained(tmp_path, method="lora")
    assert error.value.code == "GM-TRAIN-009"


def test_a_long_document_is_trained_whole(tmp_path: Path) -> None:
    write_run(tmp_path, [Made(tokens=[n % 64 for n in range(1000)]), *made_documents(5)])
    result = trained(tmp_path)
    assert result.ledger["split"] == 1
    assert result.trained_tokens == open_shards(tmp_path).num_tokens - 6


def test_bf16_computes_and_keeps_weights_in_float32(tmp_path: Path) -> None:
    exact = trained(tmp_path / "fp32", epochs=2)
    rough = trained(tmp_path / "bf16", epochs=2, precision="bf16")
    assert rough.last_validation_loss != exact.last_validation_loss
    assert rough.last_validation_loss == pytest.approx(exact.last_validation_loss, rel=0.1)
    from safetensors.torch import load_file

    weights = load_file(tmp_path / "bf16/train/model/model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float32}


def rewrite(folder: Path, change: Callable[[dict[str, object]], object]) -> None:
    """Change the manifest of a run."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda manifest: manifest.pop("split"), "has no proof"),
        (lambda manifest: manifest["split"]["proof"].update(pairs=3), "3 pairs of similar documents"),
        (lambda manifest: manifest["split"]["documents"].update(validation=9), "its proof is about"),
    ],
)
def test_a_split_without_a_proof_is_not_trained_on_unless_asked(
    change: Callable[[dict[str, object]], object], words: str, tmp_path: Path
) -> None:
    run_folder(tmp_path)
    rewrite(tmp_path, change)
    with pytest.raises(GristmillError, match=words) as caught:
        trained(tmp_path, steps=1)
    assert caught.value.code == "GM-SPLIT-005"
    assert trained(tmp_path, steps=1, allow_unproven_split=True).is_complete


def test_where_nothing_is_held_out_nothing_has_to_be_proven(tmp_path: Path) -> None:
    run_folder(tmp_path, num_validation=0)
    rewrite(tmp_path, lambda manifest: manifest.pop("split"))
    assert trained(tmp_path, steps=1).is_complete
