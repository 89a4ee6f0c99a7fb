"""Duplicates: the largest clusters, how similar removals are, and removed documents beside the kept one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from gristmill.curate.clusters import Clusters, find_clusters, has_dedup
from gristmill.report.blocks import Block, Column, Fact, Facts, Histogram, Note, Pair, Pairs, Side, Table
from gristmill.report.folder import RunFolder, mapping
from gristmill.report.streams import ROWS_WITH_TEXT, batches, smallest
from gristmill.report.word_differences import marked_differences

CLUSTERS_LISTED = 12
CROSSINGS_LISTED = 12
LARGEST_SHOWN = 4
PAIRS_A_STEP = 4
MEMBERS_SHOWN = 3
EXCERPT_CHARACTERS = 600
FIRST_LINE_CHARACTERS = 80
SOURCES_NAMED = 3
KEY_DIGITS = 12
Row = Mapping[str, object]
_COLUMNS = ["step", "key", "doc", "id", "source", "duplicate_of", "similarity", "shared_bands", "excerpt"]


def build(run: RunFolder) -> Sequence[Block]:
    """Return counts, the largest clusters, similarities, sources and side-by-side examples.

    Cost: three passes over `rejects/`, one over narrow columns and one over the texts of `documents/`. Memory: as
    `gristmill.curate.clusters.find_clusters` says; it does not grow with the run.
    """
    if not has_dedup(run.manifest):
        return []
    found = find_clusters(run.path, run.manifest, top=CLUSTERS_LISTED)
    if not found.num_clusters:
        return _stage_counts(run)
    survivors = [bytes.fromhex(one.survivor.key) for one in found.largest if one.survivor is not None]
    shown = survivors[:LARGEST_SHOWN]
    members = _members(run, shown)
    by_step = _pairs_by_step(run)
    kept = _kept_texts(run, {*survivors, *(_key(row["duplicate_of"]) for row in by_step)})
    stored = mapping(run.recipe.get("run")).get("rejects_excerpt_characters")
    limit = min(EXCERPT_CHARACTERS, stored) if isinstance(stored, int) else EXCERPT_CHARACTERS
    blocks: list[Block] = [
        Note(
            text=f"{_what_removals_are(run)} A cluster is what such edges link, in chains too: more than one of it may "
            "stay. Words that differ are marked, white space is not compared, and only the beginnings of the texts are."
        ),
        *_stage_counts(run),
        _largest_table(found, kept),
        *_similarities(found),
        _sizes_table(found),
        _crossings_table(found),
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
    for cluster in found.largest[:LARGEST_SHOWN]:
        rows = [
            row
            for row in members
            if cluster.survivor is not None and _key(row["duplicate_of"]).hex() == cluster.survivor.key
        ]
        if cluster.size > 2 and rows:
            caption = (
                f"cluster of {cluster.key}: {cluster.kept:,} kept, {cluster.size - cluster.kept:,} removed"
            )
            blocks.append(Pairs(caption=caption, items=[_pair(row, kept, limit) for row in rows]))
    return blocks


def _what_removals_are(run: RunFolder) -> str:
    if "guessed" in mapping(run.manifest.get("dedup")):
        return (
            "Near duplicates of this run are guesses: the recipe says `verify = false`, so a document was removed "
            "because it shares keys with another, and no text was compared."
        )
    return (
        "A document is removed only on a verified edge: the stated similarity to the document that was kept beside it "
        "was computed, not estimated."
    )


def _key(value: object) -> bytes:
    assert isinstance(value, bytes)
    return value


def _stage_counts(run: RunFolder) -> list[Block]:
    """Return the counts that the manifest gives for deduplication: edges, clusters, removals."""
    numbers = mapping(run.manifest.get("dedup"))
    of_embeddings = {
        f"embeddings_{name}": number for name, number in mapping(numbers.get("semantic")).items()
    }
    items = [
        Fact(label=name.replace("_", " "), value=number, kind="count")
        for name, number in sorted({**numbers, **of_embeddings}.items())
        if isinstance(number, int)
    ]
    return [Facts(items=items)] if items else []


def _largest_table(found: Clusters, kept: Mapping[bytes, tuple[str, str]]) -> Table:
    steps = list(found.removed)
    rows: list[list[str | int | float | None]] = []
    for one in found.largest:
        low, high = one.similarities if one.similarities is not None else (None, None)
        survivor = kept.get(bytes.fromhex(one.survivor.key)) if one.survivor is not None else None
        rows.append(
            [
                one.key[:KEY_DIGITS],
                one.size,
                one.kept,
                *(one.removed.get(step, 0) for step in steps),
                None if low is None else round(low, 4),
                None if high is None else round(high, 4),
                _sources(one.sources),
                "" if survivor is None else _first_line(survivor[1]),
            ]
        )
    left_out = found.num_clusters - len(rows)
    return Table(
        caption="Largest clusters",
        columns=[
            Column(label="cluster", kind="code"),
            Column(label="documents", kind="count"),
            Column(label="kept", kind="count"),
            *(Column(label=step, kind="count") for step in steps),
            Column(label="least similar", kind="number"),
            Column(label="most similar", kind="number"),
            Column(label="sources"),
            Column(label="the kept document begins"),
        ],
        rows=rows,
        note=f"{left_out:,} more; the command clusters lists and writes them." if left_out else "",
    )


def _sources(sources: Mapping[str, int]) -> str:
    named = [f"{name} {number:,}" for name, number in list(sources.items())[:SOURCES_NAMED]]
    more = len(sources) - len(named)
    return ", ".join(named) + (f" and {more:,} more" if more else "")


def _first_line(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= FIRST_LINE_CHARACTERS else line[:FIRST_LINE_CHARACTERS] + "\u2026"


def _similarities(found: Clusters) -> list[Block]:
    bins = found.bins()
    if not bins:
        return []
    steps = list(found.similarities)
    twins = sum(one.documents.get(step, 0) for one in bins if one.low < 1 for step in found.exact_steps)
    note = (
        f"{twins:,} exact duplicates are below 1: the document that each is equal to was itself removed for a "
        "similar one, which is named in its place."
        if twins
        else ""
    )
    return [
        Histogram(
            caption="How similar removed documents are to the kept one",
            axis="similarity, from; 1 is for equal words",
            series=steps,
            labels=["1" if one.low == one.high else f"{one.low:.2f}" for one in bins],
            values=[[one.documents[step] for step in steps] for one in bins],
            note=note,
        )
    ]


def _sizes_table(found: Clusters) -> Table:
    rows: list[list[str | int]] = [
        [removed, survivors, removed * survivors] for removed, survivors in found.removed_a_survivor.items()
    ]
    if len(rows) > 12:
        tail = list(found.removed_a_survivor.items())[11:]
        rows = [
            *rows[:11],
            [
                f"{tail[0][0]:,} or more",
                sum(survivors for _, survivors in tail),
                sum(removed * survivors for removed, survivors in tail),
            ],
        ]
    return Table(
        caption="How many duplicates were removed for one kept document",
        columns=[
            Column(label="removed for one survivor", kind="count"),
            Column(label="survivors", kind="count"),
            Column(label="documents removed", kind="count"),
        ],
        rows=rows,
    )


def _crossings_table(found: Clusters) -> Table:
    rest = found.crossings[CROSSINGS_LISTED:]
    return Table(
        caption="From which sources documents were removed, and for which",
        columns=[
            Column(label="removed from"),
            Column(label="by", kind="code"),
            Column(label="for one of"),
            Column(label="documents", kind="count"),
        ],
        rows=[
            [one.source, one.step, one.survivor_source, one.documents]
            for one in found.crossings[:CROSSINGS_LISTED]
        ],
        note=f"{sum(one.documents for one in rest):,} more in {len(rest):,} rows." if rest else "",
    )


def _members(run: RunFolder, survivors: Sequence[bytes]) -> list[Row]:
    frames = (
        frame.filter(pl.col("duplicate_of").is_in(survivors))
        for frame in batches(run.files("rejects"), _COLUMNS, rows=ROWS_WITH_TEXT)
    )
    state = smallest(frames, ["duplicate_of"], ["similarity", "key", "doc"], limit=MEMBERS_SHOWN)
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
    survivor = _key(row["duplicate_of"])
    name, text = kept.get(survivor, (survivor.hex(), ""))
    left, right = marked_differences(text, str(row["excerpt"] or ""), limit=limit)
    facts = [Fact(label="step", value=str(row["step"]), kind="code")]
    similarity = row["similarity"]
    if isinstance(similarity, float):
        facts.append(Fact(label="similarity", value=similarity, kind="number"))
    bands = row["shared_bands"]
    if isinstance(bands, int):
        facts.append(Fact(label="shared bands", value=bands, kind="count"))
    return Pair(
        title="",
        facts=facts,
        left=Side(title=f"kept: {name}", runs=left),
        right=Side(title=f"removed: {_name(row)} ({row['source']})", runs=right),
    )


def _name(row: Row) -> str:
    return str(row["id"]) if row["id"] else f"document {row['doc']}"
