"""Every error code that is raised anywhere has a page, and every page belongs to a code that is raised."""

from __future__ import annotations

import re
from pathlib import Path

import gristmill
from gristmill.errors import catalogue

ROOT = Path(gristmill.__file__).parent
REPOSITORY = ROOT.parents[1]
CODE = re.compile(r"\bGM-[A-Z]+-[0-9]{3}\b")
EXAMPLES = {"GM-X-001"}


def codes_in(paths: list[Path]) -> set[str]:
    return {code for path in paths for code in CODE.findall(path.read_text(encoding="utf-8"))}


def raised() -> set[str]:
    python = [path for path in ROOT.rglob("*.py") if path.parent.name != "errors"]
    return codes_in([*python, *(REPOSITORY / "rust").rglob("*.rs")]) - EXAMPLES


def test_every_code_has_a_page() -> None:
    assert raised() - set(catalogue()) == set()


def test_every_page_has_a_code_that_is_raised() -> None:
    assert set(catalogue()) - raised() == set()


def test_pages_are_written_for_readers() -> None:
    for code, page in catalogue().items():
        assert page.title[0].islower() or page.title.startswith(("`", "Parquet", "JSON", "UTF-8")), code
        assert not page.title.endswith("."), code
        assert page.explanation.endswith((".", "?")), code
        assert page.remedy, code
