"""Twenty documents through every stage: counts, places, identities, proof, and the same bytes for any worker count."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from tests.support import RECIPE, documents, write_corpus

import gristmill
from gristmill.curate.run import CuratedRun, curate
from gristmill.curate.verify import verify_run
from gristmill.errors import GristmillError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> CuratedRun:
    """Return the finished run of the twenty documents."""
    return curate(write_corpus(tmp_path_factory.mktemp("curate")), workers=1)


def test_every_document_is_counted_once(run: CuratedRun) -> None:
    assert run.counts["documents_in"] == 20
    by_source = run.counts["by_source"]
    assert by_source["first"]["dropped"] == {}  # type: ignore[index]
    second = by_source["second"]  # type: ignore[index]
    assert {key: count for key, count in second["dropped"].items() if count} == {
        "exact_dedup.exact_duplicate": 1,
        "gopher_quality.min_words": 2,
        "minhash_dedup.near_duplicate": 1,
    }
    assert run.counts["kept"] == 16


def test_rejects_say_what_was_measured_and_who_stays(run: CuratedRun) -> None:
    rejects = {row["id"]: row for row in run.rejects().collect().iter_rows(named=True)}
    kept = {row["id"]: row for row in run.documents().collect().iter_rows(named=True)}
    assert (rejects["short"]["rule"], rejects["short"]["value"], rejects["short"]["threshold"]) == (
        "min_words",
        2.0,
        50.0,
    )
    assert rejects["copy-b"]["duplicate_of"] == kept["copy-a"]["key"]
    # The longer of two near duplicates survives.
    assert rejects["near-a"]["duplicate_of"] == kept["near-b"]["key"]
    assert 0.8 <= rejects["near-a"]["similarity"] < 1.0
    assert kept["near-b"]["cluster"] is not None


def test_edits_lead_back_to_what_was_read(run: CuratedRun) -> None:
    german = next(row for row in run.documents().collect().iter_rows(named=True) if row["id"] == "german")
    assert german["text"] == "Die Mühle steht am Fluss.\nSie mahlt Korn."
    edits = run.edits().collect().filter(doc=german["doc"]).iter_rows(named=True)
    restored = german["text"].encode()
    for edit in sorted(edits, key=lambda edit: -edit["sequence"]):
        start = edit["start"]
        after = edit["after"].encode()
        assert restored[start : start + len(after)] == after
        restored = restored[:start] + edit["before"].encode() + restored[start + len(after) :]
    original = next(row["text"] for row in documents() if row["id"] == "german")
    assert restored.decode() == original


def test_signals_hold_a_row_for_every_readable_document(run: CuratedRun) -> None:
    signals = run.signals().collect()
    assert signals.height == 20
    assert signals.get_column("lang").to_list().count("de") == 1
    assert signals.get_column("gopher_quality.num_words").null_count() == 0


def test_shards_are_arrow_files_with_every_kept_document(run: CuratedRun) -> None:
    seen: dict[int, int] = {}
    for split in ("train", "validation"):
        for path in sorted((run.path / "tokens" / split).glob("*.arrow")):
            with pa.memory_map(str(path)) as source:
                table = pa.ipc.open_file(source).read_all()
            assert table.schema.metadata[b"gristmill.split"] == split.encode()
            assert table.schema.field("tokens").type == pa.list_(
                pa.field("item", pa.uint16(), nullable=False)
            )
            for row in table.to_pylist():
                assert row["tokens"][-1] == 0, "the end-of-text id ends a document"
                seen[row["doc"]] = len(row["tokens"])
    kept = run.documents().collect()
    assert seen == dict(zip(kept["doc"], kept["num_tokens"], strict=True))


def test_the_proof_holds_and_notices_a_flipped_bit(run: CuratedRun, tmp_path: Path) -> None:
    report = verify_run(run.path)
    assert report.ok, report
    assert [check.name for check in report.checks] == [
        "digests",
        "conservation",
        "identity",
        "shards",
        "order",
        "survivors",
        "split",
    ]
    again = curate(write_corpus(tmp_path), workers=1)
    victim = again.path / "documents" / "part-00000.parquet"
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    assert not verify_run(again.path).ok


@pytest.mark.parametrize("workers", [2, 3])
def test_any_number_of_workers_gives_the_same_bytes(run: CuratedRun, workers: int, tmp_path: Path) -> None:
    assert curate(write_corpus(tmp_path), workers=workers).digest == run.digest


def test_a_second_run_does_nothing_and_says_so(tmp_path: Path) -> None:
    recipe = write_corpus(tmp_path)
    first = curate(recipe, workers=1)
    second = curate(recipe, workers=1)
    assert second.digest == first.digest
    assert (second.num_run, second.num_reused) == (0, first.num_run)


def test_a_changed_threshold_reads_no_document_again(tmp_path: Path) -> None:
    recipe = write_corpus(tmp_path)
    curate(recipe, workers=1)
    recipe.write_text(
        RECIPE.replace(
            'where = { lang = "en" }',
            'min_words = 1\nmin_stop_words = 0\nmin_alphabetic_word_fraction = 0.5\nwhere = { lang = "en" }',
        )
    )
    stages: list[tuple[str, str]] = []
    changed = curate(
        recipe, workers=1, on_event=lambda event: stages.append((event["stage"], event["message"]))
    )  # type: ignore[arg-type]
    assert ("map", "2 of 2 already committed") in stages
    assert changed.counts["kept"] == 17


def test_a_changed_input_is_noticed_by_its_content(tmp_path: Path) -> None:
    recipe = write_corpus(tmp_path)
    first = curate(recipe, workers=1)
    path = tmp_path / "first.jsonl"
    stat = path.stat()
    path.write_text(
        path.read_text(encoding="utf-8").replace("Number 3 ends", "Number 3 ENDS"), encoding="utf-8"
    )
    import os

    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    second = curate(recipe, workers=1)
    assert second.digest != first.digest
    assert verify_run(second.path).ok


def test_the_public_names_work(run: CuratedRun) -> None:
    # `gristmill.curate` is a subpackage and can be called.
    assert gristmill.curate(run.path.parent / "recipe.toml", workers=1).digest == run.digest
    assert json.loads((run.path / "plan.json").read_text())["fingerprint"] == run.manifest["plan"]


def test_an_unknown_executor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GristmillError) as caught:
        curate(write_corpus(tmp_path), executor="cloud")
    assert caught.value.code == "GM-RUN-004"


def test_a_where_that_nobody_meets_is_counted_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from gristmill.cli.main import main

    recipe = write_corpus(tmp_path, recipe=RECIPE.replace('lang = "en"', 'language = "en"'))
    assert main(["curate", str(recipe), "--workers", "1"]) == 0
    assert "no document meets the `where` of step `gopher_quality`" in capsys.readouterr().err
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["counts"]["in_scope"] == {"gopher_quality": 0}
