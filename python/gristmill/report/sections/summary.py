"""Headline figures of a run."""

from __future__ import annotations

from collections.abc import Sequence

from gristmill.report.blocks import Block, Fact, Facts
from gristmill.report.folder import RunFolder, count, mapping
from gristmill.report.sections.training import read_metrics


def build(run: RunFolder) -> Sequence[Block]:
    """Return documents in, kept, dropped, quarantined, tokens and, after training, the validation loss."""
    counts = run.counts
    documents_in, kept = count(counts, "documents_in"), count(counts, "kept")
    tokens = {
        name: count(mapping(entry), "tokens") for name, entry in sorted(mapping(counts.get("tokens")).items())
    }
    items = [
        Fact(
            label="documents in", value=documents_in, kind="count", detail=f"from {len(run.sources)} sources"
        ),
        Fact(label="kept", value=kept, kind="count", detail=percent(kept, documents_in)),
        Fact(
            label="dropped",
            value=count(counts, "dropped"),
            kind="count",
            detail=percent(count(counts, "dropped"), documents_in),
        ),
        Fact(
            label="quarantined",
            value=count(counts, "quarantined"),
            kind="count",
            detail=percent(count(counts, "quarantined"), documents_in),
        ),
        Fact(
            label="tokens",
            value=sum(tokens.values()),
            kind="count",
            detail=", ".join(f"{name} {number:,}" for name, number in tokens.items()),
        ),
    ]
    metrics = read_metrics(run.path / "train" / "metrics.jsonl")
    if metrics is not None and len(metrics.validation_loss) > 1:
        first, last = metrics.validation_loss[0][1], metrics.validation_loss[-1][1]
        items.append(
            Fact(
                label="validation loss",
                value=last,
                kind="number",
                detail=f"{first:.3f} before training ({last - first:+.3f})".replace("-", "\u2212"),
            )
        )
    return [Facts(items=items, prominent=True)]


def percent(part: int, whole: int) -> str:
    """Return `part` of `whole` in words.

    Examples
    --------
    >>> percent(1, 8)
    '12.5 % of input'
    """
    return f"{100 * part / whole:.1f} % of input" if whole else "no input"
