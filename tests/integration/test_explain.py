"""What `explain doc` says would have kept a document does keep it: every proposal is tried by a run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest
from tests.support import RECIPE, write_corpus

import gristmill
from gristmill.cli.main import main
from gristmill.curate.run import CuratedRun

STEPS = RECIPE.replace('where = { lang = "en" }', "").replace(
    '[[step]]\nuse = "exact_dedup"',
    '[[step]]\nuse = "fineweb_quality"\n\n[[step]]\nuse = "c4_quality"\nmin_sentences = 2\n\n[[step]]\nuse = "exact_dedup"',
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> CuratedRun:
    return gristmill.curate(write_corpus(tmp_path_factory.mktemp("explain"), recipe=STEPS), workers=1)


def story(run: CuratedRun, name: str, capsys: pytest.CaptureFixture[str]) -> dict:
    assert main(["explain", "doc", name, "--run", str(run.path), "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out)["documents"]
    return found


def changed(recipe: str, lines: dict[str, list[str]]) -> str:
    """Return a recipe with lines put into its steps, as a user would paste them."""
    for step, written in lines.items():
        keys = "|".join(line.partition(" = ")[0] for line in written)
        head, middle, rest = re.split(rf'(use = "{step}"\n)', recipe)
        own, mark, others = rest.partition("\n[")
        own = re.sub(rf"(?m)^({keys}) = .*\n?", "", own)
        recipe = head + middle + "\n".join(written) + "\n" + own + mark + others
    return recipe


def test_every_dropped_document_can_be_kept(
    run: CuratedRun, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    by_threshold = run.rejects().filter(pl.col("duplicate_of").is_null()).collect()
    names = by_threshold["key"].to_list()
    assert len(names) >= 2
    for number, key in enumerate(names):
        told = story(run, key.hex(), capsys)
        assert told["fate"] == "dropped"
        lines = told["to_keep"]["recipe_lines"]
        assert lines
        folder = tmp_path / str(number)
        folder.mkdir()
        again = gristmill.curate(write_corpus(folder, recipe=changed(STEPS, lines)), workers=1)
        assert key in again.documents().select("key").collect()["key"].to_list(), told["to_keep"]


def test_every_line_is_needed(run: CuratedRun, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    told = story(run, "short", capsys)
    lines = [(step, line) for step, written in told["to_keep"]["recipe_lines"].items() for line in written]
    assert len(lines) > 1
    for number, (step, line) in enumerate(lines):
        fewer = {
            name: [one for one in written if (name, one) != (step, line)]
            for name, written in told["to_keep"]["recipe_lines"].items()
        }
        folder = tmp_path / str(number)
        folder.mkdir()
        recipe = changed(STEPS, {name: written for name, written in fewer.items() if written})
        again = gristmill.curate(write_corpus(folder, recipe=recipe), workers=1)
        assert "short" not in again.documents().select("id").collect()["id"].to_list(), line


def test_a_near_duplicate_can_be_kept(
    run: CuratedRun, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    told = story(run, "near-a", capsys)
    assert told["rule"] == "near_duplicate"
    assert told["duplicate_of"]["id"] == "near-b"
    lines = told["to_keep"]["recipe_lines"]
    again = gristmill.curate(write_corpus(tmp_path, recipe=changed(STEPS, lines)), workers=1)
    kept = again.documents().select("id").collect()["id"].to_list()
    assert {"near-a", "near-b"} <= set(kept)


def test_the_first_failing_threshold_is_the_reason_of_the_reject(
    run: CuratedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    for row in run.rejects().collect().to_dicts():
        told = story(run, str(row["doc"]), capsys)
        reasons = [(one["step"], one["rule"]) for one in told["judgements"] if one["is_reason"]]
        expected = [] if row["duplicate_of"] is not None else [(row["step"], row["rule"])]
        assert reasons == expected
    for row in run.documents().collect().to_dicts():
        outcomes = {one["outcome"] for one in story(run, str(row["doc"]), capsys)["judgements"]}
        assert "failed" not in outcomes
