"""The section on training's documents: planted spikes, losses by source, and runs without records."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from gristmill.report.blocks import Facts, Lines, Note, Table
from gristmill.report.sections.training_documents import build, spikes_of

STEPS = 60


def write_training(folder: Path, *, spike_at: int | None = 50) -> SimpleNamespace:
    train = folder / "train"
    (train / "batches").mkdir(parents=True)
    rows, lines = [], []
    for step in range(1, STEPS + 1):
        whole = 0.0
        for doc, source in ((1, "web"), (2, "books"), (3, "web")):
            loss = 2.0 + 0.01 * (step % 5) + (6.0 if step == spike_at and doc == 3 else 0.0)
            rows.append((step, doc, bytes([doc] * 16), source, 10, loss * 10))
            whole += loss / 3
        lines.append({"step": step, "loss": whole, "tokens": 30 * step, "learning_rate": 1e-3})
        if step % 20 == 0:
            sources = {"web": {"validation_loss": 2.0 - step / 100}, "books": {"validation_loss": 2.1}}
            lines.append({"step": step, "validation_loss": 2.0, "sources": sources})
    names = ["step", "doc", "key", "source", "trained", "loss"]
    pl.DataFrame(rows, schema=names, orient="row").write_parquet(train / "batches" / "steps-1.parquet")
    (train / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    pl.DataFrame(
        {
            "doc": [1, 2, 3],
            "key": [bytes([doc] * 16) for doc in (1, 2, 3)],
            "source": ["web", "books", "web"],
            "tokens": [600, 600, 8],
            "loss": [2.0, 2.5, 9.0],
            "first_loss": [2.1, 2.6, 9.0],
            "last_loss": [1.9, 2.4, 9.0],
        }
    ).write_parquet(train / "document_losses.parquet")
    result = {"ledger": {"read": 1800, "trained": 1740, "masked": 0}, "waits": {"for_loader": 0.01}}
    (train / "result.json").write_text(json.dumps(result))
    return SimpleNamespace(path=folder)


def test_a_planted_document_stands_behind_its_spike(tmp_path: Path) -> None:
    blocks = build(write_training(tmp_path))
    table = next(block for block in blocks if isinstance(block, Table) and "stands out" in block.caption)
    assert table.rows[0][0] == 50
    assert table.rows[0][3] == "03" * 8
    assert table.rows[0][5] == pytest.approx(8.0, abs=0.1)


def test_losses_are_shown_by_source_and_the_ledger_in_words(tmp_path: Path) -> None:
    blocks = build(write_training(tmp_path))
    captions = [block.caption for block in blocks if isinstance(block, Lines)]
    assert captions == ["Training loss by source, a step", "Validation loss by source"]
    hardest = next(block for block in blocks if isinstance(block, Table) and "highest loss" in block.caption)
    assert [row[0] for row in hardest.rows] == ["02" * 8, "01" * 8]  # the third has too few tokens
    facts = next(block for block in blocks if isinstance(block, Facts))
    assert [(fact.label, fact.value) for fact in facts.items][:2] == [
        ("read from shards", 1800),
        ("trained", 1740),
    ]


def test_a_smooth_training_has_no_spikes(tmp_path: Path) -> None:
    blocks = build(write_training(tmp_path, spike_at=None))
    assert any(isinstance(block, Note) and "stands out" in block.text for block in blocks)


def test_steps_that_fall_are_no_spikes_and_few_steps_are_none() -> None:
    assert spikes_of([(float(step), 5.0 - step / 20) for step in range(60)]) == []
    assert spikes_of([(1.0, 2.0), (2.0, 9.0)]) == []


def test_a_run_without_records_says_nothing(tmp_path: Path) -> None:
    assert build(SimpleNamespace(path=tmp_path)) == []
