"""Plugin steps: documents, failures, bytes, time and speed, with what would be faster. Reads `events.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from gristmill.report.blocks import Block, Cell, Column, Note, Table
from gristmill.report.folder import RunFolder, mapping

STAGE = "plugins"


def build(run: RunFolder) -> Sequence[Block]:
    """Return a table of the plugin steps; nothing for a run without any, or whose events are gone."""
    event = _last_event(run.path / "events.jsonl")
    operators = mapping(event.get("operators"))
    if not operators:
        return []
    rows: list[Sequence[Cell]] = []
    slow = []
    for step, account in operators.items():
        counts = mapping(account)
        number = {name: float(value) for name, value in counts.items() if isinstance(value, (int, float))}
        elapsed_s = number.get("elapsed_s", 0.0)
        speed = round(number.get("num_documents", 0.0) / elapsed_s) if elapsed_s else None
        tier = int(number.get("tier", 0))
        if tier == 3 and speed is not None:
            better = "apply" if counts.get("kind") == "transform" else "compute"
            slow.append(f"{step} ({speed:,} documents/s): expr or {better}")
        rows.append(
            [
                step,
                tier,
                "own process" if counts.get("isolation") == "process" else "run's",
                int(number.get("num_documents", 0)),
                int(number.get("num_failed", 0)),
                int(number.get("num_calls", 0)),
                int(number.get("num_restarts", 0)),
                int(number.get("input_bytes", 0)),
                int(number.get("output_bytes", 0)),
                int(number.get("num_captured_characters", 0)),
                round(elapsed_s, 2),
                round(number.get("audit_s", 0.0), 2),
                speed,
            ]
        )
    labels = ("documents", "failed", "calls", "restarts", "bytes in", "bytes out", "characters printed")
    columns = [
        Column(label="step", kind="code"),
        Column(label="tier"),
        Column(label="process"),
        *(Column(label=label, kind="count") for label in labels),
        Column(label="seconds"),
        Column(label="seconds of second looks"),
        Column(label="documents/s", kind="count"),
    ]
    blocks: list[Block] = [
        Note(
            text="What plugin steps did and took, all tasks together, in seconds of wall clock. A task that an earlier "
            "run had committed counts with what it took then."
        ),
        Table(caption="Plugin steps", columns=columns, rows=rows),
    ]
    if slow:
        blocks.append(
            Note(text="One document at a time in Python; a faster tier is there. " + "; ".join(slow) + ".")
        )
    return blocks


def _last_event(path: Path) -> Mapping[str, object]:
    """Return the newest event of plugins; a line that is damaged is passed over."""
    found: Mapping[str, object] = {}
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if f'"{STAGE}"' not in line:
                    continue
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if isinstance(event, dict) and event.get("stage") == STAGE:
                    found = event
    except OSError:
        return {}
    return found
