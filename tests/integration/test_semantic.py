"""`semantic_dedup` end to end, on embeddings made from real text, against a comparison of all pairs in Python."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.embeddings import cosine, embed, real_texts

import gristmill
from gristmill.cli.main import main
from gristmill.curate.plan import make_plan
from gristmill.curate.run import CuratedRun, curate, dry_run, open_run
from gristmill.curate.verify import verify_run
from gristmill.curate.what_if import what_if
from gristmill.errors import GristmillError
from gristmill.recipe import load_recipe

DIMENSION = 48
LEAST = 0.9

Row = Mapping[str, object]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, object]]:
    """Return real documents with embeddings: every seventh without one, every fifth with a reworded copy."""
    texts = real_texts(220)
    copies = [" ".join([*text.split()[7:], "Reworded", "at", "its", "end"]) for text in texts[::10]]
    # The same words in another order: alike by their embedding, not by their n-grams.
    copies += [" ".join(reversed(text.split())) for text in texts[5::10]]
    texts += copies
    vectors = embed(texts, DIMENSION)
    return [
        {"id": f"d{number}", "text": text, **({} if number % 7 == 3 else {"vector": vector})}
        for number, (text, vector) in enumerate(zip(texts, vectors, strict=True))
    ]


def write(
    folder: Path,
    rows: Sequence[Row],
    *,
    step: str = 'blocking = "all"',
    before: str = "",
    run: str = "",
    least: float = LEAST,
) -> Path:
    """Write documents into three files, and a recipe; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    third = len(rows) // 3 + 1
    for number in range(3):
        lines = (json.dumps(row) + "\n" for row in rows[number * third : (number + 1) * third])
        (folder / f"{number}.jsonl").write_text("".join(lines), encoding="utf-8")
    path = folder / "recipe.toml"
    path.write_text(
        f'[run]\noutput = "run"\npartition_bytes = 1\n{run}\n'
        '[[source]]\nname = "all"\npaths = ["*.jsonl"]\nid = "id"\n'
        f'{before}[[step]]\nuse = "semantic_dedup"\nembedding = "vector"\ndimension = {DIMENSION}\n'
        f"min_similarity = {least}\n{step}\n",
        encoding="utf-8",
    )
    return path


def rejects(run: CuratedRun, rule: str = "semantic_duplicate") -> dict[str, Row]:
    """Return what a rule dropped, by id."""
    found = run.rejects().collect().to_dicts()
    return {cast(str, row["id"]): row for row in found if row["rule"] == rule}


def kept_ids(run: CuratedRun) -> dict[bytes, str]:
    """Return the ids of kept documents, by key."""
    return {row["key"]: row["id"] for row in run.documents().select("key", "id").collect().to_dicts()}


def all_edges(rows: Sequence[Row]) -> dict[tuple[str, str], float]:
    """Return every pair of documents that is similar enough, the longer one first: the slow way."""
    having = [row for row in rows if "vector" in row]
    # The longest survives, the first among equals.
    order = sorted(having, key=lambda row: -len(cast(str, row["text"]).encode()))
    edges = {}
    for at, worse in enumerate(order):
        for better in order[:at]:
            found = cosine(cast(list[float], better["vector"]), cast(list[float], worse["vector"]))
            assert abs(found - LEAST) > 1e-9, "a pair on the edge: the test would depend on rounding"
            if found >= LEAST:
                edges[cast(str, better["id"]), cast(str, worse["id"])] = found
    return edges


def removed_by(edges: Mapping[tuple[str, str], float], rows: Sequence[Row]) -> set[str]:
    """Return which documents go: from the best to the worst, those with an edge to a better one that stays."""
    gone: set[str] = set()
    for row in sorted(rows, key=lambda row: -len(cast(str, row["text"]).encode())):
        if any(worse == row["id"] and better not in gone for better, worse in edges):
            gone.add(cast(str, row["id"]))
    return gone


def test_all_pairs_remove_what_a_comparison_in_python_removes(
    rows: list[dict[str, object]], tmp_path: Path
) -> None:
    run = curate(write(tmp_path, rows), workers=1)
    edges = all_edges(rows)
    dropped = rejects(run)
    assert len(dropped) > 20
    assert set(dropped) == removed_by(edges, rows)
    kept = kept_ids(run)
    for name, row in dropped.items():
        better = kept[cast(bytes, row["duplicate_of"])]
        assert row["similarity"] == pytest.approx(edges[better, name], abs=1e-6)
        assert (row["step"], row["reason"], row["threshold"]) == (
            "semantic_dedup",
            "semantic_duplicate",
            LEAST,
        )
        # The most similar of those that stay.
        others = [
            found for (other, worse), found in edges.items() if worse == name and other in kept.values()
        ]
        assert max(others) == pytest.approx(edges[better, name], abs=1e-9)
    counted = cast(Mapping[str, object], run.manifest["dedup"])
    without = sum("vector" not in row for row in rows)
    semantic = cast(Mapping[str, int], counted["semantic"])
    assert (semantic["without_embedding"], semantic["with_embedding"]) == (without, len(rows) - without)
    number = len(rows) - without
    assert semantic["candidates"] == number * (number - 1) // 2
    assert (counted["edges"], counted["semantic_removed"]) == (len(edges), len(dropped))
    assert verify_run(run.path).ok


def test_hyperplanes_find_the_share_that_they_promise(rows: list[dict[str, object]], tmp_path: Path) -> None:
    run = curate(write(tmp_path, rows, step='blocking = "hyperplanes"'), workers=1)
    edges = all_edges(rows)
    dropped, kept = rejects(run), kept_ids(run)
    for name, row in dropped.items():
        assert (kept[cast(bytes, row["duplicate_of"])], name) in edges
    # Every pair is above the similarity at which 0.95 is promised.
    assert len(dropped) >= 0.9 * len(removed_by(edges, rows))
    assert verify_run(run.path).ok


@pytest.mark.parametrize("blocking", ["all", "hyperplanes"])
def test_same_bytes_for_any_division_of_the_work(
    rows: list[dict[str, object]], tmp_path: Path, blocking: str
) -> None:
    step = f'blocking = "{blocking}"'
    plain = curate(write(tmp_path / "a", rows, step=step), workers=1)
    other = curate(write(tmp_path / "b", rows, step=step, run='scratch_memory = "1MiB"'), workers=2)
    assert plain.digest == other.digest


def test_every_arrow_list_is_read_as_the_same_numbers(rows: list[dict[str, object]], tmp_path: Path) -> None:
    sparse = [
        {**row, "vector": [round(v / 8) / 4 for v in row["vector"]]} if "vector" in row else row
        for row in rows
    ]  # type: ignore[attr-defined]
    expected = set(rejects(curate(write(tmp_path / "json", sparse), workers=1)))
    assert expected
    vectors = [row.get("vector") for row in sparse]
    types = [
        pa.list_(pa.float16()),
        pa.list_(pa.float64()),
        pa.large_list(pa.float32()),
        pa.list_(pa.float32(), DIMENSION),
    ]
    for number, kind in enumerate(types):
        folder = tmp_path / str(number)
        recipe = write(folder, [])
        recipe.write_text(
            recipe.read_text(encoding="utf-8").replace("*.jsonl", "*.parquet"), encoding="utf-8"
        )
        table = pa.table(
            {
                "id": [row["id"] for row in sparse],
                "text": [row["text"] for row in sparse],
                "vector": pa.array(vectors, pa.list_(pa.float64())).cast(kind),
            }
        )
        pq.write_table(table, folder / "all.parquet", row_group_size=50)
        assert set(rejects(curate(recipe, workers=1))) == expected, kind


def test_vectors_that_cannot_be_compared_are_quarantined_by_reason(tmp_path: Path) -> None:
    good = [1.0] + [0.0] * (DIMENSION - 1)
    bad = {
        "wrong_dimension": good[1:],
        "nan": ["NaN", *good[1:]],
        "infinite": [1e39, *good[1:]],
        "all_zero": [0] * DIMENSION,
        "not_numbers": [None, *good[1:]],
    }
    rows: list[dict[str, object]] = [
        {"id": reason, "text": f"the text of {reason}", "vector": vector} for reason, vector in bad.items()
    ]
    rows += [
        {"id": "scalar", "text": "no list at all", "vector": 7},
        {"id": "null", "text": "without an embedding", "vector": None},
        {"id": "absent", "text": "without the field"},
        {"id": "good", "text": "with an embedding", "vector": good},
        {"id": "twice", "text": "the same way", "vector": [2.0 * value for value in good]},
    ]
    run = curate(write(tmp_path, rows), workers=1)
    found = run.rejects().collect().to_dicts()
    quarantined = {row["id"]: row for row in found if row["kind"] == "quarantined"}
    assert {row["id"]: row["rule"] for row in quarantined.values()} == {
        **{reason: reason for reason in bad},
        "scalar": "not_numbers",
    }
    assert {row["step"] for row in quarantined.values()} == {"semantic_dedup"}
    assert quarantined["wrong_dimension"]["detail"] == "`vector` has 47 numbers, not 48"
    assert quarantined["nan"]["detail"] == "`vector` is NaN at position 0"
    assert set(rejects(run)) == {"twice"}
    assert set(kept_ids(run).values()) == {"null", "absent", "good"}
    semantic = cast(Mapping[str, Mapping[str, int]], run.manifest["dedup"])["semantic"]
    assert (semantic["with_embedding"], semantic["without_embedding"]) == (2, 2)
    assert verify_run(run.path).ok


def test_a_column_of_another_type_is_refused_by_name(tmp_path: Path) -> None:
    recipe = write(tmp_path, [])
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("*.jsonl", "*.parquet"), encoding="utf-8")
    pq.write_table(pa.table({"text": ["a"], "vector": [[1, 2]]}), tmp_path / "a.parquet")
    with pytest.raises(GristmillError) as caught:
        curate(recipe, workers=1)
    assert caught.value.code == "GM-READ-012"


@pytest.fixture(scope="module")
def mixed(rows: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run that has every dedup step and a threshold."""
    folder = tmp_path_factory.mktemp("mixed")
    copies = [{**row, "id": f"copy-{row['id']}"} for row in rows[::11]]
    before = "".join(
        f'[[step]]\nuse = "{use}"\n' for use in ("gopher_quality", "exact_dedup", "minhash_dedup")
    ).replace('"gopher_quality"\n', '"gopher_quality"\nmin_words = 20\nmax_words = 900\n')
    run = curate(write(folder, [*rows, *copies], before=before), workers=1)
    assert verify_run(run.path).ok
    return folder


def test_all_dedup_steps_together_name_the_step_and_a_kept_document(
    mixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = open_run(mixed / "run")
    rules = Counter(
        row["rule"] for row in run.rejects().collect().to_dicts() if row["duplicate_of"] is not None
    )
    assert set(rules) == {"exact_duplicate", "near_duplicate", "semantic_duplicate"}
    kept = kept_ids(run)
    dropped = [row for row in run.rejects().collect().to_dicts() if row["duplicate_of"] is not None]
    assert all(row["duplicate_of"] in kept for row in dropped)
    assert main(["clusters", str(mixed / "run"), "--json"]) == 0
    clusters = json.loads(capsys.readouterr().out)
    assert clusters["removed"]["semantic_dedup"] == rules["semantic_duplicate"]
    assert clusters["agrees_with_manifest"]
    assert main(["clusters", str(mixed / "run")]) == 0
    assert "pairs compared on their embeddings" in capsys.readouterr().out


def test_the_story_of_a_document_says_what_would_have_kept_it(
    rows: list[dict[str, object]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = curate(write(tmp_path, rows), workers=1)
    name, row = min(rejects(run).items(), key=lambda one: cast(float, one[1]["similarity"]))
    assert main(["explain", "doc", name, "--run", str(run.path), "--json"]) == 0
    [story] = json.loads(capsys.readouterr().out)["documents"]
    assert story["rule"] == "semantic_duplicate"
    [line] = story["to_keep"]["recipe_lines"]["semantic_dedup"]
    assert float(line.partition(" = ")[2]) > cast(float, row["similarity"])
    assert story["to_keep"]["were"]["semantic_dedup"] == {"min_similarity": LEAST}
    twin, _ = max(rejects(run).items(), key=lambda one: cast(float, one[1]["similarity"]))
    assert main(["explain", "doc", twin, "--run", str(run.path)]) == 0
    assert "the embeddings point the same way" in capsys.readouterr().out
    assert main(["explain", "rule", "semantic_duplicate"]) == 0
    assert "cosine" in capsys.readouterr().out


@pytest.mark.parametrize("settings", [["min_words=60"], ["max_words=300"], ["min_words=5"]])
@pytest.mark.parametrize("blocking", ["all", "hyperplanes"])
def test_what_if_decides_again_from_the_edges(
    rows: list[dict[str, object]], tmp_path: Path, settings: list[str], blocking: str
) -> None:
    before = '[[step]]\nuse = "gopher_quality"\nmin_words = 20\nmax_words = 900\n'
    step = f'blocking = "{blocking}"'
    path = write(tmp_path / "before", rows, before=before, step=step)
    curate(path, workers=1)
    answer = what_if(path, [f"gopher_quality.{setting}" for setting in settings])
    key, _, value = settings[0].partition("=")
    old = f"{key} = {20 if key == 'min_words' else 900}"
    changed = curate(
        write(tmp_path / "after", rows, before=before.replace(old, f"{key} = {value}"), step=step), workers=1
    )
    counts = cast(Mapping[str, Mapping[str, Mapping[str, object]]], changed.counts)["by_source"]["all"]
    found = answer.after["all"]
    is_stricter = settings != ["min_words=5"]
    if is_stricter and blocking == "all":
        # Every pair is known, so nothing is an estimate.
        assert not answer.estimates
    if not answer.estimates:
        assert found.kept == counts["kept"]
        assert found.dropped == {rule: n for rule, n in counts["dropped"].items() if n}  # type: ignore[attr-defined]
    else:
        assert "semantic_dedup.semantic_duplicate" in answer.estimates
    assert found.kept + found.quarantined + sum(found.dropped.values()) == found.documents_in


def test_the_plan_says_what_it_costs(rows: list[dict[str, object]], tmp_path: Path) -> None:
    path = write(tmp_path, rows[:3], step="max_bands = 20")
    lines = make_plan(load_recipe(path)).describe()
    plan = make_plan(load_recipe(path))
    assert plan.semantic is not None
    bands = 12 * plan.semantic.num_bands
    total = 48 + 2 + 4 * DIMENSION + bands
    expected = (
        f"index 48 + verdict 2 + vectors {4 * DIMENSION} + vector_bands {bands} = {total} bytes a document"
    )
    assert any(expected in line for line in lines), lines
    assert "  then semantic_dedup (over all documents)" in lines
    assert plan.stage_counts()["semantic_verify"] == plan.num_ranges


def test_a_dry_run_and_budgets_count_what_embeddings_remove(
    rows: list[dict[str, object]], tmp_path: Path
) -> None:
    path = write(tmp_path, rows)
    outlook = dry_run(path, workers=1).by_source["all"]
    run = curate(path, workers=1)
    assert outlook.semantic == len(rejects(run)) > 0
    assert outlook.kept == len(kept_ids(run))
    path.write_text(
        path.read_text(encoding="utf-8").replace('id = "id"', 'id = "id"\nremoval_budget = 0.01'),
        encoding="utf-8",
    )
    with pytest.raises(GristmillError) as caught:
        curate(path, workers=1)
    assert caught.value.code == "GM-DEDUP-001"


def test_a_changed_limit_reads_no_document_again(rows: list[dict[str, object]], tmp_path: Path) -> None:
    curate(write(tmp_path, rows[:60]), workers=1)
    ran: list[str] = []

    def note(event: Mapping[str, object]) -> None:
        if event["done"] and not event["message"]:
            ran.append(cast(str, event["stage"]))

    curate(write(tmp_path, rows[:60], least=0.97), workers=1, on_event=note)
    assert "map" not in ran
    assert "semantic_join" in ran


def test_tables_in_memory(rows: list[dict[str, object]], tmp_path: Path) -> None:
    dropped = rejects(curate(write(tmp_path, rows), workers=1))
    table = pa.table(
        {
            "id": [row["id"] for row in rows],
            "text": [row["text"] for row in rows],
            "vector": pa.array([row.get("vector") for row in rows], pa.list_(pa.float32())),
        }
    )
    found = gristmill.near_duplicates(table, embedding="vector", min_similarity=LEAST, blocking="all")
    names = [row["id"] for row in rows]
    removed = {
        names[at]: (names[other], similarity)
        for at, (other, similarity) in enumerate(
            zip(found.column("duplicate_of").to_pylist(), found.column("similarity").to_pylist(), strict=True)
        )
        if other is not None
    }
    assert {name: similarity for name, (_, similarity) in removed.items()} == {
        name: row["similarity"] for name, row in dropped.items()
    }
    banded = gristmill.near_duplicates(table, embedding="vector", min_similarity=LEAST)
    pairs = {
        (other, at) for at, other in enumerate(banded.column("duplicate_of").to_pylist()) if other is not None
    }
    edges = all_edges(rows)
    assert len(pairs) > 10
    assert all((names[other], names[at]) in edges for other, at in pairs)
    without_text = gristmill.near_duplicates(
        table.select(["vector"]), embedding="vector", min_similarity=LEAST
    )
    first = without_text.column("duplicate_of").to_pylist()
    assert all(other is None or other < at for at, other in enumerate(first))


@pytest.mark.parametrize(
    ("column", "code", "words"),
    [
        ([[1.0, float("nan")]], "GM-DEDUP-007", "row 0"),
        ([None, [1.0, 2.0], [1.0]], "GM-DEDUP-007", "row 2"),
        ([[0.0, 0.0]], "GM-DEDUP-007", "direction"),
        ([[1, 2]], "GM-DEDUP-007", "not a list of floats"),
    ],
)
def test_tables_refuse_what_a_run_would_quarantine(column: list[object], code: str, words: str) -> None:
    with pytest.raises(GristmillError) as caught:
        gristmill.near_duplicates(pa.table({"v": column}), embedding="v")
    assert caught.value.code == code
    assert words in str(caught.value)


def test_tables_without_the_column_or_without_rows() -> None:
    with pytest.raises(GristmillError) as caught:
        gristmill.near_duplicates(pa.table({"text": ["a"]}), embedding="v")
    assert caught.value.code == "GM-RECIPE-091"
    for vectors in ([], [None, None]):
        table = pa.table({"v": pa.array(vectors, pa.list_(pa.float32()))})
        for blocking in ("all", "hyperplanes"):
            found = gristmill.near_duplicates(table, embedding="v", blocking=blocking)  # type: ignore[arg-type]
            assert found.column("duplicate_of").to_pylist() == vectors
