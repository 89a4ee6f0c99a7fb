"""What each task needs of the shards, checked before a model is loaded.

`causal` takes any shards, `instruct` shards with masks, `classify` shards with labels. Not here: the losses
(`models`, `classify`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gristmill.errors import GristmillError
from gristmill.shards import Shards


def check_task(task: str, run_dir: Path, shards: Shards) -> None:
    """Raise unless these shards hold what the task learns from. Time: with masks, one pass over them at most.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-070`` for `instruct` on shards whose every token is trained.
    """
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
