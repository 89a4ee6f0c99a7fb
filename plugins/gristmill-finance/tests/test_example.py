"""The example in this package runs from the command line, as its README says."""

import importlib.metadata
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent.parent / "example"


def test_example_runs(tmp_path: Path) -> None:
    if not [entry for entry in importlib.metadata.entry_points(group="gristmill") if entry.name == "finance"]:
        pytest.skip(
            "gristmill-finance is not installed here: only installed plugins can be named in a recipe"
        )
    shutil.copytree(EXAMPLE, tmp_path / "example")
    done = subprocess.run(
        [sys.executable, "-m", "gristmill.cli.main", "curate", "recipe.toml", "--json"],
        cwd=tmp_path / "example",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "example" / "run" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest
