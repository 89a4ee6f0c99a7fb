"""Every rule: how many documents it dropped, how many it alone would, how close values come to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gristmill.report.blocks import Block, Cell, Column, Note, Table
from gristmill.report.folder import RunFolder, count
from gristmill.report.streams import ROWS_OF_NUMBERS, batches
from gristmill.report.thresholds import Reach, Threshold, columns_read, reach

_COLUMNS = (
    Column(label="step", kind="code"),
    Column(label="rule", kind="code"),
    Column(label="keeps", kind="code"),
    Column(label="dropped", kind="count"),
    Column(label="share of input", kind="share"),
    Column(label="fail it", kind="count"),
    Column(label="fail only it", kind="count"),
    Column(label="nearest kept", kind="number"),
    Column(label="nearest failed", kind="number"),
)


def build(run: RunFolder) -> Sequence[Block]:
    """Return the table of rules. Cost: one pass over the threshold columns of `signals/`."""
    documents_in = count(run.counts, "documents_in")
    dropped: Counter[tuple[str, str]] = Counter()
    for tally in run.tallies:
        if not tally.is_quarantined:
            dropped[tally.step, tally.rule] += tally.documents
    known = [item for item in run.thresholds if item.column in run.signal_columns]
    frames = batches(run.files("signals"), columns_read(known), rows=ROWS_OF_NUMBERS)
    found = dict(zip(known, reach(frames, known), strict=True)) if known else {}
    rows = [
        _row(item, dropped[item.step, item.rule], documents_in, found.get(item)) for item in run.thresholds
    ]
    planned = {(item.step, item.rule) for item in run.thresholds}
    for step in run.steps:
        others = [(name, rule) for name, rule in dropped if name == step and (name, rule) not in planned]
        rows += [
            _plain_row(run, name, rule, dropped[name, rule], documents_in)
            for name, rule in sorted(others, key=lambda item: (-dropped[item], item))
        ]
    if not rows:
        return []
    text = (
        "A document is dropped by the first rule that it fails, in recipe order. “Fail it” counts every "
        "document of the input that fails the rule, whatever else it fails; “fail only it” those that no "
        "other threshold would drop, so what loosening this one rule alone could bring back, before "
        "deduplication. “Nearest” values are the measured values closest to the threshold on either side."
    )
    return [Note(text=text), Table(caption="Rules in recipe order", columns=_COLUMNS, rows=rows)]


def _row(item: Threshold, dropped: int, documents_in: int, found: Reach | None) -> Sequence[Cell]:
    share = dropped / documents_in if documents_in else None
    condition = f"{item.keep} {item.threshold:g}"
    for name, allowed in item.conditions:
        condition += f" where {name} = {' | '.join(str(value) for value in allowed)}"
    head: list[Cell] = [item.step, item.rule, condition, dropped, share]
    if found is None:
        return [*head, None, None, None, None]
    return [*head, found.failing, found.alone, found.nearest_kept, found.nearest_failed]


def _plain_row(run: RunFolder, step: str, rule: str, dropped: int, documents_in: int) -> Sequence[Cell]:
    """Return the row of a rule that the plan does not list, from the values in the rejects."""
    tallies = [
        tally
        for tally in run.tallies
        if (tally.step, tally.rule, tally.is_quarantined) == (step, rule, False)
    ]
    threshold = next((tally.threshold for tally in tallies if tally.threshold is not None), None)
    values = [v for tally in tallies for v in (tally.smallest_value, tally.largest_value) if v is not None]
    nearest = (
        min(values, key=lambda v: (abs(v - threshold), v), default=None) if threshold is not None else None
    )
    share = dropped / documents_in if documents_in else None
    return [
        step,
        rule,
        None if threshold is None else f"{threshold:g}",
        dropped,
        share,
        None,
        None,
        None,
        nearest,
    ]
