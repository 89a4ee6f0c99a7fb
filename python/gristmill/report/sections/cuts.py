"""What steps cut out of texts because it stands somewhere else, or because a Bloom filter called it seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from gristmill.report.blocks import Block, Cell, Column, Note, Table
from gristmill.report.folder import RunFolder

Numbers = Mapping[str, float]


def cut_blocks(run: RunFolder) -> list[Block]:
    """Return a table of the steps that cut texts, and what those with a Bloom filter cannot promise."""
    cuts = cast(Sequence[Mapping[str, object]], run.manifest.get("cuts") or [])
    if not cuts:
        return []
    rows: list[Sequence[Cell]] = []
    notes: list[Block] = []
    for one in cuts:
        done = cast(Numbers, one["cut"])
        found = {
            name: count
            for numbers in cast(Mapping[str, Numbers], one["found"]).values()
            for name, count in numbers.items()
        }
        counts = [
            done.get(name, 0) for name in ("changed", "spans", "bytes", "nothing_left", "too_little_left")
        ]
        rows.append([str(one["step"]), *(int(count) for count in counts)])
        if "filter_bytes" in found:
            notes.append(Note(text=_bloom(str(one["step"]), found)))
        if found.get("hash_collisions"):
            text = f"{one['step']}: {int(found['hash_collisions']):,} parts share a hash with different ones, and stay."
            notes.append(Note(text=text))
    columns = [
        Column(label="step", kind="code"),
        Column(label="documents cut", kind="count"),
        Column(label="parts", kind="count"),
        Column(label="bytes", kind="count"),
        Column(label="nothing left", kind="count"),
        Column(label="too little left", kind="count"),
    ]
    return [Table(caption="Cut because it stands elsewhere", columns=columns, rows=rows), *notes]


def _bloom(step: str, found: Numbers) -> str:
    return (
        f"{step} verified nothing: of {int(found['ngrams']):,} n-grams, about {found['expected_false_ngrams']:,.0f} "
        f"are expected to have been called seen by mistake, and {found['expected_false_units']:,.1f} parts to have "
        f"gone for that reason alone. The filter holds {int(found['ngrams_added']):,} n-grams in "
        f"{int(found['filter_bytes']):,} bytes; its rate of mistakes was {found['false_positive_rate']:.4f} at the end."
    )
