"""The guide from nothing to a published plugin, done as it says: files written, commands run, no network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gristmill.plugins

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "publish-a-plugin.md"
PYTHON_ROOT = Path(next(iter(gristmill.plugins.__path__))).parents[1]
BLOCK = re.compile(r"^```(bash|python|toml)\n(.*?)^```", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# file: (\S+)\n")
SHIMS = {"gristmill": "-m gristmill.cli.main", "pip": "-m pip", "pytest": "-m pytest"}


@pytest.mark.timeout(600)
def test_every_block_in_order(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", minversion="77")
    tools, site, work = (tmp_path / name for name in ("bin", "site", "work"))
    for folder in (tools, site, work):
        folder.mkdir()
    for name, module in SHIMS.items():
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n', encoding="utf-8")
        (tools / name).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(site), str(PYTHON_ROOT)]),
        "PIP_TARGET": str(site),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        # The fixtures come with an installed gristmill; named here, they are there with a checkout, too.
        "PYTEST_ADDOPTS": "-p no:cacheprovider -p gristmill.plugins.pytest_plugin",
        "GRISTMILL_NO_PROGRESS": "1",
    }
    printed = []
    blocks = BLOCK.findall(GUIDE.read_text(encoding="utf-8"))
    assert [kind for kind, _ in blocks].count("bash") == 6
    for kind, text in blocks:
        if kind == "bash":
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", text],
                cwd=work,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
            printed.append(done.stdout)
        else:
            named = FILE.match(text)
            assert named is not None
            path = work / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text[named.end() :], encoding="utf-8")
    _, tested, installed, checked, _, ran = printed
    assert "5 passed" in tested or "6 passed" in tested
    assert "tickers.density" in installed
    assert checked.count("documents/s") == checked.count("MB/s") == 3
    assert "FAIL" not in checked
    assert re.search(r"kept +1\n", ran)
