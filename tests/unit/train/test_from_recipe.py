from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import LLAMA, run_folder

import gristmill.train
from gristmill.errors import GristmillError
from gristmill.loader import Mixing, Phase
from gristmill.recipe import load_recipe
from gristmill.train.config import TrainConfig
from gristmill.train.from_recipe import train_config, train_recipe
from gristmill.train.stable import with_stable_values

RECIPE = """
[run]
output = "run"

[[source]]
name = "web"
paths = ["web.jsonl"]

[[source]]
name = "books"
paths = ["books.jsonl"]
weight = 2.0

[tokens]
tokenizer = "tokenizer.json"

"""
SETTINGS = {
    "method": "full",
    "sequence_length": 64,
    "batch_tokens": 256,
    "micro_batch_tokens": 128,
    "steps": 3,
    "learning_rate": 0.01,
    "warmup_fraction": 0.5,
    "schedule": "linear",
    "min_learning_rate_fraction": 0.2,
    "optimiser": "muon",
    "weight_decay": 0.3,
    "betas": [0.8, 0.9],
    "clip_norm": 2.0,
    "precision": "fp32",
    "seed": 5,
    "seeds": 1,
    "eval_every_steps": 2,
    "patience": 3,
    "samples": ["Once upon"],
    "checkpoint_every_steps": 1,
    "keep_checkpoints": 1,
    "threads": 1,
    "allow_unproven_split": True,
    "activation_checkpointing": True,
    "sharding": "fsdp",
}


def toml_of(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml_of(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)


def written(folder: Path, train: str) -> Path:
    path = folder / "recipe.toml"
    (folder / "tokenizer.json").write_text("{}")
    path.write_text(RECIPE + train)
    return path


def test_every_key_of_the_section_reaches_the_training(tmp_path: Path) -> None:
    section = SETTINGS | {"method": "lora", "model": "models/tiny"}
    text = "[train]\n" + "".join(f"{key} = {toml_of(value)}\n" for key, value in section.items())
    text += "mixing = { temperature = 2, schedule = [{ at = 0.5, shares = { web = 1, books = 3 } }] }\n"
    text += '[train.lora]\nrank = 3\nalpha = 5.0\ndropout = 0.1\ntargets = ["q_proj"]\nrslora = true\n'
    recipe = load_recipe(written(tmp_path, text))
    found = train_config(recipe)
    assert found.model == tmp_path / "models/tiny"
    for key, value in SETTINGS.items():
        if key != "method":
            assert getattr(found, key) == (tuple(value) if isinstance(value, list) else value), key
    lora = found.lora
    assert (lora.rank, lora.alpha, lora.dropout, lora.targets, lora.rslora) == (
        3,
        5.0,
        0.1,
        ("q_proj",),
        True,
    )
    assert found.tokenizer == tmp_path / "tokenizer.json"
    assert found.weights == {"web": 1.0, "books": 2.0}
    assert Mixing.from_json(found.mixing) == Mixing(
        temperature=2.0, schedule=(Phase(at=0.5, shares={"web": 1.0, "books": 3.0}),)
    )
    assert set(type(recipe.train).model_fields) == {
        "model",
        "task",
        "method",
        "epochs",
        "tokens",
        "lora",
        "mixing",
        "average",  # excludes `patience`; below
        "callbacks",  # no setting: they change nothing, and reach the training by another way
        *SETTINGS,
    }
    averaged = load_recipe(written(tmp_path, '[train]\nmodel = "m"\nepochs = 1\naverage = 3\n'))
    assert train_config(averaged).average == 3


def test_a_recipe_is_trained_into_its_run_folder(tmp_path: Path) -> None:
    run_folder(tmp_path / "run")
    section = SETTINGS | {"model": {"config": LLAMA}, "samples": []}
    text = "[train]\n" + "".join(f"{key} = {toml_of(value)}\n" for key, value in section.items())
    result = train_recipe(written(tmp_path, text), on_event=lambda _: None)
    assert result.is_complete
    assert result.folder == tmp_path / "run/train"
    again = train_recipe(written(tmp_path, text), output=tmp_path / "run", on_event=lambda _: None)
    assert again.was_finished


def test_little_data_chooses_what_the_recipe_leaves_open(tmp_path: Path) -> None:
    run_folder(tmp_path / "base")
    section = SETTINGS | {"model": {"config": LLAMA}, "samples": [], "steps": 1}
    text = "[train]\n" + "".join(f"{key} = {toml_of(value)}\n" for key, value in section.items())
    base = train_recipe(written(tmp_path, text), output=tmp_path / "base", on_event=lambda _: None)
    run_folder(tmp_path / "run")
    text = f"""[train]
model = {str(base.model)!r}
method = "full"
sequence_length = 64
steps = 1
warmup_fraction = 0.5
threads = 1
"""
    events: list[dict[str, object]] = []
    train_recipe(written(tmp_path, text), on_event=events.append)
    chosen = [str(event["message"]) for event in events if str(event["message"]).startswith("chose ")]
    assert [line.split(":")[0] for line in chosen] == [
        "chose `batch_tokens = 576`",  # nine rows for 16 documents of 36 tokens
        "chose `learning_rate = 2e-05`",
    ]
    training = json.loads((tmp_path / "run/train/training.json").read_text())
    assert training["config"]["learning_rate"] == 2e-5
    assert training["config"]["warmup_fraction"] == 0.5
    assert set(training["config"]["chosen"]) == {"batch_tokens", "learning_rate"}


def test_large_splits_and_models_from_scratch_keep_the_defaults() -> None:
    folder = TrainConfig(model="m", method="full", epochs=1)
    scratch = TrainConfig(model=LLAMA, method="full", epochs=1)
    assert with_stable_values(folder, (), num_documents=10_000, num_tokens=10**6) is folder
    assert with_stable_values(scratch, (), num_documents=100, num_tokens=10**4) is scratch
    adapters = with_stable_values(
        TrainConfig(model="m", epochs=1), (), num_documents=100, num_tokens=100 * 1024
    )
    assert (adapters.learning_rate, adapters.batch_tokens) == (2e-4, 8 * 2048)


def test_a_recipe_without_the_section(tmp_path: Path) -> None:
    with pytest.raises(GristmillError) as error:
        train_recipe(written(tmp_path, ""), on_event=lambda _: None)
    assert error.value.code == "GM-TRAIN-014"


def test_the_package_loads_no_heavy_library_before_training_starts() -> None:
    program = "import sys, gristmill.train; print([n for n in ('torch', 'transformers', 'peft') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("absent", ["torch", "transformers", "peft"])
def test_without_the_training_packages_the_error_says_what_to_install(tmp_path: Path, absent: str) -> None:
    run_folder(tmp_path / "run")
    section = SETTINGS | {"model": {"config": LLAMA}}
    text = "[train]\n" + "".join(f"{key} = {toml_of(value)}\n" for key, value in section.items())
    program = f"""
import sys
sys.modules[{absent!r}] = None
from pathlib import Path
from gristmill.errors import GristmillError
from gristmill.loader import Mixing, Phase
from gristmill.train import train_recipe
try:
    train_recipe(Path({str(written(tmp_path, text))!r}), on_event=lambda _: None)
except GristmillError as error:
    print(error.code, error.hint)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "GM-TRAIN-013 pip install 'gristmill[train]'"


@pytest.mark.parametrize("area", ["train", "loader", "shards"])
def test_every_code_that_is_raised_has_a_page_and_every_page_is_raised(area: str) -> None:
    package = Path(gristmill.train.__file__).parents[1]
    sources = [path.read_text() for path in package.rglob("*.py") if "errors" not in path.parts]
    raised = {code for text in sources for code in re.findall(rf'"(GM-{area.upper()}-\d+)"', text)}
    assert raised == set(importlib.import_module(f"gristmill.errors.{area}").CODES)
