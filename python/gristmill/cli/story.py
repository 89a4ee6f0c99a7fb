"""Everything that happened to one document of a run: where it came from, what was changed, why it left or stayed.

Here the facts are collected, as JSON values; `story_lines` tells them. Thresholds and their limits are the run's own,
not those of today's recipe.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

from gristmill.cli.choice_story import left_out
from gristmill.cli.edit_context import edits_in_context
from gristmill.cli.judged import Change, Judgement, StepKeys, judge, keeping
from gristmill.cli.story_lines import story_lines
from gristmill.cli.tables import manifest_of, read_json
from gristmill.curate.lookup import SHORTEST_PREFIX, Wanted, files_of, find_in_shards, find_rows, searches
from gristmill.curate.split import LEFT
from gristmill.curate.text_difference import first_difference
from gristmill.errors import GristmillError

ROW_BITS = 40
"""A document's number is its file's position, shifted by so many bits, plus its row."""
MAX_OTHERS = 10
"""Documents listed that were removed in favour of this one."""
SIMILARITY_ERROR = 1e-6
"""Similarities are stored as float32: the true one may be larger by less than this."""
Row = dict[str, object]


def tell(run_folder: Path, name: str) -> tuple[list[str], dict[str, object]]:
    """Return the story of a document as lines and as JSON values.

    Cost: one pass over the columns `key` or `id` of `documents/` and `rejects/`, or a few reads for a number; then a
    few reads of each table, and a pass over the column `doc` of the shards.

    Parameters
    ----------
    run_folder
        A finished run.
    name
        The document's number, its key or at least four digits that no other key begins with, or its own id. Of several
        documents with one id, all are told.

    Raises
    ------
    GristmillError
        ``GM-CLI-009`` when there is no such document, ``GM-EXPLAIN-001`` when several keys begin so.
    """
    manifest = manifest_of(run_folder)
    rows = _find(run_folder, manifest, name)
    if not rows:
        raise GristmillError(
            "GM-CLI-009",
            f"there is no document `{name}` in `{run_folder}`",
            hint=f"a document is looked for by its number, its key (at least {SHORTEST_PREFIX} of its 32 digits), or "
            "its id"
            + (
                ""
                if _has_ids(run_folder)
                else "; no source of this run names an `id` field, so it has no ids"
            ),
        )
    lines: list[str] = []
    stories = []
    for row in rows.values():
        story = Story(run_folder, manifest, row).collect()
        stories.append(story)
        lines += [*([""] if lines else []), *story_lines(story)]
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
    for wanted in searches(name):
        found: dict[int, Row] = {}
        for table in ("rejects", "documents"):
            for row in find_rows(files_of(run_folder, manifest, f"{table}/"), wanted):
                found[cast(int, row["doc"])] = {**row, "table": table}
        if len(found) > 1 and wanted.column == "key":
            keys = sorted(cast(bytes, row["key"]).hex() for row in found.values())
            raise GristmillError(
                "GM-EXPLAIN-001",
                f"{len(keys)} documents of `{run_folder}` have keys that begin with `{name}`",
                hint="give more digits",
                context=tuple(keys[:8]),
            )
        if found:
            return dict(sorted(found.items()))
    return {}


class Story:
    """Collects what a run knows about one document.

    Parameters
    ----------
    run_folder, manifest
        The run.
    row
        The document's row in `documents/` or `rejects/`, with the table's name under ``table``.
    """

    def __init__(self, run_folder: Path, manifest: Mapping[str, object], row: Row) -> None:
        self._run = run_folder
        self._manifest = manifest
        self._row = row
        self._doc = cast(int, row["doc"])
        plan = run_folder / "plan.json"
        self._plan: Mapping[str, object] = read_json(plan) if plan.is_file() else {}
        self._steps = StepKeys.of(run_folder)

    def collect(self) -> Row:
        """Return the story as JSON values."""
        row = self._row
        signals = self._signals()
        judgements = judge(self._run, self._manifest, signals)
        ordinal, row_number = self._doc >> ROW_BITS, self._doc & ((1 << ROW_BITS) - 1)
        story: Row = {
            "doc": self._doc,
            "key": cast(bytes, row["key"]).hex(),
            "id": row["id"],
            "source": row["source"],
            "file": self._origin("inputs", self._manifest, ordinal, "path"),
            "path": self._origin("files", self._plan, ordinal, "path"),
            "row": row_number,
            "signals": signals,
            "judgements": [one.to_json_dict() for one in judgements],
        }
        if row["table"] == "rejects":
            story |= self._rejected(judgements)
        else:
            story |= self._kept()
        return story

    def _origin(self, listing: str, where: Mapping[str, object], ordinal: int, part: str) -> object:
        files = cast(Sequence[Mapping[str, object]], where.get(listing, []))
        return files[ordinal].get(part) if ordinal < len(files) else None

    def _files(self, folder: str) -> list[Path]:
        return files_of(self._run, self._manifest, f"{folder}/")

    def _signals(self) -> Row:
        for row in find_rows(self._files("signals"), Wanted.equal("doc", self._doc), limit=1):
            return {key: value for key, value in row.items() if key not in ("doc", "key", "id", "source")}
        return {}

    def _rejected(self, judgements: Sequence[Judgement]) -> Row:
        row = self._row
        names = (
            *("step", "rule", "reason", "value", "threshold", "similarity", "shared_bands", "detail"),
            "excerpt",
        )
        story: Row = {"fate": row["kind"], **{key: row[key] for key in names if row[key] is not None}}
        story["explained_by"] = self._page(cast(str, row["step"]), cast(str, row["rule"]))
        story["edits"] = []
        if row["duplicate_of"] is not None:
            story["duplicate_of"] = self._survivor(cast(bytes, row["duplicate_of"]))
            story["to_keep"] = self._to_keep_duplicate()
        elif chosen := left_out(row, cast(Sequence[Row], self._plan.get("choices", []))):
            story["left_out"] = chosen
        elif row["kind"] == "dropped":
            story["to_keep"] = self._to_keep(judgements)
        return story

    def _page(self, step: str, rule: str) -> str | None:
        """Return what `gristmill explain rule` knows a rule as; None for reading errors and the split."""
        if step == "read" or (step == "split" and rule in LEFT):
            return None
        model = self._steps.model(step)
        use = self._steps.use(step)
        has_rule = model is not None and any(known.rule == rule for known in model.rules.values())
        return f"{use}.{rule}" if has_rule else use

    def _to_keep(self, judgements: Sequence[Judgement]) -> Row:
        """Say which changes would have kept a document that thresholds dropped: every failing one must give way."""
        failing = [one for one in judgements if one.outcome == "failed"]
        changes = [one.change for one in failing if one.change is not None]
        return {
            **_changes(self._run, changes),
            "cannot_change": [
                f"{one.step}.{one.rule}" for one in failing if one.change is None or not one.change.key
            ],
            # A threshold is on a column of a step that edits: what the step cuts decides the value, too.
            "measured_after_edits_of": sorted({one.step for one in failing if self._edits(one.step)}),
            "not_compared_by": [name for name in self._dedup_steps() if name],
        }

    def _edits(self, step: str) -> bool:
        model = self._steps.model(step)
        return model is not None and model.edits_text

    def _dedup_steps(self) -> list[str]:
        dedup = cast(Sequence[object], self._plan.get("dedup", []))
        names = [str(name) for name in dedup[:2] if name]
        return names if (semantic := self._semantic()) is None else [*names, str(semantic["step"])]

    def _semantic(self) -> Row | None:
        """Return the step on embeddings, as the plan describes it."""
        dedup = cast(Sequence[object], self._plan.get("dedup", []))
        return next((cast(Row, one) for one in dedup if isinstance(one, dict) and "embedding" in one), None)

    def _to_keep_duplicate(self) -> Row:
        """Say from which `min_similarity` on a near duplicate would have stayed; no such value for equal shingles."""
        similarity = self._row["similarity"]
        step = cast(str, self._row["step"])
        if self._row["rule"] not in ("near_duplicate", "semantic_duplicate") or similarity is None:
            return {**_changes(self._run, []), "cannot_change": [f"{step}.{self._row['rule']}"]}
        dedup = cast(Sequence[object], self._plan.get("dedup", []))
        old = dedup[3] if len(dedup) > 3 and self._row["rule"] == "near_duplicate" else self._row["threshold"]
        new = keeping(cast(float, similarity) + SIMILARITY_ERROR, "<=")
        if new > 1 or old is None:
            return {**_changes(self._run, []), "cannot_change": [f"{step}.{self._row['rule']}"]}
        return {
            **_changes(self._run, [Change(step=step, key="min_similarity", old=cast(float, old), new=new)]),
            "cannot_change": [],
        }

    def _survivor(self, key: bytes) -> Row:
        for row in find_rows(self._files("documents"), Wanted.equal("key", key), limit=1):
            text = cast(str, row["text"])
            found: Row = {
                "key": key.hex(),
                "doc": row["doc"],
                "id": row["id"],
                "source": row["source"],
                "split": row["split"],
                "cluster": None if row["cluster"] is None else cast(bytes, row["cluster"]).hex(),
                "excerpt": text[:200],
            }
            excerpt = self._row["excerpt"]
            if excerpt is not None:
                difference = first_difference(cast(str, excerpt), text, is_beginning=True)
                found["first_difference"] = None if difference is None else asdict(difference)
            return found
        for row in find_rows(self._files("rejects"), Wanted.equal("key", key), limit=1):
            # A choosing step behind dedup left it out.
            return {"key": key.hex(), "left_out_by": f"{row['step']}.{row['rule']}"}
        return {"key": key.hex()}

    def _kept(self) -> Row:
        row = self._row
        counts = cast(Mapping[str, object], self._manifest["counts"])
        order = [str(step.get("name")) for step in cast(Sequence[Row], self._plan.get("steps", []))]
        order += [str(cut.get("step")) for cut in cast(Sequence[Row], self._plan.get("cuts", []))]
        edits = list(find_rows(self._files("edits"), Wanted.equal("doc", self._doc), limit=1_000_000))
        shards = [path for path in self._files("tokens") if path.suffix == ".arrow"]
        others = list(
            find_rows(
                self._files("rejects"),
                Wanted.equal("duplicate_of", cast(bytes, row["key"])),
                columns=["doc", "key", "id", "source", "rule", "similarity", "shared_bands"],
            )
        )
        story: Row = {
            "fate": "kept",
            "split": row["split"],
            "num_tokens": row["num_tokens"] if counts.get("tokens") else None,
            "edits": [
                asdict(edit) for edit in edits_in_context(cast(str, row["text"]), edits, step_order=order)
            ],
            "shards": [
                {"file": path.relative_to(self._run).as_posix(), "row": position}
                for path, position in find_in_shards(shards, self._doc)
            ],
            "num_duplicates_removed": len(others),
            "duplicates_removed": [
                {**one, "key": cast(bytes, one["key"]).hex()} for one in others[:MAX_OTHERS]
            ],
            "excerpt": cast(str, row["text"])[:600],
        }
        if row["cluster"] is not None:
            story["cluster"] = cast(bytes, row["cluster"]).hex()
        return story


def _changes(run_folder: Path, changes: Sequence[Change]) -> Row:
    """Return changes by step, as lines of a recipe, and as one command."""
    lines: dict[str, list[str]] = {}
    old: dict[str, dict[str, object]] = {}
    for change in changes:
        if change.line is not None and change.key is not None:
            lines.setdefault(change.step, []).append(change.line)
            old.setdefault(change.step, {})[change.key] = change.old
    settings = [change.setting for change in changes if change.setting is not None]
    command = " ".join(
        [
            f"gristmill what-if RECIPE --run {shlex.quote(str(run_folder))}",
            *(f"--set {setting}" for setting in settings),
        ]
    )
    return {"recipe_lines": lines, "were": old, "what_if": command if settings else None}
