"""Plugins that decide about groups: who stays, why the others do not, and what a decider may do to a run."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest
from tests.support import prose

from gristmill.cli.main import main
from gristmill.curate import group_task
from gristmill.curate.plan import make_plan
from gristmill.curate.run import CuratedRun, curate
from gristmill.curate.verify import verify_run
from gristmill.errors import GristmillError
from gristmill.recipe import load_recipe, parse_recipe

PLUGIN = '''
import os
from gristmill.plugins.api import (
    Field, GroupDecider, Signal, col, frozen_config, hookimpl, lit, per_group, when,
)
import pyarrow as pa

gristmill_api = 1
VERSION = 1


class Latest(GroupDecider):
    """Keeps the documents with the latest date of a group."""

    name, version = "latest", VERSION
    inputs = ("date",)
    reasons = {"superseded": "a later document of the group is there", "undated": "it has no date"}
    by = "conversation"

    def expr(self):
        is_old = col("date") < col("date").max().over("group")
        return when(col("date").is_null()).then(lit("undated")).when(is_old).then(lit("superseded"))


class Slow(GroupDecider):
    """The same, a group at a time."""

    name, version = "slow", 1
    inputs = ("date",)
    reasons = Latest.reasons

    @per_group
    def decide_group(self, date):
        latest = max((one for one in date if one is not None), default=None)
        return ["undated" if one is None else None if one == latest else "superseded" for one in date]


@frozen_config
class Mode:
    mode: str = Field(default="good", doc="what it does")


class Longest(GroupDecider):
    """Keeps the longest text of a group, unless it is told to misbehave in groups that hold `c3`."""

    name, version = "longest", 1
    inputs = ("text", "id")
    reasons = {"shorter": "a longer document of the group is there"}
    Config = Mode

    def decide(self, batch):
        groups, texts = batch.column("group").to_pylist(), batch.column("text").to_pylist()
        if "c3" in groups:
            if self.config.mode == "raise":
                raise ValueError("asked to")
            if self.config.mode == "exit":
                os._exit(3)
            if self.config.mode == "nan":
                return pa.array([float("nan")] * batch.num_rows)
            if self.config.mode == "per_group":
                return pa.array([None] * len(set(groups)), pa.string())
            if self.config.mode == "unknown":
                return pa.array(["who knows"] * batch.num_rows)
        longest = {}
        for group, text in zip(groups, texts):
            longest[group] = max(longest.get(group, -1), len(text))
        if self.config.mode == "neighbours":
            longest = {group: max(longest.values()) for group in longest}
        return pa.array([None if len(t) == longest[g] else "shorter" for g, t in zip(groups, texts)], pa.string())


class Number(Signal):
    name, version, outputs = "number", 1, {"number": "uint32"}

    def expr(self):
        return col("text").str.len_bytes().alias("number")


@hookimpl
def register_deciders(register):
    for one in (Latest, Slow, Longest):
        register(one)


@hookimpl
def register_signals(register):
    register(Number)
'''
HEAD = """
[run]
output = "{output}"
partition_bytes = "24KiB"
plugins_dir = "plugins"
[[source]]
name = "tickets"
paths = ["tickets-*.jsonl"]
id = "id"
[[step]]
use = "gopher_quality"
min_words = 30
[[step]]
use = "exact_dedup"
"""


def row(number: int) -> dict[str, object]:
    """Return a document of some conversation: short ones, copies, some of none, some without a date."""
    conversation = None if number % 13 == 4 else f"c{number * number % 37}"
    text = prose(number % 170, words=12 if number % 17 == 2 else 30 + number % 60)
    date = None if number % 11 == 3 else f"2024-{1 + number * 7 % 12:02}-{1 + number * 5 % 28:02}"
    return {"id": f"d{number}", "text": text, "conversation": conversation, "date": date}


ROWS = [row(number) for number in range(210)]


def write(folder: Path, steps: str, *, output: str = "run", version: int = 1) -> Path:
    """Write the documents, the plugin and a recipe."""
    (folder / "plugins").mkdir(exist_ok=True)
    source = PLUGIN.replace("VERSION = 1", f"VERSION = {version}")
    (folder / "plugins" / "tried.py").write_text(source, encoding="utf-8")
    for part in range(3):
        lines = [json.dumps(one) + "\n" for one in ROWS[part * 70 : part * 70 + 70]]
        (folder / f"tickets-{part}.jsonl").write_text("".join(lines), encoding="utf-8")
    recipe = folder / f"{output}.toml"
    recipe.write_text(HEAD.format(output=output) + steps, encoding="utf-8")
    return recipe


def decide(use: str, more: str = "") -> str:
    return f'[[step]]\nuse = "tried.{use}"\nby = "conversation"\n{more}\n'


def ids(run: CuratedRun) -> set[str]:
    """Return the kept documents."""
    return set(run.documents().collect()["id"].to_list())


def left_out(run: CuratedRun, step: str) -> dict[str, str]:
    """Return rule by id of what a step left out."""
    rows = run.rejects().collect().iter_rows(named=True)
    return {str(one["id"]): str(one["rule"]) for one in rows if one["step"] == step}


def told(run: CuratedRun) -> Mapping[str, object]:
    """Return what the manifest says of the last choosing step."""
    return cast("Sequence[Mapping[str, object]]", run.manifest["choices"])[-1]


def groups_of(kept: set[str]) -> dict[str, list[Mapping[str, object]]]:
    """Return the documents of each conversation, in input order."""
    groups: defaultdict[str, list[Mapping[str, object]]] = defaultdict(list)
    for one in ROWS:
        if one["id"] in kept and one["conversation"] is not None:
            groups[str(one["conversation"])].append(one)
    return groups


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return what a recipe without a decider keeps."""
    return ids(curate(write(tmp_path_factory.mktemp("all"), ""), workers=1))


def plain_latest(kept: set[str]) -> dict[str, str]:
    """Return what `latest` leaves out, written plainly."""
    gone = {}
    for members in groups_of(kept).values():
        dates = [str(one["date"]) for one in members if one["date"] is not None]
        for one in members:
            if one["date"] is None:
                gone[str(one["id"])] = "undated"
            elif one["date"] != max(dates):
                gone[str(one["id"])] = "superseded"
    return gone


def test_one_document_of_a_group_stays_and_the_others_say_why(tmp_path: Path, everything: set[str]) -> None:
    run = curate(write(tmp_path, decide("latest")), workers=1)
    expected = plain_latest(everything)
    assert len(expected) > 60
    assert left_out(run, "tried.latest") == expected
    assert ids(run) == everything - set(expected)
    assert verify_run(run.path).ok
    counts = told(run)
    by_rule = {rule: list(expected.values()).count(rule) for rule in ("superseded", "undated", "failed")}
    assert counts["left_out"] == by_rule
    assert (counts["documents"], counts["kept"]) == (len(everything), len(ids(run)))
    assert counts["groups"] == len(groups_of(everything))
    assert "failures" not in counts
    [lineage] = cast("Sequence[Mapping[str, object]]", run.manifest["plugins"])
    assert (lineage["use"], lineage["kind"]) == ("tried.latest", "decider")
    accounts = [json.loads(line) for line in (run.path / "events.jsonl").read_text().splitlines()]
    [account] = [one["operators"] for one in accounts if "operators" in one]
    assert account["tried.latest"]["num_documents"] == counts["in_groups"]


def test_all_tiers_workers_and_bins_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = set()
    for number, workers in enumerate((1, 2, 1)):
        if number == 2:
            # Three groups a bin, and some documents a call.
            monkeypatch.setattr(group_task, "BIN_BYTES", 600)
            monkeypatch.setattr(group_task, "CALL_ROWS", 4)
        run = curate(write(tmp_path, decide("latest"), output=f"run{number}"), workers=workers)
        digests.add(run.digest)
        kept = ids(run)
    assert len(digests) == 1
    slow = curate(write(tmp_path, decide("slow"), output="slow"), workers=1)
    isolated = curate(
        write(tmp_path, decide("latest", 'isolation = "process"'), output="isolated"), workers=1
    )
    assert ids(slow) == ids(isolated) == kept
    assert isolated.digest in digests


def test_texts_and_columns_of_steps_can_decide(tmp_path: Path, everything: set[str]) -> None:
    run = curate(write(tmp_path, decide("longest")), workers=1)
    for members in groups_of(everything).values():
        longest = max(len(str(one["text"])) for one in members)
        for one in members:
            assert (one["id"] in ids(run)) == (len(str(one["text"])) == longest)
    by_number = decide("latest").replace('by = "conversation"', 'by = "tried.number.number"')
    recipe = write(tmp_path, by_number, output="numbers")
    text = recipe.read_text().replace(
        '[[step]]\nuse = "gopher', '[[step]]\nuse = "tried.number"\n[[step]]\nuse = "gopher'
    )
    recipe.write_text(text)
    assert cast(int, told(curate(recipe, workers=1))["groups"]) > 20


def test_a_changed_decider_reads_no_document_again(tmp_path: Path) -> None:
    recipe = write(tmp_path, decide("latest"))
    first = curate(recipe, workers=1)
    again = curate(recipe, workers=1)
    assert (again.num_run, again.digest) == (0, first.digest)
    write(tmp_path, decide("latest"), version=2)
    stages: dict[str, int] = {}

    def count(event: Mapping[str, object]) -> None:
        if "already committed" in str(event["message"]):
            stages[str(event["stage"])] = int(str(event["message"]).split()[0])

    # Another fingerprint of the plan: the folder is another, with what was committed.
    changed = curate(recipe, workers=1, on_event=count)
    partitions = len(make_plan(load_recipe(recipe)).partitions)
    assert stages["map"] == stages["decide"] == stages["group_rows"] == partitions
    assert "decide_groups" not in stages
    assert ids(changed) == ids(first)


def test_choosing_goes_on_behind_a_decider_and_before_it(tmp_path: Path, everything: set[str]) -> None:
    steps = (
        '[[step]]\nuse = "sample"\nfraction = 0.5\n' + decide("latest") + decide("longest", 'name = "then"')
    )
    run = curate(write(tmp_path, steps), workers=1)
    sampled = everything - set(left_out(run, "sample"))
    expected = plain_latest(sampled)
    assert left_out(run, "tried.latest") == expected
    for members in groups_of(sampled - set(expected)).values():
        longest = max(len(str(one["text"])) for one in members)
        for one in members:
            assert (one["id"] in ids(run)) == (len(str(one["text"])) == longest)
    assert verify_run(run.path).ok


@pytest.mark.parametrize(
    ("mode", "policy", "gone"),
    [("raise", "quarantine", True), ("raise", "null", False), ("exit", "quarantine", True)],
)
def test_a_group_that_a_decider_fails_on_goes_or_stays_as_a_whole(
    mode: str, policy: str, gone: bool, tmp_path: Path, everything: set[str]
) -> None:
    isolation = 'isolation = "process"\n' if mode == "exit" else ""
    steps = decide("longest", f'{isolation}mode = "{mode}"\non_error = "{policy}"')
    run = curate(write(tmp_path, steps), workers=1)
    members = {str(one["id"]) for one in groups_of(everything)["c3"]}
    assert len(members) > 2
    failed = {one for one, rule in left_out(run, "tried.longest").items() if rule == "failed"}
    assert failed == (members if gone else set())
    assert members <= ids(run) or gone
    if gone:
        [failure] = cast("Sequence[Mapping[str, object]]", told(run)["failures"])
        assert failure["documents"] == len(members)
        assert str(failure["detail"]).startswith("ProcessDied" if mode == "exit" else "ValueError: asked to")
    assert verify_run(run.path).ok


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        ("nan", "GM-PLUGIN-012"),
        ("per_group", "GM-PLUGIN-012"),
        ("unknown", "GM-PLUGIN-012"),
        ("neighbours", "GM-PLUGIN-019"),
    ],
)
def test_a_decider_that_breaks_its_promise_stops_the_run(mode: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(GristmillError) as caught:
        curate(write(tmp_path, decide("longest", f'mode = "{mode}"')), workers=1)
    assert caught.value.code == code


@pytest.mark.parametrize("policy", ["quarantine", "null", "fail"])
def test_a_group_that_is_too_large_is_given_to_nobody(
    policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, everything: set[str]
) -> None:
    limit = 900
    monkeypatch.setattr(group_task, "GROUP_BYTES", limit)
    recipe = write(tmp_path, decide("latest", f'on_error = "{policy}"'))
    if policy == "fail":
        with pytest.raises(GristmillError) as caught:
            curate(recipe, workers=1)
        assert caught.value.code == "GM-PLUGIN-013"
        return
    run = curate(recipe, workers=1)
    sizes = {group: len(members) for group, members in groups_of(everything).items()}
    failed = {one for one, rule in left_out(run, "tried.latest").items() if rule == "failed"}
    in_failed = {str(one["conversation"]) for one in ROWS if one["id"] in failed}
    if policy == "null":
        assert not failed
    else:
        # The largest ones, whole.
        assert 0 < len(in_failed) < len(sizes)
        assert min(sizes[group] for group in in_failed) >= max(sizes[g] for g in sizes if g not in in_failed)
        assert len(failed) == sum(sizes[group] for group in in_failed)
    assert verify_run(run.path).ok


def test_a_recipe_is_refused_that_does_not_say_groups_or_comes_too_early(tmp_path: Path) -> None:
    def refused(steps: str) -> str:
        with pytest.raises(GristmillError) as caught:
            make_plan(load_recipe(write(tmp_path, steps)))
        return caught.value.code + " " + str(caught.value.hint)

    before = HEAD.format(output="x").replace(
        '[[step]]\nuse = "gopher', decide("latest") + '[[step]]\nuse = "gopher'
    )
    with pytest.raises(GristmillError, match="comes after"):
        parse_recipe(before, base=tmp_path)
    # Without `by` it is no choosing step, and stands behind dedup.
    assert "GM-RECIPE-009" in refused(decide("latest").replace('by = "conversation"', ""))
    assert "GM-PLUGIN-002" in refused(decide("number"))
    with pytest.raises(GristmillError, match="whole groups"):
        parse_recipe(HEAD.format(output="x") + decide("latest", 'where = { lang = "en" }'), base=tmp_path)
    mixed = '[[step]]\nuse = "mix"\nweights = { tickets = 1 }\n'
    with pytest.raises(GristmillError, match="would undo its shares"):
        parse_recipe(HEAD.format(output="x") + mixed + decide("latest"), base=tmp_path)


def test_plan_report_and_explain_name_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = write(tmp_path, decide("latest"))
    assert "decides about groups by conversation" in "\n".join(make_plan(load_recipe(recipe)).describe())
    run = curate(recipe, workers=1)
    one = next(name for name, rule in left_out(run, "tried.latest").items() if rule == "superseded")
    assert main(["explain", "doc", one, "--run", str(run.path)]) == 0
    assert "a later document of the group is there" in capsys.readouterr().out
    assert main(["report", str(run.path), "--format", "md", "--output", str(tmp_path / "report.md")]) == 0
    report = (tmp_path / "report.md").read_text()
    assert "a later document of the group is there" in report
