"""Extractors inside a run: markup and bytes become text before any step, faults become rows of `rejects/`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support import prose, write_tokenizer

from gristmill.curate.run import CuratedRun, curate
from gristmill.curate.verify import verify_run
from gristmill.errors import GristmillError
from gristmill.plugins.active import activate
from gristmill.plugins.contract import check_operator, registered_for
from gristmill.plugins.extractors import Extractor
from gristmill.plugins.testing import nasty_documents
from gristmill.report.build import write_report

PLUGIN = '''
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.plugins.api import Extractor, Field, Reader, Signal, col, frozen_config, hookimpl, per_document

gristmill_api = 1


@frozen_config
class UntagConfig:
    least: int = Field(1, doc="fewest characters")


class Untag(Extractor):
    """The text between tags."""

    name, version = "untag", 1
    Config = UntagConfig

    def extract(self, batch):
        raw = batch.column("raw")
        if pa.types.is_large_binary(raw.type):
            raw = raw.cast(pa.large_utf8())
        if pc.any(pc.match_substring(raw, "BREAK")).as_py():
            raise ValueError("asked to break")
        text = pc.utf8_trim_whitespace(pc.replace_substring_regex(raw, "<[^>]*>", " "))
        return pc.if_else(pc.greater_equal(pc.utf8_length(text), self.config.least), text, None)


class Slow(Extractor):
    name, version = "slow", 1

    @per_document
    def extract_one(self, raw):
        return raw.upper() or None


class Lines(Reader):
    name, version = "lines", 1

    def read(self, path):
        for number, line in enumerate(path.read_text().splitlines()):
            yield pa.record_batch({"text": [line], "number": [number]})


class Length(Signal):
    name, version, outputs = "length", 1, {"num_bytes": "uint32"}

    def expr(self):
        return col("text").str.len_bytes()


@hookimpl
def register_extractors(register):
    register(Untag)
    register(Slow)


@hookimpl
def register_readers(register):
    register(Lines)


@hookimpl
def register_signals(register):
    register(Length)
'''
ROWS: list[Mapping[str, object] | str] = [
    {"html": "<p>one <b>two</b></p>", "id": "a", "lang": "en", "n": 1, "more": [1, 2]},
    {"html": "<p></p>", "id": "b", "lang": "de", "n": 2},
    "this is no JSON",
    {"html": "<p>BREAK</p>", "id": "c"},
    {"html": None, "id": "d"},
    {"html": "<i>three</i>", "id": "e", "n": 3, "text": "not this"},
]


def run_of(
    folder: Path, source: str, *, workers: int = 1, output: str = "run", steps: str = ""
) -> CuratedRun:
    (folder / "plugins").mkdir(exist_ok=True)
    (folder / "plugins/web.py").write_text(PLUGIN, encoding="utf-8")
    (folder / "recipe.toml").write_text(
        f'[run]\noutput = "{output}"\nplugins_dir = "plugins"\npartition_bytes = 1\n'
        f'[[source]]\nname = "pages"\n{source}\n{steps}',
        encoding="utf-8",
    )
    return curate(folder / "recipe.toml", workers=workers)


def write_lines(path: Path, rows: list[Mapping[str, object] | str]) -> None:
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def rejects(run: CuratedRun) -> dict[str | None, tuple[str, str]]:
    rows = run.rejects().collect().rows(named=True)
    return {row["id"]: (row["step"], row["rule"]) for row in rows}


SOURCE = 'paths = ["pages*.jsonl.gz"]\ntext = "html"\nid = "id"\nextract = "web.untag"\n'


def test_texts_come_out_and_faults_are_rejects(tmp_path: Path) -> None:
    write_lines(tmp_path / "pages.jsonl.gz", ROWS)
    run = run_of(tmp_path, SOURCE + 'columns = { lang = "utf8" }\n', steps='[[step]]\nuse = "web.length"\n')
    kept = run.documents().collect()
    assert kept["text"].to_list() == ["one  two", "three"]
    assert kept["id"].to_list() == ["a", "e"]
    assert json.loads(kept["metadata"][0]) == {"n": 1, "more": "[1, 2]", "lang": "en"}
    assert "html" not in kept.columns
    assert run.signals().select("web.length.num_bytes").collect().to_series().to_list() == [8, 5]
    found = run.rejects().select("id", "step", "rule").collect().rows()
    assert sorted(found, key=str) == sorted(
        [
            ("b", "read", "no_text"),
            (None, "read", "invalid_json"),
            ("c", "read", "ValueError"),
            (None, "read", "text_is_null"),
        ],
        key=str,
    )
    details = run.rejects().filter(pl.col("rule") == "ValueError").collect()
    assert "asked to break" in str(details.to_dicts())
    assert verify_run(run.path).ok
    [lineage] = [item for item in run.manifest["operators"] if item["use"] == "web.untag"]
    assert lineage["version"] == 1
    assert len(lineage["fingerprint"]) == 64


def test_any_number_of_workers_gives_the_same_and_a_key_is_part_of_the_plan(tmp_path: Path) -> None:
    write_lines(tmp_path / "pages1.jsonl.gz", ROWS)
    write_lines(tmp_path / "pages2.jsonl.gz", ROWS[::-1])
    one = run_of(tmp_path, SOURCE, output="one")
    assert run_of(tmp_path, SOURCE, output="two", workers=2).digest == one.digest
    longer = SOURCE.replace('"web.untag"', '{ use = "web.untag", least = 6 }')
    other = run_of(tmp_path, longer, output="one")
    assert other.counts["kept"] == 2
    assert other.manifest["plan"] != one.manifest["plan"]
    assert one.counts["kept"] == 4


def test_bytes_of_parquet_and_the_raw_field_if_asked_for(tmp_path: Path) -> None:
    table = pa.table({"body": [b"<p>one</p>", None, b"\xff\xfe", b"<p>two</p>"], "id": [1, 2, 3, 4]})
    pq.write_table(table, tmp_path / "pages.parquet")
    run = run_of(tmp_path, 'paths = ["pages.parquet"]\ntext = "body"\nid = "id"\nextract = "web.untag"\n')
    assert run.documents().collect()["text"].to_list() == ["one", "two"]
    assert rejects(run) == {"2": ("read", "text_is_null"), "3": ("read", "ArrowInvalid")}
    write_lines(tmp_path / "pages.jsonl.gz", ROWS[:1])
    kept = run_of(tmp_path, SOURCE + 'columns = { html = "utf8" }\n', output="raw")
    assert kept.documents().collect()["metadata"].str.contains("<p>one").to_list() == [True]


def test_what_a_plugin_reads_can_be_extracted_from(tmp_path: Path) -> None:
    (tmp_path / "pages.txt").write_text("<b>one</b>\ntwo\n", encoding="utf-8")
    run = run_of(tmp_path, 'paths = ["pages.txt"]\nformat = "web.lines"\nextract = "web.slow"\n')
    assert run.documents().collect()["text"].to_list() == ["<B>ONE</B>", "TWO"]
    assert [json.loads(item) for item in run.documents().collect()["metadata"]] == [
        {"number": 0},
        {"number": 1},
    ]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ('extract = "web.length"', "GM-PLUGIN-002"),
        ('extract = { use = "web.untag", most = 1 }', "GM-PLUGIN-008"),
        ('extract = "untag"', "GM-RECIPE-004"),
        ('extract = "web.untag"\nmessages = "turns"', "GM-RECIPE-004"),
    ],
)
def test_mistakes_are_found_before_anything_is_read(source: str, code: str, tmp_path: Path) -> None:
    write_lines(tmp_path / "pages.jsonl.gz", ROWS)
    with pytest.raises(GristmillError) as caught:
        run_of(tmp_path, f'paths = ["pages.jsonl.gz"]\n{source}\n')
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["pages.txt", "pages.parquet", "pages.txt.gz"])
def test_lines_under_another_name_are_refused_by_the_plan(name: str, tmp_path: Path) -> None:
    write_lines(tmp_path / name, ROWS)
    with pytest.raises(GristmillError) as caught:
        run_of(tmp_path, f'paths = ["{name}"]\nformat = "jsonl"\nextract = "web.untag"\n')
    assert caught.value.code == "GM-PLAN-106"
    assert not (tmp_path / "run").exists()


class Same(Extractor):
    name, version = "same", 1

    def extract(self, batch):
        return batch.column("raw")


class Neighbour(Extractor):
    name, version = "neighbour", 1

    def extract(self, batch):
        return pa.array(batch.column("raw").to_pylist()[::-1], pa.large_utf8())


def test_the_contract_holds_extractors_too() -> None:
    assert activate(registered_for(Same), {}).inputs == ("raw",)
    assert all(check.passed for check in check_operator(Same, nasty_documents(), other_process=False))
    broken = check_operator(Neighbour, nasty_documents(), other_process=False)
    assert [check.name for check in broken if not check.passed] == ["split and merge"]


def test_name_version_configuration_and_fingerprint_are_in_plan_manifest_shards_and_report(
    tmp_path: Path,
) -> None:
    write_lines(tmp_path / "pages.jsonl.gz", [{"html": f"<p>{prose(number)}</p>"} for number in range(4)])
    write_tokenizer(tmp_path / "tokenizer.json")
    source = 'paths = ["pages.jsonl.gz"]\ntext = "html"\nextract = { use = "web.untag", least = 2 }\n'
    steps = '[[step]]\nuse = "web.length"\n[tokens]\ntokenizer = "tokenizer.json"\n'
    run = run_of(tmp_path, source, steps=steps)
    plugins = run.manifest["plugins"]
    assert [(item["use"], item["version"], item["config"]) for item in plugins] == [
        ("web.length", 1, {}),
        ("web.untag", 1, {"least": 2}),
    ]
    assert json.loads((run.path / "plan.json").read_text(encoding="utf-8"))["plugins"] == plugins
    [shard] = sorted((run.path / "tokens/train").glob("*.arrow"))
    with pa.OSFile(str(shard)) as file:
        metadata = pa.ipc.open_file(file).schema.metadata
    assert json.loads(metadata[b"gristmill.plugins"]) == plugins
    page = write_report(run.path, format="md").read_text(encoding="utf-8")
    assert all(item["fingerprint"] in page for item in plugins)
    # The file's content is part of it: another text, the same version.
    changed = PLUGIN + "# one more line\n"
    (tmp_path / "plugins/web.py").write_text(changed, encoding="utf-8")
    again = curate(tmp_path / "recipe.toml", workers=1)
    assert [item["fingerprint"] for item in again.manifest["plugins"]] != [
        item["fingerprint"] for item in plugins
    ]
