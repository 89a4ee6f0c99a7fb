"""The token ledger at the end of a training: it closes against steps and shards, or there is no result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gristmill.errors import GristmillError
from gristmill.loader import Ledger
from gristmill.shards import Shards
from gristmill.train.config import TrainConfig
from gristmill.train.files import read_json
from gristmill.train.progress import Progress


def settled_ledger(
    counts: Mapping[str, int],
    config: TrainConfig,
    shards: Shards,
    folder: Path,
    progress: Progress,
    *,
    is_complete: bool,
) -> dict[str, int]:
    """Return what became of every token, with what the shards hold and what was cut off before them.

    Parameters
    ----------
    counts
        The loader's ledger.
    config, shards, folder
        Of the training; `folder` holds its proof.
    progress
        What the steps counted.
    is_complete
        Whether this is the end: then every sum has to hold.

    Raises
    ------
    GristmillError
        ``GM-LOADER-003`` or ``GM-TRAIN-055`` when one does not.
    """
    ledger = Ledger.from_json(counts)
    if config.task == "classify":
        ledger = _of_labels(ledger, progress)
    if is_complete:
        _close(ledger, config, shards, progress)
    return with_shards(ledger, shards, folder)


def _close(ledger: Ledger, config: TrainConfig, shards: Shards, progress: Progress) -> None:
    ledger.check_rows(config.sequence_length)
    ledger.check_targets()
    if progress.placed_tokens != ledger.placed:
        raise _open(f"the steps saw {progress.placed_tokens} tokens, the ledger placed {ledger.placed}")
    if progress.trained_tokens != ledger.trained:
        raise _open(f"the steps trained {progress.trained_tokens} tokens, the ledger has {ledger.trained}")
    if is_whole(config):
        assert config.epochs is not None, "a whole number of them"
        epochs = int(config.epochs)
        for name, read, held in (
            ("tokens", ledger.read, shards.num_tokens),
            ("documents", ledger.documents, len(shards)),
        ):
            if read != epochs * held:
                raise _open(f"{epochs} epochs of {held} {name} read {read}")


def _of_labels(ledger: Ledger, progress: Progress) -> Ledger:
    """Return the ledger of a classifier: one token of each labelled document is trained, all others are masked.

    The loader counts next tokens, which no classifier predicts; what was trained is known by the steps.
    """
    trained = progress.trained_tokens
    if trained > ledger.pieces:
        raise _open(f"the steps trained on {trained} labels, in rows of {ledger.pieces} documents")
    return replace(ledger, trained=trained, first=0, masked=ledger.placed - trained)


def with_shards(ledger: Ledger, shards: Shards, folder: Path) -> dict[str, int]:
    """Return a ledger with ``truncated`` (what curation cut off), ``held`` and ``held_documents`` of the shards."""
    lost = 0
    proof = (read_json(folder / "proof.json") or {}).get(shards.split)
    if isinstance(proof, Mapping):
        lost = int(proof["lost_tokens"])
    counts = {"truncated": lost, "held": shards.num_tokens, "held_documents": len(shards)}
    return {**counts, **ledger.to_json()}


def is_whole(config: TrainConfig) -> bool:
    """Say whether a training reads every document the same whole number of times.

    Examples
    --------
    >>> is_whole(TrainConfig(model="m", epochs=2)), is_whole(TrainConfig(model="m", epochs=0.5))
    (True, False)
    """
    return (
        config.epochs is not None
        and float(config.epochs).is_integer()
        and config.mixing is None
        and all(weight == 1.0 for weight in config.weights.values())
    )


def _open(what: str) -> GristmillError:
    return GristmillError(
        "GM-TRAIN-055",
        f"the token ledger does not close: {what}",
        hint="report it with `train/result.json` of an earlier run, if there is one, and the recipe",
    )
