"""Running a stage: which of its tasks are committed already, and an executor for the others.

A task is known by the hash of all that its outputs depend on: its description without paths and attempts, the digests
of the files it reads, and the version of its stage. Nothing else decides whether it runs again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

from gristmill import _native
from gristmill.curate.executors import Executor
from gristmill.curate.folder import RunFolder, load_json

Json = Mapping[str, object]
EventSink = Callable[[Mapping[str, object]], None]

STAGE_VERSIONS = {
    "map": 2,
    "decide": 3,
    "units": 1,
    "copies": 1,
    "bloom": 1,
    "substring": 1,
    "cut": 1,
    "exact": 1,
    "lsh": 1,
    "verify": 1,
    "semantic_lsh": 1,
    "semantic_verify": 1,
    "semantic_join": 1,
    "settle": 2,
    "amounts": 1,
    "features": 1,
    "target": 1,
    "scores": 1,
    "group_rows": 1,
    "decide_groups": 1,
    "choose": 1,
    "check": 1,
    "segment": 1,
    "split_keys": 1,
    "split_lsh": 1,
    "split_group": 1,
    "split_verify": 1,
    "split_regroup": 1,
    "split_assign": 1,
    "split_index": 1,
    "split_prove": 1,
    "tokenise": 2,
    "shard": 1,
}
"""Raised when the same description gives other bytes than before."""

CUT_STAGES = frozenset({"units", "copies", "bloom", "substring", "cut"})
"""Stages of steps that cut spans out of texts: no part of the identity of a plan without such a step."""

CHOICE_STAGES = frozenset({"amounts", "features", "target", "scores", "choose"})
"""Stages of steps that choose among documents: no part of the identity of a plan without one."""

GROUP_STAGES = frozenset({"group_rows", "decide_groups"})
"""Stages of plugins that decide about groups: no part of the identity of a plan without one."""

INDEX_STAGES = frozenset({"check", "segment"})
"""Stages of an index of earlier runs: no part of the identity of a plan without one."""

NEUTRAL_KEYS = frozenset(
    {
        "place",
        "path",
        "file",
        "scratch",
        "plugins_dir",
        "sort_memory_bytes",
        "scratch_memory_bytes",
        "max_quarantine_fraction",
        "containment",
    }
)
"""Keys of a description that say where something is, or what it may use: they change no byte of the output."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A task of a stage, before it has a place.

    Parameters
    ----------
    index
        Position in its stage.
    kind
        ``"map"``, ``"native"`` or ``"groups"``.
    spec
        The engine's description, without `place`.
    extra
        What stands beside the description for the worker (plugins, reader).
    """

    index: int
    kind: str
    spec: Json
    extra: Json = field(default_factory=dict)


def fingerprint(stage: str, task: Task) -> str:
    """Return the hash of everything a task's outputs depend on, as 64 hexadecimal digits."""
    identity = {
        "stage": stage,
        "version": STAGE_VERSIONS[stage],
        "spec": strip_neutral(task.spec),
        "extra": strip_neutral(task.extra),
    }
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def strip_neutral(value: object) -> object:
    """Return a JSON value without the keys that change no byte of the output.

    Examples
    --------
    >>> strip_neutral({"file": "text-a1", "digest": "d", "inner": [{"path": "/x", "n": 1}]})
    {'digest': 'd', 'inner': [{'n': 1}]}
    """
    if isinstance(value, Mapping):
        return {key: strip_neutral(item) for key, item in value.items() if key not in NEUTRAL_KEYS}
    if isinstance(value, (list, tuple)):
        return [strip_neutral(item) for item in value]
    return value


def outputs(manifest: Json) -> Mapping[str, Json]:
    """Return a task's committed files by name."""
    return cast(Mapping[str, Json], manifest["outputs"])


def counts(manifest: Json) -> Mapping[str, object]:
    """Return a task's counts."""
    return cast(Mapping[str, object], manifest["counts"])


class Stages(Protocol):
    """Whatever has the manifests of a stage's tasks: one that runs them, or one that only looks them up."""

    def run(self, stage: str, tasks: Sequence[Task]) -> list[dict[str, object]]:
        """Return the committed manifests of a stage's tasks, in task order."""


class TaskNotCommittedError(LookupError):
    """A task that a finished run must have committed is not there: `gc` emptied `work/`, or another version ran."""


class CommittedStages:
    """Looks up what a finished run committed; runs nothing and changes nothing.

    Parameters
    ----------
    folder
        The run folder.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    def run(self, stage: str, tasks: Sequence[Task]) -> list[dict[str, object]]:
        """Return the committed manifests of a stage's tasks, in task order.

        Raises
        ------
        TaskNotCommittedError
            When one is missing, or one of its files.
        """
        manifests = []
        for task in tasks:
            mark = fingerprint(stage, task)
            path = self._folder.task_manifest(stage, task.index, mark)
            manifest = load_json(path) if path.exists() else None
            if manifest is None or manifest["fingerprint"] != mark or not has_outputs(self._folder, manifest):
                raise TaskNotCommittedError(f"{stage}[{task.index}]")
            manifests.append(manifest)
        return manifests


def has_outputs(folder: RunFolder, manifest: Json) -> bool:
    """Say whether every file of a task is there with its length; digests are checked where it is opened."""
    outputs = cast(Mapping[str, Mapping[str, object]], manifest["outputs"])
    for artefact in outputs.values():
        file = folder.data / str(artefact["file"])
        if not file.exists() or file.stat().st_size != artefact["bytes"]:
            return False
    return True


class StageRunner:
    """Runs stages one after the other in a run folder.

    Parameters
    ----------
    folder
        The run folder, locked by the caller.
    executor
        Where tasks run.
    on_event
        Called with ``{"stage", "done", "total", "message"}`` as tasks finish.
    """

    def __init__(self, folder: RunFolder, executor: Executor, on_event: EventSink) -> None:
        self._folder = folder
        self._executor = executor
        self._on_event = on_event
        self._session = _native.Session()
        self.num_reused = 0
        self.num_run = 0

    def run(self, stage: str, tasks: Sequence[Task]) -> list[dict[str, object]]:
        """Return the committed manifests of a stage's tasks, in task order; run those that are missing.

        Raises
        ------
        Exception
            The first failure; tasks that were running are stopped, committed ones stay.
        """
        manifests: dict[int, dict[str, object]] = {}
        waiting: dict[int, int] = {}
        for position, task in enumerate(tasks):
            mark = fingerprint(stage, task)
            standing = self._standing(stage, task, mark)
            if standing is not None:
                manifests[position] = standing
                self.num_reused += 1
                continue
            spec = {**task.spec, "place": self._folder.place(stage, task.index, mark)}
            waiting[self._executor.submit({"kind": task.kind, "spec": spec, **task.extra})] = position
        self._report(stage, len(manifests), len(tasks), len(manifests))
        while waiting:
            result = self._executor.wait_any()
            position = waiting.pop(result.ticket)
            if result.error is not None or result.manifest is None:
                raise result.error or RuntimeError(f"task {stage}[{position}] ended without a manifest")
            manifests[position] = dict(result.manifest)
            self.num_run += 1
            self._report(stage, len(manifests), len(tasks), 0)
        return [manifests[position] for position in range(len(tasks))]

    def _report(self, stage: str, done: int, total: int, reused: int) -> None:
        message = f"{reused} of {total} already committed" if reused else ""
        self._on_event({"stage": stage, "done": done, "total": total, "message": message})

    def _standing(self, stage: str, task: Task, mark: str) -> dict[str, object] | None:
        """Return the manifest of an earlier run if it is for this very task and its files are there."""
        path = self._folder.task_manifest(stage, task.index, mark)
        if not path.exists():
            return None
        manifest = load_json(path)
        is_whole = manifest["fingerprint"] == mark and has_outputs(self._folder, manifest)
        if is_whole and (task.kind != "map" or self._has_same_inputs(task, manifest)):
            return manifest
        # Out of the way, not deleted: `gc` removes it with the files it names.
        path.replace(path.with_suffix(f".{manifest['attempt']}.stale"))
        return None

    def _has_same_inputs(self, task: Task, manifest: Json) -> bool:
        """Read the inputs again and compare digests; sizes and time stamps prove nothing."""
        counts = cast(Mapping[str, object], manifest["counts"])
        committed = cast(Sequence[Mapping[str, object]], counts["files"])
        files = cast(Sequence[Mapping[str, object]], task.spec["files"])
        return all(
            _native.digest_file(Path(str(file["path"])), self._session)[1] == known["digest"]
            for file, known in zip(files, committed, strict=True)
        )
