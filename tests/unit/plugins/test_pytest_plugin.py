"""The fixtures that plugin authors get, and that they cost nothing until one is used."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings

from gristmill.plugins.api import Signal, col
from gristmill.plugins.pytest_plugin import (  # noqa: F401  # fixtures, by whatever way pytest loads the plugin
    assert_contract,
    gristmill_plugins_dir,
    nasty_documents,
    plugin_host,
)
from gristmill.plugins.testing import OneOperatorHost, batches

ROOT = Path(__file__).parents[3]


class NumBytes(Signal):
    name, version, outputs = "num_bytes", 1, {"num_bytes": "uint32"}
    inputs = ("text", "doc", "lang", "gopher_quality.num_words")

    def expr(self):
        return col("text").str.len_bytes()


class Fragile(Signal):
    name, version, outputs = "fragile", 1, {"fragile": "uint32"}

    def compute(self, batch):  # noqa: ARG002
        raise ValueError("always")


def test_a_host_runs_what_is_given(
    plugin_host: Callable[..., OneOperatorHost],  # noqa: F811
    nasty_documents: list[str],  # noqa: F811
) -> None:
    host = plugin_host(NumBytes)
    expected = [len(text.encode()) for text in nasty_documents]
    assert host.run(nasty_documents).columns["num_bytes"].to_pylist() == expected
    failed = plugin_host(Fragile).run(["one", "two"])
    assert [failure.error_type for failure in failed.quarantined] == ["ValueError", "ValueError"]


def test_the_contract_can_be_asserted(assert_contract: Callable[..., None]) -> None:  # noqa: F811
    assert_contract(NumBytes, other_process=False)
    with pytest.raises(AssertionError, match="always"):
        assert_contract(Fragile, other_process=False)


def test_a_folder_for_single_files(gristmill_plugins_dir: Path) -> None:  # noqa: F811
    assert not list(gristmill_plugins_dir.iterdir())


@settings(max_examples=20, deadline=None)
@given(batch=batches(NumBytes))
def test_batches_have_the_inputs(batch: pa.RecordBatch) -> None:
    assert batch.schema.names == list(NumBytes.inputs)
    assert not batch.column("text").null_count


def test_the_entry_point_loads_nothing_heavy() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [module] = project["entry-points"]["pytest11"].values()
    code = f"import sys, {module}; print([name for name in ('polars', 'pyarrow', 'numpy', 'hypothesis') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
