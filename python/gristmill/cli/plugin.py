"""`gristmill plugin list|show|new|test`: what is installed, what it offers, a new package, the contract's checks."""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.cli.main import VERBS, Parser
from gristmill.cli.options import add_output_options, add_verb, printer_of
from gristmill.cli.plugin_command import FOLDER_VARIABLE
from gristmill.errors import ExitCode, GristmillError
from gristmill.plugins.scaffold import KINDS

if TYPE_CHECKING:
    from gristmill.cli.options import Run, Subparsers
    from gristmill.cli.printer import Printer
    from gristmill.plugins.active import Registered


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb and its four actions."""
    parser = add_verb(
        subparsers,
        "plugin",
        run_list,
        description="List, show, make and test plugins. An installed plugin does nothing until a recipe names it.",
    )
    _add_place(parser, is_nested=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", parser_class=Parser)

    def action(name: str, run: Run, line: str) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=line, description=f"{line[0].upper()}{line[1:]}.")
        add_output_options(made, is_nested=True)
        made.set_defaults(run=run)
        return made

    _add_place(action("list", run_list, "list every plugin there is"))
    show = action("show", run_show, "show what a plugin offers: operators, columns, keys")
    show.add_argument(
        "name", metavar="PLUGIN", help="the plugin's name: what stands before the dot in a recipe"
    )
    _add_place(show)
    new = action("new", run_new, "write a new plugin package that installs and passes its first test")
    new.add_argument("name", metavar="NAME", help="its name in recipes: lower-case letters, digits and `_`")
    new.add_argument("--kind", default="signal", help=f"{', '.join(KINDS)}; by default signal")
    new.add_argument(
        "--directory", metavar="DIR", type=Path, default=Path(), help="where to; by default here"
    )
    test = action("test", run_test, "run each operator of a plugin on documents made to break it")
    test.add_argument("name", metavar="PLUGIN", help="the plugin's name")
    test.add_argument(
        "--file", metavar="PATH", type=Path, default=None, help="a sample file for the plugin's readers"
    )
    _add_place(test)


def _add_place(parser: argparse.ArgumentParser, *, is_nested: bool = True) -> None:
    default = argparse.SUPPRESS if is_nested else None
    parser.add_argument(
        "--recipe",
        metavar="RECIPE",
        type=Path,
        default=default,
        help="a recipe: whose plugins are active, and where",
    )
    parser.add_argument(
        "--plugins-dir", metavar="DIR", type=Path, default=default, help="a folder of single-file plugins"
    )


def _place(options: argparse.Namespace) -> tuple[list[str], Path | None]:
    """Return the plugins that a recipe names, and the folder of single-file plugins: an option, else the recipe's."""
    named = os.environ.get(FOLDER_VARIABLE)
    elsewhere = Path(named) if named else None
    if options.recipe is None:
        return [], options.plugins_dir or elsewhere
    from gristmill.recipe import load_recipe

    recipe = load_recipe(options.recipe)
    return list(recipe.named_plugins), options.plugins_dir or recipe.plugins_dir or elsewhere


def run_list(options: argparse.Namespace) -> int:
    """Print every plugin."""
    from gristmill.plugins.manager import list_plugins

    printer = printer_of(options)
    active, plugins_dir = _place(options)
    infos = list_plugins(active=active, plugins_dir=plugins_dir)
    rows = [
        [
            info.name,
            info.version or "",
            "active" if info.active else "",
            info.error or ", ".join(info.operators or ()),
        ]
        for info in infos
    ]
    printer.table(["plugin", "version", "", "operators"], rows)
    if len(infos) == 1:
        printer.talk("no other plugins: install one, for example `pip install gristmill-legal`")
    printer.result({"plugins": [dataclasses.asdict(info) for info in infos]})
    return ExitCode.DONE


def run_show(options: argparse.Namespace) -> int:
    """Print what one plugin offers."""
    from gristmill.plugins.hookspecs import PROJECT
    from gristmill.plugins.manager import PluginManager

    printer = printer_of(options)
    _, plugins_dir = _place(options)
    if options.name == PROJECT:
        return _show_builtin(printer)
    operators = PluginManager.load([options.name], plugins_dir=plugins_dir).operators
    pages = [operator_page(name, registered) for name, registered in operators.items()]
    for position, page in enumerate(pages):
        if position:
            printer.data("")
        printer.lines(describe_operator(page))
    printer.result({"plugin": options.name, "operators": [dataclasses.asdict(page) for page in pages]})
    return ExitCode.DONE


def _show_builtin(printer: Printer) -> int:
    """Print gristmill's own rules, as they describe themselves."""
    from gristmill.plugins.builtin import NAMESPACE, builtin_rules

    rules = builtin_rules()
    for position, rule in enumerate(rules):
        if position:
            printer.data("")
        kind = f"{rule.kind} that edits" if rule.edits_text else rule.kind
        page = OperatorPage(
            use=rule.name,
            kind=kind,
            version=rule.version,
            summary=rule.summary,
            inputs=list(rule.inputs),
            outputs=[f"{name}: {type_}" for name, type_ in rule.outputs.items()],
            keys=[name if default is None else f"{name} = {default}" for name, default in rule.keys.items()],
        )
        printer.lines(describe_operator(page))
    printer.talk("`gristmill explain rule NAME` shows sources, definitions and examples of a rule")
    printer.result({"plugin": NAMESPACE, "operators": [dataclasses.asdict(rule) for rule in rules]})
    return ExitCode.DONE


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class OperatorPage:
    """What `gristmill plugin show` says about one operator."""

    use: str
    kind: str
    version: int
    summary: str
    inputs: list[str]
    outputs: list[str]
    keys: list[str]


def operator_page(name: str, registered: Registered) -> OperatorPage:
    """Return what there is to say about a registered operator."""
    from gristmill.plugins.active import outputs_of, threshold_keys
    from gristmill.plugins.config import config_fields
    from gristmill.plugins.kinds import READS_NOTHING

    operator = registered.operator
    outputs = outputs_of(operator)
    keys = [
        key if field.default is dataclasses.MISSING else f"{key} = {field.default!r}"
        for key, field in config_fields(operator.Config).items()
    ]
    if registered.kind == "reader":
        keys = ["defaults only"] if keys else []  # a source has no keys for its reader
    return OperatorPage(
        use=name,
        kind=registered.kind,
        version=operator.version,
        summary=(operator.__doc__ or "").strip().partition("\n")[0],
        inputs=[] if registered.kind in READS_NOTHING else list(operator.inputs),
        outputs=[f"{key}: {output.type}{'?' if output.nullable else ''}" for key, output in outputs.items()],
        keys=[*keys, *threshold_keys(outputs)] if registered.kind == "signal" else keys,
    )


def describe_operator(page: OperatorPage) -> list[str]:
    """Return an operator's page as lines."""
    lines = [f"{page.use} ({page.kind}, version {page.version}): {page.summary}"]
    for name, entries in (("inputs", page.inputs), ("outputs", page.outputs), ("keys", page.keys)):
        if entries:
            lines.append(f"  {name:<8} {', '.join(entries)}")
    return lines


def run_new(options: argparse.Namespace) -> int:
    """Write a plugin package."""
    from gristmill.plugins.scaffold import new_plugin

    printer = printer_of(options)
    if options.name in VERBS:
        raise GristmillError(
            "GM-PLUGIN-016",
            f"`{options.name}` is a command of gristmill: those of a plugin with that name could not be called",
            hint="choose another name",
        )
    files = new_plugin(options.name, options.kind, options.directory)
    printer.lines(str(file) for file in files)
    folder = options.directory / f"gristmill-{options.name.replace('_', '-')}"
    printer.talk(f"next: `pip install --editable {folder}`, then `gristmill plugin test {options.name}`")
    printer.result({"files": [str(file) for file in files]})
    return ExitCode.DONE


def run_test(options: argparse.Namespace) -> int:
    """Run the contract's checks on every operator of a plugin."""
    from gristmill.plugins import testing

    printer = printer_of(options)
    _, plugins_dir = _place(options)
    reports = testing.test_plugin(options.name, plugins_dir=plugins_dir, file=options.file)
    for report in reports:
        speed = ""
        if report.documents_per_s is not None and report.megabytes_per_s is not None:
            speed = f", {report.documents_per_s:,.0f} documents/s, {report.megabytes_per_s:,.1f} MB/s"
        printer.data(f"{report.operator} ({report.kind}{speed})")
        for check in report.checks:
            printer.data(
                f"  {'ok  ' if check.passed else 'FAIL'}  {check.name}"
                + (f": {check.detail}" if not check.passed else "")
            )
        if report.skipped:
            printer.data(f"  skipped: {report.skipped}")
    if options.file is not None and all(report.kind != "reader" for report in reports):
        printer.talk(f"`--file` was not used: `{options.name}` has no reader")
    printer.result({"plugin": options.name, "operators": [dataclasses.asdict(report) for report in reports]})
    failed = [report.operator for report in reports if not report.passed]
    if failed and not printer.as_json:
        printer.error(GristmillError("GM-CLI-012", f"the contract does not hold for {', '.join(failed)}"))
    return ExitCode.GATE if failed else ExitCode.DONE
