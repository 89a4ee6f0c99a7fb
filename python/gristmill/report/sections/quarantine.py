"""Documents that could not be read or whose step failed: how many, why, and examples with what was wrong."""

from __future__ import annotations

from collections.abc import Sequence

from gristmill.report.blocks import Block, Cell, Column, Excerpt, Excerpts, Fact, Note, Table
from gristmill.report.folder import RunFolder, mapping
from gristmill.report.streams import ROWS_WITH_TEXT, batches, smallest
from gristmill.report.visible import shorten

EXAMPLES_A_REASON = 3
DETAIL_CHARACTERS = 1_200


def build(run: RunFolder) -> Sequence[Block]:
    """Return counts by reason and source, and up to three examples a reason. Cost: a pass over `rejects/`."""
    found = [tally for tally in run.tallies if tally.is_quarantined]
    if not found:
        return [Note(text="Nothing was quarantined: every record was read and every step ended well.")]
    rows: list[Sequence[Cell]] = [[tally.step, tally.rule, tally.source, tally.documents] for tally in found]
    columns = [
        Column(label="step", kind="code"),
        Column(label="reason", kind="code"),
        Column(label="source"),
        Column(label="documents", kind="count"),
    ]
    limit = mapping(run.recipe.get("run")).get("max_quarantine_fraction")
    budget = ""
    if isinstance(limit, float):
        budget = f" The recipe allows 100, or a share of {limit:g} where that is more."
    blocks: list[Block] = [
        Note(
            text="Records that could not be read, or on which a step failed. They are rows in rejects/ too."
            + budget
        ),
        Table(caption="Quarantined documents by reason and source", columns=columns, rows=rows),
    ]
    names = ["kind", "step", "rule", "key", "doc", "id", "source", "detail", "excerpt"]
    frames = batches(run.files("rejects"), names, rows=ROWS_WITH_TEXT)
    examples = smallest(frames, ["kind", "step", "rule"], ["key", "doc"], limit=EXAMPLES_A_REASON)
    assert examples is not None
    for step, rule in sorted({(tally.step, tally.rule) for tally in found}):
        items = [
            Excerpt(
                title=str(row["id"] or f"document {row['doc']}"),
                facts=[
                    Fact(label="source", value=row["source"]),
                    Fact(label="detail", value=shorten(row["detail"] or "", DETAIL_CHARACTERS)),
                    Fact(label="key", value=row["key"].hex(), kind="code"),
                ],
                text=row["excerpt"] or "",
            )
            for row in examples.rows(named=True)
            if (row["kind"], row["step"], row["rule"]) == ("quarantined", step, rule)
        ]
        blocks.append(Excerpts(caption=f"{step} · {rule}", items=items))
    return blocks
