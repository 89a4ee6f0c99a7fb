"""What steps chose among the documents that were kept: how many, of which strata, and where the cut-off lay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from gristmill.report.blocks import Block, Cell, Column, Note, Table
from gristmill.report.folder import RunFolder

STRATA_SHOWN = 50
Choice = Mapping[str, object]


def build(run: RunFolder) -> list[Block]:
    """Return a table of the choosing steps, and one of the strata of each that has some."""
    choices = cast(Sequence[Choice], run.manifest.get("choices") or [])
    if not choices:
        return []
    rows: list[Sequence[Cell]] = []
    for one in choices:
        numbers = [int(cast(int, one[name])) for name in ("documents", "kept")]
        numbers += [int(cast(int, one.get(name, 0))) for name in ("beyond", "nothing_new")]
        rows.append(
            [
                str(one["step"]),
                str(one["by"] or "all"),
                *numbers,
                str(one["unit"]),
                _amount(one),
                _cut_off(one),
            ]
        )
    columns = [
        Column(label="step", kind="code"),
        Column(label="by"),
        Column(label="documents", kind="count"),
        Column(label="kept", kind="count"),
        Column(label="beyond the cut-off", kind="count"),
        Column(label="nothing new", kind="count"),
        Column(label="counted in"),
        Column(label="kept of these", kind="count"),
        Column(label="cut-off"),
    ]
    blocks: list[Block] = [Table(caption="Chosen among what was kept", columns=columns, rows=rows)]
    for one in choices:
        blocks += _notes(one)
        blocks += _strata(one)
        blocks += _decided(one)
    return blocks


def _amount(one: Choice) -> int:
    return cast(int, one["kept_amount"])


def _cut_off(one: Choice) -> str:
    return "" if one["cut_off"] is None else f"{cast(float, one['cut_off']):.6g}"


def _notes(one: Choice) -> list[Block]:
    notes: list[Block] = []
    if one.get("without_score"):
        notes.append(
            Note(text=f"{one['step']}: {one['without_score']:,} documents have no value, and came last.")
        )
    novelty = cast("Mapping[str, float] | None", one.get("novelty"))
    if novelty is not None:
        text = (
            f"{one['step']}: {int(novelty['ngrams_added']):,} n-grams of selected documents in a filter of "
            f"{int(novelty['filter_bytes']):,} bytes; at the end it called {novelty['false_positive_rate']:.4f} of new "
            "ones seen."
        )
        notes.append(Note(text=text))
    return notes


def _decided(one: Choice) -> list[Block]:
    """Return why a plugin left documents of groups out, and what it failed on."""
    left_out = cast("Mapping[str, int] | None", one.get("left_out"))
    if left_out is None:
        return []
    reasons = cast(Mapping[str, str], one["reasons"])
    columns = [
        Column(label="rule", kind="code"),
        Column(label="because"),
        Column(label="documents", kind="count"),
    ]
    rows: list[Sequence[Cell]] = [[rule, reasons[rule], count] for rule, count in left_out.items()]
    caption = f"{one['step']}: {one['in_groups']:,} documents in {one['groups']:,} groups by {one['by']}"
    blocks: list[Block] = [Table(caption=caption, columns=columns, rows=rows)]
    failures = cast("Sequence[Mapping[str, object]]", one.get("failures") or [])
    if failures:
        details = "; ".join(f"{item['documents']:,} documents: {item['detail']}" for item in failures)
        blocks.append(Note(text=f"It failed on groups. {details}"))
    return blocks


def _strata(one: Choice) -> list[Block]:
    strata = cast("Sequence[Mapping[str, object]]", one.get("strata") or [])
    if not strata:
        return []
    largest = sorted(strata, key=lambda stratum: (-cast(int, stratum["documents"]), str(stratum["name"])))
    has_target = "target" in strata[0]
    columns = [
        Column(label=str(one["by"])),
        Column(label="documents", kind="count"),
        Column(label="kept", kind="count"),
        Column(label=str(one["unit"]), kind="count"),
        Column(label=f"{one['unit']} kept", kind="count"),
        Column(label="share of what is kept", kind="share"),
    ]
    if has_target:
        columns += [Column(label="target", kind="count"), Column(label="repeat")]
    total = sum(cast(int, stratum["kept_amount"]) for stratum in strata)
    rows: list[Sequence[Cell]] = []
    for stratum in largest[:STRATA_SHOWN]:
        kept = cast(int, stratum["kept_amount"])
        row: list[Cell] = ["null" if stratum["name"] is None else str(stratum["name"])]
        row += [cast(int, stratum[name]) for name in ("documents", "kept", "amount", "kept_amount")]
        row.append(kept / total if total else 0.0)
        if has_target:
            row += [cast(int, stratum["target"]), f"{cast(float, stratum['repeat']):.6g}"]
        rows.append(row)
    blocks: list[Block] = [Table(caption=f"{one['step']}: strata", columns=columns, rows=rows)]
    if len(strata) > STRATA_SHOWN:
        blocks.append(Note(text=f"The {STRATA_SHOWN} largest of {len(strata):,}; `manifest.json` has all."))
    if any(cast(float, stratum.get("repeat", 1.0)) > 1 for stratum in strata):
        blocks.append(
            Note(
                text="Nothing is written twice. Where a source is to be read more than once, that is for training: "
                "the factor is its `weight`."
            )
        )
    return blocks
