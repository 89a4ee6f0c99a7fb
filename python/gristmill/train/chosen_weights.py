"""Which weights a finished training exports: the last, the best, or the mean of the last checkpoints.

- with `patience`: those of the checkpoint with the lowest validation loss;
- with `average = N`: the mean, in float64, of the last N checkpoints that the recipe asks for (those that a Ctrl-C made
  are left out, so that an interruption changes nothing);
- else: the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn

from gristmill.errors import GristmillError
from gristmill.train.checkpoint import check, folder_of
from gristmill.train.config import TrainConfig
from gristmill.train.distributed.state import like
from gristmill.train.progress import Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenWeights:
    """Where exported weights come from.

    Parameters
    ----------
    kind
        ``last``, ``best`` or ``average``.
    steps
        The steps whose checkpoints they are.
    """

    kind: str
    steps: tuple[int, ...]


def averaged_steps(number: int | None, *, every: int, step: int, num_steps: int) -> tuple[int, ...]:
    """Return the last `number` steps up to `step` after which the recipe asks for a checkpoint.

    Examples
    --------
    >>> averaged_steps(3, every=4, step=10, num_steps=10), averaged_steps(3, every=4, step=9, num_steps=10)
    ((4, 8, 10), (4, 8))
    >>> averaged_steps(None, every=4, step=10, num_steps=10)
    ()
    """
    asked = [done for done in range(every, step + 1, every) if done < num_steps]
    asked += [num_steps] if step == num_steps else []
    return tuple(asked[-number:]) if number else ()


def choose_weights(config: TrainConfig, progress: Progress, *, every: int, num_steps: int) -> ChosenWeights:
    """Return which weights a training that ended here exports."""
    if config.patience is not None and progress.best_step is not None:
        return ChosenWeights(kind="best", steps=(progress.best_step,))
    if config.average is not None:
        steps = averaged_steps(config.average, every=every, step=progress.step, num_steps=num_steps)
        return ChosenWeights(kind="average", steps=steps)
    return ChosenWeights(kind="last", steps=(progress.step,))


def put_weights(
    chosen: ChosenWeights, parameters: Mapping[str, nn.Parameter], checkpoints: Path, fingerprint: str
) -> None:
    """Load them into a model that holds the last ones. Memory: one parameter in float64.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-031`` when one of the checkpoints is not whole any more.
    """
    if chosen.kind == "last":
        return
    folders = [folder_of(checkpoints, step) for step in chosen.steps]
    for folder in folders:
        problem = check(folder, fingerprint)
        if problem is not None:
            raise GristmillError(
                "GM-TRAIN-031",
                f"the weights in `{folder}` are to be exported, but {problem}",
                hint="remove the folder `train` of the run and train again",
            )
    with torch.no_grad():
        for name, value in parameters.items():
            value.copy_(like(_mean(name, folders), value))


def _mean(name: str, folders: Sequence[Path]) -> Tensor:
    total: Tensor | None = None
    for folder in folders:
        with safe_open(folder / "weights.safetensors", framework="pt") as file:
            value = file.get_tensor(name).to(torch.float64)
        total = value if total is None else total.add_(value)
    assert total is not None, "there is always a last checkpoint"
    return total / len(folders)
