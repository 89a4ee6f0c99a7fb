"""Everything that happened to one document of a run: where it came from, what was changed, why it left or stayed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from gristmill.cli.tables import files_under, find_rows, manifest_of, read_json
from gristmill.cli.text import counted, one_line, value_words
from gristmill.errors import GristmillError

ROW_BITS = 40
"""A document's number is its file's position, shifted by so many bits, plus its row."""
_KEY = re.compile(r"[0-9a-f]{32}")
Row = dict[str, object]


def tell(run_folder: Path, name: str) -> tuple[list[str], dict[str, object]]:
    """Return the story of a document as lines and as JSON values. Cost: some passes over the tables of the run.

    Parameters
    ----------
    run_folder
        A finished run.
    name
        The document's number, the 32 hexadecimal digits of its key, or its own id. Of several documents with one id,
        all are told.

    Raises
    ------
    GristmillError
        ``GM-CLI-009`` when there is no such document.
    """
    manifest = manifest_of(run_folder)
    rows = _find(run_folder, manifest, name)
    if not rows:
        raise GristmillError(
            "GM-CLI-009",
            f"there is no document `{name}` in `{run_folder}`",
            hint="a document is looked for by its number, the 32 digits of its key, or its id"
            + (
                ""
                if _has_ids(run_folder)
                else "; no source of this run names an `id` field, so it has no ids"
            ),
        )
    lines: list[str] = []
    stories = []
    for row in rows.values():
        story = _story(run_folder, manifest, row)
        stories.append(story)
        lines += [*([""] if lines else []), *_lines(story)]
    return lines, {"documents": stories}


def _has_ids(run_folder: Path) -> bool:
    """Say whether a source of the run names an `id` field; where the plan is gone, it may."""
    file = run_folder / "plan.json"
    if not file.is_file():
        return True
    sources = cast(list[Mapping[str, Mapping[str, object]]], read_json(file)["sources"])
    # A plugin's reader gives ids by itself.
    return any(source["engine"].get("id") or source.get("reader") for source in sources)


def _find(run_folder: Path, manifest: Mapping[str, object], name: str) -> dict[int, Row]:
    """Return the matching documents by number, each with its row in `documents` or `rejects`."""
    column, value = _lookup(name)
    found: dict[int, Row] = {}
    for table in ("rejects", "documents"):
        for _, _, row in find_rows(files_under(run_folder, manifest, f"{table}/"), column, value):
            found[cast(int, row["doc"])] = {**row, "table": table}
    if not found and column != "id":
        for table in ("rejects", "documents"):
            for _, _, row in find_rows(files_under(run_folder, manifest, f"{table}/"), "id", name):
                found[cast(int, row["doc"])] = {**row, "table": table}
    return dict(sorted(found.items()))


def _lookup(name: str) -> tuple[str, object]:
    """Return the column that a name is looked for in first, and the value there."""
    if _KEY.fullmatch(name.lower()):
        return "key", bytes.fromhex(name)
    if name.isdigit() and int(name) < 1 << 64:
        return "doc", int(name)
    return "id", name


def _story(run_folder: Path, manifest: Mapping[str, object], row: Row) -> dict[str, object]:
    doc = cast(int, row["doc"])
    inputs = cast(list[Mapping[str, object]], manifest["inputs"])
    ordinal = doc >> ROW_BITS
    origin = inputs[ordinal] if ordinal < len(inputs) else {}
    story: dict[str, object] = {
        "doc": doc,
        "key": cast(bytes, row["key"]).hex(),
        "id": row["id"],
        "source": row["source"],
        "file": origin.get("path"),
        "row": doc & ((1 << ROW_BITS) - 1),
        "signals": _signals(run_folder, manifest, doc),
        "edits": [
            {key: edit[key] for key in ("step", "part", "start", "end", "before", "after")}
            for _, _, edit in find_rows(files_under(run_folder, manifest, "edits/"), "doc", doc)
        ],
    }
    if row["table"] == "rejects":
        story["fate"] = row["kind"]
        names = ("step", "rule", "reason", "value", "threshold", "similarity", "detail", "excerpt")
        story |= {key: row[key] for key in names if row[key] is not None}
        if row["duplicate_of"] is not None:
            story["duplicate_of"] = _other(run_folder, manifest, cast(bytes, row["duplicate_of"]))
    else:
        story["fate"] = "kept"
        story["split"] = row["split"]
        counts = cast(Mapping[str, object], manifest["counts"])
        story["num_tokens"] = row["num_tokens"] if counts.get("tokens") else None
        if row["cluster"] is not None:
            story["cluster"] = cast(bytes, row["cluster"]).hex()
        story["shards"] = _shards(run_folder, manifest, doc)
        story["excerpt"] = cast(str, row["text"])[:600]
    return story


def _signals(run_folder: Path, manifest: Mapping[str, object], doc: int) -> Row:
    for _, _, row in find_rows(files_under(run_folder, manifest, "signals/"), "doc", doc, limit=1):
        return {key: value for key, value in row.items() if key not in ("doc", "key", "id", "source")}
    return {}


def _other(run_folder: Path, manifest: Mapping[str, object], key: bytes) -> dict[str, object]:
    for _, _, row in find_rows(files_under(run_folder, manifest, "documents/"), "key", key, limit=1):
        return {"key": key.hex(), "doc": row["doc"], "id": row["id"], "excerpt": cast(str, row["text"])[:200]}
    return {"key": key.hex()}


def _shards(run_folder: Path, manifest: Mapping[str, object], doc: int) -> list[dict[str, object]]:
    found = find_rows(files_under(run_folder, manifest, "tokens/"), "doc", doc)
    return [{"file": path.relative_to(run_folder).as_posix(), "row": row} for path, row, _ in found]


def _lines(story: Mapping[str, object]) -> Iterator[str]:
    yield f"document {story['doc']}  key {story['key']}  id {value_words(story['id'])}"
    yield f"  from source `{story['source']}`: {story['file']}, row {story['row']}"
    yield f"  {_fate(story)}"
    if "duplicate_of" in story:
        other = cast(Row, story["duplicate_of"])
        yield f"  the one that stayed: document {other.get('doc', '?')}, key {other['key']}"
        yield f"    {one_line(str(other.get('excerpt', '')), 200)}"
    if "detail" in story:
        yield f"  {one_line(str(story['detail']), 400)}"
    for shard in cast(list[Row], story.get("shards", [])):
        yield f"  in {shard['file']}, row {shard['row']}"
    if story.get("excerpt"):
        yield f"  text: {one_line(str(story['excerpt']), 400)}"
    edits = cast(list[Row], story["edits"])
    for edit in edits[:20]:
        before, after = (one_line(cast(str, edit[side]), 60) for side in ("before", "after"))
        yield f"  edited by {edit['step']} ({edit['part']}) at {edit['start']}-{edit['end']}: `{before}` -> `{after}`"
    if len(edits) > 20:
        yield f"  and {counted(len(edits) - 20, 'more edit')}"
    signals = cast(Row, story["signals"])
    for name, value in signals.items():
        yield f"  {name} = {value_words(value)}"


def _fate(story: Mapping[str, object]) -> str:
    if story["fate"] == "kept":
        cluster = f", in the cluster of {story['cluster']}" if "cluster" in story else ""
        num_tokens = cast("int | None", story["num_tokens"])
        tokens = "" if num_tokens is None else f", {counted(num_tokens, 'token')}"
        return f"kept: split {value_words(story['split'])}{tokens}{cluster}"
    text = f"{story['fate']} by {story['step']}: {story['rule']}"
    # For a near duplicate the value compared is the similarity.
    name = "similarity" if "similarity" in story else "value"
    if name in story:
        text += f" ({name} {value_words(story[name])}"
        text += f", threshold {value_words(story['threshold'])})" if "threshold" in story else ")"
    return text
