"""Report sections of plugins: rendered as html, md and json; a fault is a note; the run is read and never changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gristmill.curate.run import curate
from gristmill.errors import GristmillError
from gristmill.plugins.sections import RunView, SectionBars, SectionTable
from gristmill.report.build import collect_report, write_report

PLUGIN = '''
import polars as pl
from gristmill.plugins.api import (
    Field, ReportSection, Section, SectionBars, SectionTable, Signal, col, frozen_config, hookimpl
)

gristmill_api = 1


class Length(Signal):
    name, version, outputs = "length", 1, {"num_bytes": "uint32"}

    def expr(self):
        return col("text").str.len_bytes()


@frozen_config
class TopConfig:
    top: int = Field(1, doc="rows to show")


class Sizes(ReportSection):
    """Sizes of <b>documents</b>."""

    name, version = "sizes", 1
    Config = TopConfig

    def build(self, run):
        print("a section may talk, and is not heard")
        run.manifest["counts"]["kept"] = -1
        sizes = run.documents().select(pl.col("text").str.len_bytes().sort()).collect()["text"].to_list()
        return Section(
            text="First.\\n\\nSecond <script>.",
            bars=[SectionBars(caption="bars", axis="size", labels=[str(size) for size in sizes], series=["n"],
                              values=[[1] for _ in sizes])],
            tables=[SectionTable(caption="top", columns=["size", "share"],
                                 rows=[[size, size / sum(sizes)] for size in sizes][: self.config.top])],
        )


class Broken(ReportSection):
    name, version = "broken", 1

    def build(self, run):
        raise ValueError("no luck")


class Leaves(ReportSection):
    name, version = "leaves", 1

    def build(self, run):
        raise SystemExit(3)


class Wrong(ReportSection):
    name, version = "wrong", 1

    def build(self, run):
        return "<b>markup</b>"


class Silent(ReportSection):
    name, version = "silent", 1

    def build(self, run):
        return None


@hookimpl
def register_signals(register):
    register(Length)


@hookimpl
def register_report_sections(register):
    for section in (Sizes, Broken, Leaves, Wrong, Silent):
        register(section)
'''


def make_run(folder: Path, *, step: bool, report: str = "") -> Path:
    (folder / "plugins").mkdir()
    (folder / "plugins/toy.py").write_text(PLUGIN, encoding="utf-8")
    (folder / "a.jsonl").write_text('{"text": "one"}\n{"text": "three"}\n', encoding="utf-8")
    recipe = '[run]\noutput = "run"\nplugins_dir = "plugins"\n[[source]]\nname = "a"\npaths = ["a.jsonl"]\n'
    recipe += '[[step]]\nuse = "toy.length"\n' if step else ""
    (folder / "recipe.toml").write_text(recipe + report, encoding="utf-8")
    return curate(folder / "recipe.toml", workers=1).path


def sections_of(run: Path) -> dict[str, dict[str, object]]:
    return {
        section["name"]: section for section in collect_report(run)["sections"] if "toy" in section["name"]
    }


def test_sections_of_a_step_s_plugin_are_there_and_faults_are_notes(tmp_path: Path) -> None:
    run = make_run(tmp_path, step=True)
    before = (run / "manifest.json").read_bytes()
    found = sections_of(run)
    assert sorted(found) == ["toy.broken", "toy.leaves", "toy.sizes", "toy.wrong"]
    for name, words in {
        "broken": "ValueError: no luck",
        "leaves": "SystemExit: 3",
        "wrong": "returned a str",
    }.items():
        [note] = found[f"toy.{name}"]["blocks"]
        assert words in note["text"]
    first, second, bars, table, origin = found["toy.sizes"]["blocks"]
    assert (first["text"], second["text"]) == ("First.", "Second <script>.")
    assert bars["labels"] == ["3", "5"]
    assert table["rows"] == [[3, 3 / 8]]
    assert [column["kind"] for column in table["columns"]] == ["count", "number"]
    assert "version 1, a single file, fingerprint" in origin["items"][0]["detail"]
    assert (run / "manifest.json").read_bytes() == before
    for kind in ("html", "md", "json"):
        text = write_report(run, format=kind).read_text(encoding="utf-8")
        again = write_report(run, format=kind, output=tmp_path / "again").read_text(encoding="utf-8")
        assert text == again
        assert "<script>." not in text if kind == "html" else "Second" in text


def test_named_sections_take_keys_and_bring_no_others(tmp_path: Path) -> None:
    run = make_run(tmp_path, step=False, report='[report]\nsections = [{ use = "toy.sizes", top = 2 }]\n')
    found = sections_of(run)
    assert list(found) == ["toy.sizes"]
    assert len(found["toy.sizes"]["blocks"][3]["rows"]) == 2


def test_a_plugin_that_is_gone_leaves_a_note(tmp_path: Path) -> None:
    run = make_run(tmp_path, step=True)
    (tmp_path / "plugins/toy.py").unlink()
    [note] = sections_of(run)["plugin-toy"]["blocks"]
    assert "could not be loaded" in note["text"]


@pytest.mark.parametrize(
    ("sections", "code"),
    [
        ('["toy.size"]', "GM-PLUGIN-002"),
        ('["toy.length"]', "GM-PLUGIN-002"),
        ('[{ use = "toy.sizes", tops = 1 }]', "GM-PLUGIN-008"),
        ('["toy"]', "GM-RECIPE-004"),
    ],
)
def test_a_plan_refuses_names_and_keys_that_are_not_there(sections: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(GristmillError) as caught:
        make_run(tmp_path, step=False, report=f"[report]\nsections = {sections}\n")
    assert caught.value.code == code


def test_the_report_changes_no_digest(tmp_path: Path) -> None:
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    named = make_run(tmp_path / "with", step=False, report='[report]\nsections = ["toy.sizes"]\n')
    plain = make_run(tmp_path / "without", step=False)
    assert (named / "manifest.json").read_bytes() == (plain / "manifest.json").read_bytes()


@pytest.mark.parametrize("value", [float("nan"), b"bytes", [1]])
def test_tables_hold_text_and_finite_numbers(value: object) -> None:
    with pytest.raises(ValueError, match="a table holds"):
        SectionTable(caption="t", columns=["a"], rows=[[value]])  # type: ignore[list-item]


@pytest.mark.parametrize("values", [[[1]], [[1, -1]], [[1, 2], [3, 4]], [[1, 0.5]]])
def test_bars_are_whole_numbers_in_a_rectangle(values: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="bar"):
        SectionBars(caption="b", axis="x", labels=["one"], series=["s", "t"], values=values)


def test_a_table_that_is_not_there_is_empty() -> None:
    view = RunView(manifest={}, files=lambda _: [])
    assert view.rejects().collect().is_empty()
    assert json.dumps(view.counts) == "{}"
