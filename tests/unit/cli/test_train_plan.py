"""`gristmill train --plan`: what is printed, what JSON says, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gristmill.cli.main import main

RECIPE = """
[run]
output = "runs/one"

[[source]]
name = "web"
paths = ["web.jsonl"]

[tokens]
tokenizer = "tokenizer.json"

[train]
method = "full"
steps = 3
sequence_length = 64
batch_tokens = 128

[train.model.config]
model_type = "llama"
vocab_size = 128
hidden_size = 32
intermediate_size = 64
num_hidden_layers = 2
num_attention_heads = 2
num_key_value_heads = 1
max_position_embeddings = 64
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


def test_a_plan_says_what_the_memory_is_for(recipe, capsys) -> None:
    assert main(["train", str(recipe), "--plan", "--price-per-hour", "3"]) == 0
    out = capsys.readouterr().out
    for part in (
        "memory: a step of 128 tokens",
        "the model",
        "optimiser",
        "length: 3 steps, 384 tokens",
        "cost",
    ):
        assert part in out
    assert "activation_checkpointing = true" in out
    assert not (recipe.parent / "runs").exists()


def test_its_parts_are_its_whole_and_json_says_the_same(recipe, capsys) -> None:
    assert main(["train", str(recipe), "--plan", "--json", "--seeds", "2"]) == 0
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert sum(plan["peak"].values()) == plan["peak_bytes"]
    assert plan["steps"] == 3
    assert plan["seeds"] == 2
    assert plan["seconds"] == pytest.approx(2 * 384 / plan["tokens_per_s"])
    assert plan["fits"] is True


def test_what_does_not_fit_is_a_gate(recipe, capsys) -> None:
    assert main(["train", str(recipe), "--plan", "--memory", "100KiB"]) == 1
    assert "can be counted on" in capsys.readouterr().out


def test_a_size_that_is_none_is_a_usage_error(recipe, capsys) -> None:
    assert main(["train", str(recipe), "--plan", "--memory", "much"]) == 2
    assert "GM-CLI-001" in capsys.readouterr().err
