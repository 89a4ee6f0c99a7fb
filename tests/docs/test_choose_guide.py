"""The recipes of the guide on choosing are recipes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gristmill.recipe import parse_recipe

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "choose-a-subset.md"
BLOCKS = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
SOURCES = '[[source]]\nname = "web"\npaths = ["a"]\n[[source]]\nname = "books"\npaths = ["b"]\n'
TOKENS = '[tokens]\ntokenizer = "tokenizer.json"\n'
RULES = '[[step]]\nuse = "fineweb_quality"\n'


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_blocks_parse(number: int) -> None:
    block = BLOCKS[number]
    if "[[step]]" not in block:
        # A key of a step that the text around it names.
        block = '[[step]]\nuse = "select"\nby = "text_bytes"\nkeep = { fraction = 0.5 }\n' + block
    recipe = parse_recipe(SOURCES + RULES + block + TOKENS, base=".")
    assert recipe.choices


def test_the_guide_shows_every_step() -> None:
    used = set(re.findall(r'use = "(\w+)"', "".join(BLOCKS)))
    assert {"sample", "mix", "select"} <= used
