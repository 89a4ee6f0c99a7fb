"""`clusters` on runs written by hand: what it prints, what it refuses, and clusters against plain counting."""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.cli.main import main
from gristmill.cli.side_by_side import allows_colour, side_by_side, text_width
from gristmill.curate.clusters import find_clusters, find_document, one_cluster, rows
from gristmill.report.word_differences import stretches

KEY = pa.binary(16)
STEPS = ("exact_dedup", "minhash_dedup")


@pytest.fixture(autouse=True)
def _a_terminal_of_100_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def output(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def error_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main([*arguments, "--json"]) == 2
    return str(json.loads(capsys.readouterr().out)["error"]["code"])


def with_dropped(run: Path, dropped: dict[str, int]) -> None:
    manifest = json.loads((run / "manifest.json").read_bytes())
    manifest["counts"]["by_source"]["web"]["dropped"] = dropped
    (run / "manifest.json").write_text(json.dumps(manifest))


def test_summary(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = output(["clusters", str(finished_run), "--histogram"], capsys)
    assert text.startswith("1 cluster of 2 documents: 1 kept, 1 removed\n")
    assert "removed by minhash_dedup          1" in text
    assert "web           minhash_dedup  web                 1" in text
    assert "000000000000     2     1              1       0.875  web 2    a kept text" in text
    assert "0.87 to 0.88              1  ########################################" in text
    assert "spared" not in text


def test_as_json(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(output(["clusters", str(finished_run), "--json"], capsys))
    assert (found["clusters"], found["documents"], found["kept"]) == (1, 2, 1)
    assert found["removed"] == {"minhash_dedup": 1}
    assert found["similarities"]["minhash_dedup"][87] == 1
    [cluster] = found["largest"]
    assert cluster["key"] == "00" * 16
    assert cluster["first_line"] == "a kept text"
    assert cluster["survivor"]["num_removed"] == 1


@pytest.mark.parametrize("name", ["first", "0000", "0303", "03" * 16, str(1 << 40), "same"])
def test_one_cluster_by_any_name_of_a_member(
    name: str, finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "same":
        # Two documents: one of the cluster, one of none.
        assert error_of(["clusters", str(finished_run), "--key", name], capsys) == "GM-CLUSTERS-001"
        return
    text = output(["clusters", str(finished_run), "--key", name], capsys)
    assert f"cluster {'00' * 16}: 2 documents, 1 kept, 1 removed" in text
    assert "removed by minhash_dedup, similarity 0.8750" in text
    assert "a kept text                                      | a kept text{+ again+}" in text


def test_a_document_in_no_cluster(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = output(["clusters", str(finished_run), "--key", "1"], capsys)
    assert "it was kept, and nothing was found equal or similar to it" in kept
    dropped = output(["clusters", str(finished_run), "--key", "2"], capsys)
    assert "it was dropped by gopher_quality.min_words and not compared with others" in dropped
    found = json.loads(output(["clusters", str(finished_run), "--key", "2", "--json"], capsys))
    assert found["cluster"] is None


def test_members_of_every_listed_cluster(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "a kept text{+ again+}" in output(["clusters", str(finished_run), "--show", "1"], capsys)
    found = json.loads(output(["clusters", str(finished_run), "--show", "1", "--json"], capsys))
    assert found["pairs"][0]["differences"] == [{"kept": "", "removed": " again"}]


def test_a_run_without_dedup_says_so(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_dropped(finished_run, {"gopher_quality.min_words": 1})
    assert "has no dedup step" in output(["clusters", str(finished_run)], capsys)
    assert json.loads(output(["clusters", str(finished_run), "--json"], capsys))["has_dedup"] is False


def test_a_manifest_that_counts_other_clusters(
    finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = json.loads((finished_run / "manifest.json").read_bytes())
    manifest["dedup"] = {"clusters": 3, "clustered": 9, "largest_cluster": 4, "spared": 2}
    (finished_run / "manifest.json").write_text(json.dumps(manifest))
    text = output(["clusters", str(finished_run)], capsys)
    assert "the manifest counts 3 clusters of 9 documents, the tables hold others" in text
    assert "spared" in text


def test_what_is_refused(finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(finished_run)
    for number in (["--top", "-1"], ["--show", "-1"], ["--min-size", "1"]):
        assert error_of(["clusters", run, *number], capsys) == "GM-CLUSTERS-004"
    assert error_of(["clusters", run, "--key", "nobody"], capsys) == "GM-CLI-009"
    assert error_of(["clusters", run, "--key", "0000", "--histogram"], capsys) == "GM-CLI-001"
    assert error_of(["clusters", run, "--write", str(tmp_path)], capsys) == "GM-CLUSTERS-002"
    assert (
        error_of(["clusters", run, "--write", str(tmp_path / "no" / "a.parquet")], capsys)
        == "GM-CLUSTERS-002"
    )
    assert error_of(["clusters", str(tmp_path / "absent")], capsys) == "GM-RUN-002"
    (finished_run / "rejects/part-00000.parquet").write_bytes(b"no parquet")
    assert error_of(["clusters", run], capsys) == "GM-CLUSTERS-003"


def test_an_unfinished_run_says_how_far_it_came(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "events.jsonl").write_text('{"stage": "lsh", "done": 1, "total": 2}\n')
    assert main(["clusters", str(tmp_path)]) == 2
    assert "the last stage in `events.jsonl` is `lsh`, 1 of 2 done" in capsys.readouterr().err


def test_hostile_texts_cannot_command_the_terminal(
    finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = finished_run / "rejects/part-00000.parquet"
    table = pl.read_parquet(path).with_columns(pl.lit("a \x1b[31mkept\u202e text").alias("excerpt"))
    schema = pq.read_schema(path)
    pq.write_table(table.to_arrow().cast(schema), path)
    text = output(["clusters", str(finished_run), "--key", "first"], capsys)
    assert "\\u{1B}" in text
    assert not {"\x1b", "\u202e"} & set(text)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_colour_only_on_a_terminal_that_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert allows_colour(Terminal())
    assert not allows_colour(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not allows_colour(Terminal())


def test_colours_take_no_columns() -> None:
    found = stretches("the old mill by the river", "the new mill by the river", limit=99)
    plain = side_by_side(found, heads=("a", "b"), width=40)
    painted = side_by_side(found, heads=("a", "b"), width=40, has_colour=True)
    assert "\x1b[31m[-old-]\x1b[0m" in painted[2]
    assert [
        line.replace("\x1b[31m", "").replace("\x1b[32m", "").replace("\x1b[0m", "") for line in painted
    ] == plain


ALPHABETS = ["ab c\n", "水車 村。\n", "e\u0301 \u0e01\u0e34x", "\x1b\u202e \ta", "longwordwithoutend"]


@pytest.mark.parametrize("seed", range(20))
def test_two_columns_hold_both_texts_whole(seed: int) -> None:
    chance = random.Random(seed)
    alphabet = ALPHABETS[seed % len(ALPHABETS)]
    left = "".join(chance.choice(alphabet) for _ in range(chance.randrange(160)))
    right = "".join(character for character in left if chance.random() > 0.1) + chance.choice(alphabet)
    limit = chance.choice([60, 1000])
    found = stretches(left, right, limit=limit)
    assert "".join(word for one in found for word in one.left) == left[:limit]
    assert "".join(word for one in found for word in one.right) == right[:limit]
    for one in found:
        if not one.differs and len(one.left) == len(one.right):
            assert "".join(one.left).split() == "".join(one.right).split()
    width = 43
    lines = side_by_side(found, heads=("a", "b"), width=width)
    assert all(text_width(line) <= width + 1 for line in lines)
    from gristmill.report.visible import visible

    for side, text in enumerate((left[:limit], right[:limit])):
        # Without marks, white space and line breaks, a column is its text.
        column = "".join([*line.split(" | "), ""][side] for line in lines[2:])
        for mark in ("[-", "-]", "{+", "+}", " |"):
            column = column.replace(mark, "")
        assert "".join(column.split()) == "".join("".join(visible(word) for word in text.split()).split())


def write_random_run(
    folder: Path, seed: int, *, num_clusters: int = 60
) -> tuple[Path, dict[bytes, list[dict[str, object]]]]:
    """Write tables of random clusters into many parts; return the folder and the members that each cluster has."""
    chance = random.Random(seed)
    kept: list[dict[str, object]] = []
    removed: list[dict[str, object]] = []
    truth: dict[bytes, list[dict[str, object]]] = {}
    for _ in range(num_clusters):
        # Some clusters are alike in their first bytes, so that ranges differ in size.
        keys = [
            chance.choice([b"", b"\x00\x00\x01"]) + chance.randbytes(16)
            for _ in range(chance.choice([2, 2, 3, 9, 40]))
        ]
        keys = [key[:16] for key in keys]
        cluster, num_kept = chance.choice(keys), chance.randint(1, len(keys) - 1)
        for place, key in enumerate(keys):
            common = {"doc": chance.randrange(1 << 60), "key": key, "id": None, "source": chance.choice("ab")}
            if place < num_kept:
                row: dict[str, object] = {**common, "cluster": cluster}
                kept.append(row)
            else:
                row = {**common, "step": chance.choice(STEPS), "duplicate_of": chance.choice(keys[:num_kept])}
                row |= {"similarity": chance.choice([0.8, 0.9, 0.95001, 1.0]), "shared_bands": len(keys)}
                removed.append(row)
            truth.setdefault(cluster, []).append(row)
    kept += [
        {"doc": n, "key": chance.randbytes(16), "id": "x", "source": "a", "cluster": None} for n in range(50)
    ]
    removed += [{"doc": 99 + n, "key": chance.randbytes(16), "source": "a", "step": "f"} for n in range(50)]
    schemas = {
        "documents": pa.schema(
            {"doc": pa.uint64(), "key": KEY, "id": pa.utf8(), "source": pa.utf8(), "cluster": KEY}
        ),
        "rejects": pa.schema(
            {"doc": pa.uint64(), "key": KEY, "id": pa.utf8(), "source": pa.utf8(), "step": pa.utf8()}
            | {"duplicate_of": KEY, "similarity": pa.float32(), "shared_bands": pa.uint16()}
        ),
    }
    files = []
    for name, table in (("documents", kept), ("rejects", removed)):
        chance.shuffle(table)
        (folder / name).mkdir(parents=True)
        for part in range(3):
            path = folder / name / f"part-{part:05}.parquet"
            chosen = [{column: row.get(column) for column in schemas[name].names} for row in table[part::3]]
            pq.write_table(pa.Table.from_pylist(chosen, schema=schemas[name]), path)
            files.append({"path": path.relative_to(folder).as_posix()})
    size = len(kept) + len(removed)
    dropped = {
        f"{step}.{rule}": 1 for step, rule in zip(STEPS, ("exact_duplicate", "near_duplicate"), strict=True)
    }
    manifest = {"counts": {"documents_in": size, "by_source": {"a": {"dropped": dropped}}}, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder, truth


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rows_a_range", [None, 50, 3])
def test_random_clusters_agree_with_plain_counting(
    seed: int, rows_a_range: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, truth = write_random_run(tmp_path / "run", seed)
    manifest = json.loads((run / "manifest.json").read_bytes())
    monkeypatch.setattr(rows, "FLUSH_ROWS", 7)
    monkeypatch.setattr(rows, "BATCH_ROWS", 11)
    path = tmp_path / "members.parquet"
    found = find_clusters(run, manifest, top=5, min_size=3, write=path, rows_a_range=rows_a_range)
    gone = [row for members in truth.values() for row in members if "step" in row]
    size = sum(map(len, truth.values()))
    assert (found.num_clusters, found.num_documents, found.num_kept) == (len(truth), size, size - len(gone))
    assert found.removed == Counter(row["step"] for row in gone)
    assert found.sizes == Counter(len(members) for members in truth.values())
    survivors = Counter(row["duplicate_of"] for row in gone)
    assert found.removed_a_survivor == Counter(survivors.values())
    for step, numbers in found.similarities.items():
        expected = Counter(round(100 * float(str(row["similarity"]))) for row in gone if row["step"] == step)
        assert {place: number for place, number in enumerate(numbers) if number} == expected
    source_of = {row["key"]: row["source"] for members in truth.values() for row in members}
    crossings = Counter((row["source"], source_of[row["duplicate_of"]], row["step"]) for row in gone)
    assert {
        (one.source, one.survivor_source, one.step): one.documents for one in found.crossings
    } == crossings

    order = sorted(truth, key=lambda key: (-len(truth[key]), key))[:5]
    assert [one.key for one in found.largest] == [key.hex() for key in order]
    for one, key in zip(found.largest, order, strict=True):
        members = truth[key]
        similarities = [float(str(row["similarity"])) for row in members if "step" in row]
        assert (one.size, one.kept) == (len(members), len(members) - len(similarities))
        assert one.sources == Counter(row["source"] for row in members)
        assert one.similarities == pytest.approx((min(similarities), max(similarities)), abs=1e-6)
        assert one.survivor is not None
        assert one.survivor.num_removed == max(survivors[row["key"]] for row in members)
        assert one_cluster(run, manifest, key).cluster == one

    written = pl.read_parquet(path)
    assert found.num_written == written.height
    large = {row["key"]: key for key, members in truth.items() if len(members) >= 3 for row in members}
    assert dict(written.select("key", "cluster").rows()) == large
    assert written.height == len(large)
    # Each cluster is one piece, its kept documents first.
    assert written["cluster"].rle().len() == written["cluster"].n_unique()
    assert (
        written.group_by("cluster", maintain_order=True)
        .agg("fate")["fate"]
        .list.eval(pl.element().eq(pl.element().sort()))
        .list.all()
        .all()
    )
    assert sorted(tmp_path.iterdir()) == [path, run]


def test_every_member_finds_its_cluster(tmp_path: Path) -> None:
    run, truth = write_random_run(tmp_path / "run", 3, num_clusters=8)
    manifest = json.loads((run / "manifest.json").read_bytes())
    for cluster, members in truth.items():
        for row in members:
            key = row["key"]
            assert isinstance(key, bytes)
            assert find_document(run, manifest, key.hex())["cluster"] == cluster


def test_a_survivor_of_another_run_stands_for_its_cluster(
    finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = finished_run / "documents/part-00000.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    found = json.loads(output(["clusters", str(finished_run), "--json"], capsys))
    assert (found["clusters"], found["documents"], found["kept"]) == (1, 1, 0)
    assert "is not of this run" in output(["clusters", str(finished_run), "--key", "0303"], capsys)
