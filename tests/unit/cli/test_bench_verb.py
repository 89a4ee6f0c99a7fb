"""`gristmill bench` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gristmill.cli.main import main

QUICK = ["--seconds", "0.1", "--rounds", "1", "--max-bytes", "50kB", "--no-rivals", "--stage", "clean"]


def test_a_table_a_picture_and_a_comparison(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept, picture = tmp_path / "old.json", tmp_path / "bench.svg"
    assert main(["bench", *QUICK, "--keep", str(kept), "--picture", str(picture)]) == 0
    text = capsys.readouterr().out
    assert "MB/s a core" in text
    assert "clean" in text
    assert picture.read_text(encoding="utf-8").startswith("<svg ")
    assert main(["bench", *QUICK, "--compare", str(kept)]) == 0
    assert "times as fast" in capsys.readouterr().out
    html = tmp_path / "bench.html"
    assert main(["bench", *QUICK, "--compare", str(kept), "--picture", str(html), "--json"]) == 0
    streams = capsys.readouterr()
    found = json.loads(streams.out)
    assert streams.err == ""
    assert [change["name"] for change in found["changes"]] == ["clean, gristmill"]
    assert {one["name"] for one in found["measured"]} == {"gristmill"}
    assert found["pipelines"] == []
    assert html.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--picture", "a.png"], "GM-CLI-001"),
        (["--compare", "no/such/file"], "GM-BENCH-002"),
        (["--max-bytes", "much"], "GM-CLI-001"),
        (["--stage", "fly"], "GM-BENCH-004"),
        (["--tokenizer", "no/such/file"], "GM-TOKENS-001"),
        (["--recipe", "no/such/recipe.toml"], "GM-RECIPE-001"),
    ],
)
def test_what_it_refuses(options: list[str], code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *options]) == 2
    assert f"code: {code}" in capsys.readouterr().err
