"""Plugins inside a run: a reader, a transform, a signal that fails on one document, and a filter."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support import prose

from gristmill.curate.plan import make_plan
from gristmill.curate.run import CuratedRun, curate
from gristmill.curate.verify import verify_run
from gristmill.errors import GristmillError
from gristmill.recipe import load_recipe
from gristmill.report.folder import RunFolder
from gristmill.report.sections import plugins as plugins_section

PLUGIN = '''
from pathlib import Path

import pyarrow as pa

from gristmill.plugins.api import Filter, Reader, Signal, Transform, col, hookimpl

gristmill_api = 1


class Dashes(Reader):
    """Documents of a text file, separated by lines of three dashes."""

    name, version, suffixes = "dashes", 1, (".txt",)

    def read(self, path: Path):
        for number, text in enumerate(path.read_text(encoding="utf-8").split("\\n---\\n")):
            yield pa.record_batch({"text": [text or None], "id": [str(number)], "place": [number % 2]})


class Shout(Transform):
    """The text in capitals."""

    name, version = "shout", 1

    def apply(self, batch):
        import pyarrow.compute as pc

        return pc.utf8_upper(batch.column("text"))


class Fragile(Signal):
    """Number of characters; fails on documents that say so."""

    name, version = "fragile", 1
    inputs, outputs = ("text",), {"num_characters": "float64"}

    def compute(self, batch):
        texts = batch.column("text").to_pylist()
        if any("BREAK" in text for text in texts):
            raise ValueError("asked to break")
        return {"num_characters": pa.array([float(len(text)) for text in texts])}


class Even(Filter):
    """Keeps documents at even places."""

    name, version, reason = "even", 1, "at an odd place"
    inputs = ("text",)

    def predicate(self):
        return ~col("text").str.contains("NUMBER 4 ")


@hookimpl
def register_readers(register):
    register(Dashes)


@hookimpl
def register_transforms(register):
    register(Shout)


@hookimpl
def register_signals(register):
    register(Fragile)


@hookimpl
def register_filters(register):
    register(Even)
'''

RECIPE = """
[run]
output = "run"
plugins_dir = "plugins"

[[source]]
name = "notes"
paths = ["notes-*.txt"]
format = "toy.dashes"
id = "id"

[[step]]
use = "toy.shout"

[[step]]
use = "gopher_quality"
min_alphabetic_word_fraction = 0.1
min_stop_words = 0

[[step]]
use = "toy.fragile"
min = 100

[[step]]
use = "toy.even"

[[step]]
use = "exact_dedup"

[[step]]
use = "minhash_dedup"
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> CuratedRun:
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "plugins").mkdir()
    (folder / "plugins" / "toy.py").write_text(PLUGIN, encoding="utf-8")
    texts = [prose(number) for number in range(6)] + [prose(6) + " break here", "", prose(0)]
    (folder / "notes-a.txt").write_text("\n---\n".join(texts), encoding="utf-8")
    (folder / "notes-b.txt").write_text(prose(50), encoding="utf-8")
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return curate(folder / "recipe.toml", workers=1)


def test_every_document_of_a_plugin_reader_is_accounted_for(run: CuratedRun) -> None:
    assert verify_run(run.path).ok
    assert run.counts["documents_in"] == 10
    assert (run.counts["kept"], run.counts["dropped"], run.counts["quarantined"]) == (6, 2, 2)
    assert [file["documents"] for file in run.manifest["inputs"]] == [9, 1]  # type: ignore[index, attr-defined]


def test_a_failing_document_is_quarantined_with_step_error_and_excerpt(run: CuratedRun) -> None:
    rows = {row["id"]: row for row in run.rejects().collect().iter_rows(named=True)}
    broken = rows["6"]
    assert (broken["kind"], broken["step"], broken["reason"]) == ("quarantined", "toy.fragile", "ValueError")
    assert "asked to break" in broken["detail"]
    assert broken["excerpt"].startswith(prose(6)[:20].upper())
    assert (rows["7"]["step"], rows["7"]["reason"]) == ("read", "text_is_null")
    assert (rows["4"]["step"], rows["4"]["kind"]) == ("toy.even", "dropped")
    assert rows["8"]["reason"] == "exact_duplicate"


def test_a_transform_leaves_edits_that_lead_back(run: CuratedRun) -> None:
    document = run.documents().collect().filter(id="1").row(0, named=True)
    assert document["text"] == prose(1).upper()
    [edit] = run.edits().collect().filter(doc=document["doc"]).iter_rows(named=True)
    restored = (
        document["text"][: edit["start"]]
        + edit["before"]
        + document["text"][edit["start"] + len(edit["after"]) :]
    )
    assert restored == prose(1)
    assert document["metadata"] == '{"place":1}'


def test_native_steps_behind_a_plugin_read_what_it_left(run: CuratedRun) -> None:
    signals = run.signals().collect()
    # The stop words are lower-case, and the transform shouted.
    assert set(signals["gopher_quality.num_stop_words"]) == {0}
    assert signals["toy.fragile.num_characters"].null_count() == 0


def test_what_the_steps_did_is_added_up_over_tasks_for_the_report(run: CuratedRun) -> None:
    _, table = plugins_section.build(RunFolder(run.path))
    rows = {row[0]: row[1:] for row in table.rows}
    # One document is null and read by no step.
    assert {step: (row[0], row[2], row[3]) for step, row in rows.items()} == {
        "toy.shout": (2, 9, 0),
        "toy.fragile": (2, 9, 1),
        "toy.even": (1, 9, 0),
    }


def test_a_plan_says_how_plugins_are_contained(run: CuratedRun) -> None:
    recipe = run.path.parent / "recipe.toml"
    contained = run.path.parent / "contained.toml"
    text = recipe.read_text(encoding="utf-8")
    contained.write_text(text.replace("min = 100", 'min = 100\nisolation = "process"\ndeadline = "9s"'))
    before, after = make_plan(load_recipe(recipe)), make_plan(load_recipe(contained))
    assert after.fingerprint() == before.fingerprint()
    assert "     in a process of its own, 9 s a batch" in after.describe()


def test_an_edited_plugin_runs_again_and_an_unchanged_one_does_not(run: CuratedRun) -> None:
    recipe = run.path.parent / "recipe.toml"
    again = curate(recipe, workers=1)
    assert again.num_run == 0
    plugin = run.path.parent / "plugins" / "toy.py"
    plugin.write_text(PLUGIN.replace("utf8_upper", "utf8_lower"), encoding="utf-8")
    changed = curate(recipe, workers=2)
    assert changed.num_run > 0
    assert changed.digest != run.digest
    assert prose(1).lower() in changed.documents().collect()["text"].to_list()


def test_a_mistake_names_the_recipe_and_the_step(run: CuratedRun) -> None:
    recipe = run.path.parent / "mistaken.toml"
    text = (run.path.parent / "recipe.toml").read_text(encoding="utf-8")
    recipe.write_text(text.replace("min = 100", "mim = 100"), encoding="utf-8")
    with pytest.raises(GristmillError) as caught:
        make_plan(load_recipe(recipe))
    assert caught.value.code == "GM-PLUGIN-008"
    number = 1 + [step.use for step in load_recipe(recipe).steps].index("toy.fragile")
    assert caught.value.context[0] == f"in {recipe}, [[step]] number {number}"


def test_a_plugin_that_fails_on_everything_is_named_in_the_hint(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "toy.py").write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "a.jsonl").write_text('{"text": "BREAK it"}\n{"text": "BREAK this, too"}\n', encoding="utf-8")
    (tmp_path / "recipe.toml").write_text(
        '[run]\noutput = "run"\nplugins_dir = "plugins"\n[[source]]\nname = "a"\npaths = ["a.jsonl"]\n'
        '[[step]]\nuse = "toy.fragile"\n',
        encoding="utf-8",
    )
    with pytest.raises(GristmillError) as caught:
        curate(tmp_path / "recipe.toml", workers=1)
    assert caught.value.code == "GM-RUN-010"
    assert "`toy.fragile` fails on every document" in str(caught.value.hint)
