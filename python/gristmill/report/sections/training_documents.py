"""What training says of the documents: losses by source, spikes with the documents behind them, the token ledger.

Read from `train/batches/`, `train/document_losses.parquet`, `metrics.jsonl` and `result.json`; torch is not needed.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gristmill.report.blocks import Block, Cell, Column, Fact, Facts, Lines, Note, Series, Table
from gristmill.report.folder import RunFolder
from gristmill.report.sections.training import Point, read_metrics, thinned

if TYPE_CHECKING:
    import polars as pl

WINDOW_STEPS = 32
"""Steps before one, against whose losses it is a spike."""
SPIKE_DEVIATIONS = 6.0
"""How many robust standard deviations above their median: one in 10^9 steps of normal noise."""
MAD_TO_DEVIATION = 1.4826
"""Median absolute deviation to standard deviation, for a normal distribution."""
SPIKES_SHOWN = 5
DOCUMENTS_SHOWN = 5
LEAST_TOKENS = 32
"""Documents with fewer trained tokens are no hard ones: a mean of a few losses says little."""
CURVE_POINTS = 60
LEDGER = {
    "read": "read from shards",
    "repeated": "repeated in front of the next piece of a cut document",
    "placed": "in rows",
    "trained": "trained",
    "masked": "masked",
    "first": "at the start of a piece, not predicted",
    "padded": "places left empty",
    "pending": "read, and waiting when training ended",
    "truncated": "cut off when the shards were written",
}
"""Counts of the ledger in the order in which they are shown, with what they mean."""


def build(run: RunFolder) -> Sequence[Block]:
    """Return tables and curves, nothing when the run has no training with records of documents."""
    folder = run.path / "train"
    parts = sorted((folder / "batches").glob("*.parquet")) if (folder / "batches").is_dir() else []
    metrics = read_metrics(folder / "metrics.jsonl")
    if not parts or metrics is None:
        return []
    import polars as pl

    pieces = pl.scan_parquet(parts)
    return [
        *_by_source(pieces, folder),
        *_spikes(pieces, metrics.loss),
        *_hardest(folder),
        *_ledger(folder),
    ]


def spikes_of(losses: Sequence[Point]) -> list[tuple[float, float, float]]:
    """Return (step, loss, robust deviations) of each spike, the largest deviation first.

    Examples
    --------
    >>> flat = [(float(step), 2.0 + 0.01 * (step % 3)) for step in range(40)]
    >>> [(step, loss) for step, loss, _ in spikes_of([*flat, (40.0, 5.0)])]
    [(40.0, 5.0)]
    """
    found = []
    for place in range(8, len(losses)):
        step, loss = losses[place]
        before = [value for _, value in losses[max(0, place - WINDOW_STEPS) : place]]
        middle = statistics.median(before)
        spread = statistics.median(abs(value - middle) for value in before) * MAD_TO_DEVIATION
        # Losses that all but stand still would make a spike of every tremor.
        deviations = (loss - middle) / max(spread, 1e-3 * abs(middle), 1e-9)
        if deviations >= SPIKE_DEVIATIONS:
            found.append((step, loss, deviations))
    return sorted(found, key=lambda spike: (-spike[2], spike[0]))


def _by_source(pieces: pl.LazyFrame, folder: Path) -> list[Block]:
    import polars as pl

    last = int(pieces.select(pl.col("step").max()).collect().item() or 1)
    width = -(-last // CURVE_POINTS)
    curves = (
        pieces.filter(pl.col("loss").is_not_null())
        .group_by(((pl.col("step") - 1) // width).alias("part"), "source")
        .agg(pl.col("loss").sum(), pl.col("trained").sum(), pl.col("step").max())
        .filter(pl.col("trained") > 0)
        .sort("source", "part")
        .collect()
    )
    sources = sorted({str(name) for name in curves["source"].to_list()})
    blocks: list[Block] = []
    if len(sources) > 1:
        series = [
            Series(
                name=name,
                points=[
                    (float(step), loss / trained)
                    for step, loss, trained in curves.filter(pl.col("source") == name)
                    .select("step", "loss", "trained")
                    .iter_rows()
                ],
            )
            for name in sources
        ]
        steps = "a step" if width == 1 else f"means of {width} steps"
        blocks.append(
            Lines(
                caption=f"Training loss by source, {steps}",
                x_axis="step",
                y_axis="loss (nats a token)",
                series=series,
            )
        )
    held_out = _validation_by_source(folder / "metrics.jsonl")
    if len(held_out) > 1 and any(len(points) > 1 for points in held_out.values()):
        blocks.append(
            Lines(
                caption="Validation loss by source",
                x_axis="step",
                y_axis="loss (nats a token)",
                series=[Series(name=name, points=thinned(points)) for name, points in held_out.items()],
            )
        )
    return blocks


def _validation_by_source(path: Path) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if '"sources"' not in line:
            continue
        record = json.loads(line)
        for name, part in sorted(record["sources"].items()):
            loss = part.get("validation_loss", part.get("loss"))
            if isinstance(loss, int | float):
                found.setdefault(str(name), []).append((float(record["step"]), float(loss)))
    return found


def _spikes(pieces: pl.LazyFrame, losses: Sequence[Point]) -> list[Block]:
    import polars as pl

    spikes = spikes_of(losses)
    if not spikes:
        return [Note(text=f"No step's loss stands out from the {WINDOW_STEPS} before it.")]
    rows: list[Sequence[Cell]] = []
    for step, loss, deviations in spikes[:SPIKES_SHOWN]:
        documents = (
            pieces.filter((pl.col("step") == int(step)) & (pl.col("trained") > 0))
            .group_by("doc", "key", "source")
            .agg(pl.col("loss").sum(), pl.col("trained").sum())
            .with_columns((pl.col("loss") - loss * pl.col("trained")).alias("raises"))
            .sort("raises", "doc", descending=[True, False])
            .head(DOCUMENTS_SHOWN)
            .collect()
        )
        for row in documents.iter_rows(named=True):
            mean = None if row["loss"] is None else row["loss"] / row["trained"]
            rows.append(
                (int(step), loss, deviations, row["key"].hex()[:16], row["source"], mean, row["trained"])
            )
    return [
        Table(
            caption="Steps whose loss stands out, and the documents that raised it most",
            columns=[
                Column(label="step", kind="count"),
                Column(label="loss", kind="number"),
                Column(label="deviations above the median", kind="number"),
                Column(label="document", kind="code"),
                Column(label="source"),
                Column(label="its loss", kind="number"),
                Column(label="its trained tokens", kind="count"),
            ],
            rows=rows,
            note=f"{len(spikes)} of {len(losses)} steps. `gristmill trace RUN --step N` shows what the rules measured "
            "of these documents, and makes the batch again.",
        )
    ]


def _hardest(folder: Path) -> list[Block]:
    path = folder / "document_losses.parquet"
    if not path.is_file():
        return []
    import polars as pl

    documents = (
        pl.scan_parquet(path)
        .filter((pl.col("tokens") >= LEAST_TOKENS) & pl.col("loss").is_not_null())
        .sort("loss", "doc", descending=[True, False])
        .head(2 * DOCUMENTS_SHOWN)
        .select("key", "source", "loss", "first_loss", "last_loss", "tokens")
        .collect()
    )
    if documents.is_empty():
        return []
    rows: list[Sequence[Cell]] = [(row[0].hex()[:16], *row[1:]) for row in documents.iter_rows()]
    return [
        Table(
            caption="Documents with the highest loss",
            columns=[
                Column(label="document", kind="code"),
                Column(label="source"),
                Column(label="mean loss", kind="number"),
                Column(label="first", kind="number"),
                Column(label="last", kind="number"),
                Column(label="trained tokens", kind="count"),
            ],
            rows=rows,
            note=f"Of documents with {LEAST_TOKENS} trained tokens or more; all are in "
            "`train/document_losses.parquet`.",
        )
    ]


def _ledger(folder: Path) -> list[Block]:
    path = folder / "result.json"
    if not path.is_file():
        return []
    result = cast("Mapping[str, object]", json.loads(path.read_bytes()))
    ledger = result.get("ledger")
    if not isinstance(ledger, Mapping):
        return []
    items = [
        Fact(label=meaning, value=int(ledger[name]), kind="count")
        for name, meaning in LEDGER.items()
        if ledger.get(name)
    ]
    waits = result.get("waits")
    if isinstance(waits, Mapping) and isinstance(waits.get("for_loader"), float):
        items.append(
            Fact(label="time that steps waited for the loader", value=waits["for_loader"], kind="share")
        )
    return [Note(text="What became of every token that training read:"), Facts(items=items)]
