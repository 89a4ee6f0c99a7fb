"""Reads a run folder: manifest, recipe, plan and their files. Follows the manifest, lists no folder."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from gristmill.errors import GristmillError
from gristmill.report.streams import ROWS_OF_NUMBERS, batches, column_names, totals
from gristmill.report.thresholds import Threshold, find_thresholds

READ_STEP = "read"
"""Step name of documents that could not be read."""

Json = Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Documents that one rule removed from one source, with the extremes of the value, if any."""

    is_quarantined: bool
    step: str
    rule: str
    source: str
    documents: int
    smallest_value: float | None
    largest_value: float | None
    threshold: float | None


class RunFolder:
    """A finished run, read lazily. What is kept in memory does not depend on the number of documents.

    Parameters
    ----------
    path
        The folder named under `[run] output`.

    Raises
    ------
    GristmillError
        GM-REPORT-001 when there is no readable manifest.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.manifest_bytes = (path / "manifest.json").read_bytes()
            manifest = json.loads(self.manifest_bytes)
        except (OSError, ValueError) as error:
            raise _not_a_run(path, str(error)) from error
        if not isinstance(manifest, dict) or not isinstance(manifest.get("counts"), dict):
            raise _not_a_run(path, "`manifest.json` holds no counts")
        self.manifest: Json = manifest

    @property
    def manifest_digest(self) -> str:
        """SHA-256 of `manifest.json`, as `sha256sum` prints it: the identity of the run's output."""
        return "sha256:" + hashlib.sha256(self.manifest_bytes).hexdigest()

    @property
    def counts(self) -> Json:
        """The counts of the manifest."""
        return mapping(self.manifest["counts"])

    @cached_property
    def sources(self) -> list[str]:
        """Names of the sources: recipe order, then any others by name."""
        known = mapping(self.counts.get("by_source"))
        named = [str(mapping(entry).get("name")) for entry in sequence(self.recipe.get("source"))]
        in_order = [name for name in named if name in known]
        return in_order + sorted(name for name in known if name not in in_order)

    def files(self, folder: str) -> list[Path]:
        """Return the Parquet files of one part of the run, in the manifest's order."""
        paths = [str(mapping(entry).get("path")) for entry in sequence(self.manifest.get("files"))]
        return [
            self.path / name for name in paths if name.startswith(f"{folder}/") and name.endswith(".parquet")
        ]

    @cached_property
    def signal_columns(self) -> list[str]:
        """Column names of `signals/`."""
        return column_names(self.files("signals"))

    @cached_property
    def recipe_text(self) -> str:
        """The effective recipe as written, empty when the folder holds none."""
        path = self.path / "recipe.toml"
        return path.read_text(encoding="utf-8", errors="backslashreplace") if path.is_file() else ""

    @cached_property
    def recipe(self) -> Json:
        """The effective recipe as values, empty when there is none or it is not TOML."""
        try:
            return tomllib.loads(self.recipe_text)
        except tomllib.TOMLDecodeError:
            return {}

    @cached_property
    def steps(self) -> list[str]:
        """Step names in the order in which they ran: reading, the recipe's, then any others."""
        entries = [mapping(entry) for entry in sequence(self.recipe.get("step"))]
        named = [READ_STEP, *(str(entry.get("name") or entry.get("use")) for entry in entries)]
        return named + sorted({tally.step for tally in self.tallies} - set(named))

    @cached_property
    def thresholds(self) -> list[Threshold]:
        """Every threshold of the run, in plan order: the manifest's, else the plan's, else none."""
        path = self.path / "plan.json"
        try:
            found = find_thresholds(self.manifest)
            if not found and path.is_file():
                found = find_thresholds(json.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise GristmillError("GM-REPORT-002", f"`{self.path}` states rules wrongly: {error}") from error
        return found

    @cached_property
    def tallies(self) -> list[Tally]:
        """What every rule removed from every source, sorted by kind, step, rule and source.

        Cost: one pass over `rejects/`.

        Raises
        ------
        GristmillError
            GM-REPORT-003 when the rows do not add up to the manifest's counts.
        """
        by = ["kind", "step", "rule", "source"]
        value, threshold = pl.col("value"), pl.col("threshold")
        state = totals(
            batches(self.files("rejects"), [*by, "value", "threshold"], rows=ROWS_OF_NUMBERS),
            by,
            [
                pl.len().cast(pl.Int64).alias("documents"),
                value.min().alias("low"),
                value.max().alias("high"),
                threshold.min(),
            ],
            [pl.col("documents").sum(), pl.col("low").min(), pl.col("high").max(), threshold.min()],
        )
        rows = [] if state is None else state.rows(named=True)
        found = [
            Tally(
                is_quarantined=row["kind"] == "quarantined",
                step=row["step"],
                rule=row["rule"],
                source=row["source"],
                documents=row["documents"],
                smallest_value=row["low"],
                largest_value=row["high"],
                threshold=row["threshold"],
            )
            for row in rows
        ]
        self._check_conservation(found)
        return found

    def _check_conservation(self, found: Sequence[Tally]) -> None:
        stated = {"dropped": count(self.counts, "dropped"), "quarantined": count(self.counts, "quarantined")}
        counted = {
            "dropped": sum(tally.documents for tally in found if not tally.is_quarantined),
            "quarantined": sum(tally.documents for tally in found if tally.is_quarantined),
        }
        for name, number in stated.items():
            if counted[name] != number:
                raise GristmillError(
                    "GM-REPORT-003",
                    f"`manifest.json` counts `{number}` documents {name}, `rejects/` holds `{counted[name]}`",
                    hint="run `gristmill verify` on the folder",
                )


def mapping(value: object) -> Json:
    """Return `value` when it is a JSON object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> Sequence[object]:
    """Return `value` when it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def count(record: Json, name: str) -> int:
    """Return the count `name` of `record`; 0 when absent. An object of counts is added up."""
    value = record.get(name, 0)
    if isinstance(value, Mapping):
        return sum(number for number in value.values() if isinstance(number, int))
    return value if isinstance(value, int) else 0


def _not_a_run(path: Path, reason: str) -> GristmillError:
    return GristmillError(
        "GM-REPORT-001",
        f"`{path}` is not a finished run folder: {reason}",
        hint="give the folder named under `[run] output`, after `gristmill run` ended",
    )
