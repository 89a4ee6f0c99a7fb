"""The step `token_statistics`: whose tokenizer it counts with, when it counts again, and what it says when it cannot."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gristmill
from gristmill.curate.plan import make_plan
from gristmill.curate.stages import Task, fingerprint
from gristmill.curate.token_statistics import counting_keys
from gristmill.curate.what_if import what_if
from gristmill.errors import GristmillError
from gristmill.recipe import parse_recipe
from gristmill.recipe.rules.tokens import TokenStatistics

STARTER = Path(gristmill.__file__).parent / "cli/starter/tokenizer.json"
TEXTS = ["the mill grinds the grain of the valley", "x", "", "磨坊在河边。<|endoftext|>"]
HEAD = '[run]\noutput = "run"\n[[source]]\nname = "a"\npaths = ["a.jsonl"]\n'
TOKENS = '[tokens]\ntokenizer = "one.json"\nspecial = "hf"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = (json.dumps({"text": text}) + "\n" for text in TEXTS)
    (tmp_path / "a.jsonl").write_text("".join(lines), encoding="utf-8")
    shutil.copy(STARTER, tmp_path / "one.json")
    # The same vocabulary without the last merge.
    other = json.loads(STARTER.read_text(encoding="utf-8"))
    other["model"]["merges"].pop()
    (tmp_path / "other.json").write_text(json.dumps(other), encoding="utf-8")
    return tmp_path


def step(**keys: object) -> TokenStatistics:
    return TokenStatistics.model_validate({"use": "token_statistics", "name": "t", **keys})


def recipe(folder: Path, keys: str = "", tokens: str = TOKENS) -> Path:
    path = folder / "recipe.toml"
    path.write_text(f'{HEAD}[[step]]\nuse = "token_statistics"\n{keys}{tokens}', encoding="utf-8")
    return path


def described(folder: Path, keys: str = "", tokens: str = TOKENS) -> dict[str, object]:
    plan = make_plan(parse_recipe(recipe(folder, keys, tokens).read_text(), base=folder))
    [found] = plan.steps
    assert found["config"] == {}
    return dict(found["tokenizer"])  # type: ignore[call-overload, no-any-return]


def test_the_tokenizer_is_its_own_or_that_of_the_section(folder: Path) -> None:
    section = described(folder)
    assert Path(str(section["path"])).name == "one.json"
    assert section["special"] == "hf"
    own = described(folder, 'tokenizer = "other.json"\n')
    assert Path(str(own["path"])).name == "other.json"
    assert own["special"] == "plain"
    assert own["digest"] != section["digest"]
    assert described(folder, 'special = "plain"\n')["special"] == "plain"
    assert described(folder, 'tokenizer = "one.json"\n', "")["digest"] == section["digest"]
    assert described(folder, 'special = ["<|endoftext|>"]\n')["special"] == {"allow": ["<|endoftext|>"]}


def test_keys_without_a_section() -> None:
    assert counting_keys(step(), None) == (None, "plain")
    assert counting_keys(step(tokenizer="t.json", special="hf"), None) == ("t.json", "hf")


def test_a_recipe_without_a_tokenizer_is_refused(folder: Path) -> None:
    with pytest.raises(GristmillError, match="needs a tokenizer") as caught:
        make_plan(parse_recipe(recipe(folder, tokens="").read_text(), base=folder))
    assert caught.value.code == "GM-RECIPE-015"
    with pytest.raises(GristmillError, match="no tokenizer at") as caught:
        described(folder, 'tokenizer = "missing.json"\n')
    assert caught.value.code == "GM-TOKENS-001"


def mark(folder: Path, tokens: str = TOKENS) -> tuple[str, str]:
    """Return the fingerprints of the plan and of its map task."""
    plan = make_plan(parse_recipe(recipe(folder, "", tokens).read_text(), base=folder))
    return plan.fingerprint(), fingerprint("map", Task(index=0, kind="map", spec={"steps": list(plan.steps)}))


def test_the_content_of_the_tokenizer_decides_not_its_place(folder: Path) -> None:
    first = mark(folder)
    (folder / "moved").mkdir()
    shutil.copy(folder / "one.json", folder / "moved/two.json")
    assert mark(folder, TOKENS.replace("one.json", "moved/two.json")) == first
    shutil.copy(folder / "other.json", folder / "one.json")
    changed = mark(folder)
    assert changed[0] != first[0]
    assert changed[1] != first[1]


def test_a_run_counts_what_the_shards_hold_and_what_if_answers(folder: Path) -> None:
    path = recipe(folder, "min_tokens = 2\n")
    run = gristmill.curate(path, workers=1)
    signals = pq.read_table(next((run.path / "signals").iterdir()))
    counts = signals.column("token_statistics.num_tokens").to_pylist()
    assert counts[1:3] == [1, 0]
    assert signals.column("token_statistics.tokens_per_byte").to_pylist()[2] is None
    assert signals.column("token_statistics.unknown_fraction").to_pylist() == [0.0, 0.0, None, 0.0]
    kept = pq.read_table(next((run.path / "documents").iterdir())).to_pylist()
    assert [row["text"] for row in kept] == [TEXTS[0], TEXTS[3]]
    # `num_tokens` of a kept document is with the end-of-text id.
    assert [row["num_tokens"] for row in kept] == [counts[0] + 1, counts[3] + 1]
    answer = what_if(path, ["min_tokens=1", "max_tokens_per_byte=0.9"])
    assert answer.before["a"].kept == 2
    ratios = signals.column("token_statistics.tokens_per_byte").to_pylist()
    assert ratios[1] == 1.0
    expected = [count >= 1 and ratio <= 0.9 for count, ratio in zip(counts, ratios, strict=True) if count]
    assert answer.after["a"].kept == sum(expected) == 2


def test_a_table_needs_a_tokenizer_in_the_step() -> None:
    table = pa.table({"text": ["two words", None, ""]})
    found = gristmill.signals(
        table, [{"use": "token_statistics", "tokenizer": str(STARTER), "max_tokens": 1}]
    )
    ids = gristmill.Tokenizer(STARTER).encode_batch(["two words"]).to_pylist()[0]
    assert found.column("token_statistics.num_tokens").to_pylist() == [len(ids), None, 0]
    assert found.column("token_statistics.keep").to_pylist() == [False, True, True]
    with pytest.raises(GristmillError, match="tokenizer") as caught:
        gristmill.signals(table, ["token_statistics"])
    assert caught.value.code == "GM-RECIPE-015"


def test_only_measured_columns_are_made() -> None:
    table = pa.table({"text": ["two words"]})
    rule = {"use": "token_statistics", "tokenizer": str(STARTER), "measure": ["unknown_fraction"]}
    assert gristmill.signals(table, [rule]).column_names == [
        "token_statistics.unknown_fraction",
        "token_statistics.keep",
        "token_statistics.reason",
    ]
