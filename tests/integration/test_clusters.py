"""`clusters` of a real run over families of copies, against plain counting and against what dedup says of itself."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import polars as pl
import pytest
from tests.support import prose

import gristmill
from gristmill.cli.main import main
from gristmill.curate.clusters import find_clusters, find_document, one_cluster
from gristmill.curate.run import CuratedRun

RECIPE = """
[run]
output = "run"
rejects_excerpt_characters = 100000
[[source]]
name = "web"
paths = ["web-*.jsonl"]
id = "id"
[[source]]
name = "books"
paths = ["books.jsonl"]
id = "id"
[[step]]
use = "gopher_quality"
min_stop_words = false
[[step]]
name = "equal"
use = "exact_dedup"
[[step]]
name = "similar"
use = "minhash_dedup"
"""
NUM_FAMILIES = 25


def family(number: int, chance: random.Random) -> list[str]:
    """Return a text, copies of it, and chains of copies of copies, each with some words replaced."""
    words = prose(number, words=160).split()
    texts = [" ".join(words)]
    for _ in range(chance.choice([0, 1, 1, 3, 8])):
        start = chance.choice(texts).split()
        for _ in range(chance.choice([0, 1, 2, 4])):
            start[chance.randrange(len(start))] = f"word{chance.randrange(10_000)}"
        texts.append(" ".join(start) + chance.choice(["", "", " And more of it."]))
    return texts


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> CuratedRun:
    """Return a run over shuffled families in three files of two sources; `work/` is emptied."""
    folder = tmp_path_factory.mktemp("clusters")
    chance = random.Random(5)
    texts = [text for number in range(NUM_FAMILIES) for text in family(number, chance)]
    chance.shuffle(texts)
    names = ["web-1.jsonl", "web-2.jsonl", "books.jsonl"]
    for place, name in enumerate(names):
        lines = [json.dumps({"id": f"{name}:{n}", "text": text}) for n, text in enumerate(texts[place::3])]
        (folder / name).write_text(
            "\n".join([*lines, json.dumps({"id": "short", "text": "too short"})]) + "\n"
        )
    (folder / "recipe.toml").write_text(RECIPE)
    done = gristmill.curate(folder / "recipe.toml", workers=1)
    shutil.rmtree(done.path / "work")
    return done


def brute_force(run: CuratedRun) -> dict[bytes, set[bytes]]:
    """Return the members of each cluster: components of kept documents of one cluster and removals, by hand."""
    kept = run.documents().select("key", "cluster").collect().rows()
    gone = run.rejects().select("key", "duplicate_of").collect().rows()
    clusters: dict[bytes, set[bytes]] = {}
    cluster_of = dict(kept)
    for key, cluster in kept:
        if cluster is not None:
            clusters.setdefault(cluster, set()).add(key)
    for key, survivor in gone:
        if survivor is not None:
            clusters[cluster_of[survivor]].add(key)
    return clusters


def test_clusters_are_those_that_dedup_counted(run: CuratedRun) -> None:
    truth = brute_force(run)
    found = find_clusters(run.path, run.manifest, top=1000)
    stated = run.manifest["dedup"]
    assert found.agrees_with_manifest
    assert found.num_clusters == len(truth) == stated["clusters"] > 10  # type: ignore[index]
    assert found.num_documents == sum(map(len, truth.values())) == stated["clustered"]  # type: ignore[index]
    assert found.removed == {"equal": stated["exact_removed"], "similar": stated["near_removed"]}  # type: ignore[index]
    assert found.size_of_largest == stated["largest_cluster"]  # type: ignore[index]
    assert {bytes.fromhex(one.key): one.size for one in found.largest} == {
        key: len(members) for key, members in truth.items()
    }
    assert any(one.kept > 1 for one in found.largest), "no chain: the corpus tests too little"
    for one in found.largest:
        assert one.size == one.kept + sum(one.removed.values()) == sum(one.sources.values())


def test_the_key_of_a_cluster_is_its_first_document(run: CuratedRun) -> None:
    docs = pl.concat([table.select("key", "doc").collect() for table in (run.documents(), run.rejects())])
    doc_of = dict(docs.rows())
    for cluster, members in brute_force(run).items():
        assert cluster == min(members, key=lambda key: doc_of[key])


def test_every_member_is_written_once(run: CuratedRun, tmp_path: Path) -> None:
    path = tmp_path / "members.parquet"
    assert main(["clusters", str(run.path), "--write", str(path), "-q"]) == 0
    table = pl.read_parquet(path)
    expected = {(cluster, key) for cluster, members in brute_force(run).items() for key in members}
    assert table["key"].is_unique().all()
    assert set(table.select("cluster", "key").rows()) == expected
    rejects = run.rejects().filter(pl.col("duplicate_of").is_not_null()).collect()
    columns = ["key", "id", "source", "step", "duplicate_of", "similarity"]
    removed = table.filter(fate="removed").select(columns).sort("key")
    assert removed.rows() == rejects.select(columns).sort("key").rows()
    kept = table.filter(fate="kept")
    assert kept["step"].null_count() == kept["similarity"].null_count() == kept.height
    assert path.stat().st_size > 0


def test_members_and_names_lead_to_the_same_cluster(run: CuratedRun) -> None:
    for cluster, members in brute_force(run).items():
        whole = one_cluster(run.path, run.manifest, cluster)
        assert sorted(member.key for member in whole.members) == sorted(key.hex() for key in members)
        for member in whole.members[:2]:
            assert member.id is not None
            assert find_document(run.path, run.manifest, member.id)["cluster"] == cluster
    fates = [member.fate for member in whole.members]
    assert fates == sorted(fates)


def test_the_command(
    run: CuratedRun, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["clusters", str(run.path), "--histogram", "--min-size", "3"]) == 0
    text = capsys.readouterr().out
    assert "removed by equal" in text
    assert "pairs compared on their texts" in text
    stated = run.manifest["dedup"]["spared"]  # type: ignore[index]
    assert f"spared {stated}".split() in [line.split()[:2] for line in text.splitlines()]
    found = find_clusters(run.path, run.manifest)
    largest = found.largest[0]
    assert main(["clusters", str(run.path), "--key", largest.key, "--show", "20", "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    documents = {row["key"].hex(): row["text"] for row in run.documents().collect().to_dicts()}
    rejects = {row["key"].hex(): row["excerpt"] for row in run.rejects().collect().to_dicts()}
    assert one["pairs"]
    for pair in one["pairs"]:
        # What differs is in the one text and, as long as it is more than spaces, not there in the other.
        kept, removed = documents[pair["kept"]["key"]], rejects[pair["removed"]["key"]]
        assert pair["is_whole"] == [True, True]
        assert bool(pair["differences"]) == (kept.split() != removed.split())
        for difference in pair["differences"]:
            assert difference["kept"] in kept
            assert difference["removed"] in removed


def test_a_run_without_duplicates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.dumps({"id": str(n), "text": prose(n)}) for n in range(4)]
    for name in ("web-1.jsonl", "books.jsonl"):
        (tmp_path / name).write_text("\n".join(lines[:2] if name == "books.jsonl" else lines[2:]) + "\n")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    done = gristmill.curate(tmp_path / "recipe.toml", workers=1)
    assert main(["clusters", str(done.path), "--histogram"]) == 0
    text = capsys.readouterr().out
    assert "no two documents that reached dedup were found equal or similar" in text
    assert "no removal has a similarity" in text
