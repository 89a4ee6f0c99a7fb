"""What documents teach: conversations and what of them is trained, classes, documents that were too long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from gristmill.report.blocks import Block, Cell, Column, Note, Table
from gristmill.report.folder import RunFolder, count, mapping

SHOWN_CLASSES = 200


def build(run: RunFolder) -> Sequence[Block]:
    """Return counts of conversations, classes and long documents by split; nothing for a run of plain texts."""
    supervised = mapping(run.manifest.get("supervised"))
    splits = mapping(supervised.get("splits"))
    if not splits:
        return []
    blocks: list[Block] = []
    chat = mapping(supervised.get("chat"))
    if chat:
        turns = {
            "assistant": "all turns of the assistant are trained",
            "last": "the assistant's last turn is trained",
            "all": "everything is trained",
        }[str(chat["train_on"])]
        blocks.append(Note(text=f"Turns are rendered by the chat template {chat['template']}; {turns}."))
    tokens = mapping(run.counts.get("tokens"))
    rows: list[Sequence[Cell]] = []
    for name, value in splits.items():
        numbers = mapping(value)
        all_tokens = count(mapping(tokens.get(name)), "tokens")
        rows.append(
            [
                name,
                count(numbers, "conversations"),
                count(numbers, "trained_tokens"),
                all_tokens,
                count(numbers, "split"),
                count(numbers, "truncated"),
                count(numbers, "lost_tokens"),
                count(numbers, "spelled"),
            ]
        )
    labels = (
        "conversations",
        "tokens trained",
        "tokens",
        "split",
        "truncated",
        "tokens lost",
        "spell controls",
    )
    columns = [Column(label="split", kind="text"), *(Column(label=label, kind="count") for label in labels)]
    blocks.append(Table(caption="What is trained, by split", columns=columns, rows=rows))
    label = mapping(supervised.get("label"))
    if label:
        names = cast(Sequence[str], label["names"])
        by_split = {
            split: cast(Mapping[str, int], mapping(value).get("labels", {}))
            for split, value in splits.items()
        }
        classes: list[Sequence[Cell]] = [
            [number, name, *(found.get(name, 0) for found in by_split.values())]
            for number, name in enumerate(names[:SHOWN_CLASSES])
        ]
        blocks.append(Note(text=f"{len(names):,} classes, from the field {label['field']}."))
        blocks.append(
            Table(
                caption="Documents by class",
                columns=[
                    Column(label="number", kind="count"),
                    Column(label="class", kind="text"),
                    *(Column(label=split, kind="count") for split in by_split),
                ],
                rows=classes,
            )
        )
    return blocks
