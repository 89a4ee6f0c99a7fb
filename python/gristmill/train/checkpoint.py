"""Checkpoints: whole or absent, checked by digest, safetensors and JSON only.

One folder a step: `weights.safetensors` (trained parameters only, so adapters only where the model is frozen),
`optimiser.safetensors`, `random.safetensors`, `state.json`, and `receipt.json` with the digest of every other file.
It is written beside its place, synced, and renamed; what has no valid receipt does not count. `last.json` and
`best.json` beside the folders name the latest and the one with the lowest validation loss, for whoever looks; resuming
goes by the folders themselves.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from gristmill.shards import digest_file
from gristmill.train.files import read_json, sync, write_json

FORMAT = 3
_PREFIX = "step-"


def random_state() -> dict[str, Tensor]:
    """Return the states of torch's random generators in this process, by device.

    Examples
    --------
    >>> "cpu" in random_state()
    True
    """
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """Everything that decides how training continues, beside the model it started from and the shards.

    Parameters
    ----------
    step
        Steps done.
    fingerprint
        Of the training this belongs to.
    weights
        Trained parameters by name.
    optimiser
        State of the optimiser by slot and name.
    state
        Plain values: the loader's state, counters.
    random
        States of torch's random generators by device: by default those of this process at this moment. Those of a
        rank r > 0 end in ``/r``.
    """

    step: int
    fingerprint: str
    weights: Mapping[str, Tensor]
    optimiser: Mapping[str, Tensor]
    state: Mapping[str, object]
    random: Mapping[str, Tensor] = field(default_factory=random_state)


def folder_of(folder: Path, step: int) -> Path:
    """Return where the checkpoint of a step lies.

    Examples
    --------
    >>> folder_of(Path("checkpoints"), 3).as_posix()
    'checkpoints/step-00000003'
    """
    return folder / f"{_PREFIX}{step:08d}"


def save_checkpoint(
    folder: Path, checkpoint: Checkpoint, *, keep: int, best: int | None = None, also: Collection[int] = ()
) -> Path:
    """Write a checkpoint, and drop those that nobody needs.

    Returns its folder. After a crash at any moment the folder is whole or absent.

    Parameters
    ----------
    keep
        How many of the latest stay.
    best
        Step of the best checkpoint, which stays and is named by `best.json`; None: there is none.
    also
        Steps whose checkpoints stay too.

    Examples
    --------
    >>> import tempfile
    >>> checkpoint = Checkpoint(step=3, fingerprint="f", weights={"w": torch.ones(2)}, optimiser={}, state={})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = save_checkpoint(Path(folder), checkpoint, keep=2)
    ...     found = load_latest(Path(folder), "f", on_ignored=print)
    >>> found.step
    3
    """
    folder.mkdir(parents=True, exist_ok=True)
    final = folder_of(folder, checkpoint.step)
    unfinished = folder / f".{final.name}.{os.getpid()}.tmp"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    tensors = {
        "weights.safetensors": checkpoint.weights,
        "optimiser.safetensors": checkpoint.optimiser,
        "random.safetensors": checkpoint.random,
    }
    for name, found in tensors.items():
        save_file({key: value.detach().contiguous().cpu() for key, value in found.items()}, unfinished / name)
    write_json(unfinished / "state.json", dict(checkpoint.state))
    names = [*tensors, "state.json"]
    for name in names:
        sync(unfinished / name)
    write_json(
        unfinished / "receipt.json",
        {
            "format": FORMAT,
            "step": checkpoint.step,
            "fingerprint": checkpoint.fingerprint,
            "files": {name: digest_file(unfinished / name) for name in names},
            "torch": str(torch.__version__),
            "threads": torch.get_num_threads(),
        },
    )
    shutil.rmtree(final, ignore_errors=True)
    unfinished.replace(final)
    sync(folder)
    write_json(folder / "last.json", {"step": checkpoint.step, "folder": final.name})
    if best is not None:
        write_json(folder / "best.json", {"step": best, "folder": folder_of(folder, best).name})
    needed = {folder_of(folder, step) for step in (*also, *([] if best is None else [best]))}
    for old in sorted(folder.glob(f"{_PREFIX}*"))[:-keep]:
        if old not in needed:
            shutil.rmtree(old, ignore_errors=True)
    return final


def load_latest(folder: Path, fingerprint: str, *, on_ignored: Callable[[str], None]) -> Checkpoint | None:
    """Return the latest whole checkpoint of this training, with torch's random generators set; None without one.

    Parameters
    ----------
    on_ignored
        Called with the reason for each folder that is passed over.

    Examples
    --------
    >>> load_latest(Path("no/such/folder"), "f", on_ignored=print) is None
    True
    """
    if not folder.is_dir():
        return None
    for unfinished in sorted(folder.glob(f".{_PREFIX}*.tmp")):
        on_ignored(f"`{unfinished.name}` was not finished")
        shutil.rmtree(unfinished, ignore_errors=True)
    for path in sorted(folder.glob(f"{_PREFIX}*"), reverse=True):
        problem = check(path, fingerprint)
        if problem is None:
            return _read(path, rank=0)
        on_ignored(f"`{path.name}`: {problem}")
    return None


def check(path: Path, fingerprint: str) -> str | None:
    """Return why a checkpoint does not count, None when it does. Time: one pass over its files.

    Examples
    --------
    >>> check(Path("no/such/checkpoint"), "f")
    'it has no readable receipt'
    """
    receipt = read_json(path / "receipt.json")
    if receipt is None:
        return "it has no readable receipt"
    if receipt.get("format") != FORMAT:
        return f"its format is `{receipt.get('format')}`"
    if receipt.get("fingerprint") != fingerprint:
        return "it belongs to a training with other settings"
    files = receipt.get("files")
    if not isinstance(files, Mapping) or not files:
        return "its receipt names no files"
    for name, digest in files.items():
        if not (path / name).is_file():
            return f"`{name}` is missing"
        if digest_file(path / name) != digest:
            return f"`{name}` is damaged"
    return None


def read_checkpoint(folder: Path, step: int, *, rank: int) -> Checkpoint:
    """Return a checkpoint that rank 0 has found whole, with this rank's random generators set if it holds them."""
    return _read(folder_of(folder, step), rank=rank)


def _read(path: Path, *, rank: int) -> Checkpoint:
    receipt, state = read_json(path / "receipt.json"), read_json(path / "state.json")
    assert receipt is not None, "checked just before"
    assert state is not None, "checked just before"
    random = load_file(path / "random.safetensors")
    _restore_random_state(random, "" if rank == 0 else f"/{rank}")
    return Checkpoint(
        step=int(str(receipt["step"])),
        fingerprint=str(receipt["fingerprint"]),
        weights=load_file(path / "weights.safetensors"),
        optimiser=load_file(path / "optimiser.safetensors"),
        state=state,
        random=random,
    )


def _restore_random_state(states: Mapping[str, Tensor], suffix: str) -> None:
    if f"cpu{suffix}" in states:
        torch.set_rng_state(states[f"cpu{suffix}"])
    if f"cuda{suffix}" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states[f"cuda{suffix}"])
