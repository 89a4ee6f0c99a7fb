from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from gristmill.train.records import PieceRecord, Records


def piece(step: int) -> PieceRecord:
    return PieceRecord(
        step=step,
        row=0,
        index=0,
        doc=step,
        key=bytes(16),
        start=0,
        stop=4,
        trained=3,
        loss=None if step == 2 else 1.5,
        source="web",
        row_digest=bytes(16),
    )


def test_rewinding_drops_what_came_later_and_nothing_else(tmp_path: Path) -> None:
    records = Records(tmp_path)
    for step in range(1, 7):
        records.metric({"step": step})
        records.timing({"step": step})
        records.pieces([piece(step), piece(step)])
        if step % 2 == 0:
            records.flush()
    Records(tmp_path).rewind(4)
    assert pq.read_table(tmp_path / "batches")["step"].to_pylist() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert pq.read_table(tmp_path / "batches")["loss"].to_pylist()[2:4] == [None, None]
    for name in ("metrics.jsonl", "timings.jsonl"):
        assert (tmp_path / name).read_text() == "".join(f'{{"step": {step}}}\n' for step in range(1, 5))


def test_rewinding_to_the_start_drops_the_validation_before_the_first_step_too(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.metric({"step": 0, "validation_loss": 1.0})
    records.rewind(0)
    assert (tmp_path / "metrics.jsonl").read_text() == ""
