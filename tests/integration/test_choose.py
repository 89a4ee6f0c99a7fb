"""Steps that choose among kept documents: what stays, what `rejects/` says, and that all of it adds up."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest
from tests.support import prose, write_tokenizer

from gristmill.cli.main import main
from gristmill.curate.run import CuratedRun, curate
from gristmill.curate.verify import verify_run
from gristmill.curate.what_if import what_if
from gristmill.errors import GristmillError

HEAD = """
[run]
output = "{output}"
partition_bytes = "24KiB"
seed = {seed}
[[source]]
name = "web"
paths = ["web-*.jsonl"]
id = "id"
columns = {{ score = "float64", lang = "utf8" }}
[[source]]
name = "books"
paths = ["books.jsonl"]
id = "id"
columns = {{ score = "float64", lang = "utf8" }}
[[step]]
use = "gopher_quality"
min_words = 30
[[step]]
use = "exact_dedup"
[[step]]
use = "minhash_dedup"
"""
QUESTION = "How many apples does {} have left if she eats {} and gives {} to her brother?"


def row(number: int) -> dict[str, object]:
    """Return a document: copies, short ones, questions, and scores that are null or NaN among them."""
    base = number % 170
    text = prose(base, words=20 + base % 90)
    if base % 11 == 5:
        text = " ".join(QUESTION.format(f"girl {base}", base % 7, base) for _ in range(6)) + text
    score = [None, 0.5, number / 7, -number / 3][number % 4]
    return {"id": f"d{number}", "text": text, "score": score, "lang": ["en", "de", None][number % 3]}


def write(folder: Path, steps: str, *, output: str = "run", seed: int = 0) -> Path:
    """Write some two hundred documents of two sources, and a recipe."""
    files = {"web-0": range(90), "web-1": range(90, 150), "books": range(150, 210)}
    for name, numbers in files.items():
        lines = [json.dumps(row(number)) + "\n" for number in numbers]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    target = [json.dumps({"question": QUESTION.format(name, 3, 4)}) for name in ("Ann", "Eve", "Mia", "Zoe")]
    (folder / "target.jsonl").write_text("\n".join(target), encoding="utf-8")
    recipe = folder / f"{output}.toml"
    recipe.write_text(HEAD.format(output=output, seed=seed) + steps, encoding="utf-8")
    return recipe


def rows(run: CuratedRun, table: str) -> list[dict[str, object]]:
    """Return a table of a run."""
    return list(getattr(run, table)().collect().iter_rows(named=True))


def kept(run: CuratedRun) -> dict[str, dict[str, object]]:
    """Return the kept documents by id."""
    return {str(one["id"]): one for one in rows(run, "documents")}


def choices(run: CuratedRun) -> Sequence[Mapping[str, object]]:
    """Return what the manifest says of choosing."""
    return cast("Sequence[Mapping[str, object]]", run.manifest["choices"])


def left_out(run: CuratedRun, rule: str) -> list[dict[str, object]]:
    """Return the documents that a rule left out."""
    return [one for one in rows(run, "rejects") if one["rule"] == rule]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> CuratedRun:
    """Return a run that chooses nothing."""
    return curate(write(tmp_path_factory.mktemp("all"), ""), workers=1)


def sample(keys: str) -> str:
    return f'[[step]]\nuse = "sample"\n{keys}\n'


def test_a_sample_holds_in_every_stratum_and_smaller_ones_are_part_of_it(
    tmp_path: Path, everything: CuratedRun
) -> None:
    before = kept(everything)
    by_source = Counter(one["source"] for one in before.values())
    last: set[str] = set()
    for share in (0.1, 0.25, 0.6, 1.0):
        run = curate(write(tmp_path, sample(f'fraction = {share}\nby = "source"')), workers=1)
        found = kept(run)
        assert last <= set(found) <= set(before)
        last = set(found)
        for source, number in by_source.items():
            of_source = sum(one["source"] == source for one in found.values())
            assert abs(of_source - share * number) <= 0.5
        assert verify_run(run.path).ok
        gone = left_out(run, "not_sampled")
        assert {str(one["id"]) for one in gone} == set(before) - set(found)
        for one in gone:
            assert one["step"] == "sample"
            assert cast(float, one["value"]) >= cast(float, one["threshold"]) == share
            assert str(one["detail"]).startswith("number ")
    assert last == set(before)


@pytest.mark.parametrize(("unit", "amount"), [("documents", 37), ("bytes", 9_000), ("words", 1_500)])
def test_an_amount_is_met_as_nearly_as_documents_allow(
    unit: str, amount: int, tmp_path: Path, everything: CuratedRun
) -> None:
    run = curate(write(tmp_path, sample(f'{unit} = {amount}\nby = "lang"')), workers=1)
    [told] = choices(run)
    texts = [str(one["text"]) for one in kept(run).values()]
    counted = {
        "documents": len(texts),
        "bytes": sum(len(text.encode()) for text in texts),
        "words": told["kept_amount"],
    }
    assert counted[unit] == told["kept_amount"]
    longest = max(len(str(one["text"])) for one in kept(everything).values())
    allowed = {"documents": 0, "bytes": longest / 2, "words": 70}[unit]
    assert abs(cast(int, told["kept_amount"]) - amount) <= allowed
    strata = cast("Sequence[Mapping[str, int]]", told["strata"])
    assert [one["name"] for one in strata] == [None, "de", "en"]
    total = sum(one["amount"] for one in strata)
    for one in strata:
        share = one["amount"] / total * cast(int, told["kept_amount"])
        largest = {"documents": 1, "bytes": longest, "words": 140}[unit]
        assert abs(one["kept_amount"] - share) <= 2 * largest
    assert verify_run(run.path).ok


def test_tokens_are_those_of_the_shards(tmp_path: Path) -> None:
    write_tokenizer(tmp_path / "tokenizer.json")
    steps = sample("tokens = 6000") + '[tokens]\ntokenizer = "tokenizer.json"\n'
    run = curate(write(tmp_path, steps), workers=1)
    documents = kept(run).values()
    [told] = choices(run)
    num_tokens = [cast(int, one["num_tokens"]) for one in documents]
    assert sum(num_tokens) == told["kept_amount"]
    assert abs(sum(num_tokens) - 6000) <= 200
    assert verify_run(run.path).ok


def test_the_salt_chooses_and_the_order_of_the_input_does_not(tmp_path: Path) -> None:
    found = []
    for output, seed, keys in (
        ("one", 0, "documents = 30"),
        ("two", 5, "documents = 30"),
        ("three", 5, 'documents = 30\nsalt = "x"'),
        ("four", 6, 'documents = 30\nsalt = "x"'),
    ):
        found.append(set(kept(curate(write(tmp_path, sample(keys), output=output, seed=seed), workers=1))))
    assert found[0] != found[1] != found[2]
    assert found[2] == found[3]


def test_a_mixture_has_its_shares(tmp_path: Path, everything: CuratedRun) -> None:
    recipe = write(tmp_path, '[[step]]\nuse = "mix"\nweights = { web = 1, books = 1 }\n')
    run = curate(recipe, workers=1)
    sizes: Counter[str] = Counter()
    for one in kept(run).values():
        sizes[str(one["source"])] += len(str(one["text"]).encode())
    longest = max(len(str(one["text"]).encode()) for one in kept(everything).values())
    assert abs(sizes["web"] - sizes["books"]) <= longest
    books = {id_ for id_, one in kept(everything).items() if one["source"] == "books"}
    assert books <= set(kept(run))
    strata = {one["name"]: one for one in cast("Sequence[Mapping[str, object]]", choices(run)[0]["strata"])}
    assert strata["books"]["repeat"] == 1.0
    assert strata["books"]["target"] == strata["books"]["amount"] == strata["books"]["kept_amount"]
    assert {one["source"] for one in left_out(run, "over_share")} == {"web"}
    assert verify_run(run.path).ok


def test_unimax_repeats_in_the_manifest_only(tmp_path: Path) -> None:
    step = '[[step]]\nuse = "mix"\nunimax = { budget_bytes = 200000, max_epochs = 3 }\n'
    run = curate(write(tmp_path, step), workers=1)
    strata = {one["name"]: one for one in cast("Sequence[Mapping[str, object]]", choices(run)[0]["strata"])}
    books = strata["books"]
    assert books["kept"] == books["documents"]
    assert books["repeat"] == 3.0
    assert len(kept(run)) == len({one["key"] for one in kept(run).values()})


def test_a_part_that_is_empty_stops_the_run(tmp_path: Path) -> None:
    step = '[[step]]\nuse = "mix"\nby = "lang"\nweights = { en = 1, fr = 1 }\n'
    with pytest.raises(GristmillError) as error:
        curate(write(tmp_path, step), workers=1)
    assert error.value.code == "GM-CHOOSE-004"
    assert "`fr`" in error.value.message


@pytest.mark.parametrize("order", ["highest", "lowest"])
def test_the_best_by_a_field_and_null_comes_last(order: str, tmp_path: Path, everything: CuratedRun) -> None:
    step = f'[[step]]\nuse = "select"\nby = "score"\norder = "{order}"\nkeep = {{ documents = 40 }}\n'
    run = curate(write(tmp_path, step), workers=1)
    scores = {str(row(number)["id"]): row(number)["score"] for number in range(210)}
    found, gone = kept(run), left_out(run, "not_selected")
    assert len(found) == 40
    sign = 1 if order == "highest" else -1
    worst = min(sign * cast(float, scores[id_]) for id_ in found)
    for one in gone:
        value = scores[str(one["id"])]
        assert one["value"] == value
        assert one["threshold"] == sign * worst
        assert value is None or sign * cast(float, value) <= worst
    assert choices(run)[0]["without_score"] == sum(scores[id_] is None for id_ in kept(everything))
    assert set(found) | {str(one["id"]) for one in gone} == set(kept(everything))


def test_the_best_by_a_signal(tmp_path: Path) -> None:
    step = '[[step]]\nuse = "select"\nby = "gopher_quality.num_words"\nkeep = { fraction = 0.25 }\n'
    run = curate(write(tmp_path, step), workers=1)
    words = {one["key"]: one["gopher_quality.num_words"] for one in rows(run, "signals")}
    least = min(words[one["key"]] for one in kept(run).values())
    assert all(one["value"] <= least for one in left_out(run, "not_selected"))


IMPORTANCE = (
    '[[step]]\nuse = "select"\nby = "importance"\ntarget = ["target.jsonl"]\ntarget_text = "question"\n'
)


def test_what_resembles_the_target_stays(tmp_path: Path, everything: CuratedRun) -> None:
    questions = {id_ for id_, one in kept(everything).items() if str(one["text"]).startswith("How many")}
    step = IMPORTANCE + f"smoothing = 1\nnoise = false\nkeep = {{ documents = {len(questions)} }}\n"
    run = curate(write(tmp_path, step), workers=1)
    assert len(questions) > 10
    assert len(questions & set(kept(run))) >= 0.9 * len(questions)
    assert verify_run(run.path).ok
    noisy = curate(write(tmp_path, step.replace("noise = false\n", ""), output="noisy"), workers=1)
    assert len(kept(noisy)) == len(questions)


def test_what_says_the_same_brings_nothing_new(tmp_path: Path) -> None:
    diverse = "diversity = { ngram_words = 5, min_new = 0.3, expected_ngrams = 100000 }\n"
    step = IMPORTANCE + "smoothing = 1\nkeep = { documents = 60 }\n" + diverse
    run = curate(write(tmp_path, step), workers=1)
    repeats = left_out(run, "nothing_new")
    assert all(cast(float, one["value"]) < 0.3 == one["threshold"] for one in repeats)
    [told] = choices(run)
    assert told["nothing_new"] == len(repeats)
    assert cast("Mapping[str, float]", told["novelty"])["false_positive_rate"] < 0.01
    assert verify_run(run.path).ok


ALL = (
    IMPORTANCE
    + "smoothing = 1\nkeep = { fraction = 0.8 }\ndiversity = { ngram_words = 4, min_new = 0.1, expected_ngrams = 99999 }\n"
    + '[[step]]\nuse = "sample"\nwords = 4000\nby = "lang"\n'
    + '[[step]]\nuse = "mix"\ntemperature = 2\n'
    + '[[step]]\nuse = "sample"\nname = "last"\nfraction = 0.9\nby = "source"\n'
)


def test_steps_chain_and_workers_ranges_and_memory_do_not_matter(tmp_path: Path) -> None:
    reference = curate(write(tmp_path, ALL), workers=1)
    assert verify_run(reference.path).ok
    told = choices(reference)
    for one, after in itertools.pairwise(told):
        assert one["kept"] == after["documents"]
    assert told[-1]["kept"] == reference.counts["kept"]
    recipe = write(tmp_path, ALL, output="other")
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(text.replace("[run]\n", '[run]\nscratch_memory = "128MiB"\n'), encoding="utf-8")
    assert curate(recipe, workers=2).digest == reference.digest
    smaller = text.replace('"24KiB"', '"9KiB"')
    recipe.write_text(smaller, encoding="utf-8")
    assert set(kept(curate(recipe, workers=1))) == set(kept(reference))


def test_a_changed_choice_runs_nothing_before_it_again(tmp_path: Path) -> None:
    curate(write(tmp_path, sample("fraction = 0.5")), workers=1)
    stages = []
    recipe = write(tmp_path, sample("fraction = 0.4"))
    run = curate(
        recipe,
        workers=1,
        on_event=lambda event: stages.append((event.get("stage"), event.get("message"))),
    )
    partitions = len(cast("Sequence[object]", json.loads((run.path / "plan.json").read_text())["partitions"]))
    assert run.num_run == 1 + partitions


def test_a_duplicate_of_a_document_that_is_left_out_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = curate(write(tmp_path, sample("documents = 5")), workers=1)
    checks = {check.name: check for check in verify_run(run.path).checks}
    assert checks["survivors"].ok
    assert checks["survivors"].detail == "every removed duplicate names a document that dedup kept"
    present = {one["key"] for one in kept(run).values()}
    orphan = next(
        one
        for one in rows(run, "rejects")
        if one["duplicate_of"] is not None and one["duplicate_of"] not in present
    )
    assert main(["explain", "doc", str(orphan["doc"]), "--run", str(run.path)]) == 0
    assert "a choosing step left it out later: `sample.not_sampled`" in capsys.readouterr().out
    assert main(["clusters", str(run.path)]) == 0


@pytest.mark.parametrize(
    ("steps", "rule", "words"),
    [
        (sample("fraction = 0.3"), "not_sampled", ["what stands below 0.3 stays", "`fraction` above 0."]),
        (
            '[[step]]\nuse = "mix"\nweights = { web = 1, books = 9 }\n',
            "over_share",
            ["in the salted order of what has its `source`", "a larger share"],
        ),
        (
            '[[step]]\nuse = "select"\nby = "score"\nkeep = { documents = 5 }\n',
            "not_selected",
            ["`score`", "a larger `keep`"],
        ),
    ],
)
def test_the_story_of_a_document_tells_why(
    steps: str, rule: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = curate(write(tmp_path, steps), workers=1)
    one = left_out(run, rule)[0]
    assert main(["explain", "doc", str(one["id"]), "--run", str(run.path)]) == 0
    told = capsys.readouterr().out
    assert all(word in told for word in words), told
    assert f"see `gristmill explain rule {one['step']}`" in told


def test_report_diff_and_what_if_know_what_was_chosen(
    tmp_path: Path, everything: CuratedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = write(tmp_path, sample('fraction = 0.5\nby = "source"'))
    assert main(["curate", str(recipe)]) == 0
    assert "sample: chose " in capsys.readouterr().out
    assert main(["report", str(tmp_path / "run")]) == 0
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Chosen among what was kept" in page
    assert "not_sampled" in page
    capsys.readouterr()
    assert main(["diff", str(everything.path), str(tmp_path / "run")]) in (0, 1)
    assert "not_sampled" in capsys.readouterr().out
    same = what_if(recipe)
    assert same.before == same.after
    assert not same.estimates
    stricter = what_if(recipe, ["min_words=60"])
    assert "sample.not_sampled" in stricter.estimates
    for name, counts in stricter.after.items():
        assert counts.documents_in == counts.kept + counts.quarantined + sum(counts.dropped.values()), name
    with pytest.raises(GristmillError) as error:
        what_if(recipe, ["sample.fraction=0.3"])
    assert error.value.code == "GM-WHATIF-001"
