"""Fake installations: a package and its dist-info in a folder of sys.path, as pip would leave them."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Install = Callable[..., Path]

SIGNAL_PLUGIN = """
from gristmill.plugins.api import Signal, col, hookimpl

gristmill_api = 1


class NumBytes(Signal):
    name, version, outputs = "num_bytes", 1, {"num_bytes": "uint32"}

    def expr(self):
        return col("text").str.len_bytes()


@hookimpl
def register_signals(register):
    register(NumBytes)
"""


@pytest.fixture
def signal_plugin() -> str:
    """Return the source of a good plugin with one signal, `num_bytes`."""
    return SIGNAL_PLUGIN


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return `install(namespace, source, distribution=..., version=...)`; undone after the test."""
    before = set(sys.modules)
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def make(
        namespace: str, source: str = SIGNAL_PLUGIN, *, distribution: str = "", version: str = "1.0"
    ) -> Path:
        distribution = distribution or f"gristmill-{namespace}"
        module = distribution.replace("-", "_")
        (site / f"{module}.py").write_text(textwrap.dedent(source), encoding="utf-8")
        info = site / f"{module}-{version}.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        (info / "METADATA").write_text(metadata)
        (info / "entry_points.txt").write_text(f"[gristmill]\n{namespace} = {module}\n")
        (info / "RECORD").write_text(f"{module}.py,,\n")
        importlib.invalidate_caches()
        return site / f"{module}.py"

    yield make
    for name in set(sys.modules) - before:
        if name.startswith("gristmill_"):
            del sys.modules[name]
