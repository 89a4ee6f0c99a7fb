"""Who is held out, who was left out for it, and what is proven of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from gristmill.report.blocks import Block, Column, Fact, Facts, Note, Table
from gristmill.report.folder import RunFolder

REASONS = {
    "embargo": "their time lies in the embargo before a cut",
    "undated": "they have no time that can be read",
    "group_is_held_out": "their group has documents on a later side of a cut in time",
    "joins_two_sides": "they join groups that the earlier run put on different sides",
    "straddles": "they are similar to a held-out document, and no band had shown it",
}


def build(run: RunFolder) -> Sequence[Block]:
    """Return the sides, what was left out, and the proof; nothing where no document is held out."""
    split = cast("Mapping[str, object] | None", run.manifest.get("split"))
    if split is None:
        return []
    documents = cast(Mapping[str, int], split["documents"])
    total = sum(documents.values())
    blocks: list[Block] = [
        Table(
            caption="Documents by side",
            columns=[
                Column(label="side", kind="code"),
                Column(label="documents", kind="count"),
                Column(label="share", kind="share"),
            ],
            rows=[
                [name, documents[name], documents[name] / total if total else 0.0]
                for name in cast(Sequence[str], split["names"])
            ],
            note=_together(split),
        )
    ]
    left = cast(Mapping[str, int], split["left_out"])
    if left:
        blocks.append(
            Table(
                caption="Left out by the split",
                columns=[
                    Column(label="rule", kind="code"),
                    Column(label="documents", kind="count"),
                    Column(label="because"),
                ],
                rows=[[rule, number, REASONS.get(rule, "")] for rule, number in left.items()],
            )
        )
    return [*blocks, *_proof(cast(Mapping[str, object], split["proof"]))]


def _together(split: Mapping[str, object]) -> str:
    groups = cast("Mapping[str, int] | None", split["groups"])
    if groups is None:
        return "Every document was put on a side by itself."
    together = ["similar documents"] if split["by_cluster"] else []
    together += [f"documents with the same {column}" for column in cast(Sequence[str], split["columns"])]
    together += [f"rows made from one document ({split['parent']})"] if split["parent"] else []
    return (
        f"Kept together: {', '.join(together)}: {groups['groups']:,} groups of {groups['grouped']:,} documents, "
        f"{groups['largest']:,} in the largest."
    )


def _proof(proof: Mapping[str, object]) -> list[Block]:
    pairs, indexed, held_out = (cast(int, proof[key]) for key in ("pairs", "indexed", "held_out"))
    items = [
        Fact(
            label="pairs across sides",
            value=pairs,
            kind="count",
            detail=f"{proof['measure']}, {proof['min_similarity']} or more",
        ),
        Fact(
            label="held-out documents compared",
            value=indexed,
            kind="count",
            detail=f"of {held_out:,}; with {cast(int, proof['checked']):,} documents on less protected sides",
        ),
        Fact(
            label="pairs before documents were left out", value=cast(int, proof["pairs_found"]), kind="count"
        ),
        Fact(label="assignment", value=str(proof["assignment"]), kind="code"),
    ]
    notes: list[Block] = []
    if indexed < held_out:
        share = 100 * cast(float, proof["share_at_most"])
        notes.append(
            Note(
                text=f"Not all held-out documents fit the index, so {indexed:,} were drawn. With 95 % confidence at "
                f"most {share:.3f} % of them have a pair."
            )
        )
    if pairs:
        notes.append(Note(text="This split leaks: training refuses its shards unless it is told not to."))
    return [Facts(items=items), *notes]
