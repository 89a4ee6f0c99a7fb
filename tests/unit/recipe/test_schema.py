"""JSON Schema and key pages cover every key, and what is committed under docs/reference is fresh."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from gristmill.recipe import json_schema, key_pages
from gristmill.recipe.schema import SECTION_MODELS

ROOT = Path(__file__).parents[3]


def test_every_key_has_a_page_with_a_description() -> None:
    for page in key_pages().values():
        assert page.description, page.name
        assert page.type not in ("", "any value"), page.name
    assert {name.rpartition(".")[0] for name in key_pages()} >= set(SECTION_MODELS) - {"train.lora"}


def test_the_schema_refers_only_to_what_it_defines() -> None:
    schema = json_schema()
    text = json.dumps(schema)
    for part in text.split('"#/$defs/')[1:]:
        assert part.partition('"')[0] in schema["$defs"]
    assert not schema["additionalProperties"]


def test_the_reference_is_fresh() -> None:
    spec = importlib.util.spec_from_file_location("generate_reference", ROOT / "docs/generate_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", module.HELP_COLUMNS)
        patch.setenv("NO_COLOR", "1")
        for name, text in module.pages().items():
            assert (ROOT / "docs/reference" / name).read_text(encoding="utf-8") == text, (
                f"docs/reference/{name} is stale: run `make fix`"
            )
