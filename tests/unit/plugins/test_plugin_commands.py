"""`gristmill <plugin> <command>`: found only when no verb has the name, with gristmill's errors and exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.cli.main import main

PLUGIN = '''
import sys
from gristmill.plugins.api import Command, CommandError, Signal, hookimpl

gristmill_api = 1


class Greet(Command):
    """Greet somebody."""

    name, version = "greet", 1

    def arguments(self, parser):
        parser.add_argument("who")
        parser.add_argument("--times", type=int, default=1)

    def run(self, arguments):
        if arguments.who == "nobody":
            raise CommandError("nobody is there", hint="name somebody")
        if arguments.who == "enemy":
            raise CommandError("`enemy` is not welcome", exit_code=1)
        if arguments.who == "bug":
            return 1 // 0
        if arguments.who == "leave":
            sys.exit(5)
        if arguments.who == "wrong":
            return "seven"
        print("\\n".join([f"hello {arguments.who}"] * arguments.times))
        return 0 if arguments.who != "three" else 3


@hookimpl
def register_commands(register):
    register(Greet)
'''


@pytest.fixture
def toy(install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRISTMILL_PLUGINS", raising=False)
    install("toy", PLUGIN)


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(
    ("arguments", "code", "out", "err"),
    [
        (["greet", "you", "--times", "2"], 0, "hello you\nhello you\n", ""),
        (["greet", "three"], 3, "hello three\n", ""),
        (["greet", "nobody"], 2, "", "GM-CLI-014"),
        (["greet", "enemy"], 1, "", "GM-CLI-015"),
        (["greet", "bug"], 70, "", "GM-CLI-016"),
        (["greet", "wrong"], 70, "", "GM-CLI-016"),
        (["greet", "leave"], 5, "", ""),
        (["greet"], 2, "", "GM-CLI-001"),
        (["greed", "you"], 2, "", "GM-CLI-001"),
        (["greet", "--help"], 0, "Greet somebody.", ""),
        (["--help"], 0, "Greet somebody.", ""),
        ([], 2, "Greet somebody.", ""),
    ],
)
def test_exit_codes_and_streams(
    arguments: list[str], code: int, out: str, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["toy", *arguments]) == code
    printed = capsys.readouterr()
    assert out in printed.out
    assert err in printed.err
    assert not (out == "" and printed.out)


@pytest.mark.usefixtures("toy")
def test_a_verb_of_gristmill_wins_and_plugins_are_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_wanted(*_: object) -> None:
        raise AssertionError("plugins were looked for")

    monkeypatch.setattr("gristmill.plugins.discovery.discover", not_wanted)
    assert main(["version"]) == 0
    assert main(["--help"]) == 0


@pytest.mark.usefixtures("toy")
def test_an_unknown_verb_names_the_nearest_plugin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["toi", "greet"]) == 2
    assert "did you mean `toy`?" in capsys.readouterr().err


@pytest.mark.usefixtures("toy")
def test_the_environment_names_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRISTMILL_PLUGINS", "other, toy")
    assert main(["toy", "greet", "you"]) == 0
    monkeypatch.setenv("GRISTMILL_PLUGINS", "other")
    assert main(["toy", "greet", "you"]) == 2
    assert "GM-CLI-002" in capsys.readouterr().err


def test_a_plugin_without_commands_says_so(install, capsys: pytest.CaptureFixture[str]) -> None:
    install("plain")
    assert main(["plain", "x"]) == 2
    assert "has no commands" in capsys.readouterr().err


def test_a_single_file_has_commands_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "single.py").write_text(PLUGIN, encoding="utf-8")
    monkeypatch.setenv("GRISTMILL_PLUGINS_DIR", str(tmp_path))
    assert main(["single", "greet", "you"]) == 0
    assert capsys.readouterr().out == "hello you\n"


def test_the_verb_plugin_looks_into_the_folder_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "single.py").write_text(PLUGIN, encoding="utf-8")
    monkeypatch.setenv("GRISTMILL_PLUGINS_DIR", str(tmp_path))
    assert main(["plugin", "test", "single"]) == 0
    assert main(["plugin", "show", "single"]) == 0
    assert "Greet somebody." in capsys.readouterr().out


def test_no_plugin_is_made_whose_commands_could_not_be_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugin", "new", "run", "--directory", str(tmp_path)]) == 2
    assert "GM-PLUGIN-016" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
