"""For every rule a few documents that it dropped, with the measured value and the threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gristmill.report.blocks import Block, Excerpt, Excerpts, Fact, Note
from gristmill.report.folder import RunFolder
from gristmill.report.streams import ROWS_WITH_TEXT, batches, smallest
from gristmill.report.visible import shorten

EXAMPLES_A_RULE = 3
EXCERPT_CHARACTERS = 480
RULES_SHOWN = 60
"""Keeps the page below a few megabytes whatever the recipe."""


def build(run: RunFolder) -> Sequence[Block]:
    """Return up to three dropped documents a rule, smallest keys first. Cost: one pass over `rejects/`."""
    columns = [
        "kind",
        "step",
        "rule",
        "key",
        "doc",
        "id",
        "source",
        "value",
        "threshold",
        "similarity",
        "excerpt",
    ]
    frames = batches(run.files("rejects"), columns, rows=ROWS_WITH_TEXT)
    state = smallest(frames, ["kind", "step", "rule"], ["key", "doc"], limit=EXAMPLES_A_RULE)
    rows = [] if state is None else [row for row in state.rows(named=True) if row["kind"] == "dropped"]
    if not rows:
        return []
    totals: dict[tuple[str, str], int] = {}
    for tally in run.tallies:
        if not tally.is_quarantined:
            totals[tally.step, tally.rule] = totals.get((tally.step, tally.rule), 0) + tally.documents
    order = {step: number for number, step in enumerate(run.steps)}
    rules = sorted(totals, key=lambda item: (order[item[0]], -totals[item], item[1]))
    blocks: list[Block] = [
        Note(
            text="Up to three documents a rule, those with the smallest keys: the same ones for the same "
            "run. Hidden and direction characters are written out as \u201c\\u{…}\u201d."
        )
    ]
    for step, rule in rules[:RULES_SHOWN]:
        items = [_excerpt(row) for row in rows if (row["step"], row["rule"]) == (step, rule)]
        blocks.append(Excerpts(caption=f"{step} · {rule} — {totals[step, rule]:,} dropped", items=items))
    return blocks


def _excerpt(row: Mapping[str, object]) -> Excerpt:
    key = row["key"]
    assert isinstance(key, bytes)
    facts = [Fact(label="source", value=str(row["source"]))]
    for name in ("value", "threshold", "similarity"):
        number = row[name]
        if isinstance(number, float):
            facts.append(Fact(label=name, value=number, kind="number"))
    facts.append(Fact(label="key", value=key.hex(), kind="code"))
    title = str(row["id"]) if row["id"] else f"document {row['doc']}"
    return Excerpt(title=title, facts=facts, text=shorten(str(row["excerpt"] or ""), EXCERPT_CHARACTERS))
