"""What enters a plan's identity and a task's fingerprint, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support import RECIPE, write_corpus

from gristmill.curate.plan import Plan, make_plan
from gristmill.curate.stages import Task, fingerprint
from gristmill.curate.tokens import resolve_tokenizer
from gristmill.errors import GristmillError
from gristmill.recipe import load_recipe


def plan(folder: Path, recipe: str = RECIPE) -> Plan:
    folder.mkdir(parents=True, exist_ok=True)
    return make_plan(load_recipe(write_corpus(folder, recipe=recipe)))


def test_a_plan_does_not_depend_on_where_it_lies(tmp_path: Path) -> None:
    assert plan(tmp_path / "a").fingerprint() == plan(tmp_path / "b/c").fingerprint()


@pytest.mark.parametrize(
    ("old", "new", "is_same"),
    [
        ("seed = 7", 'seed = 7\nscratch_memory = "1GiB"', True),
        ("seed = 7", "seed = 7\nmax_quarantine_fraction = 0.5", True),
        ('name = "first"', 'name = "first"\nweight = 2.0', True),
        ('name = "first"', 'name = "first"\nremoval_budget = 0.5', True),
        ('use = "minhash_dedup"', 'use = "minhash_dedup"\nmax_cluster_fraction = 0.5', True),
        ('use = "minhash_dedup"', 'use = "minhash_dedup"\npreset = "fineweb"', True),
        ('use = "minhash_dedup"', 'use = "minhash_dedup"\nverify = false', False),
        ('use = "minhash_dedup"', 'use = "minhash_dedup"\nmeasure = "containment"', False),
        ('use = "minhash_dedup"', 'use = "minhash_dedup"\npreset = "olmo"', False),
        ("seed = 7", "seed = 8", False),
        ('use = "gopher_quality"', 'use = "gopher_quality"\nmin_words = 49', False),
        ("validation = 0.3", "validation = 0.2", False),
    ],
)
def test_only_what_decides_the_output_is_in_the_identity(
    old: str, new: str, is_same: bool, tmp_path: Path
) -> None:
    changed = plan(tmp_path / "b", RECIPE.replace(old, new))
    assert (plan(tmp_path / "a").fingerprint() == changed.fingerprint()) is is_same


def test_a_task_is_known_by_content_not_by_place() -> None:
    def mark(**spec: object) -> str:
        return fingerprint("decide", Task(index=0, kind="native", spec=spec))

    one = mark(signals={"file": "map-0-a1.signals", "digest": "d"}, scratch_memory_bytes=1)
    assert one == mark(signals={"file": "map-0-b2.signals", "digest": "d"}, scratch_memory_bytes=2)
    assert one != mark(signals={"file": "map-0-a1.signals", "digest": "e"}, scratch_memory_bytes=1)


def test_a_plan_says_what_it_will_cost(tmp_path: Path) -> None:
    lines = "\n".join(plan(tmp_path).describe())
    assert "= 238 bytes a document" in lines
    assert "memory with two workers" in lines


def test_the_end_of_text_token_is_never_guessed(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    file = tmp_path / "tokenizer.json"
    assert resolve_tokenizer(file, special="plain", end_of_text=True).end_of_text == (0,)
    assert resolve_tokenizer(file, special="plain", end_of_text=False).end_of_text == ()
    with pytest.raises(GristmillError) as caught:
        resolve_tokenizer(file, special="plain", end_of_text="<none>")
    assert caught.value.code == "GM-TOKENS-003"
    file.write_text(file.read_text().replace("<|endoftext|>", "<stop>"))
    with pytest.raises(GristmillError) as caught:
        resolve_tokenizer(file, special="plain", end_of_text=True)
    assert caught.value.code == "GM-TOKENS-002"
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": {"content": "<stop>"}}')
    assert resolve_tokenizer(tmp_path, special="plain", end_of_text=True).end_of_text == (0,)
