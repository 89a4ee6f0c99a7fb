"""The completion scripts of three shells, from the tree of commands. Every word is quoted for its shell.

bash and zsh share a table, a `case` on where the cursor is: it sets `words` to what may stand there, and `paths` to 1
where a file may. Not here: the tree (`completion`).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gristmill.cli.completion import Command, Option

_BASH = """
_gristmill() {
    local words paths at options position word index
    local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"
    at="" position=0
    for ((index = 1; index < COMP_CWORD; index++)); do
        word="${COMP_WORDS[index]}"
        _gristmill_enter
    done
    _gristmill_table
    local IFS=$'\\n'
    COMPREPLY=($(compgen -W "${words// /$'\\n'}" -- "$current"))
    if [[ $paths == 1 && $current != -* ]]; then
        COMPREPLY+=($(compgen -f -- "$current"))
        compopt -o filenames 2>/dev/null
    fi
}
complete -F _gristmill gristmill
"""
_ZSH = """
_gristmill() {
    local paths at options position word index known
    local current="${words[CURRENT]}" before="${words[CURRENT-1]}"
    local -a line
    line=("${words[@]}")
    local words
    at="" position=0
    for ((index = 2; index < CURRENT; index++)); do
        word="${line[index]}"
        _gristmill_enter
    done
    _gristmill_table
    compadd -- ${=words}
    if [[ $paths == 1 && $current != -* ]]; then
        _files
    fi
}
compdef _gristmill gristmill
"""


def bash(program: Command) -> str:
    """Return the script for bash, 3.2 and later."""
    return "\n".join(["# Completion of gristmill for bash.", *_table(program), _BASH.strip()]) + "\n"


def zsh(program: Command) -> str:
    """Return the script for zsh."""
    head = ["#compdef gristmill", "# Completion of gristmill for zsh."]
    return "\n".join([*head, *_table(program), _ZSH.strip()]) + "\n"


def _table(program: Command) -> Iterator[str]:
    """Yield two functions: one that goes a word further, one that says what may follow."""
    commands = list(program.walk())
    yield "_gristmill_enter() {"
    yield '    case "$at $word" in'
    yield from (
        f'        {_where(command.path)}) at="$at $word" position=0; return ;;' for command in commands[1:]
    )
    yield "    esac"
    yield '    case "$word" in -*) ;; *) position=$((position + 1)) ;; esac'
    yield "}"
    yield "_gristmill_table() {"
    yield '    words="" paths=0'
    # What stands behind an option that takes a value is that value.
    yield '    case "$at $before" in'
    for command in commands:
        yield from (f"        {line}" for option in command.options for line in _values(command, option))
        for word, names in command.after.items():
            yield f"        {_where((*command.path, word))}) words={shlex.quote(' '.join(names))}; return ;;"
    yield "    esac"
    yield '    case "$at" in'
    for command in commands:
        known = [name for option in command.options for name in option.names]
        yield f"        {_where(command.path) if command.path else chr(34) * 2}) options={shlex.quote(' '.join(known))}"
        yield f"            words={shlex.quote(' '.join(below.path[-1] for below in command.commands))}"
        yield '            case "$position" in'
        for position, value in enumerate(command.arguments):
            # The last argument may be one of several.
            place = f"{position}" if position + 1 < len(command.arguments) else "*"
            choices = shlex.quote(" ".join(value.choices))
            yield f"                {place}) words={choices} paths={int(value.is_path)} ;;"
        yield "            esac ;;"
    yield "    esac"
    yield '    case "$current" in -*) words="$options" ;; esac'
    yield "}"


def _values(command: Command, option: Option) -> Iterator[str]:
    if option.value is None:
        return
    places = "|".join(_where((*command.path, name)) for name in option.names)
    choices = shlex.quote(" ".join(option.value.choices))
    yield f"{places}) words={choices} paths={int(option.value.is_path)}; return ;;"


def _where(path: tuple[str, ...]) -> str:
    """Return the words behind `gristmill` as a pattern of `case`."""
    return shlex.quote("".join(f" {word}" for word in path))


def fish(program: Command) -> str:
    """Return the script for fish."""
    lines = ["# Completion of gristmill for fish.", "complete -c gristmill -f"]
    for command in program.walk():
        here = _fish_condition(command)
        for below in command.commands:
            lines.append(f"complete -c gristmill -n {here} -a {below.path[-1]} -d {_fish(below.description)}")
        for option in command.options:
            lines.append(f"complete -c gristmill -n {here} {_fish_option(option)}")
        for value in command.arguments:
            if value.choices:
                lines.append(f"complete -c gristmill -n {here} -a {_fish(' '.join(value.choices))}")
            if value.is_path:
                lines.append(f"complete -c gristmill -n {here} -F")
        for word, names in command.after.items():
            seen = _fish(
                f"__fish_seen_subcommand_from {command.path[0]}; and __fish_seen_subcommand_from {word}"
            )
            lines.append(f"complete -c gristmill -n {seen} -a {_fish(' '.join(names))}")
    return "\n".join(lines) + "\n"


def _fish_condition(command: Command) -> str:
    if not command.path:
        return "__fish_use_subcommand"
    seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in command.path)
    if command.commands:
        seen += f"; and not __fish_seen_subcommand_from {' '.join(one.path[-1] for one in command.commands)}"
    return _fish(seen)


def _fish_option(option: Option) -> str:
    parts = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names]
    parts.append(f"-d {_fish(option.description)}")
    if option.value is not None:
        parts.append("-r -F" if option.value.is_path else "-x")
        if option.value.choices:
            parts.append(f"-a {_fish(' '.join(option.value.choices))}")
    return " ".join(parts)


def _fish(text: str) -> str:
    r"""Return text as one word of fish, where only `\` and `'` mean something between single quotes.

    Examples
    --------
    >>> print(_fish("a reader's choice"))
    'a reader\'s choice'
    """
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


SCRIPTS: Mapping[str, Callable[[Command], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
"""The function that writes a shell's script, by shell."""
