"""Losses by source, bits per byte, early stopping, and which weights are exported."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from shard_fixture import made_documents, write_run
from tiny import LLAMA, config, run_folder, trained

from gristmill.errors import GristmillError
from gristmill.shards import open_shards
from gristmill.train.chosen_weights import averaged_steps
from gristmill.train.evaluation import evaluate_loss
from gristmill.train.models import load_model
from gristmill.train.run import train
from gristmill.train.token_bytes import bytes_of_tokens

CPU = torch.device("cpu")


def metrics(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "train/metrics.jsonl").read_text().splitlines()]


def test_losses_and_bits_by_source_are_those_of_each_document_alone(tmp_path: Path) -> None:
    write_run(tmp_path, made_documents(40))
    shards = open_shards(tmp_path)
    causal = load_model(LLAMA, device=CPU, compute_dtype=torch.float32, is_frozen=False, seed=1)
    token_bytes = np.arange(64) % 5  # every fifth id stands for no text
    found = evaluate_loss(
        causal, shards, sequence_length=64, rows_each=3, device=CPU, token_bytes=token_bytes[:60]
    )
    causal.backbone.config._attn_implementation = "eager"
    sums = {name: np.zeros(4) for name in shards.sources}
    with torch.no_grad():
        for document in shards:
            ids = torch.from_numpy(document.tokens.to_numpy().astype("int64"))
            logits = causal.model(input_ids=ids[None], use_cache=False).logits[0]
            losses = torch.nn.functional.cross_entropy(logits[:-1], ids[1:], reduction="none").double()
            sizes = torch.from_numpy(np.concatenate([token_bytes[:60], np.zeros(4, int)]))[ids[1:]]
            values = [losses.sum(), len(losses), losses[sizes > 0].sum(), sizes.sum()]
            sums[document.source] += [float(value) for value in values]
    assert set(found.sources) == {name for name, values in sums.items() if values[1]}
    for name, part in [*found.sources.items(), ("all", found)]:
        nats, tokens, text_nats, text_bytes = sum(sums.values()) if name == "all" else sums[name]
        assert part.num_tokens == tokens
        assert part.loss == pytest.approx(nats / tokens, rel=1e-6)
        assert part.bits_per_byte == pytest.approx(text_nats / math.log(2) / text_bytes, rel=1e-6)
    unknown = evaluate_loss(causal, shards, sequence_length=64, rows_each=1, device=CPU)
    assert unknown.bits_per_byte is None
    assert "bits_per_byte" not in unknown.to_json()


def tokenizer(folder: Path, **parts: object) -> Path:
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(parts), encoding="utf-8")
    return path


def test_bytes_of_a_byte_level_tokenizer(tmp_path: Path) -> None:
    # Written as the byte-level alphabet does: one character a byte, a space as the character at 0x120.
    vocabulary = {"a": 0, "Ġthe": 1, "Ã©": 2, "<eos>": 3}
    path = tokenizer(
        tmp_path,
        model={"type": "BPE", "vocab": vocabulary},
        pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "Digits"}, {"type": "ByteLevel"}]},
        added_tokens=[
            {"id": 3, "content": "<eos>", "special": True},
            {"id": 5, "content": "é!", "special": False},
        ],
    )
    assert bytes_of_tokens(path).tolist() == [1, 4, 2, 0, 0, 3]
    assert bytes_of_tokens(tmp_path).tolist() == [1, 4, 2, 0, 0, 3]


def test_bytes_of_a_tokenizer_with_marked_spaces(tmp_path: Path) -> None:
    pieces = [["<unk>", 0.0], ["▁the", -1.0], ["é", -2.0], ["<0x0A>", -3.0]]
    path = tokenizer(
        tmp_path,
        model={"type": "Unigram", "vocab": pieces},
        decoder={"type": "Metaspace", "replacement": "▁"},
        added_tokens=[{"id": 0, "content": "<unk>", "special": True}],
    )
    assert bytes_of_tokens(path).tolist() == [0, 4, 2, 1]


def test_bytes_are_not_guessed(tmp_path: Path) -> None:
    path = tokenizer(tmp_path, model={"type": "WordPiece", "vocab": {"a": 0}}, decoder={"type": "WordPiece"})
    assert bytes_of_tokens(path) is None
    assert bytes_of_tokens(tmp_path / "none.json") is None


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load_file(path)


def test_patience_stops_and_exports_the_best(tmp_path: Path) -> None:
    """Six documents are soon known by heart, which the others are no better for."""
    run_folder(tmp_path, num_documents=6)
    options = {
        "steps": 40,
        "eval_every_steps": 2,
        "patience": 3,
        "checkpoint_every_steps": 5,
        "keep_checkpoints": 1,
    }
    options |= {"schedule": "constant", "warmup_fraction": 0.0}
    result = trained(tmp_path, **options)
    measured = {
        line["step"]: line["validation_loss"] for line in metrics(tmp_path) if "validation_loss" in line
    }
    after = {step: loss for step, loss in measured.items() if step}
    best = min(after, key=after.get)
    assert result.steps == best + 2 * 3 < 40
    assert result.exported == {"weights": "best", "steps": [best], "validation_loss": after[best]}
    checkpoints = tmp_path / "train/checkpoints"
    assert json.loads((checkpoints / "best.json").read_text()) == {
        "step": best,
        "folder": f"step-{best:08d}",
    }
    assert json.loads((checkpoints / "last.json").read_text())["step"] == result.steps
    assert sorted(path.name for path in checkpoints.glob("step-*")) == [
        f"step-{step:08d}" for step in (best, result.steps)
    ]
    kept = weights(checkpoints / f"step-{best:08d}" / "weights.safetensors")
    exported = weights(tmp_path / "train/model/model.safetensors")
    for name, value in exported.items():
        assert torch.equal(value, kept[name]), name
    assert trained(tmp_path, **options).exported == result.exported
    # The best checkpoint is needed until the model is exported.
    (tmp_path / "train/result.json").unlink()
    (checkpoints / f"step-{best:08d}" / "weights.safetensors").unlink()
    with pytest.raises(GristmillError) as error:
        trained(tmp_path, **options)
    assert error.value.code == "GM-TRAIN-031"


def test_patience_needs_something_to_measure(tmp_path: Path) -> None:
    run_folder(tmp_path, num_validation=0)
    with pytest.raises(GristmillError) as error:
        trained(tmp_path, steps=2, eval_every_steps=1, patience=1)
    assert error.value.code == "GM-TRAIN-030"
    for change in ({}, {"eval_every_steps": 1, "average": 2}):
        with pytest.raises(GristmillError) as error:
            config(patience=1, **change)
        assert error.value.code == "GM-TRAIN-002"


def test_an_average_is_the_mean_of_the_checkpoints_whatever_interrupts(tmp_path: Path) -> None:
    options = {"steps": 9, "checkpoint_every_steps": 2, "keep_checkpoints": 1, "average": 3}
    result = trained(tmp_path, **options)
    assert result.exported["steps"] == [6, 8, 9]
    assert result.exported["validation_loss"] not in (None, result.last_validation_loss)
    parts = [
        weights(tmp_path / f"train/checkpoints/step-{step:08d}/weights.safetensors") for step in (6, 8, 9)
    ]
    exported = weights(tmp_path / "train/model/model.safetensors")
    for name, value in exported.items():
        mean = torch.stack([part[name].double() for part in parts]).mean(0)
        assert torch.allclose(value.double(), mean, rtol=1e-7, atol=1e-9), name
    stopped = run_folder(tmp_path / "stopped")
    while not train(
        config(**options), stopped, on_event=lambda _: None, should_stop=lambda: True
    ).is_complete:
        pass
    assert (stopped / "train/model/model.safetensors").read_bytes() == (
        tmp_path / "train/model/model.safetensors"
    ).read_bytes()
    assert averaged_steps(2, every=4, step=9, num_steps=9) == (8, 9)


def test_who_waited_for_whom_is_in_the_result(tmp_path: Path) -> None:
    result = trained(tmp_path, steps=6)
    lines = [json.loads(line) for line in (tmp_path / "train/timings.jsonl").read_text().splitlines()]
    assert len(lines) == 6
    for name in ("loader_seconds", "loader_idle_seconds"):
        assert all(0 <= line[name] <= line["seconds"] for line in lines)
    assert result.waits["for_loader"] == pytest.approx(
        sum(line["loader_seconds"] for line in lines) / sum(line["seconds"] for line in lines)
    )
    assert 0 <= result.waits["for_step"] <= 1
    again = trained(tmp_path, steps=6)
    assert again == replace(result, was_finished=True, seconds=0.0)
