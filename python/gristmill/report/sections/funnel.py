"""What went on after each step, by reason and by source, down to tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import polars as pl

from gristmill.report.blocks import Block, Cell, Column, Funnel, Loss, Note, Stage, Table
from gristmill.report.folder import RunFolder, count, mapping
from gristmill.report.streams import ROWS_OF_NUMBERS, batches, totals


def build(run: RunFolder) -> Sequence[Block]:
    """Return the funnel chart and the table of sources. Cost: one pass over `rejects/` and token counts."""
    documents_in = count(run.counts, "documents_in")
    if not documents_in:
        return [Note(text="This run read no documents.")]
    tokens = tokens_by_source(run)
    return [
        Funnel(
            caption="Documents that go on after each step, and why others leave",
            stages=stages(run),
            result=f"{sum(tokens.values()):,} tokens",
        ),
        _sources_table(run, tokens),
    ]


def stages(run: RunFolder) -> list[Stage]:
    """Return one stage a step that removed something, losses largest first; then what is kept."""
    remaining = count(run.counts, "documents_in")
    found = [Stage(label="documents in", documents=remaining)]
    for step in run.steps:
        losses: Counter[str] = Counter()
        for tally in run.tallies:
            if tally.step == step:
                losses[f"{tally.rule} (quarantined)" if tally.is_quarantined else tally.rule] += (
                    tally.documents
                )
        if losses:
            remaining -= losses.total()
            ordered = sorted(losses.items(), key=lambda item: (-item[1], item[0]))
            found.append(
                Stage(
                    label=f"after {step}",
                    documents=remaining,
                    losses=[Loss(reason=reason, documents=number) for reason, number in ordered],
                )
            )
    found.append(Stage(label="kept", documents=remaining))
    return found


def tokens_by_source(run: RunFolder) -> dict[str, int]:
    """Return the tokens of the kept documents by source; empty when the run wrote no documents."""
    state = totals(
        batches(run.files("documents"), ["source", "num_tokens"], rows=ROWS_OF_NUMBERS),
        ["source"],
        [pl.col("num_tokens").cast(pl.Int64).sum().alias("tokens")],
        [pl.col("tokens").sum()],
    )
    return {} if state is None else dict(state.select("source", "tokens").iter_rows())


def _sources_table(run: RunFolder, tokens: Mapping[str, int]) -> Table:
    by_step: Counter[tuple[str, str]] = Counter()
    quarantined: Counter[str] = Counter()
    for tally in run.tallies:
        if tally.is_quarantined:
            quarantined[tally.source] += tally.documents
        else:
            by_step[tally.source, tally.step] += tally.documents
    steps = [step for step in run.steps if any(by_step[source, step] for source in run.sources)]
    rows: list[list[Cell]] = []
    for source in run.sources:
        record = mapping(mapping(run.counts.get("by_source"))[source])
        documents_in, kept = count(record, "documents_in"), count(record, "kept")
        dropped: list[Cell] = [by_step[source, step] for step in steps]
        share = kept / documents_in if documents_in else None
        rows.append([source, documents_in, quarantined[source], *dropped, kept, share, tokens.get(source, 0)])
    columns = [
        Column(label="source"),
        Column(label="in", kind="count"),
        Column(label="quarantined", kind="count"),
        *(Column(label=step, kind="count") for step in steps),
        Column(label="kept", kind="count"),
        Column(label="share kept", kind="share"),
        Column(label="tokens", kind="count"),
    ]
    return Table(caption="By source: documents in, dropped by each step, kept", columns=columns, rows=rows)
