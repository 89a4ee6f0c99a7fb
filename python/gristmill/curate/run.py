"""`curate`: a recipe's documents to verified shards, continuing whatever an earlier run left."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gristmill.curate import dedup_index, plugin_accounts
from gristmill.curate.executors import Executor
from gristmill.curate.finalise import finalise
from gristmill.curate.folder import RunFolder, canonical_json, load_json, write_atomically
from gristmill.curate.observing import Observing
from gristmill.curate.pipeline import Outcome, inputs_of, run_pipeline
from gristmill.curate.plan import Plan, make_plan
from gristmill.curate.stages import EventSink, StageRunner
from gristmill.errors import GristmillError, from_os_error
from gristmill.recipe import Recipe, effective_toml, load_recipe

if TYPE_CHECKING:
    import polars as pl

    from gristmill.curate.dry_run import DryRun

EXECUTORS = ("local",)


@dataclass(frozen=True, kw_only=True, slots=True)
class CuratedRun:
    """A finished curation run.

    Parameters
    ----------
    path
        The run folder.
    manifest
        The content of `manifest.json`.
    digest
        SHA-256 of `manifest.json`, as `sha256sum` prints it: equal for equal results.
    num_reused
        Tasks that an earlier run had committed.
    num_run
        Tasks that ran now.
    """

    path: Path
    manifest: Mapping[str, object]
    digest: str
    num_reused: int = 0
    num_run: int = 0

    @property
    def counts(self) -> Mapping[str, object]:
        """Documents in, kept, dropped and quarantined, in all and by source, and tokens by split."""
        return cast(Mapping[str, object], self.manifest["counts"])

    def documents(self) -> pl.LazyFrame:
        """Return the kept documents, scanned when collected."""
        return self._scan("documents")

    def rejects(self) -> pl.LazyFrame:
        """Return the dropped and quarantined documents, scanned when collected."""
        return self._scan("rejects")

    def edits(self) -> pl.LazyFrame:
        """Return what steps changed in kept documents, scanned when collected."""
        return self._scan("edits")

    def signals(self) -> pl.LazyFrame:
        """Return one row of signals a readable document, scanned when collected."""
        return self._scan("signals")

    def _scan(self, table: str) -> pl.LazyFrame:
        import polars as pl

        files = cast(list[Mapping[str, object]], self.manifest["files"])
        names = [str(file["path"]) for file in files]
        return pl.scan_parquet([self.path / name for name in names if name.startswith(f"{table}/")])


def open_run(path: Path) -> CuratedRun:
    """Return the finished run in a folder.

    Raises
    ------
    GristmillError
        ``GM-RUN-002`` when there is none.
    """
    folder = RunFolder(path)
    if not folder.manifest.is_file():
        raise GristmillError(
            "GM-RUN-002",
            f"no finished run in `{path}`",
            hint="run `gristmill curate RECIPE`; it continues where it stopped",
        )
    digest = hashlib.sha256(folder.manifest.read_bytes()).hexdigest()
    return CuratedRun(path=path, manifest=load_json(folder.manifest), digest=f"sha256:{digest}")


def curate(
    recipe_path: str | Path,
    *,
    workers: int | None = None,
    executor: str = "local",
    output: str | Path | None = None,
    on_event: EventSink | None = None,
) -> CuratedRun:
    r"""Run a recipe's curation to its end and return the result; a second call continues or finds it done.

    Parameters
    ----------
    recipe_path
        The recipe.
    workers
        Tasks at the same time; by default one a core, and no more than there are partitions. The result does not
        depend on it. With 1, tasks run in this process. Each worker takes about 250 MiB beside `scratch_memory`.
    executor
        ``"local"``.
    output
        The run folder; by default the recipe's `output`.
    on_event
        Called with ``{"stage", "done", "total", "message"}`` as tasks finish.

    Raises
    ------
    GristmillError
        Whatever is wrong with recipe, input or machine; committed work stays.

    Examples
    --------
    >>> import gristmill, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.jsonl").write_text('{"text": "one"}\n{"text": "two"}\n')
    >>> _ = (folder / "recipe.toml").write_text(
    ...     '[run]\noutput = "run"\n[[source]]\nname = "a"\npaths = ["a.jsonl"]\n'
    ... )
    >>> gristmill.curate(folder / "recipe.toml", workers=1).counts["kept"]
    2
    """
    if executor not in EXECUTORS:
        raise GristmillError(
            "GM-RUN-004",
            f"there is no executor `{executor}`",
            hint=f"use one of: {', '.join(f'`{name}`' for name in EXECUTORS)}",
        )
    with _prepared(recipe_path, output) as prepared:
        folder = prepared.folder
        write_atomically(folder.root / "recipe.toml", effective_toml(prepared.recipe).encode())
        write_atomically(folder.root / "plan.json", canonical_json(prepared.plan.to_json_dict()))
        observing = Observing(prepared.recipe, folder.root, prepared.plan.fingerprint())
        observing.started()
        with _running(prepared, workers, observing.watching(on_event)) as (runner, log):
            outcome = run_pipeline(prepared.plan, folder, runner)
        finished = _finished(prepared, outcome, runner, log)
        observing.finished(
            {
                "digest": finished.digest,
                "counts": finished.counts,
                "tasks_run": finished.num_run,
                "tasks_reused": finished.num_reused,
            },
            log,
        )
        return finished


def dry_run(
    recipe_path: str | Path,
    *,
    workers: int | None = None,
    output: str | Path | None = None,
    on_event: EventSink | None = None,
) -> DryRun:
    r"""Return what a recipe's curation would keep and remove, without removing anything.

    Everything up to the decision runs and is committed in `work/`; a later `curate` takes it from there. No table,
    shard or manifest is written, and those of an earlier run stay as they are.

    Parameters
    ----------
    recipe_path, workers, output, on_event
        As for `curate`.

    Raises
    ------
    GristmillError
        Whatever is wrong with recipe, input or machine. What would stop the run for removing too much is in the answer.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.jsonl").write_text('{"text": "one"}\n{"text": "one"}\n')
    >>> _ = (folder / "recipe.toml").write_text(
    ...     '[run]\noutput = "run"\n[[source]]\nname = "a"\npaths = ["a.jsonl"]\n[[step]]\nuse = "exact_dedup"\n'
    ... )
    >>> dry_run(folder / "recipe.toml", workers=1).by_source["a"].exact
    1
    """
    from gristmill.curate.dry_run import look_ahead

    with _prepared(recipe_path, output) as prepared, _running(prepared, workers, on_event) as (runner, _):
        return look_ahead(prepared, runner)


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A recipe, its plan, and the run folder that this process holds."""

    recipe: Recipe
    plan: Plan
    folder: RunFolder


@contextmanager
def _prepared(recipe_path: str | Path, output: str | Path | None) -> Iterator[Prepared]:
    """Plan a recipe and hold its run folder."""
    recipe = load_recipe(Path(recipe_path))
    plan = make_plan(recipe)
    folder = RunFolder(Path(output) if output is not None else recipe.output)
    try:
        folder.create()
        with folder.lock():
            yield Prepared(recipe=recipe, plan=plan, folder=folder)
    except OSError as error:
        raise from_os_error(error) from error


@contextmanager
def _running(
    prepared: Prepared, workers: int | None, on_event: EventSink | None
) -> Iterator[tuple[StageRunner, EventSink]]:
    """Give a runner of stages, and the log that it writes to; whatever still runs in the end is stopped."""
    log = _EventLog(prepared.folder.root / "events.jsonl", on_event)
    log({"stage": "plan", "done": 1, "total": 1, "message": prepared.plan.fingerprint()})
    pool = make_executor(_num_workers(workers, prepared.plan))
    try:
        yield StageRunner(prepared.folder, pool, log), log
    finally:
        pool.cancel()


def _finished(prepared: Prepared, outcome: Outcome, runner: StageRunner, log: EventSink) -> CuratedRun:
    folder, plan = prepared.folder, outcome.plan
    if plan != prepared.plan:
        write_atomically(folder.root / "plan.json", canonical_json(plan.to_json_dict()))
    # Before the run is finished: what a finished run kept is in its index.
    dedup_index.publish(plan, folder, outcome.segment, inputs_of(plan, outcome.maps))
    finalise(plan, outcome, folder)
    deciding = [done for tasks in outcome.chosen.decided for done in tasks]
    plugin_accounts.record(folder, [*outcome.maps, *deciding])
    finished = open_run(folder.root)
    log({"stage": "finalise", "done": 1, "total": 1, "message": finished.digest})
    return CuratedRun(
        path=finished.path,
        manifest=finished.manifest,
        digest=finished.digest,
        num_reused=runner.num_reused,
        num_run=runner.num_run,
    )


def make_executor(workers: int) -> Executor:
    """Return the executor for this machine: this process for one worker, processes for more."""
    if workers == 1:
        from gristmill.curate.executors.inline import InlineExecutor

        return InlineExecutor()
    from gristmill.curate.executors.local import LocalExecutor

    return LocalExecutor(workers)


def _num_workers(wanted: int | None, plan: Plan) -> int:
    if wanted is not None:
        if wanted < 1:
            raise GristmillError("GM-RUN-005", f"`--workers {wanted}`: at least one worker is needed")
        return wanted
    return max(1, min(len(os.sched_getaffinity(0)), len(plan.partitions)))


class _EventLog:
    """Writes events to `events.jsonl` with the time, and passes them on."""

    def __init__(self, path: Path, on_event: Callable[[Mapping[str, object]], None] | None) -> None:
        self._path = path
        self._on_event = on_event

    def __call__(self, event: Mapping[str, object]) -> None:
        with self._path.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps({"time_s": round(time.time(), 3), **event}) + "\n")
        if self._on_event is not None:
            self._on_event(event)
