"""What a training came to, and `result.json`, whose presence says that it is finished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gristmill.shards import digest_file
from gristmill.train.files import read_json, write_json


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainResult:
    """What came out of a training.

    Parameters
    ----------
    folder
        `train/` of the run.
    is_complete
        False when it was told to stop before the end.
    was_finished
        True when an earlier call had done everything and this one found it.
    steps
        Steps done.
    loss
        Of the last step; None when that was skipped.
    first_validation_loss, last_validation_loss
        Before the first and after the last step; None without a validation split.
    trained_tokens
        Tokens that counted in the loss, over all steps.
    ledger
        What became of every token read.
    model
        The exported model; None before the end.
    adapter
        The exported adapter, for `method = "lora"` and `"qlora"`.
    merge
        What of the adapters' update would be lost if the merged model was saved in bf16: `unchanged_share` of the
        changed weights, `relative_error` of the update, and the numbers they are made of; None without adapters.
    seconds
        What this call took.
    exported
        ``weights`` (``last``, ``best`` or ``average``), the ``steps`` of the checkpoints they are, and their
        ``validation_loss``.
    waits
        Shares of the time of all steps: ``for_loader``, in which a step waited for its rows, and ``for_step``, in which
        the loader had nothing to do.
    seeds
        Where several were trained: what `gristmill.train.seeds.summarise` found.
    """

    folder: Path
    is_complete: bool
    was_finished: bool
    steps: int
    loss: float | None
    first_validation_loss: float | None
    last_validation_loss: float | None
    trained_tokens: int
    ledger: Mapping[str, int]
    model: Path | None
    adapter: Path | None
    merge: Mapping[str, object] | None
    seconds: float
    exported: Mapping[str, object] = field(default_factory=dict)
    waits: Mapping[str, float] = field(default_factory=dict)
    seeds: Mapping[str, object] = field(default_factory=dict)


WRITTEN = {
    "steps",
    "loss",
    "first_validation_loss",
    "last_validation_loss",
    "trained_tokens",
    "ledger",
    "merge",
    "exported",
    "waits",
    "seeds",
    "files",
}
"""What `result.json` holds beside the fingerprint."""


def write_result(folder: Path, fingerprint: str, result: TrainResult) -> None:
    """Write `result.json`, with digests of what was exported."""
    exported = [path for path in (result.model, result.adapter) if path is not None]
    files = sorted(file for path in exported for file in path.rglob("*") if file.is_file())
    write_json(
        folder / "result.json",
        {
            "fingerprint": fingerprint,
            "steps": result.steps,
            "loss": result.loss,
            "first_validation_loss": result.first_validation_loss,
            "last_validation_loss": result.last_validation_loss,
            "trained_tokens": result.trained_tokens,
            "ledger": dict(result.ledger),
            "merge": result.merge,
            "exported": dict(result.exported),
            "waits": dict(result.waits),
            "seeds": dict(result.seeds),
            "files": {file.relative_to(folder).as_posix(): digest_file(file) for file in files},
        },
    )


def finished_result(folder: Path, fingerprint: str) -> TrainResult | None:
    """Return the result of a finished training with this fingerprint; None when there is none, or a file differs.

    Examples
    --------
    >>> finished_result(Path("no/such/folder"), "f") is None
    True
    """
    found = read_json(folder / "result.json")
    if found is None or found.get("fingerprint") != fingerprint or not found.keys() >= WRITTEN:
        return None
    files = found["files"]
    if not isinstance(files, Mapping):
        return None
    for name, digest in files.items():
        if not (folder / name).is_file() or digest_file(folder / name) != digest:
            return None
    values = {name: found[name] for name in WRITTEN - {"files"}}
    return TrainResult(
        folder=folder,
        is_complete=True,
        was_finished=True,
        model=folder / "model",
        adapter=folder / "adapter" if any(name.startswith("adapter/") for name in files) else None,
        seconds=0.0,
        **values,  # type: ignore[arg-type]
    )
