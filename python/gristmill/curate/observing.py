"""Tells the plugins of a recipe what its run does. They observe; nothing they do reaches the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.curate.stages import EventSink
from gristmill.recipe import Recipe

if TYPE_CHECKING:
    from gristmill.plugins.observers import Observers, RunInfo


class Observing:
    """The observation hooks of a recipe's plugins during one run; does nothing for a recipe without plugins.

    Parameters
    ----------
    recipe
        Whose plugins are told.
    folder
        The run folder.
    plan
        Fingerprint of the plan.
    """

    def __init__(self, recipe: Recipe, folder: Path, plan: str) -> None:
        self._observers: Observers | None = None
        self._info: RunInfo | None = None
        if recipe.named_plugins:
            from gristmill.plugins.manager import PluginManager
            from gristmill.plugins.observers import RunInfo

            self._observers = PluginManager.load(
                recipe.named_plugins, plugins_dir=recipe.plugins_dir
            ).observers
            name = recipe.path.name if recipe.path is not None else ""
            self._info = RunInfo(folder=folder, plan=plan, recipe=name)

    def started(self) -> None:
        """Tell that the run starts."""
        self._tell("run_started")

    def watching(self, on_event: EventSink | None) -> EventSink:
        """Return a receiver of events that tells of finished tasks, and passes every event on."""

        def receive(event: Mapping[str, object]) -> None:
            if event.get("stage") not in ("plan", "finalise", "plugins"):
                told = {name: event[name] for name in ("stage", "done", "total") if name in event}
                self._tell("partition_finished", result=told)
            if on_event is not None:
                on_event(event)

        return receive

    def finished(self, report: Mapping[str, object], log: EventSink) -> None:
        """Tell that the run is finished, and log how many calls failed, if any did."""
        self._tell("run_finished", report=report)
        failed = {} if self._observers is None else self._observers.num_failed
        for namespace, number in sorted(failed.items()):
            message = f"plugin `{namespace}`: {number} calls of its observation hooks failed; the run is not affected"
            log({"stage": "plugins", "done": 1, "total": 1, "message": message})

    def _tell(self, hook: str, **values: object) -> None:
        if self._observers is not None:
            self._observers.tell(hook, run=self._info, **values)
