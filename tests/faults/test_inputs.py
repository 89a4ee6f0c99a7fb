"""Broken input ends in quarantine or in an error with a code: never a traceback, never a short success."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import zstandard
from tests.support import prose

from gristmill.curate.run import CuratedRun, curate
from gristmill.curate.verify import verify_run
from gristmill.errors import GristmillError, catalogue

RECIPE = """
[run]
output = "run"

[[source]]
name = "in"
paths = ["{name}"]
"""


def line(number: int) -> bytes:
    """Return a good record."""
    return json.dumps({"text": prose(number)}).encode() + b"\n"


def curate_file(folder: Path, name: str, content: bytes) -> CuratedRun:
    """Curate one file with the given content."""
    (folder / name).write_bytes(content)
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE.format(name=name), encoding="utf-8")
    return curate(recipe, workers=1)


def reasons(run: CuratedRun) -> list[str]:
    """Return why documents were quarantined, in input order."""
    return run.rejects().collect().sort("doc")["reason"].to_list()


def many(count: int = 400) -> bytes:
    """Return several hundred records."""
    return b"".join(line(number) for number in range(count))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_zst_is_an_error(share: float, tmp_path: Path) -> None:
    whole = zstandard.ZstdCompressor(level=3).compress(many())
    with pytest.raises(GristmillError) as caught:
        curate_file(tmp_path, "a.jsonl.zst", whole[: int(len(whole) * share)])
    assert caught.value.code == "GM-READ-003"
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_a_truncated_multi_member_gz_is_an_error(tmp_path: Path) -> None:
    members = gzip.compress(many(), mtime=0) + gzip.compress(many(), mtime=0)
    with pytest.raises(GristmillError) as caught:
        curate_file(tmp_path, "a.jsonl.gz", members[:-20])
    assert caught.value.code == "GM-READ-003"


def test_every_member_and_frame_is_read(tmp_path: Path) -> None:
    frames = zstandard.ZstdCompressor().compress(line(1)) + zstandard.ZstdCompressor().compress(line(2))
    (tmp_path / "zst").mkdir()
    assert curate_file(tmp_path / "zst", "a.jsonl.zst", frames).counts["kept"] == 2
    members = gzip.compress(line(1)) + gzip.compress(line(2)) + gzip.compress(line(3))
    (tmp_path / "gz").mkdir()
    assert curate_file(tmp_path / "gz", "a.jsonl.gz", members).counts["kept"] == 3


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b'{"text": "caf\xe9"}\n', "invalid_utf8"),
        (b'{"text": "unfinished\n', "invalid_json"),
        (b'{"body": "no text here"}\n', "missing_text"),
        (b'{"text": null}\n', "text_is_null"),
        (b'{"text": 7}\n', "text_not_a_string"),
        (b'{"text": "\\ud800"}\n', "lone_surrogate"),
        (b"[1, 2]\n", "not_an_object"),
        (b'{"text": "x", "deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "too_deep"),
        (b"[" * 100_000 + b"\n", "invalid_json"),
    ],
)
def test_a_broken_record_is_quarantined_and_its_neighbours_are_not(
    record: bytes, reason: str, tmp_path: Path
) -> None:
    run = curate_file(tmp_path, "a.jsonl", line(1) + record + line(2))
    assert reasons(run) == [reason]
    assert (run.counts["kept"], run.counts["quarantined"]) == (2, 1)
    assert verify_run(run.path).ok


def test_a_200_mb_line_is_streamed_past(tmp_path: Path) -> None:
    with (tmp_path / "a.jsonl").open("wb") as file:
        file.write(line(1) + b'{"text": "')
        for _ in range(200):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n' + line(2))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(name="a.jsonl"), encoding="utf-8")
    run = curate(recipe, workers=1)
    assert reasons(run) == ["too_large"]
    assert run.counts["kept"] == 2


def test_an_empty_file_is_seen_among_others(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_bytes(line(1))
    run = curate_file(tmp_path, "[ab].jsonl", b"ignored, the name is a pattern")
    assert run.counts["kept"] == 1
    (tmp_path / "a.jsonl").write_bytes(b"")
    run = curate(tmp_path / "recipe.toml", workers=1)
    assert reasons(run) == ["empty_file"]
    assert verify_run(run.path).ok


@pytest.mark.parametrize("content", [b"", b"\n \n\n", b'{"body": 1}\n'])
def test_an_empty_corpus_is_an_error(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(GristmillError) as caught:
        curate_file(tmp_path, "a.jsonl", content)
    assert caught.value.code == "GM-RUN-010"


def test_no_file_at_all_is_an_error(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(name="nothing-*.jsonl"), encoding="utf-8")
    with pytest.raises(GristmillError) as caught:
        curate(recipe)
    assert caught.value.code == "GM-PLAN-101"


def test_too_many_broken_records_stop_the_run(tmp_path: Path) -> None:
    with pytest.raises(GristmillError) as caught:
        curate_file(tmp_path, "a.jsonl", line(1) + b"broken\n" * 101)
    assert caught.value.code == "GM-RUN-011"
    assert "101 `read.invalid_json`" in caught.value.context


def test_every_code_raised_here_has_a_page() -> None:
    for code in ("GM-READ-003", "GM-RUN-010", "GM-RUN-011", "GM-PLAN-101"):
        assert code in catalogue()
