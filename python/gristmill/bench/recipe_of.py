"""The recipe of the whole curation that is measured: all steps of a run, on the sample, into a temporary folder."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from gristmill.bench.contenders import RULES
from gristmill.bench.sample import Sample
from gristmill.curate.tokens import tokenizer_file
from gristmill.recipe import load_recipe, toml_value

STEPS = ("clean", *RULES, "exact_dedup", "minhash_dedup")
"""Steps of the recipe where the user gives none."""
NO_LIMITS = {"max_quarantine_fraction": 1.0}


def write_recipe(folder: Path, sample: Sample, tokenizer: Path, recipe: Path | None) -> Path:
    """Write the recipe to measure and return its path.

    Parameters
    ----------
    folder
        Where to. What lies beside the user's recipe is linked into it, so that relative paths hold.
    sample
        The documents; one source has them all.
    tokenizer
        The tokenizer; of a user's recipe, its own.
    recipe
        The user's recipe, whose steps, split and tokens are taken; None for the usual ones.
    """
    folder.mkdir()
    path = folder / "recipe.toml"
    source = {"name": "sample", "paths": [str(file) for file in sample.files], "id": "id"}
    if recipe is None:
        content: dict[str, object] = {
            "source": [source],
            "step": [{"use": name} for name in STEPS],
            "tokens": {"tokenizer": str(tokenizer)},
        }
        run: dict[str, object] = {}
    else:
        for entry in recipe.absolute().parent.iterdir():
            if entry.name != path.name:
                (folder / entry.name).symlink_to(entry)
        given = tomllib.loads(recipe.read_text(encoding="utf-8-sig"))
        content = {
            key: value for key, value in given.items() if key not in ("source", "run", "train", "evaluate")
        }
        content["source"] = [source]
        run = {key: value for key, value in given.get("run", {}).items() if key != "output"}
    content["run"] = {**run, **NO_LIMITS, "output": str(folder / "run")}
    path.write_text(_toml(content), encoding="utf-8")
    return path


def _toml(content: Mapping[str, object]) -> str:
    lines: list[str] = []
    for key, value in content.items():
        if isinstance(value, Mapping):
            lines += [f"[{key}]", *(f"{name} = {toml_value(item)}" for name, item in value.items()), ""]
        elif isinstance(value, list):
            for table in value:
                lines += [f"[[{key}]]", *(f"{name} = {toml_value(item)}" for name, item in table.items()), ""]
    return "\n".join(lines)


def inputs_of(recipe: Path) -> tuple[list[str], str, str | None]:
    """Return the paths of all sources of a recipe, and the fields of text and id of the first."""
    loaded = load_recipe(recipe)
    paths = [str(loaded.resolve(path)) for source in loaded.sources for path in source.paths]
    first = loaded.sources[0]
    return paths, first.text, first.id


def tokenizer_of(recipe: Path) -> Path | None:
    """Return the tokenizer file of a recipe, None where it has no `[tokens]`."""
    loaded = load_recipe(recipe)
    if loaded.tokens is None:
        return None
    return tokenizer_file(loaded.resolve(loaded.tokens.tokenizer))
