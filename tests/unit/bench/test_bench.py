"""`gristmill bench`: what is measured is done, on the same documents, and told as it was found. No test looks at a speed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from tests.support import write_corpus

from gristmill.bench.child import StageClock
from gristmill.bench.contenders import CONTENDERS, STAGES, Contender, Setting, Work
from gristmill.bench.machine import machine, versions
from gristmill.bench.picture import page, svg
from gristmill.bench.recipe_of import inputs_of, tokenizer_of, write_recipe
from gristmill.bench.result import compare, load_result
from gristmill.bench.run import ALL_STAGES, BenchOptions, run_bench
from gristmill.bench.sample import STARTER, made_up, own, write_sample
from gristmill.bench.tiktoken_ranks import load_encoding
from gristmill.curate.run import curate
from gristmill.errors import GristmillError


def code_of(error: pytest.ExceptionInfo[GristmillError]) -> str:
    return error.value.code


def test_made_up_documents_are_the_same_everywhere() -> None:
    rows = list(made_up(100_000))
    digest = hashlib.sha256("\0".join(str(row["text"]) for row in rows).encode()).hexdigest()
    assert digest[:16] == "0918584108c99119"
    texts = [str(row["text"]) for row in rows]
    assert len(set(texts)) < len(texts)
    assert {row["lang"] for row in rows} >= {
        "letters",
        "briefe",
        "Cyrillic",
        "Greek",
        "Arabic",
        "Devanagari",
        "Han",
    }
    assert (
        sum(len(text.encode()) for text in texts[:-1]) < 100_000 <= sum(len(text.encode()) for text in texts)
    )


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> tuple[Setting, list[str]]:
    folder = tmp_path_factory.mktemp("bench")
    rows = list(made_up(40_000))
    sample = write_sample(iter(rows), folder, "made up", num_parts=3)
    assert (sample.num_documents, len(sample.files)) == (len(rows), 3)
    files = [str(file) for file in sample.files]
    return Setting(files=files, tokenizer=str(STARTER / "tokenizer.json"), folder=str(folder)), [
        str(row["text"]) for row in rows
    ]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("one", CONTENDERS, ids=lambda one: f"{one.stage}-{one.name}")
def test_every_contender_does_the_work(one: Contender, setting: tuple[Setting, list[str]]) -> None:
    if not one.is_installed:
        pytest.skip(f"{one.package} is not installed")
    described, texts = setting
    found = one.make(described)([] if one.does_whole else texts)
    assert found.num_bytes > 0
    if one.name != "limit":
        assert found.num_documents == len(texts)
        assert found.num_bytes == sum(len(text.encode()) for text in texts)
    assert (found.num_tokens > 0) == (one.stage == "tokenise")


def test_tokenisers_give_as_many_ids(setting: tuple[Setting, list[str]]) -> None:
    described, texts = setting
    contenders = [one for one in CONTENDERS if one.stage == "tokenise" and one.is_installed]
    assert len(contenders) >= 2
    assert len({one.make(described)(texts).num_tokens for one in contenders}) == 1


def test_own_documents_keep_their_fields(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    rows = list(own([tmp_path / "*.jsonl", str(tmp_path / "second.jsonl.gz")], 1 << 20, id_="id"))
    assert len(rows) == 20
    assert rows[0]["id"] == "good-0"
    assert rows[0]["lang"] == "en"
    # A share of the bytes for each file, so that none is left out.
    few = list(own([tmp_path / "*.jsonl", str(tmp_path / "second.jsonl.gz")], 2, id_="id"))
    assert [row["id"] for row in few] == ["good-0", "good-12"]


def test_no_document(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": null}\n')
    with pytest.raises(GristmillError) as error:
        run_bench(BenchOptions(inputs=[tmp_path / "a.jsonl"]))
    assert code_of(error) == "GM-BENCH-001"


@pytest.mark.parametrize(
    "options", [{"stages": ("fly",)}, {"seconds": 0.0}, {"max_bytes": 0}, {"max_rounds": 0}]
)
def test_options_that_make_no_sense(options: dict[str, object]) -> None:
    with pytest.raises(GristmillError) as error:
        BenchOptions(**options)
    assert code_of(error) == "GM-BENCH-004"


def test_a_recipe_keeps_its_steps_and_what_lies_beside_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    recipe = write_corpus(home)
    paths, text, id_ = inputs_of(recipe)
    assert [Path(path).name for path in paths] == ["first.jsonl", "second.jsonl.gz"]
    assert (text, id_) == ("text", "id")
    assert tokenizer_of(recipe) == home / "tokenizer.json"
    (tmp_path / "sample").mkdir()
    sample = write_sample(own(paths, 1 << 20, id_="id"), tmp_path / "sample", "own", num_parts=2)
    written = write_recipe(tmp_path / "bench", sample, STARTER / "tokenizer.json", recipe)
    run = curate(written, workers=1)
    # `where` still finds its column, the tokenizer its file; the counts are those of the corpus.
    assert run.counts["documents_in"] == 20
    assert run.counts["kept"] == curate(recipe, workers=1).counts["kept"]


def test_time_belongs_to_the_stage_that_worked_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 1.0, 3.0, 6.0, 10.0, 15.0])
    monkeypatch.setattr("time.process_time", lambda: next(now))
    clock = StageClock(is_cpu=True)
    for stage, done in (("plan", 1), ("map", 0), ("map", 1), ("finalise", 1)):
        clock({"stage": stage, "done": done})
    clock.end()
    # From 1 to 3 nothing of `map` was done yet; from 6 to 10 the work of `finalise` was done.
    assert clock.seconds == {"plan": 3.0, "map": 3.0, "finalise": 9.0}


@pytest.fixture(scope="module")
def result() -> dict[str, object]:
    options = BenchOptions(
        seconds=0.1, max_bytes=100_000, max_rounds=1, stages=("memory copy", "clean", "tokenise", "curate")
    )
    events: list[dict[str, object]] = []
    values = run_bench(options, on_event=events.append).to_json_dict()
    assert events[0]["stage"] == "round 1"
    return json.loads(json.dumps(values))


def test_what_a_benchmark_tells(result: dict) -> None:
    assert result["rounds"] == 1
    measured = {(one["stage"], one["name"]): one for one in result["measured"]}
    assert measured.keys() >= {("memory copy", "limit"), ("clean", "gristmill"), ("tokenise", "tokenizers")}
    for one in measured.values():
        assert one["error"] is None
        assert one["low"] <= one["mb_per_s"] <= one["high"]
        assert one["mb_per_s"] > 0
        assert one["peak_bytes"] > 1 << 20
    assert measured["tokenise", "gristmill"]["tokens_per_s"] > 0
    one, *more = result["pipelines"]
    assert [one["workers"], *(other["workers"] for other in more)] == [1, result["machine"]["cores"]][
        : 1 + len(more)
    ]
    assert one["stages"].keys() >= {
        "plan",
        "map",
        "exact",
        "lsh",
        "verify",
        "settle",
        "tokenise",
        "shard",
        "finalise",
    }
    assert sum(stage["share"] for stage in one["stages"].values()) == pytest.approx(1, abs=0.01)
    assert 0 < one["kept_fraction"] < 1
    assert result["sample"]["bytes"] >= 100_000
    assert set(result["absent"]) <= {
        "ftfy",
        "datatrove",
        "datasketch",
        "rensa",
        "tiktoken",
        "tokenizers",
        "polars",
    }
    assert (*STAGES, "curate") == ALL_STAGES


def test_a_rival_that_fails_is_told_and_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    from gristmill.bench import run as bench_run

    real = bench_run._child
    asked = []

    def child(task: dict[str, object]) -> dict[str, object]:
        asked.append(task["name"])
        return {"error": "it fell over"} if task["name"] == "tokenizers" else real(task)

    monkeypatch.setattr(bench_run, "_child", child)
    found = run_bench(BenchOptions(seconds=60, max_bytes=50_000, max_rounds=2, stages=("tokenise",)))
    errors = {one.name: one.error for one in found.measured}
    assert errors["tokenizers"] == "it fell over"
    assert errors["gristmill"] is None
    assert asked.count("tokenizers") == 1
    assert asked.count("gristmill") == found.rounds == 2


def test_a_child_says_what_went_wrong() -> None:
    task = {"kind": "contender", "stage": "tokenise", "name": "gristmill", "texts": "none", "slice_s": 0.1}
    task["setting"] = {"files": [], "tokenizer": "no/such/tokenizer.json", "folder": "."}
    done = subprocess.run(
        [sys.executable, "-m", "gristmill.bench.child"],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1])["code"] == "GM-TOKENS-001"


def row(stage: str, name: str, rounds: list[float], **more: object) -> dict[str, object]:
    ordered = sorted(rounds)
    return {
        "stage": stage,
        "name": name,
        "version": None,
        "mb_per_s": ordered[len(ordered) // 2],
        "low": ordered[0],
        "high": ordered[-1],
        "rounds": rounds,
        "error": None,
        **more,
    }


def whole(rows: list[dict[str, object]], pipelines: tuple[dict[str, object], ...] = ()) -> dict[str, object]:
    head = {"machine": {}, "versions": {}, "sample": {}, "schema_version": 1}
    return {**head, "measured": rows, "pipelines": list(pipelines)}


def test_comparing_says_what_is_beyond_the_spread() -> None:
    old = whole(
        [row("read", "gristmill", [10, 12, 11]), row("clean", "gristmill", [5, 6, 7]), row("gone", "x", [1])]
    )
    new = whole(
        [row("read", "gristmill", [20, 21]), row("clean", "gristmill", [6, 7, 8]), row("new", "x", [1])]
    )
    changes = {change.name: change for change in compare(old, new)}
    assert changes.keys() == {"read, gristmill", "clean, gristmill"}
    assert changes["read, gristmill"].is_beyond_spread
    assert not changes["clean, gristmill"].is_beyond_spread
    assert changes["clean, gristmill"].ratio == pytest.approx(7 / 6)


@pytest.mark.parametrize("content", ["", "[]", '{"schema_version": 2}', '{"schema_version": 1}'])
def test_what_is_no_earlier_result(tmp_path: Path, content: str) -> None:
    (tmp_path / "old.json").write_text(content)
    with pytest.raises(GristmillError) as error:
        load_result(tmp_path / "old.json")
    assert code_of(error) == "GM-BENCH-002"


def bars(picture: str, css: str) -> list[ET.Element]:
    return [one for one in ET.fromstring(picture).iter() if one.get("class") == css]


def test_the_picture_is_to_scale_and_nothing_gets_out_of_its_text(result: dict) -> None:
    hostile = '<script>alert("1")</script>'
    rows = [
        row("read", "gristmill", [100.0]),
        row("read", hostile, [50.0, 40.0, 60.0]),
        row("x", "y", [1], error="no"),
    ]
    slow, fast = sorted(bars(svg(whole(rows)), "bar"), key=lambda bar: float(bar.get("width", "0")))
    assert float(slow.get("width", "0")) * 2 == pytest.approx(float(fast.get("width", "0")))
    assert hostile not in svg(whole(rows))
    drawn = svg(result)
    assert len(bars(drawn, "bar")) == len(result["measured"])
    widths = [float(one.get("width", "0")) for one in bars(drawn, "share")]
    assert widths
    assert "http" not in page(result).replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")


def test_machine_and_versions() -> None:
    assert machine()["cores"] >= 1
    assert versions().keys() >= {"gristmill", "python", "polars", "tokenizers"}


def test_work_is_bytes_at_least() -> None:
    assert Work(num_bytes=3) == Work(num_bytes=3, num_documents=0, num_tokens=0)


@pytest.mark.parametrize(
    "tokenizer",
    [
        {"model": {"type": "Unigram", "vocab": []}},
        {"model": {"type": "BPE", "merges": []}, "pre_tokenizer": {"type": "Whitespace"}},
        {
            "model": {"type": "BPE", "merges": []},
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True},
        },
    ],
)
def test_tiktoken_is_not_given_what_it_cannot_have(
    tmp_path: Path, tokenizer: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tiktoken", object())
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(GristmillError) as error:
        load_encoding(tmp_path / "tokenizer.json")
    assert code_of(error) == "GM-BENCH-003"
