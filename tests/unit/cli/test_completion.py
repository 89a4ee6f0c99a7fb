"""`completion`: scripts that their shells accept, and a real bash that completes."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from gristmill.cli.completion import SHELLS, Command, command_tree
from gristmill.cli.main import VERBS, main
from gristmill.cli.shell_scripts import SCRIPTS

COMPLETE = """
source "$1"
shift
COMP_WORDS=(gristmill "$@")
COMP_CWORD=$#
_gristmill
((${#COMPREPLY[@]})) && printf '%s\\n' "${COMPREPLY[@]}"
true
"""


@pytest.fixture(scope="module")
def tree() -> Command:
    return command_tree()


@pytest.fixture(scope="module")
def script(tree: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "gristmill.bash"
    path.write_text(SCRIPTS["bash"](tree), encoding="utf-8")
    return path


def completed(script: Path, *words: str, folder: Path | None = None) -> list[str]:
    """Return what bash offers for the last of some words."""
    command = ["bash", "--norc", "-c", COMPLETE, "bash", str(script), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_the_tree_has_every_command_and_option(tree: Command) -> None:
    assert [command.path[0] for command in tree.commands] == list(VERBS)
    by_path = {command.path: command for command in tree.walk()}
    assert ("plugin", "new") in by_path
    names = {name for option in by_path["curate",].options for name in option.names}
    assert {"--workers", "--json", "--quiet", "-q", "--help", "-h"} <= names
    assert all(command.description for command in tree.walk() if command.path)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_that_is_there_accepts_its_script(shell: str, tree: Command, tmp_path: Path) -> None:
    script = SCRIPTS[shell](tree)
    for verb in VERBS:
        assert verb in script
    if shutil.which(shell) is None:
        return
    path = tmp_path / "script"
    path.write_text(script, encoding="utf-8")
    done = subprocess.run([shell, "-n", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes(script: Path, tmp_path: Path) -> None:
    assert completed(script, "") == list(VERBS)
    assert completed(script, "pl") == ["plan", "plugin"]
    assert completed(script, "--ver") == ["--version"]
    assert completed(script, "plugin", "") == ["list", "show", "new", "test"]
    assert completed(script, "curate", "--wor") == ["--workers"]
    assert completed(script, "curate", "recipe.toml", "--quiet", "--js") == ["--json"]
    # A value: one of some words, a path, or what nobody can guess.
    assert completed(script, "report", "run", "--format", "") == ["html", "md", "json"]
    assert completed(script, "curate", "--workers", "") == []
    assert completed(script, "completion", "z") == ["zsh"]
    assert completed(script, "explain", "") == ["rule", "error", "key", "doc"]
    assert completed(script, "explain", "rule", "gopher_quality.min_st") == ["gopher_quality.min_stop_words"]
    assert completed(script, "explain", "error", "GM-TOKENS-00") == [f"GM-TOKENS-00{n}" for n in (1, 2, 3)]
    (tmp_path / "my recipe.toml").touch()
    (tmp_path / "runs").mkdir()
    assert completed(script, "check", "m", folder=tmp_path) == ["my recipe.toml"]
    assert sorted(completed(script, "plan", "", folder=tmp_path)) == ["my recipe.toml", "runs"]
    assert completed(script, "plan", "x.toml", "--diff", "ru", folder=tmp_path) == ["runs"]
    assert completed(script, "no-such-command", "", folder=tmp_path) == list(VERBS)


def test_the_command_prints_the_script(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    shown = capsys.readouterr()
    assert shown.out == script.read_text(encoding="utf-8")
    assert "bashrc" in shown.err
    assert main(["completion", "fish", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["script"].startswith("# Completion of gristmill for fish.")
    assert main(["completion", "tcsh"]) == 2
