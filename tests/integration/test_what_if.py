"""`what-if` against full runs: every number that is not called an estimate is that of the run."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gristmill.cli.main import main
from gristmill.curate.run import CuratedRun, curate
from gristmill.curate.what_if import what_if
from gristmill.curate.what_if_answer import WhatIf, total_counts
from gristmill.errors import GristmillError

CORPUS = Path(__file__).parents[2] / "examples" / "quickstart" / "corpus"

SOURCES = "".join(
    f'[[source]]\nname = "{name}"\npaths = ["{CORPUS / file}"]\ntext = "text"\nid = "id"\n'
    for name, file in [
        ("manuals", "manuals.jsonl.zst"),
        ("help", "help.parquet"),
        ("licences", "licences.jsonl.gz"),
        ("books", "books.jsonl.zst"),
    ]
)
STEPS: Mapping[str, Mapping[str, object]] = {
    "clean": {},
    "gopher_repetition": {},
    "gopher_quality": {"where": {"lang": "en"}, "min_words": 40},
    "c4_quality": {
        "where": {"lang": ["en", "de"]},
        "require_terminal_punctuation": False,
        "min_sentences": 3,
        "drop_curly_bracket": False,
    },
    "fineweb_quality": {"where": {"lang": "en"}},
    "legal.licence_boilerplate": {"max_boilerplate_fraction": 0.8},
}
EXACT: Mapping[str, Mapping[str, object]] = {"exact_dedup": {}}
NEAR: Mapping[str, Mapping[str, object]] = {"minhash_dedup": {"min_similarity": 0.7}}
KINDS = {"no dedup": {}, "exact": EXACT, "near": NEAR, "both": {**EXACT, **NEAR}}

LOOSER = {"gopher_quality.min_words": 10, "gopher_quality.min_alphabetic_word_fraction": 0.6}
STRICTER = {"gopher_quality.min_words": 90, "c4_quality.min_sentences": 6}
SETTINGS: Sequence[Mapping[str, object]] = (
    STRICTER,
    LOOSER,
    {"gopher_repetition.max_duplicate_5_gram_character_fraction": 0.05},
    {"gopher_quality.min_words": False, "gopher_quality.max_hash_ratio": False},
    {"c4_quality.drop_curly_bracket": True, "fineweb_quality.max_short_line_fraction": 0.4},
    {"legal.licence_boilerplate.max_boilerplate_fraction": 0.3},
    {"legal.licence_boilerplate.max_boilerplate_fraction": False},
    {"legal.licence_boilerplate.min_boilerplate_fraction": 0.001, "gopher_quality.min_stop_words": 4},
    {
        "gopher_repetition.max_top_2_gram_character_fraction": 0.12,
        "gopher_quality.max_words": 150,
        "fineweb_quality.min_terminal_punctuation_fraction": False,
        "gopher_repetition.max_top_3_gram_character_fraction": 0.3,
    },
)


def toml(value: object) -> str:
    """Return a value as this file's recipes need it."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


def recipe_text(
    steps: Mapping[str, Mapping[str, object]],
    settings: Mapping[str, object] | None = None,
    sources: str = SOURCES,
) -> str:
    """Return a recipe as a person would write it, with keys changed by hand."""
    tables = {name: dict(keys) for name, keys in steps.items()}
    for name, value in (settings or {}).items():
        step, _, key = name.rpartition(".")
        if value is False and "." in step:
            del tables[step][key]
        else:
            tables[step][key] = value
    written = "".join(
        f'[[step]]\nuse = "{use}"\n' + "".join(f"{key} = {toml(value)}\n" for key, value in keys.items())
        for use, keys in tables.items()
    )
    return f'[run]\noutput = "run"\n{sources}{written}'


def run_recipe(folder: Path, text: str, output: str) -> CuratedRun:
    """Run a recipe into a folder of its own."""
    path = folder / f"{output}.toml"
    path.write_text(text, encoding="utf-8")
    return curate(path, workers=1, output=folder / output)


def compare(answer: WhatIf, run: CuratedRun) -> None:
    """Compare all numbers that are no estimates with those of a run of the changed recipe."""
    by_source: Mapping[str, Mapping[str, object]] = run.counts["by_source"]  # type: ignore[assignment]
    estimates = set(answer.estimates)
    for name, counts in answer.after.items():
        wanted = by_source[name]
        dropped = {rule: n for rule, n in wanted["dropped"].items() if n and rule not in estimates}  # type: ignore[attr-defined]
        assert {rule: n for rule, n in counts.dropped.items() if rule not in estimates} == dropped, name
        assert (counts.documents_in, counts.quarantined) == (wanted["documents_in"], wanted["quarantined"])
        if "kept" not in estimates:
            assert counts.kept == wanted["kept"], name
        # An estimate is one number for another, never a hole in the sum.
        assert counts.kept + counts.quarantined + sum(counts.dropped.values()) == counts.documents_in


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a finished run that has both dedup steps."""
    folder = tmp_path_factory.mktemp("finished")
    run_recipe(folder, recipe_text({**STEPS, **KINDS["both"]}), "run")
    return folder


@pytest.fixture(scope="module", params=KINDS)
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a folder with a finished run for each kind of dedup."""
    folder = tmp_path_factory.mktemp("what-if")
    run_recipe(folder, recipe_text({**STEPS, **KINDS[request.param]}), "run")
    return folder, request.param


@pytest.mark.parametrize("settings", SETTINGS, ids="+".join)
def test_numbers_are_those_of_a_run(base: tuple[Path, str], settings: Mapping[str, object]) -> None:
    folder, kind = base
    listed = [f"{key}={toml(value)}" for key, value in settings.items()]
    answer = what_if(folder / "run.toml", listed)
    changed = run_recipe(folder, recipe_text({**STEPS, **KINDS[kind]}, settings), "again")
    compare(answer, changed)
    assert {change.step + "." + change.rule for change in answer.changes}
    if kind in ("no dedup", "exact"):
        assert not answer.estimates
    # The changed recipe, with nothing set, is the same question.
    (folder / "edited.toml").write_text((folder / "again.toml").read_text(encoding="utf-8"), encoding="utf-8")
    assert what_if(folder / "edited.toml").after == answer.after


def test_stricter_limits_on_the_worse_of_two_are_exact_with_near_duplicates(tmp_path: Path) -> None:
    base = {**STEPS, **KINDS["both"]}
    del base["legal.licence_boilerplate"]
    run_recipe(tmp_path, recipe_text(base), "run")
    answer = what_if(tmp_path / "run.toml", ["gopher_quality.min_words=120"])
    assert not answer.estimates
    assert sum(answer.leaves.values()) > 20
    assert total_counts(answer.before).dropped["minhash_dedup.near_duplicate"] > 10
    compare(answer, run_recipe(tmp_path, recipe_text(base, {"gopher_quality.min_words": 120}), "again"))


def families(seed: int, path: Path, num_families: int = 60) -> None:
    """Write families of near duplicates of different lengths, with copies whose other fields differ."""
    draw = random.Random(seed)
    # Of one length, so that the longest document has the most words.
    words = [f"w{number}" for number in range(100, 500)]
    rows = []
    for family in range(num_families):
        text = [draw.choice(words) for _ in range(draw.randrange(20, 60))]
        for _ in range(draw.choice([1, 1, 2, 3, 5])):
            own = list(text)
            for _ in range(draw.randrange(4)):
                own[draw.randrange(len(own))] = draw.choice(words)
            own = own[: len(own) - draw.randrange(4)]
            for _ in range(draw.choice([1, 1, 1, 2])):
                lang = draw.choice(["en", "en", "de"])
                rows.append({"text": " ".join(own), "lang": lang, "family": family})
    draw.shuffle(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.mark.parametrize(
    ("survivor", "where", "least_exact"), [("longest", None, 2), ("longest", "en", 0), ("first", "en", 0)]
)
def test_dedup_is_decided_again_as_a_run_decides_it(
    tmp_path: Path, survivor: str, where: str | None, least_exact: int
) -> None:
    families(3, tmp_path / "a.jsonl")
    source = f'[[source]]\nname = "a"\npaths = ["{tmp_path / "a.jsonl"}"]\n'
    quality: dict[str, object] = {"min_words": 10, "min_mean_word_length": 1, "min_stop_words": False}
    if where is not None:
        quality["where"] = {"lang": where}
    steps = {
        "gopher_quality": quality,
        "exact_dedup": {},
        "minhash_dedup": {"shingle_words": 2, "min_similarity": 0.6, "survivor": survivor},
    }
    run_recipe(tmp_path, recipe_text(steps, sources=source), "run")
    num_exact = 0
    for key, value in [
        ("min_words", 25),
        ("min_words", 40),
        ("max_words", 45),
        ("max_words", 59),
        ("max_words", 60),
    ]:
        answer = what_if(tmp_path / "run.toml", [f"{key}={value}"])
        again = run_recipe(tmp_path, recipe_text(steps, {f"gopher_quality.{key}": value}, source), "again")
        compare(answer, again)
        num_exact += not answer.estimates and sum(answer.leaves.values()) > 0
    assert num_exact >= least_exact


def test_a_changed_threshold_of_a_plugin_reads_no_document_again(tmp_path: Path) -> None:
    run_recipe(tmp_path, recipe_text(STEPS), "run")
    (tmp_path / "changed.toml").write_text(
        recipe_text(STEPS, {"legal.licence_boilerplate.max_boilerplate_fraction": 0.3}), encoding="utf-8"
    )
    again = curate(tmp_path / "changed.toml", workers=1, output=tmp_path / "run")
    # `map` of four sources stands; `decide` and `tokenise` run.
    assert (again.num_reused, again.num_run) == (4, 8)


def test_emptied_work_makes_dedup_an_estimate(tmp_path: Path) -> None:
    steps = {**STEPS, **KINDS["both"]}
    run_recipe(tmp_path, recipe_text(steps), "run")
    settings = ["min_words=60"]
    known = what_if(tmp_path / "run.toml", settings)
    assert main(["gc", str(tmp_path / "run"), "--all", "--quiet"]) == 0
    answer = what_if(tmp_path / "run.toml", settings)
    assert set(answer.estimates) == {"exact_dedup.exact_duplicate", "minhash_dedup.near_duplicate", "kept"}
    assert answer.leaves == known.leaves
    compare(answer, run_recipe(tmp_path, recipe_text(steps, {"gopher_quality.min_words": 60}), "again"))


def test_a_run_without_decisions_is_compared_from_its_columns(tmp_path: Path) -> None:
    run = run_recipe(tmp_path, recipe_text(STEPS), "run")
    settings = [f"{key}={toml(value)}" for key, value in {**LOOSER, "gopher_quality.max_words": 500}.items()]
    known = what_if(tmp_path / "run.toml", settings)
    manifest = json.loads((run.path / "manifest.json").read_bytes())
    manifest["files"] = [file for file in manifest["files"] if not file["path"].startswith("decisions/")]
    (run.path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert what_if(tmp_path / "run.toml", settings, threads=1) == known


def test_examples_and_the_table_of_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_recipe(tmp_path, recipe_text(STEPS), "run")
    table = tmp_path / "changes.parquet"
    arguments = [
        "--set",
        "min_words=60",
        "--set",
        "max_hash_ratio=0.0",
        "--set",
        "min_alphabetic_word_fraction=false",
    ]
    command = [
        "what-if",
        str(tmp_path / "run.toml"),
        *arguments,
        "--show",
        "5",
        "--write",
        str(table),
        "--json",
    ]
    assert main(command) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["schema_version"] == 1
    rows = pq.read_table(table).to_pylist()
    assert [row["doc"] for row in rows] == sorted(row["doc"] for row in rows)
    signals = {row["doc"]: row for row in pq.read_table(tmp_path / "run" / "signals").to_pylist()}
    for side in ("enters", "leaves"):
        written = [row for row in rows if row["change"] == side]
        assert len(written) == answer[side]["documents"] > 0
        column = {"min_words": "num_words"}
        for row in written:
            name = f"{row['step']}.{column.get(row['rule'], row['rule'])}"
            assert signals[row["doc"]][name] == row["value"]
        shown = answer["examples"][side]
        assert len(shown) == min(5, len(written))
        gaps = [
            abs(row["value"] - (row["before"] if row["after"] is None else row["after"])) for row in shown
        ]
        if len({row["rule"] for row in shown}) == 1:
            assert gaps == sorted(gaps)
    assert main(command[:-1]) == 0
    assert (
        "gopher_quality.min_words: keep gopher_quality.num_words >= 60, in the run 40"
        in capsys.readouterr().out
    )


def test_manifest_counts_what_each_rule_is_worth(tmp_path: Path) -> None:
    run = run_recipe(tmp_path, recipe_text(STEPS), "run")
    thresholds = run.manifest["thresholds"]
    rules = run.counts["rules"]
    assert rules["thresholds"] == [f"{one['step']}.{one['rule']}" for one in thresholds]  # type: ignore[index,union-attr]
    number = 0
    for index in range(4):
        name = f"part-{index:05d}.parquet"
        table = pq.read_table(tmp_path / "run" / "decisions" / name)
        assert json.loads(table.schema.metadata[b"gristmill.thresholds"]) == thresholds
        signals = pq.read_table(tmp_path / "run" / "signals" / name)
        assert table["doc"].equals(signals["doc"])
        failing = [
            [bit for bit in range(len(thresholds)) if word >> bit & 1]  # type: ignore[arg-type]
            for word in table["failed_0"].to_pylist()
        ]
        source = signals["source"][0].as_py()
        counted = rules["by_source"][source]  # type: ignore[index]
        size = len(thresholds)  # type: ignore[arg-type]
        assert counted["failed"] == [sum(bit in bits for bits in failing) for bit in range(size)]
        assert counted["first"] == [sum(bits[:1] == [bit] for bits in failing) for bit in range(size)]
        assert counted["exclusive"] == [sum(bits == [bit] for bits in failing) for bit in range(size)]
        assert counted["overlap"] == [
            [sum(bit in bits and other in bits for bits in failing) for other in range(bit + 1, size)]
            for bit in range(size - 1)
        ]
        number += len(failing)
    assert number == run.counts["documents_in"]


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("c4_quality.min_words_per_line=4", "GM-WHATIF-001"),
        ("gopher_quality.where={ lang = 'de' }", "GM-WHATIF-001"),
        ("gopher_quality.stop_words=['a']", "GM-WHATIF-001"),
        ("minhash_dedup.min_similarity=0.9", "GM-WHATIF-001"),
        ("clean.nfc=false", "GM-WHATIF-001"),
        ("gopher_quality.min_word=4", "GM-WHATIF-002"),
        ("min_word=4", "GM-WHATIF-002"),
        ("where=4", "GM-WHATIF-002"),
        ("min_words", "GM-WHATIF-004"),
        ("min_words=few", "GM-WHATIF-004"),
        ("min_words=-1", "GM-RECIPE-004"),
    ],
)
def test_what_is_no_threshold_is_refused(finished: Path, setting: str, code: str) -> None:
    with pytest.raises(GristmillError) as caught:
        what_if(finished / "run.toml", [setting])
    assert caught.value.code == code
    if code == "GM-WHATIF-002" and "where" not in setting:
        assert "did you mean `gopher_quality.min_words`?" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("min_similarity = 0.7", "min_similarity = 0.75", "dedup"),
        ("min_sentences = 3", "min_sentences = 3\nmin_words_per_line = 2", "steps"),
        ('name = "books"', 'name = "bibles"', "sources"),
    ],
)
def test_another_recipe_is_refused_with_what_differs(finished: Path, old: str, new: str, word: str) -> None:
    path = finished / "other.toml"
    path.write_text((finished / "run.toml").read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(GristmillError) as caught:
        what_if(path, [])
    assert caught.value.code == "GM-WHATIF-003"
    assert word in caught.value.context[0]


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    run = run_recipe(tmp_path, recipe_text(STEPS), "run")
    plan = json.loads((run.path / "plan.json").read_bytes())
    (run.path / "plan.json").write_text(json.dumps({**plan, "fingerprint": "0" * 64}), encoding="utf-8")
    with pytest.raises(GristmillError) as caught:
        what_if(tmp_path / "run.toml")
    assert caught.value.code == "GM-WHATIF-005"
    (run.path / "manifest.json").unlink()
    assert main(["what-if", str(tmp_path / "run.toml"), "--json"]) == 2
    with pytest.raises(GristmillError) as caught:
        what_if(tmp_path / "run.toml")
    assert caught.value.code == "GM-RUN-002"
