"""`init` writes something whole: a recipe that parses, a corpus with what it promises, a tokenizer that fits it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import tokenizers

from gristmill.cli.main import main
from gristmill.recipe import load_recipe, parse_recipe


@pytest.fixture
def starter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["init", str(tmp_path / "demo")]) == 0
    capsys.readouterr()
    return tmp_path / "demo"


def test_the_recipe_is_sound_and_its_paths_are_there(starter: Path) -> None:
    recipe = load_recipe(starter / "recipe.toml")
    assert recipe.tokens is not None
    assert recipe.resolve(recipe.tokens.tokenizer).is_file()
    for source in recipe.sources:
        for path in source.paths:
            assert recipe.resolve(path).is_file()


def test_the_training_section_is_sound_when_its_signs_are_removed(starter: Path) -> None:
    text = (starter / "recipe.toml").read_text(encoding="utf-8")
    head, train = text.split("# [train]")
    recipe = parse_recipe(head + "[train]" + re.sub(r"^# ", "", train, flags=re.MULTILINE), base=starter)
    assert recipe.train is not None
    tokenizer = tokenizers.Tokenizer.from_file(str(starter / "tokenizer.json"))
    assert not isinstance(recipe.train.model, str)
    assert recipe.train.model.config["vocab_size"] == tokenizer.get_vocab_size()


def test_the_corpus_has_two_languages_duplicates_and_junk(starter: Path) -> None:
    lines = [
        line
        for name in ("letters", "briefe")
        for line in (starter / f"corpus/{name}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    broken = 0
    texts: dict[str, list[str]] = {}
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            broken += 1
            continue
        texts.setdefault(row["lang"], []).append(row["text"])
    assert broken == 1
    assert {language: len(found) for language, found in texts.items()} == {"en": 13, "de": 6}
    assert len(set(texts["en"])) == 12


def test_the_tokenizer_is_small_and_reads_any_text(starter: Path) -> None:
    file = starter / "tokenizer.json"
    assert file.stat().st_size < 100_000
    tokenizer = tokenizers.Tokenizer.from_file(str(file))
    for text in ("The harbour was dark.", "größer, 漢字 \x00 🙂"):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert tokenizer.token_to_id("<|endoftext|>") == 0


def test_nothing_is_overwritten(starter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (starter / "recipe.toml").write_text("mine", encoding="utf-8")
    (starter / "tokenizer.json").unlink()
    assert main(["init", str(starter)]) == 2
    assert "GM-CLI-006" in capsys.readouterr().err
    assert (starter / "recipe.toml").read_text(encoding="utf-8") == "mine"
    assert not (starter / "tokenizer.json").exists()


def test_the_starter_runs_as_it_is_written(starter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(starter / "recipe.toml")]) == 0
    capsys.readouterr()
    assert main(["curate", str(starter / "recipe.toml"), "--workers", "1", "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)["counts"]
    assert (counts["documents_in"], counts["quarantined"]) == (20, 1)
    letters = {reason: count for reason, count in counts["by_source"]["letters"]["dropped"].items() if count}
    assert letters == {
        "gopher_repetition.top_3_gram_character_fraction": 1,
        "exact_dedup.exact_duplicate": 1,
        "minhash_dedup.near_duplicate": 1,
    }
    assert counts["kept"] == 16
    assert set(counts["tokens"]) == {"train", "validation"}
    run = starter / "runs/first"
    assert main(["verify", str(run)]) == 0
    assert main(["explain", "doc", "torn", "--run", str(run)]) == 2
    capsys.readouterr()
    assert main(["explain", "doc", "garten", "--run", str(run)]) == 0
    shown = capsys.readouterr().out
    assert "edited by clean (mojibake)" in shown
    assert "kept: split" in shown
