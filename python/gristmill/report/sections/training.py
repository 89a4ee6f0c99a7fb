"""Loss curves and the run's course, from `train/metrics.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gristmill.errors import GristmillError
from gristmill.report.blocks import Block, Fact, Facts, Lines, Series
from gristmill.report.folder import RunFolder

POINTS_SHOWN = 600

Point = tuple[float, float]


@dataclass(kw_only=True, slots=True)
class Metrics:
    """Points (step, value) in file order."""

    loss: list[Point] = field(default_factory=list)
    validation_loss: list[Point] = field(default_factory=list)
    learning_rate: list[Point] = field(default_factory=list)
    tokens: list[Point] = field(default_factory=list)


def read_metrics(path: Path) -> Metrics | None:
    """Return the metrics file as points, None when there is no file. Memory: four numbers a training step.

    Raises
    ------
    GristmillError
        GM-REPORT-002 when a line is not a JSON object. A last line cut short is left out: training may still
        write.
    """
    if not path.is_file():
        return None
    metrics = Metrics()
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            step = float(record["step"])
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):
                break
            raise GristmillError(
                "GM-REPORT-002", f"`{path}` line {number} cannot be used: {error}"
            ) from error
        for name in ("loss", "validation_loss", "learning_rate", "tokens"):
            value = record.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                getattr(metrics, name).append((step, float(value)))
    return metrics


def build(run: RunFolder) -> Sequence[Block]:
    """Return figures and curves of the training, nothing when the run has none."""
    metrics = read_metrics(run.path / "train" / "metrics.jsonl")
    if metrics is None or not (metrics.loss or metrics.validation_loss):
        return []
    items: list[Fact] = []
    if metrics.loss:
        items.append(Fact(label="steps", value=int(metrics.loss[-1][0]), kind="count"))
        items.append(Fact(label="last training loss", value=metrics.loss[-1][1], kind="number"))
    if metrics.tokens:
        items.append(Fact(label="tokens trained on", value=int(metrics.tokens[-1][1]), kind="count"))
    if metrics.validation_loss:
        first, last = metrics.validation_loss[0], metrics.validation_loss[-1]
        best = min(metrics.validation_loss, key=lambda point: (point[1], point[0]))
        items.append(
            Fact(label="first validation loss", value=first[1], kind="number", detail=f"step {first[0]:.0f}")
        )
        items.append(
            Fact(label="last validation loss", value=last[1], kind="number", detail=f"step {last[0]:.0f}")
        )
        items.append(
            Fact(label="best validation loss", value=best[1], kind="number", detail=f"step {best[0]:.0f}")
        )
    curves = [("training", metrics.loss), ("validation", metrics.validation_loss)]
    blocks: list[Block] = [
        Facts(items=items),
        Lines(
            caption="Loss by step",
            x_axis="step",
            y_axis="loss (nats a token)",
            series=[Series(name=name, points=thinned(points)) for name, points in curves if points],
        ),
    ]
    if len(metrics.learning_rate) > 1:
        series = [Series(name="learning rate", points=thinned(metrics.learning_rate))]
        blocks.append(
            Lines(caption="Learning rate by step", x_axis="step", y_axis="learning rate", series=series)
        )
    return blocks


def thinned(points: Sequence[Point]) -> list[Point]:
    """Return every n-th point and the last one, so that at most `POINTS_SHOWN` remain or a few more.

    Examples
    --------
    >>> len(thinned([(float(step), 1.0) for step in range(10_000)])) <= POINTS_SHOWN + 1
    True
    """
    stride = -(-len(points) // POINTS_SHOWN)
    if stride <= 1:
        return list(points)
    chosen = list(points[::stride])
    return chosen if chosen[-1] == points[-1] else [*chosen, points[-1]]
