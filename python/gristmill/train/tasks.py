"""What each task needs of the shards, checked before a model is loaded.

`causal` takes any shards, `instruct` shards with masks, `classify` shards with labels, each document in one piece: a
class belongs to a whole document, so rows that hold parts of one are refused, never counted. Not here: the losses
(`models`, `classify`).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from gristmill.errors import GristmillError
from gristmill.shards import Shards


def check_task(task: str, run_dir: Path, shards: Shards, *, sequence_length: int) -> None:
    """Raise unless these shards hold what the task learns from. Time: one pass over masks, or lengths and labels.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-070`` for `instruct` on shards whose every token is trained, ``GM-TRAIN-071`` for `classify` on
        shards without classes, or with documents that are not in one piece.
    """
    if task == "classify":
        _check_classes(shards, sequence_length)
    if task == "instruct" and not has_untrained_tokens(shards):
        raise GristmillError(
            "GM-TRAIN-070",
            f'`task = "instruct"` learns answers only, but every token of the shards in `{run_dir}` is trained',
            hint='curate turns with `chat = { template = "model", train_on = "assistant" }` in `[tokens]`, '
            'or train on all of the text with `task = "causal"`',
        )


def has_untrained_tokens(shards: Shards) -> bool:
    """Return whether a mask leaves any token out. Time: up to the first document with such a mask."""
    for masks in shards.masks():
        lengths = masks.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        runs = masks.flatten().to_numpy(zero_copy_only=False)
        # Runs alternate within a document and begin with an untrained one.
        places = np.arange(len(runs)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        if runs[places % 2 == 0].any():
            return True
    return False


def class_names(shards: Shards) -> tuple[str, ...]:
    """Return the names of the classes in the order of their numbers, from the run's manifest; none without labels."""
    manifest = json.loads((shards.manifest.run_dir / "manifest.json").read_bytes())
    label = (manifest.get("supervised") or {}).get("label") or {}
    return tuple(str(name) for name in label.get("names", ()))


def labels_of(shards: Shards) -> npt.NDArray[np.int64]:
    """Return the class of each document, -1 where it has none. Memory: 8 bytes a document."""
    labels = shards.labels()
    if labels is None:
        return np.full(len(shards), -1, np.int64)
    found: npt.NDArray[np.int64] = labels.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def _check_classes(shards: Shards, sequence_length: int) -> None:
    names, labels = class_names(shards), labels_of(shards)
    problem = None
    longest = pc.max(shards.lengths()).as_py() or 0
    if len(names) < 2 or not (labels >= 0).any() or labels.max() >= len(names):
        problem = f"the shards have labels of {len(names)} classes"
        hint = 'name the field that holds the class: `label = { field = "intent" }` in `[tokens]`'
    elif longest > sequence_length:
        problem = f"a document has {longest:,} tokens, and `sequence_length` is {sequence_length:,}"
        hint = f'set `max_tokens = {sequence_length}` and `too_long = "truncate"` or `"drop"` in `[tokens]`'
    elif shards.num_divided():
        problem = (
            f"{shards.num_divided():,} rows of the shards are further parts of documents that were too long"
        )
        hint = 'set `too_long = "truncate"` or `"drop"` in `[tokens]`'
    if problem is not None:
        raise GristmillError("GM-TRAIN-071", problem, hint=hint)
