"""Keys of `sample`, `mix` and `select`, their place in a recipe, and what the plan makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.curate.choose import choices_after, plan_choices
from gristmill.curate.plan import make_plan
from gristmill.errors import GristmillError
from gristmill.recipe import Recipe, effective_toml, load_recipe, parse_recipe

SOURCES = '[[source]]\nname = "web"\npaths = ["a.jsonl"]\n[[source]]\nname = "books"\npaths = ["b.jsonl"]\n'
SAMPLE = '[[step]]\nuse = "sample"\nfraction = 0.5\n'
MIX = '[[step]]\nuse = "mix"\nweights = { web = 6, books = 4 }\n'
SELECT = '[[step]]\nuse = "select"\nby = "text_bytes"\nkeep = { documents = 5 }\n'


def parsed(steps: str) -> Recipe:
    """Return a recipe of two sources."""
    return parse_recipe(SOURCES + steps, base=".")


def refused(steps: str) -> set[str]:
    """Return the codes that a recipe is refused with."""
    with pytest.raises(GristmillError) as error:
        parsed(steps)
    return {error.value.code}


@pytest.mark.parametrize(
    "steps",
    [
        '[[step]]\nuse = "sample"\n',
        '[[step]]\nuse = "sample"\nfraction = 0\n',
        SAMPLE + "documents = 3\n",
        '[[step]]\nuse = "sample"\nbytes = "1KiB"\nwords = 3\n',
        '[[step]]\nuse = "sample"\nper = { web = 0.5 }\n',
        SAMPLE + 'where = { lang = "en" }\n',
        '[[step]]\nuse = "mix"\n',
        MIX + "temperature = 2\n",
        '[[step]]\nuse = "mix"\ntemperature = 0.5\n',
        '[[step]]\nuse = "mix"\nweights = { web = 0, books = 0 }\n',
        '[[step]]\nuse = "mix"\nweights = { web = -1, books = 1 }\n',
        '[[step]]\nuse = "mix"\nunimax = { max_epochs = 1 }\n',
        '[[step]]\nuse = "mix"\nunimax = { budget_bytes = 100 }\nmeasure = "words"\n',
        '[[step]]\nuse = "select"\nby = "text_bytes"\n',
        '[[step]]\nuse = "select"\nby = "text_bytes"\nkeep = { documents = 5, fraction = 0.1 }\n',
        '[[step]]\nuse = "select"\nby = "importance"\nkeep = { documents = 5 }\n',
        SELECT + 'target = ["t.jsonl"]\n',
        SELECT + "noise = false\n",
        SELECT + "diversity = { ngram_words = 3 }\n",
        '[[step]]\nuse = "select"\nby = "importance"\nkeep = { documents = 5 }\ntarget = ["t"]\norder = "lowest"\n',
    ],
)
def test_contradictions_are_refused(steps: str) -> None:
    assert refused(steps) <= {"GM-RECIPE-004", "GM-RECIPE-005", "GM-RECIPE-003", "GM-RECIPE-002"}


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        (SAMPLE + '[[step]]\nuse = "gopher_quality"\n', "GM-CHOOSE-002"),
        (SAMPLE + '[[step]]\nuse = "exact_dedup"\n', "GM-CHOOSE-002"),
        (SAMPLE + '[[step]]\nuse = "exact_dedup"\nunit = "line"\n', "GM-CHOOSE-002"),
        (MIX + SELECT, "GM-CHOOSE-002"),
        (MIX + '[[step]]\nuse = "mix"\nname = "again"\ntemperature = 2\n', "GM-CHOOSE-002"),
        (MIX + '[[step]]\nuse = "sample"\nby = "source"\nper = { web = 0.5 }\n', "GM-CHOOSE-002"),
        ('[[step]]\nuse = "mix"\nweights = { web = 1, bocks = 1, books = 1 }\n', "GM-CHOOSE-001"),
        ('[[step]]\nuse = "mix"\nweights = { web = 1 }\n', "GM-CHOOSE-001"),
        ('[[step]]\nuse = "sample"\nby = "source"\nper = { wed = 0.5 }\n', "GM-CHOOSE-001"),
        ('[[step]]\nuse = "sample"\ntokens = 5\n', "GM-CHOOSE-007"),
        ('[[step]]\nuse = "mix"\ntemperature = 2\nmeasure = "tokens"\n', "GM-CHOOSE-007"),
        ('[[step]]\nuse = "select"\nby = "lang"\nkeep = { fraction = 0.1 }\n', "GM-PLAN-006"),
        ('[[step]]\nuse = "select"\nby = "sample.x"\nkeep = { fraction = 0.1 }\n' + SAMPLE, "GM-PLAN-004"),
        (
            '[[step]]\nuse = "exact_dedup"\n' + SAMPLE + '[dedup]\nindex = "index"\n',
            "GM-INDEX-005",
        ),
    ],
)
def test_what_does_not_fit_the_rest_is_refused(steps: str, code: str) -> None:
    declared = SOURCES.replace("\n[[source]]", '\ncolumns = { lang = "utf8" }\n[[source]]')
    with pytest.raises(GristmillError) as error:
        parse_recipe(declared + steps, base=".")
    assert error.value.code == code
    assert error.value.hint or error.value.context


def test_orders_that_mean_something_are_allowed() -> None:
    again = SAMPLE.replace("fraction", 'name = "again"\nby = "source"\nfraction')
    recipe = parsed('[[step]]\nuse = "exact_dedup"\n' + SELECT + SAMPLE + MIX + again)
    assert [step.name for step in recipe.choices] == ["select", "sample", "mix", "again"]
    assert parse_recipe(effective_toml(recipe), base=".") == recipe


@pytest.mark.parametrize(
    ("steps", "choice"),
    [
        (SAMPLE, {"kind": "sample", "amount": None, "fraction": 0.5, "per": {}}),
        (
            '[[step]]\nuse = "sample"\nbytes = "2KiB"\nby = "source"\n',
            {"kind": "sample", "amount": 2048, "fraction": None, "per": {}},
        ),
        (MIX, {"kind": "mix", "weights": {"weights": {"web": 6.0, "books": 4.0}, "total": None}}),
        (
            '[[step]]\nuse = "mix"\nunimax = { budget_bytes = "1kB", max_epochs = 4 }\n',
            {"kind": "mix", "unimax": {"budget": 1000, "max_epochs": 4.0}},
        ),
        (
            SELECT + "diversity = { min_new = 0.5 }\n",
            {
                "kind": "select",
                "highest": True,
                "amount": 5,
                "fraction": None,
                "noise": False,
                "novelty": {
                    "ngram_words": 13,
                    "min_new": 0.5,
                    "expected_ngrams": 100_000_000,
                    "false_positive_rate": 0.01,
                },
            },
        ),
    ],
)
def test_what_the_engine_is_told(steps: str, choice: object) -> None:
    [planned] = plan_choices(parsed(steps))
    assert planned["choice"] == choice


def test_the_salt_is_the_seed_unless_given() -> None:
    def salt(more: str, run: str = "") -> object:
        return plan_choices(parse_recipe(run + SOURCES + SAMPLE + more, base="."))[0]["salt"]

    assert salt("") == salt("") != salt("", "[run]\nseed = 1\n")
    assert salt('salt = "x"\n') == salt('salt = "x"\n', "[run]\nseed = 1\n") != salt('salt = "y"\n')


def test_the_plan_knows_its_choices(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text('{"text": "one"}\n', encoding="utf-8")
    target = tmp_path / "target.txt"
    target.write_text("questions\n", encoding="utf-8")
    recipe = tmp_path / "recipe.toml"

    def plan_of(steps: str, run: str = "") -> object:
        recipe.write_text(run + SOURCES + steps, encoding="utf-8")
        return make_plan(load_recipe(recipe))

    plain = plan_of("")
    step = (
        '[[step]]\nuse = "select"\nby = "importance"\ntarget = ["target.txt"]\nkeep = { words = 5 }\n'
        "diversity = { min_new = 0.5, expected_ngrams = 1000000 }\n"
    )
    plan = plan_of(step)
    assert "choices" not in plain.identity()
    assert not {"choose", "scores"} & set(plain.identity()["stages"])
    assert plan.stage_counts() == {
        "map": 2,
        "decide": 2,
        "amounts": 2,
        "features": 2,
        "target": 1,
        "scores": 2,
        "choose": 1,
        "tokenise": 2,
    }
    assert plan.memory_bound_bytes(workers=1) > plain.memory_bound_bytes(workers=1) + 1_000_000
    told = "\n".join(plan.describe())
    assert "then select (chooses by importance among what is kept, counts words; filter of" in told
    assert "disk of choosing" in told
    target.write_text("answers\n", encoding="utf-8")
    assert plan_of(step).fingerprint() != plan.fingerprint()
    with pytest.raises(GristmillError) as error:
        plan_of(step.replace("1000000", "1000000000000"))
    assert error.value.code == "GM-CHOOSE-006"
    with pytest.raises(GristmillError) as error:
        plan_of(step.replace("target.txt", "none.txt"))
    assert error.value.code == "GM-PLAN-107"


def test_estimates_keep_shares_and_amounts() -> None:
    class Planned:
        def __init__(self, choice: dict[str, object]) -> None:
            self.choices = ({"step": "s", "rules": ["gone", "old"], "choice": choice},)

    before = {"web": {"s.gone": 60, "s.old": 20}, "books": {"s.gone": 20, "s.old": 0}}
    kept = {"web": 20, "books": 80}
    share = choices_after(Planned({"fraction": 0.5}), before, kept, {"web": 50, "books": 200})  # type: ignore[arg-type]
    assert share == {"web": {"s.gone": 30, "s.old": 10}, "books": {"s.gone": 40, "s.old": 0}}
    amount = choices_after(Planned({"amount": 100}), before, kept, {"web": 100, "books": 0})  # type: ignore[arg-type]
    assert sum(amount["web"].values()) == 60
    assert amount["books"] == {"s.gone": 0, "s.old": 0}
