"""The recipe's picture of the built-in steps is the engine's: columns, types, order and defaults."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

import gristmill
from gristmill import _native
from gristmill.curate.compile import engine_step
from gristmill.errors import GristmillError
from gristmill.recipe import BUILTIN_STEPS

TEXTS = [
    "The first sentence ends here. A second one follows, and that is all of it.",
    "- a list\n- of things\n# and a sign ...\nlorem ipsum { }",
    "",
]
KINDS = {"uint32": pa.uint32(), "float64": pa.float64(), "bool": pa.bool_()}
ENGINE_STEPS = [use for use, model in BUILTIN_STEPS.items() if not (model.is_dedup or model.is_choice)]
CONFIGURED = [use for use in ENGINE_STEPS if use != "token_statistics"]
"""Steps with a configuration of their own; the other one is told a tokenizer."""
STARTER = Path(gristmill.__file__).parent / "cli/starter/tokenizer.json"


def test_descriptions_cover_every_column() -> None:
    described = json.loads(_native.rule_columns())
    assert set(described) == set(ENGINE_STEPS)
    for use, columns in described.items():
        assert {column["name"]: column["kind"] for column in columns} == dict(BUILTIN_STEPS[use].columns)
        assert all(column["description"].endswith(".") for column in columns)


def engine_columns(use: str, config: dict[str, object]) -> pa.RecordBatch:
    steps = [{"name": use, "where": [], "use": use, "config": config}]
    texts = pa.array(TEXTS, pa.large_utf8())
    return _native.run_steps(texts, json.dumps(steps), True, None, _native.Session())[1]


@pytest.mark.parametrize("use", ENGINE_STEPS)
def test_columns_and_types(use: str) -> None:
    keys = {} if use in CONFIGURED else {"tokenizer": str(STARTER)}
    step = BUILTIN_STEPS[use].model_validate({"use": use, "name": use, **keys})
    steps = json.dumps([engine_step(step, Path())])
    found = _native.run_steps(pa.array(TEXTS, pa.large_utf8()), steps, True, None, _native.Session())[1]
    declared = {f"{use}.{name}": KINDS[kind] for name, kind in step.columns.items()}
    assert {field.name: field.type for field in found.schema} == declared
    assert found.schema.names == list(declared)


@pytest.mark.parametrize("config", [{}, {"special": "hf"}])
def test_counting_without_a_tokenizer_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(GristmillError, match="tokenizer"):
        engine_columns("token_statistics", config)


@pytest.mark.parametrize("use", CONFIGURED)
def test_the_engine_has_the_same_defaults(use: str) -> None:
    step = BUILTIN_STEPS[use].model_validate({"use": use, "name": use})
    assert engine_columns(use, {}).equals(engine_columns(use, step.computing()))
