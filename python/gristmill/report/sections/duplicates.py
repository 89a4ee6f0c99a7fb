"""Duplicates: how large clusters are, and removed documents beside the kept one, differing words marked."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

import polars as pl

from gristmill.report.blocks import Block, Column, Fact, Facts, Note, Pair, Pairs, Run, Side, Table
from gristmill.report.folder import RunFolder, mapping
from gristmill.report.streams import ROWS_OF_NUMBERS, ROWS_WITH_TEXT, batches, smallest

CLUSTERS_COUNTED = 65_536
LARGEST_SHOWN = 4
PAIRS_A_STEP = 4
MEMBERS_SHOWN = 3
EXCERPT_CHARACTERS = 600
Row = Mapping[str, object]
_COLUMNS = ["step", "key", "doc", "id", "source", "duplicate_of", "similarity", "excerpt"]


def build(run: RunFolder) -> Sequence[Block]:
    """Return cluster sizes and side-by-side examples.

    Cost: two passes over `rejects/`, one over keys and texts of `documents/`. Memory: at most 65,536 clusters
    are counted, those with the smallest keys; the page says so where there are more.
    """
    sizes = _cluster_sizes(run)
    if sizes is None or not sizes.height:
        return []
    largest = (
        sizes.sort(["removed", "duplicate_of"], descending=[True, False])
        .head(LARGEST_SHOWN)["duplicate_of"]
        .to_list()
    )
    members = _members(run, largest)
    by_step = _pairs_by_step(run)
    wanted = {*largest, *(row["duplicate_of"] for row in by_step)}
    kept = _kept_texts(run, wanted)
    stored = mapping(run.recipe.get("run")).get("rejects_excerpt_characters")
    limit = min(EXCERPT_CHARACTERS, stored) if isinstance(stored, int) else EXCERPT_CHARACTERS
    blocks: list[Block] = [
        Note(
            text="A document is removed only on a verified edge: the stated similarity to the document that "
            "was kept beside it was computed, not estimated. Words that differ are marked; only the "
            "beginnings of the texts are compared here."
        ),
        *_stage_counts(run),
        _sizes_table(sizes),
    ]
    order = {step: number for number, step in enumerate(run.steps)}
    for step in sorted({str(row["step"]) for row in by_step}, key=lambda name: order.get(name, len(order))):
        rows = [row for row in by_step if row["step"] == step]
        title = (
            f"{step}: removals with the lowest similarity"
            if rows[0]["similarity"] is not None
            else f"{step}: examples"
        )
        blocks.append(Pairs(caption=title, items=[_pair(row, kept, limit) for row in rows], is_open=True))
    for key in largest:
        rows = [row for row in members if row["duplicate_of"] == key]
        removed = sizes.filter(pl.col("duplicate_of") == key)["removed"].item()
        if removed > 1:
            caption = f"cluster of {key.hex()}: 1 kept, {removed:,} removed"
            blocks.append(Pairs(caption=caption, items=[_pair(row, kept, limit) for row in rows]))
    return blocks


def _stage_counts(run: RunFolder) -> list[Block]:
    """Return the counts that the manifest gives for deduplication: edges, clusters, removals."""
    numbers = mapping(run.manifest.get("dedup"))
    items = [
        Fact(label=name.replace("_", " "), value=number, kind="count")
        for name, number in sorted(numbers.items())
        if isinstance(number, int)
    ]
    return [Facts(items=items)] if items else []


def _cluster_sizes(run: RunFolder) -> pl.DataFrame | None:
    """Return the number of removed documents a survivor, exact for the survivors with the smallest keys."""
    state: pl.DataFrame | None = None
    for frame in batches(run.files("rejects"), ["duplicate_of"], rows=ROWS_OF_NUMBERS):
        part = frame.drop_nulls().group_by("duplicate_of").agg(pl.len().cast(pl.Int64).alias("removed"))
        joined = part if state is None else pl.concat([state, part])
        # Cutting the largest keys never loses a count of those that stay: they were never cut before.
        merged = joined.group_by("duplicate_of").agg(pl.col("removed").sum())
        state = merged.sort("duplicate_of").head(CLUSTERS_COUNTED)
    return state


def _sizes_table(sizes: pl.DataFrame) -> Table:
    counts = sizes.group_by("removed").len("survivors").sort("removed")
    rows = [[removed, survivors, removed * survivors] for removed, survivors in counts.iter_rows()]
    if len(rows) > 12:
        tail = rows[11:]
        rows = [
            *rows[:11],
            [f"{tail[0][0]:,} or more", sum(row[1] for row in tail), sum(row[2] for row in tail)],
        ]
    note = (
        f"Only the {CLUSTERS_COUNTED:,} survivors with the smallest keys."
        if sizes.height >= CLUSTERS_COUNTED
        else ""
    )
    return Table(
        caption="How many duplicates were removed for one kept document",
        columns=[
            Column(label="removed for one survivor", kind="count"),
            Column(label="survivors", kind="count"),
            Column(label="documents removed", kind="count"),
        ],
        rows=rows,
        note=note,
    )


def _members(run: RunFolder, survivors: Sequence[bytes]) -> list[Row]:
    frames = (
        frame.filter(pl.col("duplicate_of").is_in(survivors))
        for frame in batches(run.files("rejects"), _COLUMNS, rows=ROWS_WITH_TEXT)
    )
    state = smallest(frames, ["duplicate_of"], ["key", "doc"], limit=MEMBERS_SHOWN)
    return [] if state is None else list(state.rows(named=True))


def _pairs_by_step(run: RunFolder) -> list[Row]:
    """Return the removals with the lowest similarity of each step, one a survivor."""
    frames = (
        frame.filter(pl.col("duplicate_of").is_not_null())
        for frame in batches(run.files("rejects"), _COLUMNS, rows=ROWS_WITH_TEXT)
    )
    order = ["similarity", "key", "doc"]
    state = smallest(frames, ["step"], order, limit=PAIRS_A_STEP, distinct=["duplicate_of"])
    return [] if state is None else list(state.rows(named=True))


def _kept_texts(run: RunFolder, keys: set[bytes]) -> dict[bytes, tuple[str, str]]:
    """Return name and beginning of the kept documents with these keys."""
    found: dict[bytes, tuple[str, str]] = {}
    for frame in batches(run.files("documents"), ["key", "doc", "id", "source", "text"], rows=ROWS_WITH_TEXT):
        chosen = frame.filter(pl.col("key").is_in(sorted(keys)))
        for row in chosen.rows(named=True):
            found[row["key"]] = (f"{_name(row)} ({row['source']})", row["text"][: EXCERPT_CHARACTERS + 1])
    return found


def _pair(row: Row, kept: Mapping[bytes, tuple[str, str]], limit: int) -> Pair:
    survivor = row["duplicate_of"]
    assert isinstance(survivor, bytes)
    name, text = kept.get(survivor, (survivor.hex(), ""))
    left, right = marked_differences(text, str(row["excerpt"] or ""), limit=limit)
    facts = [Fact(label="step", value=str(row["step"]), kind="code")]
    similarity = row["similarity"]
    if isinstance(similarity, float):
        facts.append(Fact(label="similarity", value=similarity, kind="number"))
    return Pair(
        title="",
        facts=facts,
        left=Side(title=f"kept: {name}", runs=left),
        right=Side(title=f"removed: {_name(row)} ({row['source']})", runs=right),
    )


def _name(row: Row) -> str:
    return str(row["id"]) if row["id"] else f"document {row['doc']}"


def marked_differences(left: str, right: str, *, limit: int) -> tuple[list[Run], list[Run]]:
    """Return the first `limit` characters of both texts as runs; words that the other lacks are marked.

    A difference at the very end is not marked where a text was cut off: what follows is not known to differ.

    Examples
    --------
    >>> left, right = marked_differences("one two three", "one 2 three", limit=99)
    >>> [run.text for run in left if run.differs], [run.text for run in right if run.differs]
    (['two'], ['2'])
    """
    words = [re.findall(r"\w+|\s+|[^\w\s]", text[:limit]) for text in (left, right)]
    is_cut = len(left) >= limit or len(right) >= limit
    matcher = difflib.SequenceMatcher(None, words[0], words[1], autojunk=False)
    sides: tuple[list[Run], list[Run]] = ([], [])
    codes = matcher.get_opcodes()
    for number, (tag, left_from, left_to, right_from, right_to) in enumerate(codes, start=1):
        differs = tag != "equal" and not (is_cut and number == len(codes))
        for side, part in ((0, words[0][left_from:left_to]), (1, words[1][right_from:right_to])):
            if part:
                sides[side].append(Run(text="".join(part), differs=differs))
    for side, text in enumerate((left, right)):
        if len(text) >= limit:
            sides[side].append(Run(text="\u2026", differs=False))
    return sides
