"""What two runs were asked to do differently: recipes, operators, inputs. Reads no document."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

Table = Mapping[str, object]
SECTIONS = ("run", "dedup", "split", "tokens")
"""Sections of a recipe that decide what curation makes."""
NO_RESULT = (
    "output",
    "scratch_memory",
    "removal_budget",
    "weight",
    "max_quarantine_fraction",
    "max_cluster_fraction",
)
"""Keys that decide nothing about the documents: places, budgets, training."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One thing that is not the same in two runs.

    Parameters
    ----------
    where
        ``recipe``, ``operator`` or ``input``.
    name
        What it is: ``step gopher_quality: min_words``, ``web: corpus/a.jsonl``.
    a, b
        Its values; None where one run does not have it.
    """

    where: str
    name: str
    a: object
    b: object


def recipe_changes(run_a: Path, run_b: Path) -> list[Change]:
    """Return what differs between the effective recipes of two runs; nothing where one has none.

    Steps and sources are told apart by their names. `[train]`, and keys that decide nothing about documents, are left
    out.
    """
    recipes = [_recipe(folder / "recipe.toml") for folder in (run_a, run_b)]
    if any(recipe is None for recipe in recipes):
        return []
    a, b = (cast(Table, recipe) for recipe in recipes)
    changes = [
        change
        for name in SECTIONS
        for change in _tables(f"[{name}] ", _table(a.get(name)), _table(b.get(name)))
    ]
    for kind in ("source", "step"):
        named_a, named_b = _named(a.get(kind)), _named(b.get(kind))
        for name in dict.fromkeys([*named_a, *named_b]):
            if name in named_a and name in named_b:
                changes += _tables(f"{kind} {name}: ", named_a[name], named_b[name])
            else:
                present = [_use(names.get(name)) for names in (named_a, named_b)]
                changes.append(Change(where="recipe", name=f"{kind} {name}", a=present[0], b=present[1]))
        orders = [
            [name for name in names if name in other]
            for names, other in ((named_a, named_b), (named_b, named_a))
        ]
        if orders[0] != orders[1]:
            changes.append(Change(where="recipe", name=f"order of {kind}s", a=orders[0], b=orders[1]))
    return changes


def operator_changes(manifest_a: Table, manifest_b: Table) -> list[Change]:
    """Return which operators have another version, another distribution or another fingerprint.

    Operators that only one run has are left out: `recipe_changes` names their steps.
    """
    a, b = (
        {str(one["step"]): one for one in cast(Sequence[Table], manifest.get("operators", []))}
        for manifest in (manifest_a, manifest_b)
    )
    return [
        Change(where="operator", name=f"{name}: {part}", a=a[name].get(part), b=b[name].get(part))
        for name in a
        if name in b
        for part in ("use", "version", "distribution", "distribution_version")
        if a[name].get(part) != b[name].get(part)
    ]


def tokenizer_changes(manifest_a: Table, manifest_b: Table) -> list[Change]:
    """Return what differs between the tokenizers; nothing where both runs make no tokens."""
    a, b = (_table(manifest.get("tokenizer")) for manifest in (manifest_a, manifest_b))
    return [
        Change(where="tokenizer", name=part, a=a.get(part), b=b.get(part))
        for part in dict.fromkeys([*a, *b])
        if a.get(part) != b.get(part)
    ]


def input_changes(manifest_a: Table, manifest_b: Table) -> list[Change]:
    """Return the input files that only one run read, or whose content differs, by source and relative path."""
    a, b = (
        {
            f"{one['source']}: {one['path']}": str(one["digest"])
            for one in cast(Sequence[Table], manifest.get("inputs", []))
        }
        for manifest in (manifest_a, manifest_b)
    )
    return [
        Change(where="input", name=name, a=a.get(name), b=b.get(name))
        for name in dict.fromkeys([*a, *b])
        if a.get(name) != b.get(name)
    ]


def _recipe(path: Path) -> Table | None:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _tables(name: str, a: Table, b: Table) -> Iterator[Change]:
    for key in dict.fromkeys([*a, *b]):
        if key not in NO_RESULT and a.get(key) != b.get(key):
            yield Change(where="recipe", name=f"{name}{key}", a=a.get(key), b=b.get(key))


def _table(value: object) -> Table:
    return value if isinstance(value, Mapping) else {}


def _named(tables: object) -> dict[str, Table]:
    found = cast(Sequence[Table], tables if isinstance(tables, list) else [])
    return {str(table.get("name", table.get("use"))): table for table in found}


def _use(table: Table | None) -> object:
    """Return what a step or a source is: its operator, or its files."""
    return None if table is None else table.get("use", table.get("paths", True))
