"""Commands of plugins: ``gristmill <namespace> <command> ...``. Finding and running them is the command line's."""

from __future__ import annotations

import argparse
from typing import ClassVar

from gristmill.plugins.operators import Operator


class Command(Operator):
    """A verb of the plugin's own. Define ``run(arguments) -> int``, and ``arguments(parser)`` if it takes any.

    The first line of the docstring is its help. Standard output is for data, standard error for talk. The number
    returned is the exit code; raise `CommandError` for a mistake, which is shown like gristmill's own. Any other
    exception is shown as a bug of the plugin, with its traceback in a file.

    Examples
    --------
    >>> from gristmill.plugins.api import Command
    >>> class Greet(Command):
    ...     "Greet somebody."
    ...     name, version = "greet", 1
    ...     def arguments(self, parser):
    ...         parser.add_argument("who")
    ...     def run(self, arguments):
    ...         print(f"hello {arguments.who}")
    ...         return 0
    >>> Greet().run(argparse.Namespace(who="you"))
    hello you
    0
    """

    kind = "command"
    work = ("run",)
    inputs: ClassVar[tuple[str, ...]] = ()

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare options and positional arguments; none by default."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it and return the exit code: 0 done, 1 a check said no, 2 usage."""
        raise NotImplementedError


class CommandError(Exception):
    """A mistake of whoever called a plugin's command, with what to do about it.

    Parameters
    ----------
    message
        What happened and on what; lower case, no full stop.
    hint
        The next step, if there is one.
    exit_code
        What the process ends with: 2, or 1 where a check said no.

    Examples
    --------
    >>> error = CommandError("no file `x.txt`", hint="name one that exists")
    >>> str(error), error.exit_code
    ('no file `x.txt`', 2)
    """

    def __init__(self, message: str, *, hint: str | None = None, exit_code: int = 2) -> None:
        super().__init__(message)
        self.hint = hint
        self.exit_code = exit_code
