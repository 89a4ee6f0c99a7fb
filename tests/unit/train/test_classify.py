from __future__ import annotations

import hashlib
import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from shard_fixture import Made, write_run
from tiny import LLAMA, relative_error
from tiny import config as config_of
from torch.nn import functional

from gristmill.errors import GristmillError
from gristmill.loader import Loader, build_row
from gristmill.shards import open_shards
from gristmill.train.batches import collate
from gristmill.train.class_evaluation import evaluate_classes
from gristmill.train.classify import class_logits, load_classifier, with_classes
from gristmill.train.config import LoraConfig
from gristmill.train.quiet import without_old_names
from gristmill.train.run import train
from gristmill.train.tasks import class_names, labels_of

QWEN = LLAMA | {"model_type": "qwen3", "head_dim": 16}
NAMES = ("even", "odd", "third")
CPU = torch.device("cpu")


def documents(number: int, *, seed: int, longest: int = 24) -> list[Made]:
    """Return documents whose class is that of most of their tokens; the last token says nothing."""
    chance = random.Random(seed)
    found = []
    for place in range(number):
        label = chance.randrange(3)
        length = chance.randint(3, longest)
        tokens = [3 * chance.randrange(1, 20) + label for _ in range(length - 1)] + [chance.randrange(1, 62)]
        found.append(Made(tokens=tokens, label=label, source=("web", "books")[place % 2], id=f"d{place}"))
    return found


def labelled_run(folder: Path, *, train: list[Made] | None = None, **more: object) -> Path:
    made = documents(90, seed=1) if train is None else train
    return write_run(folder, made, documents(30, seed=2), label_names=NAMES, end_of_text="[]", **more)


def classify(folder: Path, on_event=lambda _: None, **changes: object):
    values = {"model": LLAMA | {"pad_token_id": 0}, "task": "classify", "steps": 8} | changes
    return train(config_of(**values), folder, on_event=on_event)


def plain_logits(folder: Path, split) -> torch.Tensor:
    """Return the logits of plain `transformers`, all documents in one padded batch."""
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    assert model.config.id2label == dict(enumerate(NAMES))
    tokens = [document.tokens.to_pylist() for document in split]
    longest = max(map(len, tokens))
    pad = model.config.pad_token_id
    ids = torch.tensor([own + [pad] * (longest - len(own)) for own in tokens])
    mask = torch.tensor([[1] * len(own) + [0] * (longest - len(own)) for own in tokens])
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=mask).logits


def packed_logits(causal, split) -> torch.Tensor:
    rows = Loader(split, sequence_length=64, is_shuffled=False).take(10_000)
    order = np.argsort([piece.document for row in rows for piece in row.pieces])
    causal.model.eval()
    with torch.no_grad():
        return class_logits(causal, collate(rows, CPU))[order]


@pytest.mark.parametrize("model", [LLAMA, QWEN])
def test_packed_logits_are_those_of_the_plain_model_on_padded_documents(tmp_path: Path, model) -> None:
    split = open_shards(labelled_run(tmp_path))
    causal = load_classifier(
        model | {"pad_token_id": 0}, split, NAMES, device=CPU, compute_dtype=torch.float32, lora=None, seed=1
    )
    causal.model.save_pretrained(tmp_path / "plain")
    assert relative_error(packed_logits(causal, split), plain_logits(tmp_path / "plain", split)) < 1e-5


def test_the_gradient_is_that_of_the_mean_over_documents_however_rows_are_cut(tmp_path: Path) -> None:
    split = open_shards(labelled_run(tmp_path))
    causal = load_classifier(LLAMA, split, NAMES, device=CPU, compute_dtype=torch.float32, lora=None, seed=1)
    causal.model.double()
    causal = replace(causal, compute_dtype=torch.float64)
    labels = labels_of(split)
    rows = with_classes(Loader(split, sequence_length=64, is_shuffled=False).take(12), labels)
    number = sum(row.num_trained for row in rows)
    assert number == sum(len(row.pieces) for row in rows)

    def gradients() -> torch.Tensor:
        found = torch.cat([value.grad.flatten() for value in causal.trainable().values()])
        causal.model.zero_grad()
        return found

    found = []
    for size in (12, 5, 1):
        for start in range(0, len(rows), size):
            total, _ = causal.losses(collate(rows[start : start + size], CPU))
            (total / number).backward()
        found.append(gradients())
    # The direct version: every document by itself.
    for row in rows:
        for piece in row.pieces:
            one = with_classes([build_row(split, (piece,))], labels)
            logits = class_logits(causal, collate(one, CPU)).double()
            target = torch.tensor([labels[piece.document]])
            (functional.cross_entropy(logits, target, reduction="sum") / number).backward()
    expected = gradients()
    for one in found:
        assert relative_error(one, expected) < 1e-6


def test_it_learns_says_how_well_and_exports_what_plain_transformers_loads(tmp_path: Path) -> None:
    labelled_run(tmp_path)
    result = classify(tmp_path, epochs=6, steps=None, eval_every_steps=10)
    lines = [json.loads(line) for line in (tmp_path / "train/metrics.jsonl").read_text().splitlines()]
    measured = [line for line in lines if "accuracy" in line]
    assert measured[-1]["accuracy"] > 0.8 > measured[0]["accuracy"]
    assert {"macro_f1", "calibration_error", "validation_documents"} <= measured[-1].keys()
    assert set(measured[-1]["sources"]) == {"web", "books"}
    parts = measured[-1]["sources"].values()
    assert sum(part["validation_documents"] for part in parts) == 30
    assert result.trained_tokens == 6 * 90
    assert result.last_validation_loss == measured[-1]["validation_loss"] < measured[0]["validation_loss"]
    validation = open_shards(tmp_path, "validation")
    predictions = plain_logits(result.model, validation).argmax(1).numpy()
    share = float(np.mean(predictions == labels_of(validation)))
    assert share == pytest.approx(measured[-1]["accuracy"])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_adapters_leave_the_head_trained_in_full(tmp_path: Path, precision: str) -> None:
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification

    labelled_run(tmp_path / "run")
    base = train(
        config_of(model=LLAMA | {"pad_token_id": 0}, steps=2), labelled_run(tmp_path / "base"), on_event=print
    ).model
    result = classify(
        tmp_path / "run", model=base, method="lora", lora=LoraConfig(rank=4), steps=20, precision=precision
    )
    told = json.loads((result.adapter / "adapter_config.json").read_text())
    assert told["task_type"] == "SEQ_CLS"
    assert "score" in told["modules_to_save"]
    validation = open_shards(tmp_path / "run", "validation")
    merged = plain_logits(result.model, validation)
    plain = AutoModelForSequenceClassification.from_pretrained(base, num_labels=3)
    with without_old_names():
        adapted = PeftModel.from_pretrained(plain, result.adapter).eval()
    for document, own in zip(validation, merged, strict=True):
        with torch.no_grad():
            logits = adapted(input_ids=torch.tensor([document.tokens.to_pylist()])).logits[0]
        assert torch.allclose(logits, own, atol=1e-4)


def test_an_interrupted_training_continues_with_the_same_numbers(tmp_path: Path) -> None:
    for name in ("whole", "parts"):
        labelled_run(tmp_path / name)
    classify(tmp_path / "whole", steps=6)
    asked = iter([False, False, True])
    values = {"model": LLAMA | {"pad_token_id": 0}, "task": "classify", "steps": 6}
    part = train(config_of(**values), tmp_path / "parts", on_event=print, should_stop=lambda: next(asked))
    assert not part.is_complete
    classify(tmp_path / "parts", steps=6)
    texts = [(tmp_path / name / "train/metrics.jsonl").read_text() for name in ("whole", "parts")]
    assert texts[0] == texts[1]


def refused(folder: Path, **changes: object) -> GristmillError:
    with pytest.raises(GristmillError) as caught:
        classify(folder, **changes)
    return caught.value


def test_shards_without_classes_are_refused(tmp_path: Path) -> None:
    write_run(tmp_path, documents(10, seed=1))
    error = refused(tmp_path)
    assert error.code == "GM-TRAIN-071"
    assert "label = " in str(error.hint)


def test_a_document_longer_than_a_row_is_refused_not_cut(tmp_path: Path) -> None:
    labelled_run(tmp_path, train=documents(10, seed=1, longest=300))
    error = refused(tmp_path)
    assert error.code == "GM-TRAIN-071"
    assert "max_tokens = 64" in str(error.hint)


def test_a_document_in_several_rows_is_refused_not_counted_twice(tmp_path: Path) -> None:
    labelled_run(tmp_path)
    shards = open_shards(tmp_path)
    assert shards.num_divided() == 0
    for path in (tmp_path / "tokens/train").iterdir():
        table = pa.ipc.open_file(path).read_all()
        table = table.set_column(0, table.schema.field(0), pa.array([7] * len(table), pa.uint64()))
        with pa.ipc.new_file(str(path), table.schema) as writer:
            writer.write_table(table)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    for file in manifest["files"]:
        content = (tmp_path / file["path"]).read_bytes()
        file |= {"bytes": len(content), "digest": f"sha256:{hashlib.sha256(content).hexdigest()}"}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    error = refused(tmp_path)
    assert error.code == "GM-TRAIN-071"
    assert "too_long" in str(error.hint)


def test_padding_that_ends_documents_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path, documents(10, seed=1), label_names=NAMES, end_of_text="[0]")
    assert refused(tmp_path).code == "GM-TRAIN-072"


@pytest.mark.parametrize("changes", [{"method": "qlora"}, {"samples": ("Hello",)}])
def test_settings_that_make_no_classifier_are_refused(tmp_path: Path, changes) -> None:
    assert refused(tmp_path, **changes).code == "GM-TRAIN-002"


def test_documents_without_a_label_count_for_nothing(tmp_path: Path) -> None:
    made = documents(40, seed=3)
    labelled_run(tmp_path, train=[replace(one, label=None) if at % 2 else one for at, one in enumerate(made)])
    split = open_shards(tmp_path)
    assert class_names(split) == NAMES
    assert classify(tmp_path, epochs=1, steps=None).trained_tokens == 20
    causal = load_classifier(LLAMA, split, NAMES, device=CPU, compute_dtype=torch.float32, lora=None, seed=1)
    found = evaluate_classes(causal, split, sequence_length=64, rows_each=2, device=CPU)
    assert found is not None
    assert found.num_documents == 20
