"""Deliveries one after the other, each checked against what the earlier ones kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from tests.deliveries import RECIPE, families, three_deliveries, write_delivery

import gristmill
from gristmill.cli.main import main
from gristmill.curate.dedup_index import read_segments
from gristmill.curate.plan import make_plan
from gristmill.curate.run import CuratedRun, curate, dry_run
from gristmill.curate.verify import verify_run
from gristmill.errors import GristmillError
from gristmill.recipe import load_recipe


def kept_rows(run: CuratedRun) -> list[dict[str, object]]:
    return run.documents().collect().select("key", "id", "text", "cluster").to_dicts()


def removed_rows(run: CuratedRun) -> list[dict[str, object]]:
    return run.rejects().filter(pl.col("duplicate_of").is_not_null()).collect().to_dicts()


def failing(code: str, recipe: Path) -> GristmillError:
    with pytest.raises(GristmillError) as caught:
        curate(recipe, workers=1)
    assert caught.value.code == code
    return caught.value


@pytest.mark.parametrize("seed", range(4))
def test_what_goes_duplicates_what_stays_and_what_stays_is_not_alike(seed: int, tmp_path: Path) -> None:
    recipes = three_deliveries(tmp_path, seed)
    runs = [curate(recipe, workers=1 + seed % 2) for recipe in recipes]
    texts = {row["id"]: row["text"] for recipe in recipes for row in read_input(recipe)}
    kept: dict[object, dict[str, object]] = {}
    num_across = 0
    for number, run in enumerate(runs, start=1):
        assert verify_run(run.path).ok
        own = {row["key"]: row for row in kept_rows(run)}
        earlier, kept = kept, {**kept, **own}
        for row in removed_rows(run):
            stayed = kept[row["duplicate_of"]]
            if row["rule"] == "exact_duplicate" and row["similarity"] == 1:
                assert texts[row["id"]] == stayed["text"]
            else:
                assert similarity(texts[row["id"]], str(stayed["text"])) == pytest.approx(row["similarity"])
                assert row["similarity"] >= 0.6
            if row["duplicate_of"] in earlier:
                num_across += 1
                segment = ("spring", "summer").index(str(stayed["id"]).partition("-")[0]) + 1
                assert row["detail"] == (
                    f"kept by an earlier run: segment {segment}, source `web`, id `{stayed['id']}`"
                )
            else:
                assert row["detail"] is None
        segment = read_segments(tmp_path / "index")[number - 1]
        assert segment.num_documents == len(own)
    assert num_across > 10
    # All that was kept, in one table: nothing that shares a band is similar enough.
    table = pl.DataFrame({"text": [row["text"] for row in kept.values()]})
    found = pl.DataFrame(
        gristmill.near_duplicates(table, bands=20, rows=3, shingle_words=3, min_similarity=0.6)
    )
    owners = [str(row["id"]).partition("-")[0] for row in kept.values()]
    for row, duplicate_of in enumerate(found["duplicate_of"]):
        assert duplicate_of is None or owners[row] == owners[duplicate_of]


def read_input(recipe: Path) -> list[dict[str, object]]:
    return [
        json.loads(line)
        for path in sorted(recipe.parent.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def similarity(left: str, right: str) -> float:
    """Return the Jaccard similarity of the sets of 3-grams of words."""
    sets = []
    for text in (left, right):
        words = text.lower().split()
        sets.append({tuple(words[at : at + 3]) for at in range(max(1, len(words) - 2))})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def test_exact_duplicates_go_as_in_one_run_over_all(tmp_path: Path) -> None:
    head, _, rest = RECIPE.partition('[[step]]\nuse = "minhash_dedup"')
    recipe = head + "[dedup]" + rest.partition("[dedup]")[2]
    recipes = three_deliveries(tmp_path, 7, recipe=recipe)
    kept = [row["text"] for path in recipes for row in kept_rows(curate(path, workers=1))]
    texts = [str(row["text"]) for path in recipes for row in read_input(path)]
    whole = write_delivery(tmp_path, "whole", texts, recipe=recipe.partition("[dedup]")[0])
    assert kept == [row["text"] for row in kept_rows(curate(whole, workers=1))]


def test_the_same_command_gives_the_same_bytes_whatever_was_added_since(tmp_path: Path) -> None:
    recipes = three_deliveries(tmp_path, 3)
    first = curate(recipes[0], workers=1)
    again = curate(recipes[0], workers=2)
    assert (again.digest, again.num_run) == (first.digest, 0)
    assert len(read_segments(tmp_path / "index")) == 1
    digests = [first.digest, *(curate(recipe, workers=1).digest for recipe in recipes[1:])]
    manifests = [segment.digest for segment in read_segments(tmp_path / "index")]
    assert len(manifests) == 3
    for recipe, digest in zip(recipes, digests, strict=True):
        shutil.rmtree(recipe.parent / "run")
        assert curate(recipe, workers=2).digest == digest
    assert [segment.digest for segment in read_segments(tmp_path / "index")] == manifests
    # What does not decide what is kept: another seed keeps the segment.
    text = recipes[1].read_text(encoding="utf-8")
    recipes[1].write_text(
        text.replace("[run]", "[run]\nseed = 5") + "[split]\nvalidation = 0.5\n", encoding="utf-8"
    )
    assert verify_run(curate(recipes[1], workers=1).path).ok
    assert [segment.digest for segment in read_segments(tmp_path / "index")] == manifests


def test_a_run_that_was_stopped_takes_up_what_was_added_meanwhile(tmp_path: Path) -> None:
    recipes = three_deliveries(tmp_path, 4)
    curate(recipes[0], workers=1)
    reused: dict[str, int] = {}

    def stop(event: dict[str, object]) -> None:
        if event["stage"] == "tokenise":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        curate(recipes[1], workers=1, on_event=stop)  # type: ignore[arg-type]
    curate(recipes[2], workers=1)

    def count(event: dict[str, object]) -> None:
        if str(event["message"]).endswith("already committed"):
            reused[str(event["stage"])] = int(str(event["message"]).split()[0])

    run = curate(recipes[1], workers=1, on_event=count)  # type: ignore[arg-type]
    # The new segment is checked; the old one, and all before dedup, is used again.
    assert reused.keys() == {"map", "decide", "check"}
    assert run.manifest["index"]["number"] == 3  # type: ignore[index]
    assert verify_run(run.path).ok
    assert len(read_segments(tmp_path / "index")) == 3


def test_the_second_of_two_runs_is_told_to_run_again(tmp_path: Path) -> None:
    recipes = three_deliveries(tmp_path, 5)

    def other(event: dict[str, object]) -> None:
        if event["stage"] == "segment" and not (recipes[1].parent / "run").exists():
            curate(recipes[1], workers=1)

    with pytest.raises(GristmillError) as caught:
        curate(recipes[0], workers=1, on_event=other)  # type: ignore[arg-type]
    assert caught.value.code == "GM-INDEX-002"
    assert not (recipes[0].parent / "run" / "manifest.json").exists()
    [segment] = read_segments(tmp_path / "index")
    named = {str(file["file"]) for part in segment.parts for file in part["files"].values()}  # type: ignore[attr-defined]
    assert {path.name for path in segment.path.iterdir()} == {*named, "manifest.json"}
    run = curate(recipes[0], workers=1)
    assert run.manifest["index"]["number"] == 2  # type: ignore[index]
    assert verify_run(run.path).ok


def test_another_configuration_is_refused_and_another_threshold_is_not(tmp_path: Path) -> None:
    recipes = three_deliveries(tmp_path, 6)
    curate(recipes[0], workers=1)
    for old, new in [("rows = 3", "rows = 4"), ('use = "exact_dedup"', 'use = "c4_quality"')]:
        changed = tmp_path / "changed"
        shutil.copytree(recipes[1].parent, changed)
        text = RECIPE.replace(old, new)
        (changed / "recipe.toml").write_text(text, encoding="utf-8")
        error = failing("GM-INDEX-001", changed / "recipe.toml")
        said = "minhash_dedup: `rows` is 3 in the index, 4 in the recipe"
        assert error.context == (
            (said,) if "rows" in new else ("`exact_dedup` is in the index, not in the recipe",)
        )
        # Before any data is read, too.
        with pytest.raises(GristmillError) as caught:
            make_plan(load_recipe(changed / "recipe.toml"))
        assert caught.value.context == error.context
        shutil.rmtree(changed)
    text = recipes[1].read_text(encoding="utf-8")
    recipes[1].write_text(text.replace("0.6", "0.7"), encoding="utf-8")
    assert verify_run(curate(recipes[1], workers=1).path).ok


def test_the_same_files_with_other_thresholds_are_refused(tmp_path: Path) -> None:
    recipes = three_deliveries(tmp_path, 8)
    for recipe in recipes[:2]:
        curate(recipe, workers=1)
    text = recipes[0].read_text(encoding="utf-8")
    recipes[0].write_text(text.replace("min_words = 5", "min_words = 40"), encoding="utf-8")
    error = failing("GM-INDEX-004", recipes[0])
    assert "`segment-000001`, `segment-000002`" in str(error.hint)
    recipes[0].write_text(text, encoding="utf-8")
    assert curate(recipes[0], workers=1).num_run == 0


@pytest.mark.parametrize("kind", ["bands", "exact", "index", "groups", "ids", "id_ends"])
def test_a_damaged_file_of_keys_is_found_before_it_is_used(kind: str, tmp_path: Path) -> None:
    recipes = three_deliveries(tmp_path, 9)
    curate(recipes[0], workers=1)
    [path] = (tmp_path / "index" / "segment-000001").glob(f"{kind}-00000-*.bin")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.unlink()
    path.write_bytes(content)
    assert kind in str(failing("GM-INDEX-003", recipes[1]))
    path.write_bytes(content[:-1])
    failing("GM-INDEX-003", recipes[1])
    path.unlink()
    failing("GM-INDEX-003", recipes[1])


def test_damaged_texts_and_manifests_are_found(tmp_path: Path) -> None:
    recipes = three_deliveries(tmp_path, 10)
    for recipe in recipes[:2]:
        curate(recipe, workers=1)
    first = tmp_path / "index" / "segment-000001"
    [path] = first.glob("text-00000-*.bin")
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content.replace(b"the", b"teh"))
    failing("GM-INDEX-003", recipes[2])
    path.write_bytes(content)
    manifest = first / "manifest.json"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[: len(whole) // 2])
    failing("GM-INDEX-003", recipes[2])
    # Another manifest in its place: the next segment was written behind the first one.
    manifest.write_bytes(whole.replace(b'"min_similarity": 0.6', b'"min_similarity": 0.5'))
    failing("GM-INDEX-003", recipes[2])
    manifest.write_bytes(whole)
    assert verify_run(curate(recipes[2], workers=1).path).ok


def test_gc_leaves_the_index_alone(tmp_path: Path) -> None:
    recipes = three_deliveries(tmp_path, 11)
    curate(recipes[0], workers=1)
    assert main(["gc", str(recipes[0].parent / "run"), "--all", "--quiet"]) == 0
    assert verify_run(curate(recipes[1], workers=1).path).ok


def test_commands_know_documents_of_earlier_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipes = three_deliveries(tmp_path, 12)
    curate(recipes[0], workers=1)
    run = curate(recipes[1], workers=1)
    row = next(row for row in removed_rows(run) if row["detail"] is not None)
    key = bytes(row["duplicate_of"]).hex()  # type: ignore[arg-type]

    assert main(["explain", "doc", str(row["id"]), "--run", str(run.path)]) == 0
    shown = capsys.readouterr().out
    assert key in shown
    assert str(row["detail"]) in shown
    assert main(["clusters", str(run.path), "--key", str(row["id"])]) == 0
    assert key[:12] in capsys.readouterr().out
    assert main(["clusters", str(run.path), "--histogram", "--show", "2"]) == 0
    shown = capsys.readouterr().out
    assert "(another run)" in shown
    assert "gristmill verify" not in shown
    assert main(["report", str(run.path), "--format", "md"]) == 0
    assert main(["verify", str(run.path)]) == 0
    assert "name one of an earlier run, in the index" in capsys.readouterr().out

    assert main(["inspect", str(tmp_path / "index"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [segment["number"] for segment in found["segments"]] == [1, 2]
    assert found["documents"] == sum(segment["documents"] for segment in found["segments"])
    assert main(["inspect", str(tmp_path / "index")]) == 0
    assert "segment 2: " in capsys.readouterr().out
    assert main(["plan", str(recipes[2])]) == 0
    shown = capsys.readouterr().out
    assert "2 segments" in shown
    assert "check 2" in shown
    assert main(["what-if", str(recipes[1]), "--set", "gopher_quality.min_words=20"]) == 0
    assert "an index of earlier runs" in capsys.readouterr().out

    # Without the index the run can still be proven, and says what it could not look at.
    (tmp_path / "index").rename(tmp_path / "moved")
    report = verify_run(run.path)
    assert report.ok
    assert any("was not checked" in check.detail for check in report.checks)


def test_a_dry_run_looks_at_the_index_and_adds_nothing(tmp_path: Path) -> None:
    recipes = three_deliveries(tmp_path, 14)
    curate(recipes[0], workers=1)
    outlook = dry_run(recipes[1], workers=1)
    assert len(read_segments(tmp_path / "index")) == 1
    run = curate(recipes[1], workers=1)
    removed = removed_rows(run)
    assert any(row["detail"] is not None for row in removed)
    source = outlook.by_source["web"]
    assert source.exact + source.near == len(removed)


def test_without_verification_whatever_shares_a_bucket_with_an_earlier_document_goes(tmp_path: Path) -> None:
    recipes = three_deliveries(tmp_path, 15, recipe=RECIPE.replace("min_similarity = 0.6", "verify = false"))
    first, second = (curate(recipe, workers=1) for recipe in recipes[:2])
    assert verify_run(second.path).ok
    near = [row for row in removed_rows(second) if row["rule"] == "near_duplicate" and row["detail"]]
    assert near
    assert all(row["similarity"] is None for row in near)
    assert {row["duplicate_of"] for row in near} <= {row["key"] for row in kept_rows(first)}


def test_an_index_needs_a_dedup_step(tmp_path: Path) -> None:
    recipe = RECIPE.partition('[[step]]\nuse = "exact_dedup"')[0] + '[dedup]\nindex = "../index"\n'
    failing("GM-INDEX-005", write_delivery(tmp_path, "one", families(1), recipe=recipe))


def test_a_delivery_that_holds_nothing_new_keeps_nothing(tmp_path: Path) -> None:
    recipes = three_deliveries(tmp_path, 13)
    curate(recipes[0], workers=1)
    texts = [str(row["text"]) for row in read_input(recipes[0])]
    run = curate(write_delivery(tmp_path, "again", texts), workers=1)
    assert run.counts["kept"] == 0
    assert verify_run(run.path).ok
    # An empty segment is a segment: the next run is checked against it as well.
    assert read_segments(tmp_path / "index")[1].num_documents == 0
    assert verify_run(curate(recipes[1], workers=1).path).ok
