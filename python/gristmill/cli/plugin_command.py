"""`gristmill NAMESPACE COMMAND ...`: commands of plugins. Looked up only when no verb has the name.

Installed plugins are found by their entry points; the one whose name was typed is imported, and no other.
`GRISTMILL_PLUGINS=a,b` allows only these; `GRISTMILL_PLUGINS_DIR` names a folder of single-file plugins.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.cli.main import Parser
from gristmill.errors import ExitCode, GristmillError
from gristmill.plugins.commands import Command, CommandError

if TYPE_CHECKING:
    from gristmill.plugins.active import ActiveOperator

ALLOWED_VARIABLE = "GRISTMILL_PLUGINS"
FOLDER_VARIABLE = "GRISTMILL_PLUGINS_DIR"


def plugin_names() -> list[str]:
    """Return the plugins that may have commands here, sorted; none is imported."""
    from gristmill.plugins.discovery import discover

    allowed = os.environ.get(ALLOWED_VARIABLE)
    names = list(discover(_folder()))
    if allowed is None:
        return names
    wanted = {name.strip() for name in allowed.split(",")}
    return [name for name in names if name in wanted]


def run_plugin_command(namespace: str, arguments: Sequence[str]) -> int:
    """Run a command of one plugin and return its exit code.

    Parameters
    ----------
    namespace
        One of `plugin_names`.
    arguments
        What stands behind the namespace: the command's name and what it takes.

    Raises
    ------
    GristmillError
        GM-PLUGIN-001 to -007 if the plugin cannot be loaded, GM-CLI-001 and -014 for a mistake in the call, GM-CLI-015
        where the command says no, GM-CLI-016 where it fails.
    """
    from gristmill.plugins.manager import PluginManager

    manager = PluginManager.load([namespace], plugins_dir=_folder())
    commands = {
        name.partition(".")[2]: manager.activate_as("command", {"use": name})
        for name, item in manager.operators.items()
        if item.kind == "command"
    }
    if not commands:
        raise GristmillError(
            "GM-CLI-002",
            f"plugin `{namespace}` has no commands",
            hint=f"`gristmill plugin show {namespace}` shows what it offers",
        )
    parser = Parser(prog=f"gristmill {namespace}", description=f"Commands of the plugin `{namespace}`.")
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", parser_class=Parser)
    for name, operator in commands.items():
        line = (type(operator.instance).__doc__ or "").strip().partition("\n")[0]
        made = actions.add_parser(name, help=line or None, description=line or None)
        _guarded(operator, lambda operator=operator, made=made: _command_of(operator).arguments(made))
    options = parser.parse_args(list(arguments))
    if options.command is None:
        parser.print_help()
        return ExitCode.USAGE
    operator = commands[options.command]
    code = _guarded(operator, lambda: _command_of(operator).run(options))
    if code is None:
        return ExitCode.DONE
    if not isinstance(code, int) or not 0 <= code <= 255:  # what a process can end with
        raise _failed(operator, f"it returned `{code!r}`, not an exit code from 0 to 255")
    return code


def _guarded(operator: ActiveOperator, call: object) -> object:
    """Return what a call of the plugin returns; its exceptions become gristmill's."""
    assert callable(call)
    try:
        return call()
    except CommandError as error:
        code = "GM-CLI-015" if error.exit_code == ExitCode.GATE else "GM-CLI-014"
        raise GristmillError(code, str(error), hint=error.hint) from error
    except (GristmillError, OSError):
        raise
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        with tempfile.NamedTemporaryFile(
            "w", prefix="gristmill-plugin-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(f"gristmill {' '.join(sys.argv[1:])}\nPython {sys.version}\n\n{text}")
        raise _failed(operator, f"{type(error).__name__}: {error}", file.name) from error


def _failed(operator: ActiveOperator, problem: str, file: str | None = None) -> GristmillError:
    package = operator.distribution or "the plugin"
    hint = f"report it to the authors of {package}" + (f", with `{file}`" if file else "")
    return GristmillError("GM-CLI-016", f"command `{operator.use}` failed: {problem}", hint=hint)


def _command_of(operator: ActiveOperator) -> Command:
    command = operator.instance
    assert isinstance(command, Command)
    return command


def _folder() -> Path | None:
    written = os.environ.get(FOLDER_VARIABLE)
    return Path(written) if written else None
