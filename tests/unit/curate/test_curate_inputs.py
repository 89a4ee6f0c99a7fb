"""Which files a recipe reads, under which names, in which partitions."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.curate.inputs import InputFile, find_files, make_partitions
from gristmill.errors import GristmillError


def names(found: list[InputFile]) -> list[str]:
    return [file.relative_path for file in found]


def find(base: Path, *patterns: str) -> list[InputFile]:
    return find_files("s", patterns, base=base, source=0, first_ordinal=5)


def test_names_start_below_the_fixed_part_so_moving_a_corpus_changes_none(tmp_path: Path) -> None:
    for folder in ("here/corpus/a", "there/deep/corpus/a"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "x.jsonl").touch()
    here = find(tmp_path, "here/corpus/*/*.jsonl")
    there = find(tmp_path, "there/deep/corpus/*/*.jsonl")
    assert names(here) == names(there) == ["a/x.jsonl"]
    assert [file.ordinal for file in here] == [5]


def test_patterns_keep_their_order_and_names_within_one_are_sorted(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "z.parquet"):
        (tmp_path / name).touch()
    assert names(find(tmp_path, "*.parquet", "*.jsonl", "a.jsonl")) == ["z.parquet", "a.jsonl", "b.jsonl"]


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.jsonl").touch()
    with pytest.raises(GristmillError) as caught:
        find(tmp_path, "one/*.jsonl", "two/*.jsonl")
    assert caught.value.code == "GM-PLAN-102"


def test_a_pattern_without_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(GristmillError) as caught:
        find(tmp_path, "*.jsonl")
    assert caught.value.code == "GM-PLAN-101"


def test_names_that_the_readers_know(tmp_path: Path) -> None:
    lines = [name + end for name in ("a.jsonl", "B.NDJSON", "c.json") for end in ("", ".gz", ".ZST", ".zstd")]
    for name in (*lines, "d.Parquet"):
        (tmp_path / name).touch()
    assert names(find(tmp_path, "*")) == sorted((*lines, "d.Parquet"))


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.parquet.gz", "a.gz", "jsonl", "a.jsonl.bz2"])
def test_a_name_that_tells_no_format_is_refused_unless_the_source_does(tmp_path: Path, name: str) -> None:
    for file in ("a.jsonl", name):
        (tmp_path / file).touch()
    with pytest.raises(GristmillError) as caught:
        find(tmp_path, "*")
    assert caught.value.code == "GM-PLAN-106"
    assert f"`{name}`" in caught.value.message
    assert 'set `format = "jsonl"`' in str(caught.value.hint)
    found = find_files("s", [name], base=tmp_path, source=0, first_ordinal=0, format="jsonl")
    assert names(found) == [name]


def test_partitions_never_mix_sources_or_cut_files() -> None:
    files = [
        InputFile(ordinal=n, source=source, path=Path("f"), relative_path=str(n), num_bytes=size)
        for n, (source, size) in enumerate([(0, 10), (0, 10), (1, 10), (1, 500), (1, 10)])
    ]
    parts = make_partitions(files, partition_bytes=100)
    assert [[file.ordinal for file in part.files] for part in parts] == [[0, 1], [2], [3], [4]]
    assert [part.index for part in parts] == [0, 1, 2, 3]
