"""A new plugin of every kind installs offline, is found by its entry point, and passes its own tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import gristmill.plugins
from gristmill.errors import GristmillError
from gristmill.plugins.scaffold import KINDS, new_plugin

# The fixtures come with an installed gristmill; named here, they are there with a checkout, too.
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "gristmill.plugins.pytest_plugin")
PYTHON_ROOT = str(Path(next(iter(gristmill.plugins.__path__))).parent.parent)


def python(*arguments: str, path: Path, folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(path), PYTHON_ROOT])}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_passes_its_own_tests(kind: str, tmp_path: Path) -> None:
    files = new_plugin("my_demo", kind, tmp_path)
    folder = tmp_path / "gristmill-my-demo"
    assert {str(file.relative_to(folder)) for file in files} == {
        ".github/workflows/test.yml",
        ".gitignore",
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "src/gristmill_my_demo/__init__.py",
        "src/gristmill_my_demo/py.typed",
        "tests/test_contract.py",
        "tests/test_golden.py",
    }
    output = python(*PYTEST, path=folder / "src", folder=folder)
    assert "passed" in output


def test_every_kind_installs_without_a_network(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", minversion="77")
    for kind in KINDS:
        new_plugin(f"demo_{kind}", kind, tmp_path)
    target = tmp_path / "installed"
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(target)]
    sources = [str(tmp_path / f"gristmill-demo-{kind.replace('_', '-')}") for kind in KINDS]
    python("-m", "pip", "install", *options, *sources, path=tmp_path, folder=tmp_path)
    listing = (
        "from gristmill.plugins.manager import list_plugins\n"
        "for item in list_plugins():\n"
        "    if item.name.startswith('demo_'):\n"
        "        print(item.name, item.distribution, item.version, len(item.operators), item.error)"
    )
    lines = python("-c", listing, path=target, folder=tmp_path).splitlines()
    assert lines == [
        f"demo_{kind} gristmill-demo-{kind.replace('_', '-')} 0.1.0 1 None" for kind in sorted(KINDS)
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("My", "signal"), ("my-demo", "signal"), ("", "signal"), ("1a", "signal"), ("../x", "signal")],
)
def test_names_that_cannot_be(name: str, kind: str, tmp_path: Path) -> None:
    with pytest.raises(GristmillError) as caught:
        new_plugin(name, kind, tmp_path)
    assert caught.value.code == "GM-PLUGIN-016"
    assert not list(tmp_path.iterdir())


def test_unknown_kind_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(GristmillError) as caught:
        new_plugin("demo", "signals", tmp_path)
    assert caught.value.hint == "did you mean `signal`?"


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "gristmill-demo").mkdir()
    with pytest.raises(GristmillError) as caught:
        new_plugin("demo", "signal", tmp_path)
    assert caught.value.code == "GM-PLUGIN-016"
    assert not list((tmp_path / "gristmill-demo").iterdir())
