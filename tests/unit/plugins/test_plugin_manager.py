"""Only the plugins that are named are imported, and a bad one is refused by name with a code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gristmill.cli.main import main
from gristmill.errors import GristmillError
from gristmill.plugins.manager import PluginManager, list_plugins
from gristmill.plugins.show import ConfigKey, show_plugin

Install = Callable[..., Path]


def refused(*names: str, plugins_dir: Path | None = None) -> GristmillError:
    with pytest.raises(GristmillError) as caught:
        PluginManager.load(names, plugins_dir=plugins_dir)
    return caught.value


def test_only_named_plugins_are_imported(install: Install) -> None:
    install("alpha")
    install("beta", "raise RuntimeError('never imported')")
    manager = PluginManager.load(["alpha.num_bytes"])
    assert list(manager.operators) == ["alpha.num_bytes"]
    assert "gristmill_beta" not in sys.modules
    registered = manager.operators["alpha.num_bytes"]
    assert (registered.distribution, registered.distribution_version) == ("gristmill-alpha", "1.0")
    assert registered.source is None, "an installed copy cannot change under its version"


def test_no_names_load_nothing(install: Install) -> None:
    install("alpha")
    assert PluginManager.load([]).operators == {}
    assert "gristmill_alpha" not in sys.modules


def test_unknown_plugin_names_the_nearest(install: Install) -> None:
    install("alpha")
    error = refused("alpah.num_bytes")
    assert error.code == "GM-PLUGIN-001"
    assert error.hint == "did you mean `alpha`?"


def test_unknown_operator_names_the_nearest(install: Install) -> None:
    install("alpha")
    with pytest.raises(GristmillError) as caught:
        PluginManager.load(["alpha.num_byte"]).activate({"use": "alpha.num_byte"})
    assert caught.value.code == "GM-PLUGIN-002"
    assert caught.value.hint == "did you mean `alpha.num_bytes`?"


def test_a_reader_is_wanted_and_a_signal_found(install: Install) -> None:
    install("alpha")
    with pytest.raises(GristmillError) as caught:
        PluginManager.load(["alpha"]).activate_reader("alpha.num_bytes")
    assert caught.value.code == "GM-PLUGIN-002"
    assert "is a signal" in caught.value.message


@pytest.mark.parametrize("line", ["gristmill_api = 2", "gristmill_api = '1'", ""])
def test_another_api_major_is_refused(install: Install, line: str, signal_plugin: str) -> None:
    install("alpha", signal_plugin.replace("gristmill_api = 1", line))
    assert refused("alpha").code == "GM-PLUGIN-003"


@pytest.mark.parametrize(
    "line", ["import no_such_module", "raise SystemExit(0)", "1 / 0", "def register_signals(register): 1 / 0"]
)
def test_a_plugin_that_fails_is_named(install: Install, line: str, signal_plugin: str) -> None:
    install("good")
    install("alpha", line if "def" not in line else signal_plugin.replace("register(NumBytes)", "1 / 0"))
    error = refused("good", "alpha")
    assert error.code == "GM-PLUGIN-004"
    assert "`alpha`" in error.message
    assert list(PluginManager.load(["good"]).operators) == ["good.num_bytes"]


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("x = 1\n1 / 0\n", "ZeroDivisionError: division by zero, at toy.py, line 2"),
        ("x = 1\n\ndef f(:\n", "at toy.py, line 3"),
        ("import json\njson.loads('')\n", "at toy.py, line 2"),
    ],
)
def test_a_single_file_that_fails_names_its_line(source: str, place: str, tmp_path: Path) -> None:
    (tmp_path / "toy.py").write_text(source, encoding="utf-8")
    error = refused("toy", plugins_dir=tmp_path)
    assert error.code == "GM-PLUGIN-004"
    assert error.message.endswith(place)
    assert error.message.count("toy.py") == 1
    assert f"--plugins-dir {tmp_path}" in (error.hint or "")


def test_a_package_that_fails_names_its_line(install: Install) -> None:
    install("alpha", "x = 1\n1 / 0\n")
    error = refused("alpha")
    assert error.message.endswith("at gristmill_alpha.py, line 2")
    assert "--plugins-dir" in (error.hint or "")


def test_an_unknown_plugin_is_first_taken_for_a_single_file(tmp_path: Path) -> None:
    hint = refused("zzzzqqqq", plugins_dir=tmp_path).hint or ""
    assert hint.startswith(
        "a single file? name its folder in `plugins_dir` of `[run]`, or give `--plugins-dir`"
    )
    assert "pip install" not in hint


READER = """
import pyarrow as pa
from gristmill.plugins.api import Field, Reader, frozen_config, hookimpl

gristmill_api = 1


@frozen_config
class C:
    limit: int = Field(default=3)


class Whole(Reader):
    name, version = "whole", 1
    Config = C

    def read(self, path):
        yield pa.record_batch({"text": [path.read_text()]})


@hookimpl
def register_readers(register):
    register(Whole)
"""


def test_a_reader_shows_no_keys_and_needs_no_suffixes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "toy.py").write_text(READER, encoding="utf-8")
    (info,) = show_plugin("toy", plugins_dir=tmp_path)
    assert (info.keys, info.suffixes) == ((), ())
    assert main(["plugin", "show", "toy", "--plugins-dir", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "defaults only" in shown
    assert "limit" not in shown


def test_a_reader_is_tested_on_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "toy.py").write_text(READER, encoding="utf-8")
    (tmp_path / "good.txt").write_text("a document", encoding="utf-8")
    command = ["plugin", "test", "toy", "--plugins-dir", str(tmp_path)]
    assert main(command) == 0
    assert "skipped: readers need a file: --file PATH" in capsys.readouterr().out
    assert main([*command, "--file", str(tmp_path / "good.txt")]) == 0
    shown = capsys.readouterr().out
    assert "ok    reads" in shown
    assert "ok    same again" in shown
    assert "skipped" not in shown
    assert main([*command, "--file", str(tmp_path / "absent.txt")]) == 1
    assert "FAIL  reads: reader `toy.whole` failed on `absent.txt`" in capsys.readouterr().out


def test_two_distributions_of_one_name(install: Install) -> None:
    install("alpha")
    install("alpha", distribution="other-alpha")
    install("beta")
    assert refused("alpha").code == "GM-PLUGIN-005"
    assert PluginManager.load(["beta"]).operators, "a clash elsewhere does not disturb"


def test_an_operator_registered_twice(install: Install, signal_plugin: str) -> None:
    install("alpha", signal_plugin + "    register(NumBytes)\n")
    assert refused("alpha").code == "GM-PLUGIN-005"


def test_misspelt_hook_names_the_nearest(install: Install, signal_plugin: str) -> None:
    install("alpha", signal_plugin.replace("def register_signals", "def register_signal"))
    error = refused("alpha")
    assert error.code == "GM-PLUGIN-007"
    assert error.hint == "did you mean `register_signals`?"


def test_a_forgotten_hookimpl(install: Install, signal_plugin: str) -> None:
    install("alpha", signal_plugin.replace("@hookimpl", ""))
    error = refused("alpha")
    assert error.code == "GM-PLUGIN-006"
    assert "hookimpl" in (error.hint or "")


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ('name, version, outputs = "num_bytes", 1, ', "version, outputs = 1, ", "`name`"),
        ('name, version, outputs = "num_bytes", 1, ', 'name, outputs = "num_bytes", ', "`version`"),
        ('"num_bytes", 1,', '"num_bytes", "1",', "version"),
        ('"num_bytes", 1,', '"num bytes", 1,', "name"),
        ('{"num_bytes": "uint32"}', "{}", "no outputs"),
        ('{"num_bytes": "uint32"}', '{"num_bytes": "decimal"}', "decimal"),
        ("def expr(self)", "def expression(self)", "exactly one"),
        ("def expr(self)", "def score(self, text)", "@per_document"),
        ("class NumBytes(Signal)", "class NumBytes", "derive"),
    ],
)
def test_incomplete_operators(
    install: Install, before: str, after: str, problem: str, signal_plugin: str
) -> None:
    assert before in signal_plugin
    install("alpha", signal_plugin.replace(before, after))
    error = refused("alpha")
    assert error.code == "GM-PLUGIN-006"
    assert problem in error.message


def test_a_configuration_field_cannot_hide_a_threshold(install: Install, signal_plugin: str) -> None:
    source = signal_plugin.replace("Signal, col", "Signal, col, frozen_config").replace(
        "class NumBytes", "@frozen_config\nclass C:\n    max_num_bytes: int = 1\n\n\nclass NumBytes"
    )
    install("alpha", source.replace("    def expr", "    Config = C\n\n    def expr"))
    assert refused("alpha").code == "GM-PLUGIN-006"


def test_single_file_plugins(tmp_path: Path, signal_plugin: str) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    file = folder / "json.py"
    file.write_text(signal_plugin)
    (folder / "broken.py").write_text("1 / 0")
    manager = PluginManager.load(["json.num_bytes"], plugins_dir=folder)
    operator = manager.activate({"use": "json.num_bytes"})
    assert operator.distribution is None
    assert sys.modules["json"].__name__ == "json"
    file.write_text(signal_plugin + "# changed\n")
    changed = PluginManager.load(["json.num_bytes"], plugins_dir=folder).activate({"use": "json.num_bytes"})
    assert changed.fingerprint != operator.fingerprint
    assert refused("json", plugins_dir=tmp_path / "absent").code == "GM-PLUGIN-001"


def test_a_file_and_a_distribution_of_one_name(install: Install, tmp_path: Path, signal_plugin: str) -> None:
    install("alpha")
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "alpha.py").write_text(signal_plugin)
    assert refused("alpha", plugins_dir=folder).code == "GM-PLUGIN-005"


def test_listing_survives_broken_plugins(install: Install) -> None:
    install("alpha")
    install("beta", "1 / 0")
    infos = {info.name: info for info in list_plugins(active=["alpha.num_bytes"])}
    assert infos["alpha"].operators == ("alpha.num_bytes",)
    assert infos["alpha"].active
    assert infos["beta"].operators is None
    assert "ZeroDivisionError" in (infos["beta"].error or "")
    assert not infos["beta"].active


def test_listing_without_loading_imports_nothing(install: Install) -> None:
    install("alpha")
    infos = {info.name: info for info in list_plugins(load=False)}
    assert infos["alpha"].version == "1.0"
    assert "gristmill_alpha" not in sys.modules


def test_rebuild_from_a_plan(install: Install) -> None:
    install("alpha")
    step = {"use": "alpha.num_bytes", "name": "size", "min": 2, "max_num_bytes": 9, "on_error": "null"}
    operator = PluginManager.load(["alpha"]).activate(step)
    (rebuilt,) = PluginManager.rebuild([operator.describe()])
    assert rebuilt.describe() == operator.describe()


def test_a_changed_plugin_is_not_rebuilt(install: Install, signal_plugin: str) -> None:
    file = install("alpha")
    description = PluginManager.load(["alpha"]).activate({"use": "alpha.num_bytes"}).describe()
    file.write_text(signal_plugin.replace('"num_bytes", 1,', '"num_bytes", 2,'))
    del sys.modules["gristmill_alpha"]
    sys.path_importer_cache.clear()
    for cached in (file.parent / "__pycache__").glob("*"):
        cached.unlink()
    with pytest.raises(GristmillError) as caught:
        PluginManager.rebuild([description])
    assert caught.value.code == "GM-PLUGIN-011"


def test_show_says_what_a_plugin_offers(install: Install, signal_plugin: str) -> None:
    source = signal_plugin.replace("Signal, col", "Field, Signal, col, frozen_config").replace(
        "class NumBytes(Signal):",
        "@frozen_config\nclass C:\n    limit: int = Field(default=3, doc='no more')\n    path: str\n\n\n"
        "class NumBytes(Signal):\n    'Counts bytes.'\n    Config = C",
    )
    install("alpha", source)
    (info,) = show_plugin("alpha")
    assert (info.name, info.kind, info.tier, info.doc) == ("alpha.num_bytes", "signal", 1, "Counts bytes.")
    assert info.outputs == {"num_bytes": "uint32"}
    assert info.keys == (
        ConfigKey(name="limit", type="int", default="3", doc="no more"),
        ConfigKey(name="path", type="str", default=None, doc=""),
    )
    assert info.threshold_keys == ("min", "max", "min_num_bytes", "max_num_bytes")
