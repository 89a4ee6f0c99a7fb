"""Callbacks that come with gristmill: `callbacks = ["tensorboard"]`, `"wandb"` or `"trackio"` in `[train]`.

They go the way of every callback: told copies of numbers, unable to change the training; what they raise is counted.
The libraries are extras, and are imported when a training starts. Nothing leaves the machine unless asked: wandb works
offline until `WANDB_MODE` or `mode` says otherwise, trackio and TensorBoard write files.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Mapping
from typing import Any, ClassVar

from gristmill.errors import GristmillError
from gristmill.plugins.active import ActiveOperator, Registered, activate
from gristmill.plugins.callbacks import TrainerCallback, TrainingState
from gristmill.plugins.config import Field, frozen_config

SERIES = {
    "loss": "train/loss",
    "learning_rate": "train/learning_rate",
    "gradient_norm": "train/gradient_norm",
    "tokens_per_s": "train/tokens_per_s",
    "epoch": "train/epoch",
    "validation_loss": "validation/loss",
    "perplexity": "validation/perplexity",
    "bits_per_byte": "validation/bits_per_byte",
}
"""What is sent, and under which name."""


def series_of(metrics: Mapping[str, object]) -> dict[str, float]:
    """Return the numbers of a metric by the names that trackers show; losses by source too.

    Examples
    --------
    >>> series_of({"step": 1, "loss": 2.5, "skipped": True})
    {'train/loss': 2.5}
    """
    found = {
        name: float(value)
        for key, name in SERIES.items()
        if isinstance(value := metrics.get(key), int | float)
    }
    sources = metrics.get("sources")
    for source, part in sources.items() if isinstance(sources, Mapping) else ():
        if isinstance(part["validation_loss"], float):
            found[f"validation/loss/{source}"] = part["validation_loss"]
    return found


class TensorBoard(TrainerCallback):
    """Event files in `train/tensorboard`."""

    name, version = "tensorboard", 1
    _writer: Any = None

    def on_run_start(self, state: TrainingState) -> None:
        """Open the event file; what an earlier start wrote beyond its checkpoint is hidden."""
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(
            str(state.folder / "tensorboard"), purge_step=state.step + 1 if state.is_resumed else None
        )

    def on_step_end(self, state: TrainingState, metrics: Mapping[str, object]) -> None:
        """Write the step's numbers."""
        for name, value in series_of(metrics).items():
            self._writer.add_scalar(name, value, state.step)

    on_evaluation = on_step_end

    def close(self) -> None:
        """Write what is still held."""
        if self._writer is not None:
            self._writer.close()


class _Remote(TrainerCallback):
    """What wandb and trackio have in common: `init`, `log`, `finish`."""

    library: ClassVar[str]
    _run: Any = None

    @frozen_config
    class Config:
        """Where the run appears."""

        project: str = Field("gristmill", doc="project that the run belongs to")
        run: str = Field("", doc="name of the run; by default that of the run folder")

    def on_run_start(self, state: TrainingState) -> None:
        """Start the run, or continue it."""
        self._run = importlib.import_module(self.library)
        name = self.config.run or state.folder.parent.name  # type: ignore[attr-defined]
        self._run.init(project=self.config.project, name=name, **self._options(state))  # type: ignore[attr-defined]

    def _options(self, state: TrainingState) -> dict[str, object]:  # noqa: ARG002  # the library's own may need it
        return {}

    def on_step_end(self, state: TrainingState, metrics: Mapping[str, object]) -> None:
        """Send the step's numbers."""
        if values := series_of(metrics):
            self._run.log(values, step=state.step)

    on_evaluation = on_step_end

    def close(self) -> None:
        """End the run."""
        if self._run is not None:
            self._run.finish()


class Wandb(_Remote):
    """Weights & Biases; offline, in `train/wandb`, unless `WANDB_MODE` or `mode` says otherwise."""

    name, version, library = "wandb", 1, "wandb"

    @frozen_config
    class Config:
        """Where the run appears."""

        project: str = Field("gristmill", doc="project that the run belongs to")
        run: str = Field("", doc="name of the run; by default that of the run folder")
        mode: str = Field("offline", doc="online, offline or disabled; `WANDB_MODE` goes before it")

    def _options(self, state: TrainingState) -> dict[str, object]:
        mode = os.environ.get("WANDB_MODE") or self.config.mode  # type: ignore[attr-defined]
        return {"dir": str(state.folder), "mode": mode, "resume": "allow"}


class Trackio(_Remote):
    """Trackio, which keeps its runs in a local file."""

    name, version, library = "trackio", 1, "trackio"


TRACKERS: Mapping[str, type[TrainerCallback]] = {
    "tensorboard": TensorBoard,
    "wandb": Wandb,
    "trackio": Trackio,
}


def activate_tracker(table: Mapping[str, object]) -> ActiveOperator:
    """Return the tracker that a recipe names under ``use``, ready to be opened. Its library is not imported.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-034`` when the library is not installed, GM-PLUGIN-009 for keys that do not fit.
    """
    name = str(table["use"])
    if importlib.util.find_spec(name) is None:
        raise GristmillError(
            "GM-TRAIN-034",
            f"the callback `{name}` needs the package `{name}`, which is not installed",
            hint=f"pip install 'gristmill[{name}]'",
        )
    registered = Registered(
        namespace="gristmill",
        kind="trainer_callback",
        operator=TRACKERS[name],
        distribution=None,
        distribution_version=None,
        source=None,
    )
    return activate(registered, table)
