"""The recipe's picture of the built-in steps is the engine's: columns, types, order and defaults."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from gristmill import _native
from gristmill.recipe import BUILTIN_STEPS

TEXTS = [
    "The first sentence ends here. A second one follows, and that is all of it.",
    "- a list\n- of things\n# and a sign ...\nlorem ipsum { }",
    "",
]
KINDS = {"uint32": pa.uint32(), "float64": pa.float64(), "bool": pa.bool_()}
ENGINE_STEPS = [use for use, model in BUILTIN_STEPS.items() if not (model.is_dedup or model.is_choice)]


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
    step = BUILTIN_STEPS[use].model_validate({"use": use, "name": use})
    found = engine_columns(use, step.computing())
    declared = {f"{use}.{name}": KINDS[kind] for name, kind in step.columns.items()}
    assert {field.name: field.type for field in found.schema} == declared
    assert found.schema.names == list(declared)


@pytest.mark.parametrize("use", ENGINE_STEPS)
def test_the_engine_has_the_same_defaults(use: str) -> None:
    step = BUILTIN_STEPS[use].model_validate({"use": use, "name": use})
    assert engine_columns(use, {}).equals(engine_columns(use, step.computing()))
