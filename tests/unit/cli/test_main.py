"""The command line as a whole: help, exit codes, errors, streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from gristmill.cli import main as main_module
from gristmill.cli.main import NOT_BUILT_VERBS, VERBS, main, make_parser
from gristmill.errors import GristmillError, catalogue

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def in_process(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=True
    )
    return done.stdout


@pytest.mark.parametrize(
    "code", ["import gristmill", "from gristmill.cli.main import main; main(['--help'])"]
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    heavy = ("torch", "transformers", "ray", "polars", "pyarrow", "pydantic", "numpy")
    found = in_process(
        f"{code}\nimport sys, json\nprint()\nprint([name for name in {heavy!r} if name in sys.modules])"
    )
    assert found.splitlines()[-1] == "[]"


def test_curate_is_a_subpackage_and_a_function() -> None:
    code = (
        "import gristmill, gristmill.curate.folder\n"
        "print(callable(gristmill.curate), gristmill.curate.folder.RunFolder.__name__)"
    )
    assert in_process(code) == "True RunFolder\n"


def test_the_package_exports_what_it_says() -> None:
    code = (
        "import gristmill\n"
        "print(all(getattr(gristmill, name) is not None for name in gristmill.__all__))\n"
        "print(hasattr(gristmill, 'no_such_name'))"
    )
    assert in_process(code) == "True\nFalse\n"


def test_import_and_help_are_quick() -> None:
    # Processor time of the child, not wall time: a busy machine must not fail this. The bound is the promise.
    code = "import time; start = time.process_time(); import gristmill; print(time.process_time() - start)"
    assert float(in_process(code)) < 0.15
    code = (
        "import time; from gristmill.cli.main import main\n"
        "start = time.process_time(); main(['--help']); print(time.process_time() - start)"
    )
    assert float(in_process(code).splitlines()[-1]) < 0.2


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        make_parser(verb).parse_args([verb, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "--json" in text
    assert "--quiet" in text
    module = import_module(f"gristmill.cli.{verb.replace('-', '_')}")
    assert module.__doc__
    assert callable(module.run if hasattr(module, "run") else module.run_list)


def test_help_ends_with_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert main(["curate", "--help"]) == 0
    assert "RECIPE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["curat"], "GM-CLI-002", "did you mean `curate`?"),
        (["curate"], "GM-CLI-001", "RECIPE"),
        (["curate", "r.toml", "--workers", "many"], "GM-CLI-001", "many"),
        (["version", "--no-such-option"], "GM-CLI-001", "--no-such-option"),
        *((([verb]), "GM-CLI-003", "not built") for verb in NOT_BUILT_VERBS),
        (["check", "no-such.toml"], "GM-RECIPE-001", "no-such.toml"),
    ],
)
def test_usage_errors(arguments: list[str], code: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert f"code: {code}" in shown.err
    assert text in shown.err
    assert shown.out == ""


def test_no_command_shows_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "curate" in capsys.readouterr().out


def test_an_error_is_an_object_under_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "no-such.toml", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    assert document["error"]["code"] == "GM-RECIPE-001"


@pytest.mark.parametrize(
    ("error", "exit_code", "code"),
    [
        (GristmillError("GM-RUN-011", "too many"), 1, "GM-RUN-011"),
        (GristmillError("GM-IO-002", "disk is full"), 3, "GM-IO-002"),
        (KeyboardInterrupt(), 130, "GM-RUN-130"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 2, "GM-CLI-004"),
        (ImportError("cannot import name '_native' from 'gristmill'"), 2, "GM-CLI-005"),
    ],
)
def test_how_it_ends(
    error: BaseException,
    exit_code: int,
    code: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_arguments: object) -> int:
        raise error

    monkeypatch.setattr(main_module, "_dispatch", fail)
    assert main(["version"]) == exit_code
    assert f"code: {code}" in capsys.readouterr().err


def test_a_bug_leaves_its_traceback_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(_arguments: object) -> int:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(main_module, "_dispatch", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(["version"]) == 70
    shown = capsys.readouterr().err
    assert "a bug in gristmill" in shown
    assert "Traceback" not in shown
    [file] = tmp_path.iterdir()
    assert file.name in shown
    assert "Traceback" in file.read_text(encoding="utf-8")


def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m gristmill.cli.main explain key; echo $? >&2"
    done = subprocess.run(
        ["bash", "-c", f"({command}) | head -1"], capture_output=True, text=True, env=ENVIRONMENT, check=True
    )
    assert done.stdout == 'run.output = "runs/default"\n'
    assert done.stderr == "0\n"


def test_output_is_plain_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    main(["curat"])
    assert "\x1b" not in capsys.readouterr().err


def test_every_code_of_this_layer_is_used() -> None:
    source = "\n".join(
        path.read_text(encoding="utf-8") for path in Path(main_module.__file__).parent.glob("*.py")
    )
    for code in catalogue():
        if code.startswith("GM-CLI-"):
            assert f'"{code}"' in source, code
