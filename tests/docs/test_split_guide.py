"""Every recipe in the guide to splits is one."""

from __future__ import annotations

import re
from pathlib import Path

from gristmill.recipe import parse_recipe

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "split-without-leaks.md"
SOURCE = '[[source]]\nname = "a"\npaths = ["a.jsonl"]\nid = "id"\n'


def test_the_recipes_of_the_guide_parse() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 4
    for block in blocks:
        assert parse_recipe(SOURCE + block, base=".").split.holds_out
    keys = re.findall(r"^\| .* \| `((?:group_by|parent) = [^`]*)`", text, re.MULTILINE)
    assert len(keys) == 6
    for key in keys:
        assert parse_recipe(f"{SOURCE}[split]\ntest = 0.1\n{key}\n", base=".").split.holds_out
