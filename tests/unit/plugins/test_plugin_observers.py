"""Observation hooks: told in order, heard by the log alone, and without any effect on the run."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from gristmill.curate.run import curate
from gristmill.errors import GristmillError
from gristmill.plugins.manager import PluginManager

PLUGIN = """
from pathlib import Path

from gristmill.plugins.api import Signal, col, hookimpl

gristmill_api = 1
HEARD = Path(__file__).with_name("heard.txt")


class Length(Signal):
    name, version, outputs = "length", 1, {"num_bytes": "uint32"}

    def expr(self):
        return col("text").str.len_bytes()


def hear(line):
    with HEARD.open("a") as file:
        file.write(line + "\\n")


@hookimpl
def register_signals(register):
    register(Length)


@hookimpl
def run_started(run):
    hear(f"started {run.recipe} {len(run.plan)}")
    return "ignored"


@hookimpl
def partition_finished(result):
    hear(f"{result['stage']} {result['done']}/{result['total']}")
    raise ValueError("asked to fail")


@hookimpl
def run_finished(run, report):
    hear(f"finished {report['counts']['kept']} {(run.folder / 'manifest.json').is_file()}")
    report["counts"]["kept"] = -1
"""
ONLY_OBSERVES = """
from gristmill.plugins.api import hookimpl

gristmill_api = 1


@hookimpl
def run_started(run):
    pass
"""


def make_run(folder: Path, plugin: str, monkeypatch: pytest.MonkeyPatch, workers: int = 1):
    folder.mkdir()
    (folder / "plugins").mkdir()
    (folder / "plugins/toy.py").write_text(plugin, encoding="utf-8")
    for name in "ab":
        (folder / f"{name}.jsonl").write_text(json.dumps({"text": name * 5}) + "\n", encoding="utf-8")
    (folder / "recipe.toml").write_text(
        '[run]\noutput = "run"\nplugins_dir = "plugins"\npartition_bytes = 1\n'
        '[[source]]\nname = "a"\npaths = ["*.jsonl"]\n[[step]]\nuse = "toy.length"\n',
        encoding="utf-8",
    )
    return curate(folder / "recipe.toml", workers=workers)


def test_hooks_are_told_and_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="gristmill.plugin.toy"):
        run = make_run(tmp_path / "one", PLUGIN, monkeypatch)
    heard = (tmp_path / "one/plugins/heard.txt").read_text().splitlines()
    assert heard[0] == "started recipe.toml 64"
    assert heard[-1] == "finished 2 True"
    assert "map 2/2" in heard
    assert run.counts["kept"] == 2
    assert "partition_finished: ValueError: asked to fail" in caplog.text
    events = [json.loads(line) for line in (run.path / "events.jsonl").read_text().splitlines()]
    [counted] = [event["message"] for event in events if "observation hooks" in event.get("message", "")]
    assert counted.startswith("plugin `toy`: ")
    # The same signal without hooks, and with another number of workers, gives the same tables.
    silent = PLUGIN[: PLUGIN.index("@hookimpl\ndef run_started")]
    other = make_run(tmp_path / "two", silent, monkeypatch, workers=2)
    digests = [[file["digest"] for file in found.manifest["files"]] for found in (run, other)]
    assert digests[0] == digests[1]


def test_a_plugin_may_only_observe(tmp_path: Path) -> None:
    (tmp_path / "watch.py").write_text(ONLY_OBSERVES, encoding="utf-8")
    assert not PluginManager.load(["watch"], plugins_dir=tmp_path).operators


def test_a_misspelt_hook_is_refused(tmp_path: Path) -> None:
    (tmp_path / "watch.py").write_text(ONLY_OBSERVES.replace("run_started", "run_start"), encoding="utf-8")
    with pytest.raises(GristmillError) as caught:
        PluginManager.load(["watch"], plugins_dir=tmp_path)
    assert (caught.value.code, caught.value.hint) == ("GM-PLUGIN-007", "did you mean `run_started`?")
