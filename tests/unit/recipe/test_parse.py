"""Recipes are read whole, and every mistake in one has a code, a place and, where there is one, a suggestion."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.errors import GristmillError
from gristmill.recipe import BUILTIN_STEPS, PluginStep, effective_toml, load_recipe, parse_recipe

SOURCE = '[[source]]\nname = "web"\npaths = ["corpus/*.jsonl"]\n'
FULL = """
[run]
output = "runs/demo"
seed = 7
max_document_bytes = "4 MiB"
plugins_dir = "plugins"

[[source]]
name = "web"
paths = ["corpus/web-*.jsonl.zst", "more.parquet"]
id = "url"
columns = { date = "utf8" }
removal_budget = 0.9

[[source]]
name = "mail"
paths = ["mail.mbox"]
format = "mail.mbox"

[[step]]
use = "clean"
lowercase = true

[[step]]
use = "gopher_quality"
name = "strict"
where = { lang = "en", "clean.num_changes" = [0, 1] }
min_words = 80

[[step]]
use = "legal.citation_density"
name = "citations"
min = 0.001
on_error = "null"
table = { words = ["a\\"b", "c"], n = 1.5 }

[[step]]
use = "exact_dedup"

[[step]]
use = "minhash_dedup"
survivor = { highest = "score" }

[split]
validation = 0.01

[tokens]
tokenizer = "tokenizer.json"
special = ["<|a|>"]
end_of_text = "<|end|>"

[train]
model = { config = { model_type = "llama", hidden_size = 8 } }
method = "full"
steps = 10
learning_rate = 1e-3
"""


def refuse(text: str) -> GristmillError:
    with pytest.raises(GristmillError) as caught:
        parse_recipe(text, base=".", path=Path("recipe.toml"))
    return caught.value


def test_a_full_recipe_is_read() -> None:
    recipe = parse_recipe(FULL, base="/data/project")
    assert recipe.output == Path("/data/project/runs/demo")
    assert recipe.plugins_dir == Path("/data/project/plugins")
    assert recipe.run.max_document_bytes == 4 << 20
    assert [step.name for step in recipe.steps] == [
        "clean",
        "strict",
        "citations",
        "exact_dedup",
        "minhash_dedup",
    ]
    assert recipe.steps[1].where == {"lang": ("en",), "clean.num_changes": (0, 1)}
    assert recipe.survivor_policy() == {"highest": "score"}
    assert recipe.extracted_columns() == {"date": "utf8", "lang": "utf8", "score": "float64"}


def test_a_plugin_step_keeps_its_keys_for_the_host() -> None:
    [step] = parse_recipe(FULL, base=".").plugin_steps
    assert isinstance(step, PluginStep)
    assert step.namespace == "legal"
    assert step.table() == {
        "use": "legal.citation_density",
        "name": "citations",
        "on_error": "null",
        "min": 0.001,
        "table": {"words": ['a"b', "c"], "n": 1.5},
    }


TURNS = """
[[source]]
name = "talk"
paths = ["a.jsonl"]
messages = "messages"
tools = "functions"

[[source]]
name = "tasks"
paths = ["b.jsonl"]
prompt = "instruction"
input = "input"
response = "output"

[tokens]
tokenizer = "t"
max_tokens = 512
chat = { train_on = "last", too_long = "drop", variables = { date_string = "1 Jan 2026", "odd name" = [1, { a = true }] } }
label = { field = "kind", order = [2, 1, "other"] }
"""


@pytest.mark.parametrize("text", [FULL, SOURCE, TURNS])
def test_the_effective_recipe_says_the_same(text: str) -> None:
    recipe = parse_recipe(text, base="/data")
    written = effective_toml(recipe)
    again = parse_recipe(written, base="/data")
    assert again == recipe
    assert effective_toml(again) == written


def test_the_effective_recipe_holds_every_default() -> None:
    recipe = parse_recipe(SOURCE + '[[step]]\nuse = "gopher_quality"\n', base=".")
    written = effective_toml(recipe)
    for key in BUILTIN_STEPS["gopher_quality"].rules:
        assert f"\n{key} = " in written
    assert 'scratch_memory = "2GiB"' in written


def test_no_section_but_source_is_needed() -> None:
    recipe = parse_recipe(SOURCE, base=".")
    assert (recipe.tokens, recipe.train, recipe.steps) == (None, None, ())
    assert recipe.split.validation == 0


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("a = ", "GM-RECIPE-002", "not TOML"),
        ("", "GM-RECIPE-005", "no `[[source]]`"),
        ("[run]\nsed = 1\n" + SOURCE, "GM-RECIPE-003", "unknown key `sed`; did you mean `seed`?"),
        ("[runn]\n" + SOURCE, "GM-RECIPE-003", "unknown section `runn`; did you mean `run`?"),
        ("[evaluate]\n" + SOURCE, "GM-RECIPE-006", "`[evaluate]`"),
        ("[run]\nseed = 1.5\n" + SOURCE, "GM-RECIPE-004", "`seed = 1.5`: must be a whole number"),
        ("[run]\nseed = -1\n" + SOURCE, "GM-RECIPE-004", "`seed = -1`: must be at least 0"),
        ("[run]\nscratch_memory = true\n" + SOURCE, "GM-RECIPE-004", "byte size"),
        ('[run]\nscratch_memory = "2 gigs"\n' + SOURCE, "GM-RECIPE-004", "byte size"),
        ("[run]\nmax_quarantine_fraction = 1.1\n" + SOURCE, "GM-RECIPE-004", "must be at most 1"),
        ("[split]\nvalidation = 1.0\n" + SOURCE, "GM-RECIPE-004", "must be below 1"),
        ("[split]\nvalidation = nan\n" + SOURCE, "GM-RECIPE-004", "finite"),
        ('[source]\nname = "a"\n', "GM-RECIPE-004", "`source` must be a list of tables"),
        ('[[source]]\nname = "a"\npaths = []\n', "GM-RECIPE-004", "must not be empty"),
        ('[[source]]\nname = "a/b"\npaths = ["a"]\n', "GM-RECIPE-004", "must be letters, digits"),
        ('[[source]]\nname = "a"\npath = ["a"]\n', "GM-RECIPE-003", "did you mean `paths`?"),
        ('[[source]]\nname = "a"\npaths = ["a"]\nformat = "csv"\n', "GM-RECIPE-004", "`format"),
        (
            '[[source]]\nname = "a"\npaths = ["a"]\ncolumns = { doc = "utf8" }\n',
            "GM-RECIPE-004",
            "`doc` is a column that gristmill makes itself",
        ),
        (SOURCE + SOURCE, "GM-RECIPE-008", "2 sources are called `web`"),
        (SOURCE + "[[step]]\nmin_words = 1\n", "GM-RECIPE-005", "the key `use` is missing"),
        (SOURCE + '[[step]]\nuse = "langage"\n', "GM-RECIPE-007", "unknown step `langage`"),
        (SOURCE + '[[step]]\nuse = "language"\n', "GM-RECIPE-006", "not built in this version"),
        *(
            (SOURCE + f'[[step]]\nuse = "{use}"\n', "GM-RECIPE-006", f"the step `{use}`")
            for use in ("pii", "mask_pii", "language_id", "decontaminate", "decontamination")
        ),
        (SOURCE + 'format = "warc"\n', "GM-RECIPE-006", '`format = "warc"`'),
        (
            SOURCE + '[train]\nmodel = "m"\nsteps = 1\ntokenizer = "t"\n',
            "GM-RECIPE-003",
            "unknown key `tokenizer`; it belongs into `[tokens]`",
        ),
        (
            SOURCE + "[split]\nseed = 1\n",
            "GM-RECIPE-003",
            "unknown key `seed`; it belongs into `[run]` or `[train]`",
        ),
        ("seed = 1\n" + SOURCE, "GM-RECIPE-003", "unknown section `seed`; it belongs into `[run]`"),
        *(
            (
                f'[[source]]\nname = "a"\npaths = ["b.jsonl", "{path}"]\n',
                "GM-RECIPE-012",
                f"`{path}` is no local",
            )
            for path in ("s3://bucket/x.jsonl", "gs://b/x", "az://b/x", "https://example.org/x.jsonl")
        ),
        (
            '[run]\noutput = "s3://b/run"\n' + SOURCE,
            "GM-RECIPE-012",
            "object stores are not built in this version",
        ),
        (SOURCE + '[tokens]\ntokenizer = "https://example.org/t.json"\n', "GM-RECIPE-012", "no local path"),
        (SOURCE + '[train]\nmodel = "hf://a/b"\nsteps = 1\n', "GM-RECIPE-012", "no local path"),
        (SOURCE + '[[step]]\nuse = "cleen"\n', "GM-RECIPE-007", "did you mean `clean`?"),
        (
            SOURCE + '[[step]]\nuse = "gopher_quality"\nmin_word = 5\n',
            "GM-RECIPE-003",
            "unknown key `min_word`; did you mean `min_words`?",
        ),
        (
            SOURCE + '[[step]]\nuse = "fineweb_quality"\nsemantics = "dolma"\n',
            "GM-RECIPE-011",
            "`fineweb_quality` has no semantics `dolma`",
        ),
        (SOURCE + '[[step]]\nuse = "clean"\non_error = "fail"\n', "GM-RECIPE-003", "plugin steps"),
        (SOURCE + '[[step]]\nuse = "clean"\n' * 2, "GM-RECIPE-008", "two steps are called `clean`"),
        (
            SOURCE + '[[step]]\nuse = "exact_dedup"\n[[step]]\nuse = "clean"\n',
            "GM-RECIPE-009",
            "`clean` comes after `exact_dedup`",
        ),
        (
            SOURCE + '[[step]]\nuse = "minhash_dedup"\n[[step]]\nuse = "exact_dedup"\n',
            "GM-RECIPE-009",
            "`exact_dedup` comes after `minhash_dedup`",
        ),
        (
            SOURCE + '[[step]]\nuse = "exact_dedup"\n[[step]]\nuse = "exact_dedup"\nname = "b"\n',
            "GM-RECIPE-009",
            "`exact_dedup` is there twice",
        ),
        (
            SOURCE + '[[step]]\nuse = "exact_dedup"\nsurvivor = "first"\n[[step]]\nuse = "minhash_dedup"\n',
            "GM-RECIPE-010",
            "different survivors",
        ),
        (
            SOURCE + '[[step]]\nuse = "minhash_dedup"\nsurvivor = "best"\n',
            "GM-RECIPE-004",
            '"longest", "first"',
        ),
        (
            SOURCE + '[[step]]\nuse = "minhash_dedup"\nsurvivor = { sources = ["wep"] }\n',
            "GM-PLAN-104",
            "did you mean `web`?",
        ),
        (
            SOURCE + '[[step]]\nuse = "minhash_dedup"\nwhere = { lang = "en" }\n',
            "GM-RECIPE-004",
            "dedup compares all documents",
        ),
        (
            SOURCE + '[[step]]\nuse = "clean"\nwhere = { lang = ["en", 1] }\n',
            "GM-RECIPE-004",
            "values of `lang` differ in type",
        ),
        (SOURCE + '[[step]]\nuse = "clean"\nwhere = { lang = [] }\n', "GM-RECIPE-004", "no value is allowed"),
        (
            SOURCE + '[[step]]\nuse = "clean"\nwhere = { "gopher_quality.num_words" = 1 }\n'
            '[[step]]\nuse = "gopher_quality"\n',
            "GM-PLAN-004",
            "is not produced by any step before `clean`",
        ),
        (
            SOURCE + '[[step]]\nuse = "gopher_quality"\n'
            '[[step]]\nuse = "clean"\nwhere = { "gopher_quality.num_word" = 1 }\n',
            "GM-PLAN-004",
            "did you mean `gopher_quality.num_words`?",
        ),
        (SOURCE + '[[step]]\nuse = "clean"\nwhere = { text = "a" }\n', "GM-PLAN-005", "`text` cannot"),
        (
            SOURCE + '[[step]]\nuse = "clean"\nwhere = { n = 1 }\n'
            '[[step]]\nuse = "gopher_quality"\nwhere = { n = "1" }\n',
            "GM-PLAN-006",
            "column `n` is both",
        ),
        (SOURCE + "[tokens]\n", "GM-RECIPE-005", "`tokenizer` is missing"),
        (SOURCE + '[tokens]\ntokenizer = "t"\nspecial = 3\n', "GM-RECIPE-004", '"plain", "hf" or a list'),
        (SOURCE + '[tokens]\ntokenizer = "t"\nend_of_text = 3\n', "GM-RECIPE-004", "true, false or a token"),
        (SOURCE + "[train]\nmodel = { cfg = 1 }\nsteps = 1\n", "GM-RECIPE-004", "a folder or { config"),
        (SOURCE + '[train]\nmodel = "m"\nsteps = 1\nbetas = [1, "x"]\n', "GM-RECIPE-004", "two numbers"),
        (
            SOURCE + '[[step]]\nuse = "clean"\nwhere = { lang = { a = 1 } }\n',
            "GM-RECIPE-004",
            "table of values",
        ),
        (
            SOURCE + '[tokens]\ntokenizer = "t"\nchat = { template = "model" }\n',
            "GM-CHAT-001",
            "nothing to render",
        ),
        (SOURCE + '[train]\nmodel = "m"\n', "GM-RECIPE-004", "exactly one of `epochs`, `steps` and `tokens`"),
        (
            SOURCE + '[train]\nmodel = "m"\nepochs = 1\nsteps = 1\n',
            "GM-RECIPE-004",
            "got `epochs` and `steps`",
        ),
        (
            SOURCE + '[train]\nmodel = "m"\nsteps = 1\ntask = "rank"\n',
            "GM-RECIPE-004",
            'must be "causal", "instruct" or "classify"',
        ),
        (SOURCE + '[train]\nmodel = "m"\nsteps = 1\n[train.lora]\nrnak = 8\n', "GM-RECIPE-003", "`rank`"),
        (
            SOURCE + "[train]\nmodel = { config = { a = 1 } }\nsteps = 1\n",
            "GM-RECIPE-004",
            "from scratch",
        ),
        (
            SOURCE + '[train]\nmodel = "m"\nmethod = "full"\nsteps = 1\n[train.lora]\nrank = 8\n',
            "GM-RECIPE-004",
            "no effect",
        ),
        (
            SOURCE + '[train]\nmodel = "m"\nsteps = 1\nbatch_tokens = 64\n',
            "GM-RECIPE-004",
            "smaller than `sequence_length`",
        ),
    ],
)
def test_a_mistake_has_a_code_and_names_what_is_wrong(text: str, code: str, message: str) -> None:
    error = refuse(text)
    assert error.code == code
    assert message in error.message


def test_a_mistake_has_a_place() -> None:
    steps = '[[step]]\nuse = "clean"\n[[step]]\nuse = "gopher_quality"\nmin_word = 5\n'
    assert refuse(SOURCE + steps).context[0] == "in recipe.toml, [[step]] number 2"
    lora = '[train]\nmodel = "m"\nsteps = 1\n[train.lora]\nrank = 0\n'
    assert refuse(SOURCE + lora).context[0] == "in recipe.toml, [train.lora]"


def test_all_mistakes_are_shown_at_once() -> None:
    error = refuse('[run]\nsed = 1\n[[source]]\nname = "a"\n[[step]]\nuse = "cleen"\n')
    rendered = error.render()
    for part in ("`sed`", "`paths` is missing", "`cleen`", "[[source]] number 1", "[[step]] number 1"):
        assert part in rendered


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(GristmillError) as missing:
        load_recipe(tmp_path / "recipe.toml")
    assert missing.value.code == "GM-RECIPE-001"
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(GristmillError) as latin:
        load_recipe(tmp_path / "latin.toml")
    assert latin.value.code == "GM-RECIPE-002"


def test_paths_are_relative_to_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "recipe.toml").write_text("\ufeff" + SOURCE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    recipe = load_recipe("recipe.toml")
    assert recipe.resolve("a/b") == tmp_path / "a/b"
    assert recipe.resolve("/a") == Path("/a")
    assert recipe.sources[0].paths == ("corpus/*.jsonl",)


def test_columns_have_one_schema_for_all_sources() -> None:
    two = (
        '[[source]]\nname = "a"\npaths = ["a"]\ncolumns = { n = "int64" }\n'
        '[[source]]\nname = "b"\npaths = ["b"]\n'
        '[[step]]\nuse = "clean"\nwhere = { n = 0.5 }\n'
    )
    assert parse_recipe(two, base=".").extracted_columns() == {"n": "int64"}


def test_section_fingerprints_change_with_their_section_only() -> None:
    one = parse_recipe(FULL, base="/a")
    two = parse_recipe(FULL.replace("min_words = 80", "min_words = 81"), base="/b")
    assert one.section_fingerprint("step") != two.section_fingerprint("step")
    for name in ("run", "source", "split", "tokens", "train"):
        assert one.section_fingerprint(name) == two.section_fingerprint(name)
