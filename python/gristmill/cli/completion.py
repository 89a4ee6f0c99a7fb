"""`gristmill completion`: a script that makes a shell complete commands, options and values, from the parsers' tree."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.cli.options import add_verb, printer_of
from gristmill.errors import ExitCode

if TYPE_CHECKING:
    from gristmill.cli.options import Subparsers

SHELLS = ("bash", "zsh", "fish")
INSTALL = {
    "bash": 'eval "$(gristmill completion bash)"` in `~/.bashrc',
    "zsh": 'eval "$(gristmill completion zsh)"` behind `compinit` in `~/.zshrc',
    "fish": "gristmill completion fish > ~/.config/fish/completions/gristmill.fish",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """What may stand in a place of the command line.

    Parameters
    ----------
    choices
        All words there are; empty where anything goes.
    is_path
        Whether it is a file or a folder.
    """

    choices: tuple[str, ...] = ()
    is_path: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """An option of a command: its names, what it takes (None: nothing), and its help line."""

    names: tuple[str, ...]
    value: Value | None
    description: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A command of the tree.

    Parameters
    ----------
    path
        Its words, without `gristmill`: ``()`` for the program, ``("plugin", "new")`` for an action.
    description
        Its help line.
    options
        In the order of its help.
    arguments
        Its positional arguments, in order.
    commands
        The commands below it.
    after
        What follows a word of the first argument: ``explain rule`` is followed by names of rules.
    """

    path: tuple[str, ...]
    description: str
    options: tuple[Option, ...]
    arguments: tuple[Value, ...]
    commands: tuple[Command, ...]
    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def walk(self) -> Iterator[Command]:
        """Yield the command and all below it."""
        yield self
        for command in self.commands:
            yield from command.walk()


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    parser = add_verb(
        subparsers,
        "completion",
        run,
        description="Print a script that makes a shell complete commands, options, names of rules and error codes, and "
        "paths. It is of this version: read it anew where gristmill is updated.",
    )
    parser.add_argument(
        "shell", metavar="SHELL", choices=SHELLS, help=", ".join(f"`{one}`" for one in SHELLS)
    )


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    from gristmill.cli.shell_scripts import SCRIPTS

    printer = printer_of(options)
    script = SCRIPTS[options.shell](command_tree())
    printer.data(script.rstrip("\n"))
    printer.talk(f"to have it always: `{INSTALL[options.shell]}`")
    printer.result({"shell": options.shell, "script": script})
    return ExitCode.DONE


def command_tree() -> Command:
    """Return every command with its options, as the parsers declare them. Imports the files of all verbs."""
    from gristmill.cli.main import VERBS, make_parser

    commands = []
    for verb, line in VERBS.items():
        parser = _subparsers(make_parser(verb))[verb]
        commands.append(_command((verb,), line, parser))
    return Command(
        path=(),
        description="",
        options=_options(make_parser(None)),
        arguments=(),
        commands=tuple(commands),
    )


def _command(path: tuple[str, ...], description: str, parser: argparse.ArgumentParser) -> Command:
    below = _subparsers(parser)
    return Command(
        path=path,
        description=description,
        options=_options(parser),
        arguments=tuple(
            _value(action)
            for action in _actions(parser)
            if not action.option_strings and not isinstance(action.choices, Mapping)
        ),
        commands=tuple(_command((*path, name), one.description or "", one) for name, one in below.items()),
        after=_explained() if path == ("explain",) else {},
    )


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    # argparse has no public way to list what was declared.
    return parser._actions  # noqa: SLF001


def _subparsers(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    for action in _actions(parser):
        if isinstance(action.choices, Mapping):
            return action.choices
    return {}


def _options(parser: argparse.ArgumentParser) -> tuple[Option, ...]:
    return tuple(
        Option(
            names=tuple(action.option_strings),
            value=None if action.nargs == 0 else _value(action),
            description=(action.help or "").replace("%%", "%"),
        )
        for action in _actions(parser)
        if action.option_strings
    )


def _value(action: argparse.Action) -> Value:
    return Value(choices=tuple(str(choice) for choice in action.choices or ()), is_path=action.type is Path)


def _explained() -> dict[str, tuple[str, ...]]:
    """Return the names that `explain` takes, by kind."""
    from gristmill.errors import catalogue
    from gristmill.recipe import BUILTIN_STEPS, key_pages

    rules = [
        f"{use}.{name}"
        for use, model in BUILTIN_STEPS.items()
        for key, rule in model.rules.items()
        for name in (rule.rule, key)
    ]
    return {
        "rule": tuple(dict.fromkeys([*BUILTIN_STEPS, *rules])),
        "error": tuple(catalogue()),
        "key": tuple(key_pages()),
    }
