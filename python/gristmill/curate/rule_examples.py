"""Runs the examples on the pages of built-in steps: every value that a page shows is measured when it is shown."""

from __future__ import annotations

import json
import operator
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.curate.lookup import files_of
from gristmill.curate.run import curate
from gristmill.curate.tables import clean, signals
from gristmill.recipe import BUILTIN_STEPS
from gristmill.recipe.rules.pages import Example

_COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq}


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a step said about an example.

    Parameters
    ----------
    values
        What was measured, by column.
    limits
        Thresholds that were on, by key.
    failed
        Keys of the thresholds that the text failed, in order; the first is the reason of a drop.
    """

    values: Mapping[str, object]
    limits: Mapping[str, float]
    failed: tuple[str, ...]


def run_example(use: str, example: Example) -> Outcome:
    """Return what a step measures on an example's text, and which of its thresholds the text fails.

    Parameters
    ----------
    use
        A built-in step that measures: no dedup step.
    example
        The example; its list files are written to a folder that is gone afterwards.

    Raises
    ------
    GristmillError
        Whatever is wrong with the example's keys.

    Examples
    --------
    >>> run_example("gopher_quality", Example(text="Too short.")).failed[0]
    'min_words'
    """
    with tempfile.TemporaryDirectory(prefix="gristmill-example-") as folder:
        for name, content in example.files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        step = {"use": use, **cast(Mapping[str, object], _placed(example.config, folder))}
        table = pa.table(
            {"text": [example.document], **{name: [value] for name, value in example.columns.items()}}
        )
        found = signals(table, [step])
        parsed = BUILTIN_STEPS[use].model_validate({"name": use, **step})
    values = {
        column: found.column(f"{use}.{column}")[0].as_py()
        for column in BUILTIN_STEPS[use].columns
        if f"{use}.{column}" in found.column_names
    }
    limits = {}
    failed = []
    for threshold in parsed.thresholds():
        limits[threshold.key] = threshold.threshold
        value = values[threshold.column]
        if value is not None and not _COMPARE[threshold.keep](float(value), threshold.threshold):
            failed.append(threshold.key)
    return Outcome(values=values, limits=limits, failed=tuple(failed))


def _placed(value: object, folder: str) -> object:
    """Return a configuration with the folder of its files in place of ``{folder}``."""
    if isinstance(value, str):
        return value.replace("{folder}", folder)
    if isinstance(value, Mapping):
        return {key: _placed(item, folder) for key, item in value.items()}
    if isinstance(value, list):
        return [_placed(item, folder) for item in value]
    return value


@dataclass(frozen=True, kw_only=True, slots=True)
class Removed:
    """A text that a dedup step removed: its position, that of the one that stayed, and their similarity."""

    text: int
    duplicate_of: int
    similarity: float


def run_cleaning(texts: Sequence[str]) -> list[str]:
    """Return texts as the step `clean` leaves them."""
    return cast(list[str], clean(pa.table({"text": list(texts)})).column("text").to_pylist())


def run_dedup(use: str, texts: Sequence[str]) -> list[Removed]:
    r"""Return which of some texts a dedup step removes, by curating them in a temporary folder.

    Examples
    --------
    >>> run_dedup("exact_dedup", ["one", "two", "one"])
    [Removed(text=2, duplicate_of=0, similarity=1.0)]
    """
    with tempfile.TemporaryDirectory(prefix="gristmill-example-") as folder:
        root = Path(folder)
        lines = (json.dumps({"text": text}) + "\n" for text in texts)
        (root / "texts.jsonl").write_text("".join(lines), encoding="utf-8")
        recipe = f'[[source]]\nname = "texts"\npaths = ["texts.jsonl"]\n[[step]]\nuse = "{use}"\n'
        (root / "recipe.toml").write_text(recipe, encoding="utf-8")
        finished = curate(root / "recipe.toml", workers=1, output=root / "run")
        tables = {
            name: files_of(finished.path, finished.manifest, f"{name}/") for name in ("documents", "rejects")
        }
        kept = {
            row["key"]: cast(int, row["doc"])
            for path in tables["documents"]
            for row in pq.read_table(path, columns=["doc", "key"]).to_pylist()
        }
        columns = ["doc", "duplicate_of", "similarity"]
        return [
            Removed(text=row["doc"], duplicate_of=kept[row["duplicate_of"]], similarity=row["similarity"])
            for path in tables["rejects"]
            for row in pq.read_table(path, columns=columns).to_pylist()
        ]
