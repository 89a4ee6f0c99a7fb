"""What decided the run: recipe, operator versions, tokenizer, inputs and files with their digests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from gristmill.report.blocks import Block, Cell, Code, Column, Fact, Facts, Table
from gristmill.report.folder import RunFolder, mapping, sequence

ROWS_SHOWN = 200


def build(run: RunFolder) -> Sequence[Block]:
    """Return digests, recipe, operators, inputs and output files."""
    manifest = run.manifest
    facts = [
        Fact(
            label="manifest",
            value=run.manifest_digest,
            kind="code",
            detail="sha256sum manifest.json prints the same",
        ),
        Fact(label="plan", value=_cell(manifest.get("plan")), kind="code"),
    ]
    for name, value in sorted(mapping(manifest.get("lineage")).items()):
        facts.append(Fact(label=f"lineage: {name}", value=_cell(value), kind="code"))
    for name, value in sorted(mapping(manifest.get("tokenizer")).items()):
        facts.append(Fact(label=f"tokenizer: {name}", value=_cell(value), kind="code"))
    blocks: list[Block] = [Facts(items=facts)]
    if run.recipe_text:
        blocks.append(Code(caption="Effective recipe", text=run.recipe_text))
    operators = [mapping(entry) for entry in sequence(manifest.get("operators"))]
    inputs = [mapping(entry) for entry in sequence(manifest.get("inputs"))]
    files = [mapping(entry) for entry in sequence(manifest.get("files"))]
    known = ("step", "use", "name", "version", "distribution", "distribution_version", "fingerprint")
    named = {name: "code" for name in known if any(entry.get(name) is not None for entry in operators)}
    blocks += _table("Operators", operators, named)
    plugins = [
        {
            **mapping(entry),
            "config": json.dumps(mapping(entry).get("config"), sort_keys=True, ensure_ascii=False),
        }
        for entry in sequence(manifest.get("plugins"))
    ]
    blocks += _table("Plugins", plugins, {"step": "code", "use": "code", "kind": "text", "config": "code"})
    input_columns = {
        "source": "text",
        "path": "code",
        "documents": "count",
        "bytes": "count",
        "digest": "code",
    }
    blocks += _table("Inputs", inputs, input_columns)
    blocks += _table(
        "Files of the run", files, {"path": "code", "rows": "count", "bytes": "count", "digest": "code"}
    )
    return blocks


def _table(caption: str, records: Sequence[Mapping[str, object]], kinds: Mapping[str, str]) -> list[Block]:
    """Return the records as a table with these columns, nothing when there are none."""
    if not records:
        return []
    columns = [
        Column(label=name, kind="count" if kind == "count" else "code" if kind == "code" else "text")
        for name, kind in kinds.items()
    ]
    rows: list[list[Cell]] = [[_cell(record.get(name)) for name in kinds] for record in records[:ROWS_SHOWN]]
    left_out = len(records) - len(rows)
    note = f"{left_out:,} more are in manifest.json." if left_out else ""
    return [Table(caption=caption, columns=columns, rows=rows, note=note)]


def _cell(value: object) -> Cell:
    return value if value is None or isinstance(value, str | int | float) else str(value)
