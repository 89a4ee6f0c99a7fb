"""Sections of plugins: those that the recipe's plugins offer, behind gristmill's own. A fault becomes a note.

What a plugin returns is data of `gristmill.plugins.sections`; here it becomes blocks, so that every writer shows it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gristmill.errors import GristmillError
from gristmill.plugins.active import ActiveOperator
from gristmill.plugins.capture import captured_output, short_traceback
from gristmill.plugins.lifecycle import close_operator, open_operator
from gristmill.plugins.manager import PluginManager
from gristmill.plugins.sections import ReportSection, RunView, Section, SectionBars, SectionTable
from gristmill.recipe import use_table
from gristmill.report.blocks import Bars, Block, Cell, Column, Fact, Facts, Note, SectionContent, Table
from gristmill.report.folder import RunFolder, mapping, sequence

MAX_BLOCK_ROWS = 2000
"""Rows of one table, or bars of one chart, that go into a report; the rest is counted in its note."""


def plugin_sections(folder: RunFolder, *, plugins_dir: Path | None = None) -> list[SectionContent]:
    """Return the sections of every plugin that the run's recipe names, sorted by plugin and name.

    Named sections of `[report]` come first, in the order of the recipe. Nothing here raises for a plugin's fault: a
    plugin that cannot be loaded and a section that fails each leave a note.

    Parameters
    ----------
    folder
        The finished run.
    plugins_dir
        Folder of single-file plugins; by default the one that the plan names.
    """
    named = [
        use_table(_written(item)) for item in sequence(mapping(folder.recipe.get("report")).get("sections"))
    ]
    in_steps = {use.partition(".")[0] for use in _step_uses(folder)}
    namespaces = sorted(in_steps | {str(item["use"]).partition(".")[0] for item in named})
    if not namespaces:
        return []
    plan = _plan(folder)
    if plugins_dir is None and isinstance(plan.get("plugins_dir"), str):
        plugins_dir = Path(str(plan["plugins_dir"]))
    view = RunView(manifest=folder.manifest, plan=plan, recipe=folder.recipe, files=folder.files)
    built: list[SectionContent] = []
    for namespace in namespaces:
        try:
            manager = PluginManager.load([namespace], plugins_dir=plugins_dir)
        except GristmillError as error:
            text = f"Plugin {namespace} could not be loaded, so its sections, if it has any, are missing: {error}."
            built.append(
                SectionContent(name=f"plugin-{namespace}", title=namespace, blocks=[Note(text=text)])
            )
            continue
        built += [
            _build(*wanted, view)
            for wanted in _wanted(manager, namespace, named, offers_all=namespace in in_steps)
        ]
    order = [str(item["use"]) for item in named]
    built.sort(key=lambda section: order.index(section.name) if section.name in order else len(order))
    return [section for section in built if section.blocks]


def _wanted(
    manager: PluginManager,
    namespace: str,
    named: Sequence[Mapping[str, object]],
    *,
    offers_all: bool,
) -> Iterator[tuple[str, ActiveOperator | GristmillError]]:
    """Yield the sections of one plugin: those that are named, and all that it offers where a step names the plugin."""
    tables: dict[str, Mapping[str, object]] = {}
    if offers_all:
        tables = {
            name: {"use": name} for name, item in manager.operators.items() if item.kind == "report_section"
        }
    tables |= {str(item["use"]): item for item in named if str(item["use"]).partition(".")[0] == namespace}
    for name, table in tables.items():
        try:
            yield name, manager.activate_as("report_section", table)
        except GristmillError as error:
            yield name, error


def _build(name: str, operator: ActiveOperator | GristmillError, view: RunView) -> SectionContent:
    if isinstance(operator, GristmillError):
        return _failed(name, str(operator))
    section = operator.instance
    assert isinstance(section, ReportSection)
    try:
        with tempfile.TemporaryDirectory(prefix="gristmill-section-") as scratch:
            open_operator(operator, Path(scratch), seed=0, threads=1)
            try:
                with captured_output(operator.use):
                    made: object = section.build(view.for_one_section())
            finally:
                close_operator(operator)
        if made is None:
            return SectionContent(name=name, title=name, blocks=[])
        if not isinstance(made, Section):
            return _failed(name, f"it returned a {type(made).__name__}, not a Section")
        title = str(made.title or (type(section).__doc__ or name).strip().partition("\n")[0].rstrip("."))
        blocks = [*_blocks(made), _origin(operator)]
    except GristmillError as error:
        return _failed(name, "; ".join((str(error), *error.context)))
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a section never fails a report: it becomes a note
        return _failed(name, short_traceback(error).strip().splitlines()[0])
    return SectionContent(name=name, title=title, blocks=blocks)


def _blocks(section: Section) -> list[Block]:
    blocks: list[Block] = [
        Note(text=part.strip()) for part in str(section.text).split("\n\n") if part.strip()
    ]
    blocks += [_bars(chart) for chart in section.bars]
    blocks += [_table(table) for table in section.tables]
    return blocks


def _bars(chart: SectionBars) -> Bars:
    return Bars(
        caption=str(chart.caption),
        axis=str(chart.axis),
        series=[str(name) for name in chart.series],
        labels=[str(label) for label in chart.labels[:MAX_BLOCK_ROWS]],
        values=[list(row) for row in chart.values[:MAX_BLOCK_ROWS]],
        note=_note(chart.note, len(chart.labels)),
    )


def _table(table: SectionTable) -> Table:
    rows: list[list[Cell]] = [list(row) for row in table.rows[:MAX_BLOCK_ROWS]]
    numbers = [
        any(isinstance(row[index], (int, float)) for row in rows)
        and not any(isinstance(row[index], str) for row in rows)
        for index in range(len(table.columns))
    ]
    whole = [all(not isinstance(row[index], float) for row in rows) for index in range(len(table.columns))]
    return Table(
        caption=str(table.caption),
        columns=[
            Column(label=str(label), kind="text" if not is_number else "count" if is_whole else "number")
            for label, is_number, is_whole in zip(table.columns, numbers, whole, strict=True)
        ],
        rows=rows,
        note=_note(table.note, len(table.rows)),
    )


def _note(note: str, num_rows: int) -> str:
    left_out = f"{num_rows - MAX_BLOCK_ROWS:,} more rows are left out." if num_rows > MAX_BLOCK_ROWS else ""
    return " ".join(part for part in (str(note), left_out) if part)


def _origin(operator: ActiveOperator) -> Facts:
    package = (
        f"{operator.distribution} {operator.distribution_version}"
        if operator.distribution
        else "a single file"
    )
    detail = f"version {operator.version}, {package}, fingerprint {operator.fingerprint[:16]}"
    return Facts(items=[Fact(label="Made by", value=operator.use, kind="code", detail=detail)])


def _failed(name: str, reason: str) -> SectionContent:
    return SectionContent(
        name=name, title=name, blocks=[Note(text=f"This section could not be made: {reason}.")]
    )


def _step_uses(folder: RunFolder) -> list[str]:
    uses = [str(mapping(step).get("use", "")) for step in sequence(folder.recipe.get("step"))]
    return [use for use in uses if "." in use]


def _plan(folder: RunFolder) -> Mapping[str, object]:
    try:
        return mapping(json.loads((folder.path / "plan.json").read_bytes()))
    except (OSError, ValueError):
        return {}


def _written(item: object) -> str | Mapping[str, object]:
    return item if isinstance(item, Mapping) else str(item)
