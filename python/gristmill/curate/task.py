"""Runs one task in this process: native tasks in one call, map tasks with the plugins that join them.

The same code serves every executor. Python drives only across plugin steps and reader plugins, batch by batch.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gristmill import _native
from gristmill.curate.plugin_accounts import write_account

if TYPE_CHECKING:
    import pyarrow as pa

    from gristmill.curate.chat import Renderer
    from gristmill.plugins.active import ActiveOperator
    from gristmill.plugins.host import PluginHost


class TaskRunner:
    """What the tasks of one process share: verified files, and plugins that stay open between tasks."""

    def __init__(self) -> None:
        self.session = _native.Session()
        self._verified: set[str] = set()

    def run(self, task: Mapping[str, object]) -> dict[str, object]:
        """Run a task to its commit and return the task manifest.

        Parameters
        ----------
        task
            ``{"kind": "map" | "native" | "groups", "spec": {...}}``; a map task may have ``plugins``, ``reader``,
            ``plugins_dir``, ``seed`` and ``chat`` beside, one of groups has ``decider``.
        """
        spec = cast(Mapping[str, object], task["spec"])
        place = cast(Mapping[str, object], spec["place"])
        scratch = Path(str(place["scratch"]))
        scratch.mkdir(parents=True, exist_ok=True)
        try:
            if task["kind"] == "map":
                manifest = self._run_map(task)
            elif task["kind"] == "groups":
                from gristmill.curate.group_task import run_group_task

                manifest = run_group_task(task, self._verified, self.session)
            else:
                manifest = _native.run_task(json.dumps(spec), self.session)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return cast(dict[str, object], json.loads(manifest))

    def close(self) -> None:
        """Ask running native work to stop."""
        self.session.cancel()

    def _run_map(self, task: Mapping[str, object]) -> str:
        spec = cast(Mapping[str, object], task["spec"])
        native = _native.MapTask(json.dumps(spec), self.session)
        descriptions = cast(Sequence[Mapping[str, object]], task.get("plugins") or ())
        reader_description = cast("Mapping[str, object] | None", task.get("reader"))
        chat = cast("Mapping[str, object] | None", task.get("chat"))
        extraction = cast("Mapping[str, object] | None", task.get("extraction"))
        if extraction is not None:
            return self._run_extracting(task, native, extraction)
        if not descriptions and reader_description is None and chat is not None:
            self._render_turns(native, chat)
            return native.commit(self.session)
        if not descriptions and reader_description is None:
            assert native.advance(self.session) is None
            return native.commit(self.session)
        with self._opened_plugins(task) as (host, by_step, reader):

            def open_file(path: Path) -> Iterator[pa.RecordBatch]:
                assert reader is not None
                return _read(reader, path)

            self._drive(
                native, spec, host, by_step, open_file, None if chat is None else self._renderer(chat)
            )
        return native.commit(self.session)

    def _run_extracting(
        self, task: Mapping[str, object], native: _native.MapTask, extraction: Mapping[str, object]
    ) -> str:
        """Run a map task whose texts an extractor makes, out of records or out of what a plugin reads."""
        from gristmill.plugins.extraction import extracted, raw_of_reader, records
        from gristmill.plugins.host import PluginHost
        from gristmill.plugins.isolated import Registry
        from gristmill.plugins.manager import PluginManager

        spec = cast(Mapping[str, object], task["spec"])
        source = cast(Mapping[str, object], spec["source"])
        text, identifier = str(source["text"]), cast("str | None", source["id"])
        description = cast(Mapping[str, object], extraction["extractor"])
        [extractor] = PluginManager.rebuild([description], plugins_dir=_plugins_dir(task))
        keeps_raw = bool(extraction["keeps_raw"])
        with (
            self._opened_plugins(task) as (host, by_step, reader),
            PluginHost(
                [extractor],
                seed=cast(int, task["seed"]),
                max_failure_fraction=cast(float, task["max_quarantine_fraction"]),
                registry=Registry(plugins_dir=_plugins_dir(task)),
            ) as extracting,
        ):

            def open_file(path: Path) -> Iterator[pa.RecordBatch]:
                if reader is not None:
                    found = raw_of_reader(reader, path, keeps_raw=text if keeps_raw else None)
                else:
                    found = records(
                        path,
                        text=text,
                        id=identifier,
                        format=cast("str | None", extraction["format"]),
                        keeps_raw=keeps_raw,
                        session=self.session,
                    )
                return extracted(extracting, extractor, found)

            self._drive(native, spec, host, by_step, open_file, None)
            write_account(_place(task), [extractor], extracting.stats, part="extractor")
        return native.commit(self.session)

    @contextmanager
    def _opened_plugins(
        self, task: Mapping[str, object]
    ) -> Iterator[tuple[PluginHost, dict[str, ActiveOperator], ActiveOperator | None]]:
        """Give the host with the task's plugin steps, these by name, and the plugin that reads its files."""
        from gristmill.plugins.host import PluginHost
        from gristmill.plugins.isolated import Registry
        from gristmill.plugins.manager import PluginManager

        descriptions = cast(Sequence[Mapping[str, object]], task.get("plugins") or ())
        plugins_dir = _plugins_dir(task)
        operators = PluginManager.rebuild(descriptions, plugins_dir=plugins_dir)
        by_step = {operator.step: operator for operator in operators}
        reader = None
        if (described := cast("Mapping[str, object] | None", task.get("reader"))) is not None:
            [reader] = PluginManager.rebuild([described], plugins_dir=plugins_dir)
        with PluginHost(
            operators,
            seed=cast(int, task["seed"]),
            max_failure_fraction=cast(float, task["max_quarantine_fraction"]),
            registry=Registry(plugins_dir=plugins_dir),
        ) as host:
            yield host, by_step, reader
            if operators:
                write_account(_place(task), operators, host.stats)

    def _renderer(self, chat: Mapping[str, object]) -> Renderer:
        from gristmill.curate.chat import Renderer

        return Renderer(chat)

    def _render_turns(self, native: _native.MapTask, chat: Mapping[str, object]) -> None:
        renderer = self._renderer(chat)
        while (call := native.advance(self.session)) is not None:
            native.supply_chat(*renderer.render_batch(cast("pa.RecordBatch", call[2])))

    def _drive(
        self,
        native: _native.MapTask,
        spec: Mapping[str, object],
        host: PluginHost,
        by_step: Mapping[str, ActiveOperator],
        open_file: Callable[[Path], Iterator[pa.RecordBatch]],
        renderer: Renderer | None,
    ) -> None:
        steps = cast(Sequence[Mapping[str, object]], spec["steps"])
        files = cast(Sequence[Mapping[str, object]], spec["files"])
        open_files: dict[int, Iterator[pa.RecordBatch]] = {}
        while (call := native.advance(self.session)) is not None:
            kind, position, batch = call
            if kind == "turns":
                assert renderer is not None
                native.supply_chat(*renderer.render_batch(cast("pa.RecordBatch", batch)))
                continue
            if kind == "input":
                if position not in open_files:
                    open_files[position] = open_file(Path(str(files[position]["path"])))
                native.feed(next(open_files[position], None))
                continue
            operator = by_step[str(steps[position]["name"])]
            result = host.run(operator, cast("pa.RecordBatch", batch))
            failures = [(failure.row, failure.error_type, failure.detail) for failure in result.quarantined]
            columns = [result.columns[name] for name in operator.outputs]
            native.supply(columns, result.new_text, failures)


def _place(task: Mapping[str, object]) -> Mapping[str, object]:
    return cast(Mapping[str, object], cast(Mapping[str, object], task["spec"])["place"])


def _plugins_dir(task: Mapping[str, object]) -> Path | None:
    folder = task.get("plugins_dir")
    return Path(str(folder)) if folder else None


def _read(reader: ActiveOperator, path: Path) -> Iterator[pa.RecordBatch]:
    from gristmill.plugins.reading import read_file

    return read_file(reader, path)
