"""What steps changed or cut inside kept documents: totals by step and part, and examples before and after."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from gristmill.report.blocks import Block, Cell, Column, Fact, Note, Pair, Pairs, Run, Side, Table
from gristmill.report.folder import RunFolder
from gristmill.report.sections.cuts import cut_blocks
from gristmill.report.streams import ROWS_WITH_TEXT, batches, smallest, totals
from gristmill.report.visible import shorten

EXAMPLES_A_PART = 4
SHOWN_CHARACTERS = 320
_BY = ["step", "part"]


def build(run: RunFolder) -> Sequence[Block]:
    """Return the table of edits and examples, those with the smallest keys. Cost: two passes."""
    cuts = cut_blocks(run)
    files = run.files("edits")
    before, after = (
        pl.col(name).str.len_bytes().cast(pl.Int64).sum().alias(name) for name in ("before", "after")
    )
    state = totals(
        batches(files, [*_BY, "before", "after"], rows=ROWS_WITH_TEXT),
        _BY,
        [pl.len().cast(pl.Int64).alias("edits"), before, after],
        [pl.col("edits").sum(), pl.col("before").sum(), pl.col("after").sum()],
    )
    if state is None:
        return cuts
    order = {step: number for number, step in enumerate(run.steps)}
    sums = sorted(state.rows(named=True), key=lambda row: (order.get(row["step"], len(order)), row["part"]))
    rows: list[Sequence[Cell]] = [
        [row["step"], row["part"], row["edits"], row["before"], row["after"], row["after"] - row["before"]]
        for row in sums
    ]
    columns = [
        Column(label="step", kind="code"),
        Column(label="part", kind="code"),
        Column(label="edits", kind="count"),
        Column(label="bytes before", kind="count"),
        Column(label="bytes after", kind="count"),
        Column(label="change", kind="count"),
    ]
    blocks: list[Block] = [
        Note(
            text="Every change to a kept document is one row in edits/, so that the text as it was read can "
            "be put together again."
        ),
        *cuts,
        Table(caption="Edits by step and part", columns=columns, rows=rows),
    ]
    frames = batches(files, [*_BY, "key", "sequence", "start", "before", "after"], rows=ROWS_WITH_TEXT)
    # One example a document: a page that had a hundred lines cut would otherwise fill all places.
    order_in_document = ["key", "sequence", "start"]
    examples = smallest(frames, _BY, order_in_document, limit=EXAMPLES_A_PART, distinct=["key"])
    assert examples is not None
    for row in sums:
        name = f"{row['step']} · {row['part']}" if row["part"] else str(row["step"])
        chosen = examples.filter((pl.col("step") == row["step"]) & (pl.col("part") == row["part"]))
        pairs = [_pair(entry["key"], entry["before"], entry["after"]) for entry in chosen.rows(named=True)]
        blocks.append(Pairs(caption=f"{name} — {row['edits']:,} edits", items=pairs))
    return blocks


def _pair(key: bytes, before: str, after: str) -> Pair:
    """Return the edit as a comparison. The shared start and end are plain, the rest is marked."""
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    return Pair(
        title="",
        facts=[Fact(label="document", value=key.hex(), kind="code")],
        left=Side(title="before", runs=_runs(before, head, tail)),
        right=Side(title="after", runs=_runs(after, head, tail)),
    )


def _runs(text: str, head: int, tail: int) -> list[Run]:
    middle = shorten(text[head : len(text) - tail], SHOWN_CHARACTERS)
    parts = (
        (text[:head][-SHOWN_CHARACTERS:], False),
        (middle, True),
        (shorten(text[len(text) - tail :], SHOWN_CHARACTERS), False),
    )
    return [Run(text=part, differs=differs) for part, differs in parts if part]
