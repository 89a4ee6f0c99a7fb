"""Lines and paragraphs that stand twice, and what a Bloom filter has seen: cut out of texts, counted and told."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from gristmill.cli.main import main
from gristmill.curate import plan as planning
from gristmill.curate.run import CuratedRun, curate
from gristmill.curate.verify import verify_run
from gristmill.errors import GristmillError
from gristmill.recipe import parse_recipe

HEAD = """
[run]
output = "run"
[[source]]
name = "first"
paths = ["first-*.jsonl"]
id = "id"
[[source]]
name = "second"
paths = ["second.jsonl"]
id = "id"
"""
MENU = "Home | Products | About us | Contact | Imprint"
NOTICE = "This page is the property of its owner. All rights reserved."


def texts() -> dict[str, list[str]]:
    """Return texts by file: a menu and a notice on most pages, pages of nothing else, lines in other spellings."""
    draw = random.Random(3)
    words = [f"word{number}" for number in range(400)]

    def sentence() -> str:
        return " ".join(draw.choice(words) for _ in range(12)).capitalize() + "."

    pages = []
    for number in range(24):
        parts = [sentence() for _ in range(draw.randrange(1, 4))]
        if number % 3:
            parts.insert(0, MENU if number % 2 else MENU.replace(" ", "  ").upper())
        if number % 4 == 1:
            parts.append(NOTICE)
        pages.append(draw.choice(["\n", "\n\n", "\n \n"]).join(parts) + draw.choice(["", "\n"]))
    pages[9] = f"{MENU}\n\n{NOTICE}\n"
    pages[17] = f"{NOTICE}\n}}\n"
    pages[20] = "}\n\n}\n" + pages[3]
    return {"first-0": pages[:7], "first-1": pages[7:12], "second": pages[12:]}


def write(folder: Path, steps: str, run: str = "") -> Path:
    """Write the pages and a recipe."""
    for name, pages in texts().items():
        rows = ({"id": f"{name}-{number}", "text": page} for number, page in enumerate(pages))
        (folder / f"{name}.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8"
        )
    recipe = folder / "recipe.toml"
    recipe.write_text(HEAD.replace("[run]", f"[run]\n{run}") + steps, encoding="utf-8")
    return recipe


def compared(line: str, normalise: str) -> str:
    """Return what of a line is compared."""
    if normalise == "none":
        return line
    if normalise in ("words", "case"):
        line = re.sub(r"[^\w\s]|_", "", line.lower())
    if normalise == "words":
        line = re.sub(r"\d", "0", line)
    return " ".join(line.split())


def without_copies(pages: Sequence[str], normalise: str, least: int) -> list[str]:
    """Return the pages without lines that stood before, in the plainest way there is."""
    seen: set[str] = set()
    left = []
    for page in pages:
        kept: list[str] = []
        removed = removed_since_full = False
        for line in page.split("\n"):
            key = compared(line, normalise)
            if line.strip() and len(key.strip()) >= least:
                if key in seen:
                    removed = removed_since_full = True
                    continue
                seen.add(key)
            if not line.strip() and removed and (not kept or not kept[-1].strip()):
                continue
            removed = False
            removed_since_full = removed_since_full and not line.strip()
            kept.append(line)
        if removed_since_full:
            while kept and not kept[-1].strip():
                kept.pop()
            if kept and page.endswith("\n"):
                kept.append("")
        left.append("\n".join(kept))
    return left


def step(normalise: str = "none", more: str = "") -> str:
    """Return a step that removes lines."""
    return (
        f'[[step]]\nuse = "exact_dedup"\nname = "lines"\nunit = "line"\nnormalise = "{normalise}"\n'
        f"min_characters = 5\n{more}\n"
    )


def rows(run: CuratedRun, table: str) -> list[dict[str, object]]:
    """Return a table of a run."""
    return list(getattr(run, table)().collect().iter_rows(named=True))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> CuratedRun:
    """Return a run that cuts lines and then compares documents."""
    steps = (
        step("words") + '[[step]]\nuse = "exact_dedup"\n[[step]]\nuse = "minhash_dedup"\nsurvivor = "first"\n'
    )
    return curate(write(tmp_path_factory.mktemp("cuts"), steps), workers=1)


@pytest.mark.parametrize("normalise", ["none", "whitespace", "words"])
def test_lines_that_stood_before_are_gone(normalise: str, tmp_path: Path) -> None:
    run = curate(write(tmp_path, step(normalise)), workers=1)
    pages = [page for name in texts().values() for page in name]
    expected = without_copies(pages, normalise, 5)
    assert expected != pages
    found = [row["text"] for row in rows(run, "documents")]
    assert found == [page for page in expected if page.strip()]
    dropped = {row["id"]: (row["step"], row["rule"], row["value"]) for row in rows(run, "rejects")}
    assert len(dropped) == len(pages) - len(found)
    assert set(dropped.values()) == {("lines", "nothing_left", 0.0)}
    assert verify_run(run.path).ok
    [counted] = cast(list[Mapping[str, Mapping[str, Any]]], run.manifest["cuts"])
    assert counted["cut"]["nothing_left"] == len(dropped)
    assert counted["cut"]["spans"] == len(rows(run, "edits"))
    assert counted["found"]["copies"]["hash_collisions"] == 0


def test_edits_lead_back_to_what_was_read(run: CuratedRun) -> None:
    pages = {f"{name}-{number}": page for name, pages in texts().items() for number, page in enumerate(pages)}
    edits = rows(run, "edits")
    for document in rows(run, "documents"):
        restored = cast(str, document["text"])
        own = [edit for edit in edits if edit["doc"] == document["doc"]]
        for edit in sorted(own, key=lambda edit: cast(int, edit["sequence"])):
            assert (edit["step"], edit["after"]) == ("lines", "")
            start = cast(int, edit["start"])
            restored = restored[:start] + cast(str, edit["before"]) + restored[start:]
        assert restored == pages[cast(str, document["id"])]


def test_edits_of_steps_before_and_of_the_cut_stand_together(tmp_path: Path) -> None:
    run = curate(write(tmp_path, '[[step]]\nuse = "clean"\n' + step()), workers=1)
    docs = [cast(int, row["doc"]) for row in rows(run, "edits")]
    assert docs == sorted(docs)
    by_doc: dict[int, list[str]] = {}
    for row in rows(run, "edits"):
        by_doc.setdefault(cast(int, row["doc"]), []).append(cast(str, row["step"]))
    assert any("clean" in steps and "lines" in steps for steps in by_doc.values())
    assert all(steps == sorted(steps) for steps in by_doc.values()), "`clean` comes first"


@pytest.mark.parametrize("ranges", [1, 5])
@pytest.mark.parametrize("workers", [1, 2])
def test_bytes_do_not_depend_on_workers_and_ranges(
    workers: int, ranges: int, run: CuratedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (
        step("words") + '[[step]]\nuse = "exact_dedup"\n[[step]]\nuse = "minhash_dedup"\nsurvivor = "first"\n'
    )
    recipe = write(tmp_path, steps, 'scratch_memory = "16MiB"')
    num_bytes = sum(path.stat().st_size for path in tmp_path.glob("*.jsonl"))
    monkeypatch.setattr(planning, "RANGE_BYTES", num_bytes // ranges)
    again = curate(recipe, workers=workers)
    assert json.loads((again.path / "plan.json").read_text())["ranges"] >= ranges
    assert again.digest == run.digest


def test_documents_are_compared_by_what_is_left(tmp_path: Path) -> None:
    for name in ("first-0", "second"):
        (tmp_path / f"{name}.jsonl").write_text(
            "".join(json.dumps({"text": f"{MENU}\n{body}"}) + "\n" for body in ("One.", "Two.", "One.")),
            encoding="utf-8",
        )
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(HEAD + step() + '[[step]]\nuse = "exact_dedup"\n', encoding="utf-8")
    run = curate(recipe, workers=1)
    assert [row["text"] for row in rows(run, "documents")] == [f"{MENU}\nOne.", "Two.", "One."]
    kept = {row["key"] for row in rows(run, "documents")}
    assert [row["rule"] for row in rows(run, "rejects")] == ["exact_duplicate"] * 3
    assert {row["duplicate_of"] for row in rows(run, "rejects")} <= kept


def test_too_few_words_left_is_a_reason_of_its_own(tmp_path: Path) -> None:
    run = curate(write(tmp_path, step(more="min_words_left = 13")), workers=1)
    found = {(row["rule"], row["value"], row["threshold"]) for row in rows(run, "rejects")}
    assert ("nothing_left", 0.0, None) in found
    few = [(value, threshold) for rule, value, threshold in found if rule == "too_little_left"]
    assert {value for value, _ in few} == {0.0, 12.0}
    assert all(cast(float, value) < 13 and threshold == 13 for value, threshold in few)
    # A rejected page shows what it said before the cut.
    assert all(row["excerpt"] for row in rows(run, "rejects"))
    assert verify_run(run.path).ok


def test_the_best_document_keeps_the_line(tmp_path: Path) -> None:
    for name, text in (("first-0", f"{MENU}\nshort"), ("second", f"{MENU}\nand a longer text than that")):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"text": text}) + "\n", encoding="utf-8")
    recipe = tmp_path / "recipe.toml"
    for survivor, expected in (
        ('"first"', [f"{MENU}\nshort", "and a longer text than that"]),
        ('"longest"', ["short", f"{MENU}\nand a longer text than that"]),
        ('{ sources = ["second"] }', ["short", f"{MENU}\nand a longer text than that"]),
    ):
        recipe.write_text(HEAD + step(more=f"survivor = {survivor}"), encoding="utf-8")
        assert [row["text"] for row in rows(curate(recipe, workers=1), "documents")] == expected


def test_dropped_documents_keep_nothing_from_others(tmp_path: Path) -> None:
    (tmp_path / "first-0.jsonl").write_text(json.dumps({"text": MENU}) + "\n", encoding="utf-8")
    (tmp_path / "second.jsonl").write_text(
        json.dumps({"text": f"{MENU}\n" + "more " * 60}) + "\n", encoding="utf-8"
    )
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(HEAD + '[[step]]\nuse = "gopher_quality"\n' + step(), encoding="utf-8")
    run = curate(recipe, workers=1)
    assert rows(run, "edits") == []


def test_normalised_documents_are_equal(tmp_path: Path) -> None:
    for name, text in (
        ("first-0", "In  1999, the mill."),
        ("second", "in 2001 the\nMILL"),
        ("first-1", "A mill."),
    ):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"text": text}) + "\n", encoding="utf-8")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(HEAD + '[[step]]\nuse = "exact_dedup"\nnormalise = "words"\n', encoding="utf-8")
    run = curate(recipe, workers=1)
    assert [row["text"] for row in rows(run, "documents")] == ["In  1999, the mill.", "A mill."]
    assert [row["similarity"] for row in rows(run, "rejects")] == [1.0]
    assert verify_run(run.path).ok


def test_explain_and_report_tell_of_cuts(run: CuratedRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "doc", "second-1", "--run", str(run.path), "--json"]) == 0
    [story] = json.loads(capsys.readouterr().out)["documents"]
    assert story["fate"] == "kept"
    assert {edit["step"] for edit in story["edits"]} == {"lines"}
    assert story["edits"][0]["right"] is not None
    assert main(["explain", "doc", "first-1-2", "--run", str(run.path)]) == 0
    assert "nothing_left" in capsys.readouterr().out
    assert main(["report", str(run.path), "--format", "md"]) == 0
    report = Path(capsys.readouterr().out.strip()).read_text(encoding="utf-8")
    assert "Cut because it stands elsewhere" in report


BLOOM = """
[[step]]
use = "bloom_dedup"
ngram_words = 4
expected_ngrams = 10000
false_positive_rate = 0.000001
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_bloom_removes_what_it_has_seen_whatever_the_workers(workers: int, tmp_path: Path) -> None:
    run = curate(write(tmp_path, BLOOM), workers=workers)
    pages = [page for name in texts().values() for page in name]
    # Menu and notice have more than four words, every other line is drawn at random: so what goes is what stood
    # before in another case.
    expected = without_copies(pages, "case", 25)
    assert [row["text"] for row in rows(run, "documents")] == [
        page for page in expected if page.strip(" }\n")
    ]
    assert verify_run(run.path).ok
    [counted] = cast(list[Mapping[str, Mapping[str, Any]]], run.manifest["cuts"])
    assert counted["found"]["bloom"]["expected_false_units"] < 0.01


def test_a_filter_that_does_not_fit_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    recipe = write(tmp_path, BLOOM.replace("10000\n", "10000000000\n"), 'scratch_memory = "64MiB"')
    with pytest.raises(GristmillError) as caught:
        curate(recipe, workers=1)
    assert caught.value.code == "GM-CUT-001"
    assert "MiB" in str(caught.value.hint)


def test_what_if_is_exact_where_nothing_changes_and_says_where_it_is_not(tmp_path: Path) -> None:
    from gristmill.curate.what_if import what_if

    recipe = write(
        tmp_path,
        '[[step]]\nuse = "gopher_quality"\nmin_words = 10\n' + step() + '[[step]]\nuse = "exact_dedup"\n',
    )
    run = curate(recipe, workers=1)
    same = what_if(recipe, ["gopher_quality.min_words=10"])
    assert same.estimates == {}
    assert sum(source.kept for source in same.after.values()) == run.counts["kept"]
    other = what_if(recipe, ["gopher_quality.min_words=40"])
    assert other.leaves
    assert "kept" in other.estimates
    with pytest.raises(GristmillError) as caught:
        what_if(recipe, ["lines.min_characters=9"])
    assert caught.value.code == "GM-WHATIF-001"


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        (step() + '[[step]]\nuse = "gopher_quality"\n', "GM-RECIPE-009"),
        ('[[step]]\nuse = "exact_dedup"\n' + step(), "GM-RECIPE-009"),
        ('[[step]]\nuse = "minhash_dedup"\n' + BLOOM, "GM-RECIPE-009"),
        (step(more='survivor = "last"') + '[[step]]\nuse = "minhash_dedup"\n', "GM-RECIPE-010"),
    ],
)
def test_orders_and_survivors_that_cannot_hold_are_refused(steps: str, code: str) -> None:
    with pytest.raises(GristmillError) as caught:
        parse_recipe(HEAD + steps, base=".")
    assert (caught.value.code, caught.value.hint is None) == (code, False)


def test_keys_of_parts_are_refused_for_documents() -> None:
    with pytest.raises(GristmillError):
        parse_recipe(HEAD + '[[step]]\nuse = "exact_dedup"\nmin_characters = 3\n', base=".")


def test_two_steps_chain(tmp_path: Path) -> None:
    paragraphs = '[[step]]\nuse = "exact_dedup"\nname = "paragraphs"\nunit = "paragraph"\n'
    run = curate(write(tmp_path, paragraphs + step("words") + BLOOM), workers=2)
    assert verify_run(run.path).ok
    counted = cast(list[Mapping[str, object]], run.manifest["cuts"])
    assert [one["step"] for one in counted] == ["paragraphs", "lines", "bloom_dedup"]
    assert {row["step"] for row in rows(run, "edits")} >= {"paragraphs", "lines"}
