"""The split: families that must not be parted, entities, strata, time, growth, and a proof that can fail."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.splits import RECIPE, families, kept, rejected, sides, straddling, text_of, write, write_rows
from tests.support import write_tokenizer

from gristmill import _native
from gristmill.cli.main import main
from gristmill.curate import split as splitting
from gristmill.curate.run import curate
from gristmill.curate.verify import verify_run
from gristmill.errors import GristmillError

HALVES = "[split]\nvalidation = 0.2\ntest = 0.2"


def proof_of(run: object) -> Mapping[str, object]:
    """Return the proof in the manifest of a run."""
    split = cast(Mapping[str, object], run.manifest["split"])  # type: ignore[attr-defined]
    return cast(Mapping[str, object], split["proof"])


def test_families_across_sources_are_never_parted(tmp_path: Path) -> None:
    run = curate(write(tmp_path, families(120), HALVES), workers=1)
    assert straddling(run.path) == 0
    assert set(sides(run.path).values()) == {"train", "validation", "test"}
    assert proof_of(run)["pairs"] == 0
    assert proof_of(run)["indexed"] == proof_of(run)["held_out"] > 60
    by_family = defaultdict(set)
    for name, side in sides(run.path).items():
        by_family[name.split("-")[0]].add(side)
    assert all(len(found) == 1 for found in by_family.values())
    assert verify_run(run.path).ok


def test_single_documents_may_be_parted_and_the_proof_counts_the_pairs(tmp_path: Path) -> None:
    run = curate(write(tmp_path, families(60), f'{HALVES}\ngroup_by = "document"'), workers=1)
    assert proof_of(run)["pairs"] == proof_of(run)["pairs_found"] == straddling(run.path) > 20
    assert not [row for row in rejected(run.path) if row["step"] == "split"]
    assert verify_run(run.path).ok


def test_what_bands_miss_the_proof_finds_and_the_trained_side_loses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splitting, "banding", lambda _: (1, 60))
    run = curate(write(tmp_path, families(80), HALVES), workers=1)
    dropped = [row for row in rejected(run.path) if row["rule"] == "straddles"]
    assert proof_of(run)["documents_left_out"] == len(dropped) > 5
    assert all(row["value"] >= 0.8 and row["detail"].startswith("held out: ") for row in dropped)
    assert proof_of(run)["pairs"] == 0 == straddling(run.path)
    assert verify_run(run.path).ok


def test_an_entity_is_on_one_side_and_nothing_joins_nobody(tmp_path: Path) -> None:
    rows = [
        {"id": str(number), "text": text_of(number), "customer": ["", None, number % 37][min(number % 9, 2)]}
        for number in range(300)
    ]
    run = curate(write(tmp_path, rows, f'{HALVES}\ngroup_by = ["customer"]'), workers=1)
    by_customer = defaultdict(set)
    alone = Counter()
    for row in kept(run.path):
        if row.get("customer") in ("", None):
            alone[row["split"]] += 1
        else:
            by_customer[row["customer"]].add(row["split"])
    assert len(by_customer) == 37
    assert all(len(found) == 1 for found in by_customer.values())
    assert len({next(iter(found)) for found in by_customer.values()}) == 3
    assert len(alone) == 3
    assert verify_run(run.path).ok


def test_near_duplicates_and_entities_join_to_one_component(tmp_path: Path) -> None:
    # Customer 2n and 2n + 1 share a near duplicate; nothing else joins them.
    rows = []
    for pair in range(60):
        for customer, family, changed in (
            (2 * pair, 1000 + pair, 0),
            (2 * pair, 2000 + pair, 0),
            (2 * pair + 1, 2000 + pair, 3),
            (2 * pair + 1, 3000 + pair, 0),
        ):
            text = text_of(family, changed=changed)
            rows.append({"id": f"{pair}-{len(rows)}", "text": text, "customer": customer})
    run = curate(write(tmp_path, rows, f'{HALVES}\ngroup_by = ["cluster", "customer"]'), workers=1)
    by_pair = defaultdict(set)
    for name, side in sides(run.path).items():
        by_pair[name.split("-")[0]].add(side)
    assert all(len(found) == 1 for found in by_pair.values())
    assert len(set.union(*by_pair.values())) == 3
    split = cast(Mapping[str, Mapping[str, object]], run.manifest["split"])
    assert split["groups"]["groups"] == 60


def test_augmented_rows_stay_with_their_parents_over_generations(tmp_path: Path) -> None:
    rows = []
    for family in range(80):
        rows.append({"id": f"{family}-a", "text": text_of(family), "of": None})
        rows.append({"id": f"{family}-b", "text": text_of(1000 + family), "of": f"{family}-a"})
        rows.append({"id": f"{family}-c", "text": text_of(2000 + family), "of": f"{family}-b"})
    run = curate(write(tmp_path, rows, f'{HALVES}\nparent = "of"'), workers=1)
    found = sides(run.path)
    for family in range(80):
        assert len({found[f"{family}-{letter}"] for letter in "abc"}) == 1
    assert len(set(found.values())) == 3


def test_strata_hold_their_shares(tmp_path: Path) -> None:
    labels = ["common"] * 240 + ["some"] * 60 + ["rare"] * 10
    rows = [
        {"id": str(number), "text": text_of(number), "label": label} for number, label in enumerate(labels)
    ]
    run = curate(write(tmp_path, rows, f'{HALVES}\nstratify = "label"'), workers=1)
    counts = Counter((row["label"], row["split"]) for row in kept(run.path))
    for label, number in Counter(labels).items():
        for side in ("validation", "test"):
            assert counts[label, side] == number * 0.2
    split = cast(Mapping[str, Mapping[str, object]], run.manifest["split"])
    assert split["strata"] == {"mixed_groups": 0, "farthest_documents": 0.0}


def test_time_cuts_leave_an_embargo_and_purge_what_held_out_groups_reach_back_to(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": f"day{day}-{n}", "text": text_of(10 * day + n), "date": f"2024-03-{day:02}"}
        for day in range(1, 31)
        for n in range(3)
    ]
    rows += [
        {"id": "old-twin", "text": text_of(5000), "date": "2024-03-02T10:00:00Z"},
        {"id": "new-twin", "text": text_of(5000, changed=2), "date": "2024-03-30"},
        {"id": "undated", "text": text_of(5001)},
        {"id": "odd", "text": text_of(5002), "date": "soon"},
    ]
    split = """
[split]
time = { column = "date", validation_from = 2024-03-15, test_from = "2024-03-25T00:00:00+00:00", embargo = "2d" }
"""
    run = curate(write(tmp_path, rows, split), workers=1)
    found = sides(run.path)
    expected = {
        day: "train"
        if day < 13
        else None
        if day < 15
        else "validation"
        if day < 23
        else None
        if day < 25
        else "test"
        for day in range(1, 31)
    }
    for day, side in expected.items():
        assert {found.get(f"day{day}-{n}") for n in range(3)} == {side}
    assert found["new-twin"] == "test"
    reasons = {row["id"]: row["rule"] for row in rejected(run.path)}
    assert reasons.pop("old-twin") == "group_is_held_out"
    assert reasons.pop("undated") == reasons.pop("odd") == "undated"
    assert set(reasons.values()) == {"embargo"}
    assert verify_run(run.path).ok


def test_ten_percent_more_data_moves_no_row(tmp_path: Path) -> None:
    recipe = write(tmp_path, families(150), HALVES)
    before = sides(curate(recipe, workers=1, output=tmp_path / "before").path)
    # New members of old families, in every size, and new families; none joins two old ones.
    more = [{"id": f"n{n}", "text": text_of(n * 7, changed=1)} for n in range(20)] + families(10, first=900)
    write_rows(tmp_path / "two-9.jsonl", more)
    run = curate(recipe, workers=1, output=tmp_path / "after")
    after = sides(run.path)
    assert len(after) > 1.08 * len(before)
    assert {name: side for name, side in after.items() if name in before} == before
    assert straddling(run.path) == 0


def test_documents_of_an_earlier_run_stay_where_they_were(tmp_path: Path) -> None:
    rows = [
        {"id": str(number), "text": text_of(number), "customer": f"c{number}", "label": "ab"[number % 2]}
        for number in range(200)
    ]
    keys = f'{HALVES}\ngroup_by = ["cluster", "customer", "alias"]'
    recipe = write(tmp_path, rows, keys)
    before = sides(curate(recipe, workers=1, output=tmp_path / "before").path)
    test = [name for name, side in before.items() if side == "test"]
    train = [name for name, side in before.items() if side == "train"]
    # Sorts before all others, so that first documents change; each row joins two old groups by its columns.
    joins = [
        {"id": f"j{n}", "text": text_of(7000 + n), "customer": f"c{test[n]}", "alias": None} for n in range(5)
    ]
    more = [
        *joins,
        *(
            {"id": f"b{n}", "text": text_of(int(train[n]), changed=2), "customer": f"c{test[n]}"}
            for n in range(4)
        ),
        *({"id": f"n{n}", "text": text_of(8000 + n), "customer": f"new{n}"} for n in range(30)),
    ]
    write_rows(tmp_path / "one--first.jsonl", more)
    recipe.write_text(f'{RECIPE}\n{keys}\nprevious = "before"\n', encoding="utf-8")
    run = curate(recipe, workers=1, output=tmp_path / "after")
    after = sides(run.path)
    assert {name: side for name, side in after.items() if name in before} == before
    # Four of the five test groups that a `j` row joins are joined to a training group by a `b` row.
    assert {row["id"] for row in rejected(run.path)} == {"b0", "b1", "b2", "b3", "j0", "j1", "j2", "j3"}
    assert {row["rule"] for row in rejected(run.path)} == {"joins_two_sides"}
    assert after["j4"] == "test"
    split = cast(Mapping[str, Mapping[str, int]], run.manifest["split"])
    assert split["previous"]["known"] == split["previous"]["previous"] == 200
    assert split["previous"]["moved"] == 0
    assert straddling(run.path) == 0
    assert verify_run(run.path).ok


def test_strata_fill_up_beside_what_an_earlier_run_placed(tmp_path: Path) -> None:
    rows = [{"id": str(n), "text": text_of(n), "label": "ab"[n % 2]} for n in range(100)]
    keys = f'{HALVES}\nstratify = "label"'
    recipe = write(tmp_path, rows, keys)
    before = sides(curate(recipe, workers=1, output=tmp_path / "before").path)
    more = [{"id": str(n), "text": text_of(n), "label": "a"} for n in range(500, 550)]
    write_rows(tmp_path / "two-2.jsonl", more)
    recipe.write_text(f'{RECIPE}\n{keys}\nprevious = "before"\n', encoding="utf-8")
    run = curate(recipe, workers=1, output=tmp_path / "after")
    after = sides(run.path)
    assert {name: side for name, side in after.items() if name in before} == before
    counts = Counter((row["label"], row["split"]) for row in kept(run.path))
    assert (counts["a", "validation"], counts["a", "test"]) == (20, 20)
    assert (counts["b", "validation"], counts["b", "test"]) == (10, 10)


@pytest.mark.parametrize("extra", ["", 'group_by = ["cluster", "customer"]\nstratify = "label"'])
def test_the_same_bytes_for_any_workers_ranges_and_memory(
    extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{**row, "customer": n % 50, "label": n % 3} for n, row in enumerate(families(100))]
    digests = []
    for name, workers in (("a", 1), ("b", 2)):
        digests.append(curate(write(tmp_path / name, rows, f"{HALVES}\n{extra}"), workers=workers).digest)
    from gristmill.curate import plan

    monkeypatch.setattr(plan, "RANGE_BYTES", 16 << 10)
    monkeypatch.setattr(plan.Plan, "sort_memory_bytes", property(lambda _: 8 << 10))
    digests.append(curate(write(tmp_path / "c", rows, f"{HALVES}\n{extra}"), workers=1).digest)
    assert len(set(digests)) == 1


def test_a_large_group_is_verified_and_grouped_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "LARGE_DOCUMENTS", 20)
    # One row a band: whoever shares any minimum is a candidate, and a third of each text is a template.
    monkeypatch.setattr(splitting, "banding", lambda _: (100, 1))
    rows = [
        {"id": str(n), "text": text_of(1, words=40) + " " + text_of(100 + n, words=60)} for n in range(80)
    ]
    rows += [{"id": f"twin{n}", "text": str(rows[n]["text"]) + " end"} for n in range(40)]
    run = curate(write(tmp_path, rows, HALVES), workers=1)
    groups = cast(Mapping[str, Mapping[str, object]], run.manifest["split"])["groups"]
    assert groups["verified"] is True
    assert (groups["groups"], groups["largest"]) == (40, 2)
    assert straddling(run.path) == 0
    assert verify_run(run.path).ok


def test_a_placeholder_in_an_entity_column_stops_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splitting, "LARGE_DOCUMENTS", 20)
    rows = [{"id": str(n), "text": text_of(n), "customer": "unknown" if n % 3 else str(n)} for n in range(60)]
    with pytest.raises(GristmillError) as caught:
        curate(write(tmp_path, rows, f'{HALVES}\ngroup_by = ["customer"]'), workers=1)
    assert caught.value.code == "GM-SPLIT-002"
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_beyond_its_size_the_proof_is_of_a_sample_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splitting, "MAX_POSTINGS", 600)
    run = curate(write(tmp_path, families(100), HALVES), workers=1)
    proof = proof_of(run)
    assert 10 < cast(int, proof["indexed"]) < cast(int, proof["held_out"])
    assert proof["share_at_most"] == splitting.share_at_most(cast(int, proof["indexed"]))
    assert verify_run(run.path).ok


def test_an_assignment_that_was_changed_is_found_out(tmp_path: Path) -> None:
    run = curate(write(tmp_path, families(60), HALVES), workers=1)
    path = next((run.path / "documents").glob("part-*.parquet"))
    table = pq.read_table(path)
    column = table.column("split").to_pylist()
    at = column.index("train")
    column[at] = "test"
    index = table.schema.get_field_index("split")
    changed = table.set_column(index, table.schema.field("split"), pa.array(column, pa.string()))
    path.unlink()
    pq.write_table(changed, path)
    assert [check.name for check in verify_run(run.path).checks if not check.ok] == ["digests"]
    # Whoever changed it mended the manifest, too.
    manifest = json.loads((run.path / "manifest.json").read_bytes())
    num_bytes, digest = _native.digest_file(path, _native.Session())
    for file in manifest["files"]:
        if file["path"] == path.relative_to(run.path).as_posix():
            file["bytes"], file["digest"] = num_bytes, digest
    manifest["split"]["documents"]["train"] -= 1
    manifest["split"]["documents"]["test"] += 1
    (run.path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    [split] = [check for check in verify_run(run.path).checks if check.name == "split"]
    assert not split.ok
    assert "documents are on other sides than the proof is about" in split.detail


def test_a_proof_that_claims_too_much_is_found_out(tmp_path: Path) -> None:
    run = curate(write(tmp_path, families(60), f'{HALVES}\ngroup_by = "document"'), workers=1)
    manifest = json.loads((run.path / "manifest.json").read_bytes())
    manifest["split"]["proof"]["pairs"] = 0
    (run.path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    [split] = [check for check in verify_run(run.path).checks if check.name == "split"]
    assert not split.ok
    assert "pairs across sides" in split.detail


def test_dedup_before_the_split_and_salts(tmp_path: Path) -> None:
    steps = '[[step]]\nuse = "exact_dedup"\n[[step]]\nuse = "minhash_dedup"\nmin_similarity = 0.95\n'
    write_tokenizer(tmp_path / "tokenizer.json")
    tokens = '[tokens]\ntokenizer = "tokenizer.json"\n'
    rows = families(90)
    runs = {}
    for name, salt in (("a", ""), ("b", 'salt = "x"'), ("c", 'salt = "x"\nmin_similarity = 0.81')):
        recipe = write(tmp_path, rows, f"{steps}{HALVES}\n{salt}\n{tokens}")
        runs[name] = curate(recipe, workers=1, output=tmp_path / name)
        assert straddling(runs[name].path) == 0
        assert verify_run(runs[name].path).ok
        folders = sorted(path.name for path in (runs[name].path / "tokens").iterdir())
        assert folders == ["test", "train", "validation"]
    found = {name: sides(run.path) for name, run in runs.items()}
    assert found["a"] != found["b"] == found["c"]


def test_damaged_files_between_the_stages_are_refused(tmp_path: Path) -> None:
    recipe = write(tmp_path, families(40), HALVES)
    run = curate(recipe, workers=1)
    sides_file = next((run.path / "work" / "data").glob("split_assign-*"))
    content = bytearray(sides_file.read_bytes())
    content[0] ^= 3
    sides_file.write_bytes(content)
    for path in (run.path / "work" / "manifests").glob("tokenise-*"):
        path.unlink()
    with pytest.raises(GristmillError) as caught:
        curate(recipe, workers=1)
    assert caught.value.code == "GM-IO-003"


def test_inspect_report_and_explain_tell_of_the_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(splitting, "banding", lambda _: (1, 60))
    run = curate(write(tmp_path, families(40), HALVES), workers=1)
    assert main(["inspect", str(run.path)]) == 0
    shown = capsys.readouterr().out
    assert "split: train " in shown
    assert "split: left out straddles" in shown
    assert "split: proven: no pair of similarity 0.8 or more" in shown
    dropped = next(row for row in rejected(run.path) if row["rule"] == "straddles")
    assert main(["explain", "doc", str(dropped["id"]), "--run", str(run.path)]) == 0
    assert "held out: " in capsys.readouterr().out
    assert main(["report", str(run.path), "--format", "md"]) == 0
    report = (run.path / "report.md").read_text(encoding="utf-8")
    assert "## Held out" in report
    assert "no band had shown it" in report


def test_what_is_compared_is_what_cuts_left(tmp_path: Path) -> None:
    rows = [{"id": str(n), "text": f"{text_of(9999)}\n\n{text_of(n, words=30)}"} for n in range(60)]
    cut = '[[step]]\nuse = "exact_dedup"\nname = "paragraphs"\nunit = "paragraph"\n'
    recipe = write(tmp_path, rows, f"{cut}{HALVES}")
    write_rows(tmp_path / "one-3.jsonl", [])
    run = curate(recipe, workers=1)
    assert len(set(sides(run.path).values())) == 3
    groups = cast(Mapping[str, Mapping[str, object]], run.manifest["split"])["groups"]
    assert groups["grouped"] < 10
    assert verify_run(run.path).ok


def test_equal_texts_without_words_stay_together(tmp_path: Path) -> None:
    rows = [{"id": f"{text}{n}", "text": text} for text in ("!?", "---", "\u2026") for n in range(12)]
    rows += [{"id": str(n), "text": text_of(n)} for n in range(40)]
    run = curate(write(tmp_path, rows, HALVES), workers=1)
    found = sides(run.path)
    for text in ("!?", "---", "\u2026"):
        assert len({side for name, side in found.items() if name.startswith(text)}) == 1
    assert verify_run(run.path).ok


def test_with_an_index_a_cluster_stays_on_the_side_of_its_first_document(tmp_path: Path) -> None:
    steps = '[[step]]\nuse = "minhash_dedup"\n[dedup]\nindex = "../index"\n'
    first = [{"id": str(n), "text": text_of(n)} for n in range(60)]
    old = sides(curate(write(tmp_path / "first", first, f"{steps}{HALVES}"), workers=1).path)
    # A chain: b resembles the old document and goes; c resembles b only, and stays.
    second = []
    for number in range(60):
        words = text_of(number, changed=9).split()
        second.append({"id": f"{number}-b", "text": " ".join(words)})
        second.append(
            {"id": f"{number}-c", "text": " ".join([f"y{number}x{n}" for n in range(9)] + words[9:])}
        )
    run = curate(write(tmp_path / "second", second, f"{steps}{HALVES}"), workers=1)
    found = sides(run.path)
    assert sum(name.endswith("-c") for name in found) > 40
    assert not [name for name in found if name.endswith("-b")]
    joined = [row for row in kept(run.path) if row["cluster"] is not None]
    assert len(joined) > 40
    assert all(found[str(row["id"])] == old[str(row["id"]).removesuffix("-c")] for row in joined)
    assert verify_run(run.path).ok
