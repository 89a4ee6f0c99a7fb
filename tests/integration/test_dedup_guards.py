"""The disasters that dedup is known for, end to end: verification loses nothing distinct, guards stop what guesses."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Sequence
from pathlib import Path

import pytest

from gristmill.cli.main import main
from gristmill.curate.run import CuratedRun, curate, dry_run
from gristmill.curate.verify import verify_run
from gristmill.errors import GristmillError

NUM_PAGES = 2400
NUM_RECORDS = 2600
TEMPLATE = (
    "Welcome to the shop of the old mill by the river. All prices include delivery to every village of the valley. "
    "Please read our terms before you order, and write to the miller if anything in this offer is not clear to you. "
)
# With the number twelve words: two records share 7 of 9 shingles.
PREFIX = "Order shipped to the depot and signed for by our clerk"


def pages() -> list[str]:
    """Different offers in one template: two fifths of each text is the same."""
    chance = random.Random(3)
    return [
        TEMPLATE + " ".join("".join(chance.choices(string.ascii_lowercase, k=6)) for _ in range(55))
        for _ in range(NUM_PAGES)
    ]


def records() -> list[str]:
    """Short records that differ in their last word."""
    return [f"{PREFIX} {number}" for number in random.Random(4).sample(range(10_000_000), NUM_RECORDS)]


def write_recipe(folder: Path, sources: dict[str, Sequence[str]], step: str) -> Path:
    """Write JSON Lines and a recipe with both dedup steps, the second with more keys; return the recipe's path."""
    lines = ['[run]\noutput = "run"\n']
    for name, texts in sources.items():
        rows = (json.dumps({"id": f"{name}-{row}", "text": text}) for row, text in enumerate(texts))
        (folder / f"{name}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
        lines.append(f'[[source]]\nname = "{name}"\npaths = ["{name}.jsonl"]\nid = "id"\n')
    lines.append(f'[[step]]\nuse = "exact_dedup"\n[[step]]\nuse = "minhash_dedup"\n{step}\n')
    path = folder / "recipe.toml"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def near_duplicates(run: CuratedRun) -> dict[str, tuple[str, float | None, int]]:
    """Return what went as a near duplicate: for which document, on which evidence."""
    rows = run.rejects().collect()
    kept = dict(run.documents().select("key", "id").collect().iter_rows())
    return {
        row["id"]: (kept[row["duplicate_of"]], row["similarity"], row["shared_bands"])
        for row in rows.to_dicts()
        if row["rule"] == "near_duplicate"
    }


@pytest.fixture(scope="module")
def disasters() -> dict[str, Sequence[str]]:
    """Thousands of pages in one template and short records with one prefix, and a few true copies among them."""
    offers, orders = pages(), records()
    offers += [f"{offers[number]} sold" for number in (5, 1000, 2399)]
    orders += [orders[7].upper() + "!"]
    return {"offers": offers, "orders": orders}


# Bands so short that nearly all documents of a template meet: what banding proposes is as wrong as it can be.
SHORT_BANDS = "bands = 40\nrows = 2\n"


def test_verification_loses_nothing_distinct(disasters: dict[str, Sequence[str]], tmp_path: Path) -> None:
    run = curate(write_recipe(tmp_path, disasters, SHORT_BANDS), workers=1)
    found = near_duplicates(run)
    # Each copy is a little longer than its original, so it stays.
    pairs = {gone: kept for gone, (kept, _, _) in found.items()}
    assert pairs == {
        "offers-5": "offers-2400",
        "offers-1000": "offers-2401",
        "offers-2399": "offers-2402",
        "orders-7": "orders-2600",
    }
    assert all(similarity is not None and similarity >= 0.8 for _, similarity, _ in found.values())
    assert all(0 <= bands <= 40 for _, _, bands in found.values())
    assert run.counts["kept"] == NUM_PAGES + NUM_RECORDS + 4 - len(pairs)
    assert verify_run(run.path).ok


def test_without_verification_the_alarm_fires_before_anything_is_removed(
    disasters: dict[str, Sequence[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = write_recipe(tmp_path, disasters, SHORT_BANDS + "verify = false")
    with pytest.raises(GristmillError) as caught:
        curate(recipe, workers=1)
    assert caught.value.code == "GM-DEDUP-010"
    assert "verify = true" in str(caught.value.hint)
    assert "row 0, key" in "\n".join(caught.value.context)
    assert not (tmp_path / "run" / "manifest.json").exists()
    assert not (tmp_path / "run" / "documents").exists()

    assert main(["check", str(recipe)]) == 0
    assert main(["plan", str(recipe)]) == 0
    assert capsys.readouterr().out.count("removals are guesses") == 2

    # All that was computed serves a run that is allowed to go on, and the damage shows what the alarm is for.
    text = recipe.read_text() + "max_cluster_fraction = 1.0\n"
    recipe.write_text(text)
    run = curate(recipe, workers=1)
    assert run.num_reused > 0
    found = near_duplicates(run)
    assert len(found) > 1000
    assert {similarity for _, similarity, _ in found.values()} == {None}
    assert run.manifest["dedup"]["guessed"] == len(found)  # type: ignore[index]
    assert verify_run(run.path).ok
    assert main(["curate", str(recipe), "--workers", "1"]) == 0
    assert "removed on a guess" in capsys.readouterr().err
    assert main(["report", str(run.path)]) == 0
    assert main(["clusters", str(run.path), "--histogram"]) == 0
    shown = capsys.readouterr().out
    assert "no removal has a similarity" in shown
    gone = next(iter(found))
    assert main(["explain", "doc", gone, "--run", str(run.path)]) == 0
    assert "shared band" in capsys.readouterr().out


def test_a_dry_run_shows_what_would_go_and_is_continued(
    disasters: dict[str, Sequence[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = {name: texts[-1300:] for name, texts in disasters.items()}
    recipe = write_recipe(tmp_path, small, "")
    found = dry_run(recipe, workers=1)
    assert not (tmp_path / "run" / "manifest.json").exists()
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"work", "events.jsonl"}
    assert (found.stops, found.caveat) == ((), None)
    offers = found.by_source["offers"]
    assert (offers.documents_in, offers.quarantined, offers.exact) == (1300, 0, 0)
    assert offers.kept == 1300 - offers.near
    first = found.largest[0]
    assert (first.documents, first.texts, len(first.first)) == (2, 2, 2)
    assert first.first[0].path == "offers.jsonl"
    assert found.disk["work"] > found.disk["documents"] > 100_000

    run = curate(recipe, workers=1)
    assert run.num_reused == found.num_run
    by_source = run.counts["by_source"]
    assert by_source["offers"]["kept"] == offers.kept  # type: ignore[index]
    before = (run.path / "manifest.json").read_bytes()

    assert main(["curate", str(recipe), "--dry-run", "--workers", "1", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["sources"]["offers"]["near"] == offers.near
    assert (answer["tasks_run"], answer["would_stop"]) == (0, [])
    assert answer["largest_clusters"][0]["first"][0]["row"] == first.first[0].row
    assert (run.path / "manifest.json").read_bytes() == before


def test_a_dry_run_says_what_would_stop_a_run(
    disasters: dict[str, Sequence[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = write_recipe(tmp_path, disasters, SHORT_BANDS + "verify = false")
    recipe.write_text(
        recipe.read_text().replace('name = "offers"', 'name = "offers"\nremoval_budget = 0.1'),
        encoding="utf-8",
    )
    assert main(["run", str(recipe), "--dry-run", "--workers", "1"]) == 1
    shown = capsys.readouterr().out
    assert "a run would stop: dedup would remove" in shown
    assert "(GM-DEDUP-001)" in shown
    assert "(GM-DEDUP-010)" in shown
    assert "caution: minhash_dedup: removals are guesses" in shown
    # Guards compute nothing again: the run meets the budget at once.
    assert main(["curate", str(recipe), "--workers", "1"]) == 1
    assert "code: GM-DEDUP-001" in capsys.readouterr().err


def test_a_budget_is_met_by_the_documents_that_reach_dedup(tmp_path: Path) -> None:
    texts = ["one text of the mill"] * 3 + ["another text of the mill"]
    recipe = write_recipe(tmp_path, {"web": texts}, "")
    for budget, is_stopped in ((0.49, True), (0.5, False)):
        text = recipe.read_text().partition("\nremoval_budget")[0]
        limited = text.replace('id = "id"\n', f'id = "id"\nremoval_budget = {budget}\n')
        (tmp_path / "limited.toml").write_text(limited, encoding="utf-8")
        if is_stopped:
            with pytest.raises(
                GristmillError, match=r"50\.0% of source `web` \(2 of 4 documents\)"
            ) as caught:
                curate(tmp_path / "limited.toml", workers=1)
            assert caught.value.code == "GM-DEDUP-001"
        else:
            assert curate(tmp_path / "limited.toml", workers=1).counts["kept"] == 2


def test_a_dry_run_cuts_as_a_run_does(tmp_path: Path) -> None:
    menu = "Home, offers, delivery to every village of the valley, terms and letters to the miller."
    texts = [f"{menu}\nOffer {number} of the mill, for {number * 7} sacks of flour." for number in range(40)]
    recipe = write_recipe(tmp_path, {"web": [*texts, menu, menu]}, "")
    cut = '[[step]]\nuse = "exact_dedup"\nname = "lines"\nunit = "line"\n[[step]]\nuse = "exact_dedup"'
    recipe.write_text(recipe.read_text().replace('[[step]]\nuse = "exact_dedup"', cut), encoding="utf-8")
    found = dry_run(recipe, workers=1)
    web = found.by_source["web"]
    assert web.dropped == {"lines.nothing_left": 2}
    run = curate(recipe, workers=1)
    assert run.num_reused == found.num_run
    assert run.counts["kept"] == web.kept == 40 - web.exact - web.near


def test_many_equal_texts_are_one_text_to_the_alarm(tmp_path: Path) -> None:
    equal = ["The page that you asked for is not here any more, says the mill."] * 1500
    other = [f"Number {number} of the mill is here for good and {number * 7} times." for number in range(100)]
    found = dry_run(write_recipe(tmp_path, {"web": [*equal, *other]}, ""), workers=1)
    assert found.stops == ()
    assert found.by_source["web"].exact == 1499
    assert (found.largest[0].documents, found.largest[0].texts) == (1500, 1)
