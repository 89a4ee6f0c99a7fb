"""The blocks of the guide to exports that need nothing but what the tests have run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.integration.masked_run import masked_run

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "export-shards.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def block(marker: str) -> str:
    [found] = [text for text in _BLOCK.findall(GUIDE.read_text(encoding="utf-8")) if marker in text]
    return found


def test_exporting_from_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    masked_run(tmp_path / "runs/demo")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(block("gristmill.export"), names)
    done = names["done"]
    assert capsys.readouterr().out == f"52 {done.num_tokens} {done.digest}\n"  # type: ignore[attr-defined]


def test_run_lengths_become_a_mask() -> None:
    numpy = pytest.importorskip("numpy", reason="numpy is not installed")
    names: dict[str, object] = {}
    exec(block("def trained"), names)
    mask = names["trained"](numpy.array([1, 2, 0, 1], numpy.uint32))  # type: ignore[operator]
    assert mask.tolist() == [False, True, True, True]


def test_the_bash_lines_name_options_that_exist() -> None:
    from gristmill.cli.main import make_parser

    lines = re.findall(r"^gristmill (export .*)$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) == 3
    for line in lines:
        assert make_parser("export").parse_args(line.split()).run_folder == Path("runs/demo")
