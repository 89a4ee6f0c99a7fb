"""Reads the pages of built-in steps: definition, differences from other tools, a text that passes and texts that fail.

A page is `pages/<use>.toml`:

    definition = "Markdown: what each value is."
    cost = "one pass over the words"          # optional, in words
    [columns]                                 # optional: formulas by column
    num_words = "number of words"
    [differences]                             # a tool that has a similar rule: how it differs
    datatrove = "..."
    [passes]                                  # a text that all rules of the step keep
    text = "..."
    [drops.min_words]                         # for every rule, by its name or its key: a text that it drops
    text = "..."
    [shows]                                   # for steps that clean or compare: texts to show it with
    texts = ["...", "..."]

An example may have `repeat = 20` (the text that many times), `config = { ... }` (keys of the step), `columns = { url =
"..." }` (string columns that the step reads beside the text), `files = { "list.txt" = "..." }` (contents of list files;
`{folder}` in strings of `config` is the folder where they are), and, in `drops`, `key` where one name stands for
several keys. Not here: running the examples (`gristmill.curate.rule_examples`), printing (`gristmill.cli.rule_page`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gristmill.errors import GristmillError
from gristmill.recipe.builtin import BuiltinStep
from gristmill.recipe.steps import BUILTIN_STEPS

FOLDER = Path(__file__).parent / "pages"
COSTS = Path(__file__).parent / "costs.toml"
_PAGE_KEYS = {"definition", "cost", "columns", "differences", "passes", "drops", "shows"}
_EXAMPLE_KEYS = {"text", "repeat", "config", "columns", "files", "key"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A text with the keys under which a step reads it.

    Parameters
    ----------
    text
        Written once.
    repeat
        How many times the text stands in the document.
    config
        Keys of the step.
    columns
        String columns beside the text.
    files
        Contents of files by name.
    key
        For an example that is dropped: the threshold key that drops it.
    """

    text: str
    repeat: int = 1
    config: Mapping[str, object] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None

    @property
    def document(self) -> str:
        """The whole text.

        Examples
        --------
        >>> Example(text="la ", repeat=3).document
        'la la la '
        """
        return self.text * self.repeat


@dataclass(frozen=True, kw_only=True, slots=True)
class RulePage:
    """The page of a step.

    Parameters
    ----------
    use
        Name of the step.
    definition
        Markdown: what each value is.
    cost
        In words; None where nothing is said.
    columns
        Formulas by column.
    differences
        How a similar rule of another tool differs, by tool.
    passes
        A text that every rule of the step keeps; None for steps that drop nothing by a threshold.
    drops
        For every rule a text that it drops, by threshold key.
    shows
        Texts that show what a step does which cleans or compares.
    """

    use: str
    definition: str
    cost: str | None
    columns: Mapping[str, str]
    differences: Mapping[str, str]
    passes: Example | None
    drops: Mapping[str, Example]
    shows: tuple[str, ...] = ()


def pages() -> list[str]:
    """Return the steps that have a page, in recipe order."""
    return [use for use in BUILTIN_STEPS if (FOLDER / f"{use}.toml").is_file()]


def load_page(use: str) -> RulePage:
    """Return the page of a built-in step.

    Raises
    ------
    GristmillError
        ``GM-EXPLAIN-002`` when there is no page, or one that is damaged or incomplete.

    Examples
    --------
    >>> sorted(load_page("minhash_dedup").differences)[0]
    'curator'
    """
    path = FOLDER / f"{use}.toml"
    try:
        content: Mapping[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(use, str(error)) from error
    model = BUILTIN_STEPS[use]
    _only(use, content, _PAGE_KEYS, "the page")
    passes = content.get("passes")
    if passes is None and model.rules:
        raise _damaged(use, "`passes` is missing")
    return RulePage(
        use=use,
        definition=_string(use, content, "definition").strip(),
        cost=_string(use, content, "cost").strip() if "cost" in content else None,
        columns=_columns(use, content, model),
        differences={tool: text.strip() for tool, text in _strings(use, content, "differences").items()},
        passes=None if passes is None else _example(use, "passes", passes),
        drops=_drops(use, _table(use, content, "drops"), model),
        shows=_shows(use, _table(use, content, "shows")),
    )


def load_costs() -> Mapping[str, float]:
    """Return what steps cost, in nanoseconds a byte of text, by step; empty before anybody measured."""
    if not COSTS.is_file():
        return {}
    costs = tomllib.loads(COSTS.read_text(encoding="utf-8")).get("costs", {})
    return {use: float(cost) for use, cost in costs.items()}


def _columns(use: str, content: Mapping[str, object], model: type[BuiltinStep]) -> dict[str, str]:
    columns = {name: text.strip() for name, text in _strings(use, content, "columns").items()}
    unknown = [name for name in columns if name not in model.columns]
    if unknown:
        raise _damaged(use, f"`columns`: the step has no column `{unknown[0]}`")
    return columns


def _drops(use: str, table: Mapping[str, object], model: type[BuiltinStep]) -> dict[str, Example]:
    """Return the dropping examples by threshold key, in the order of the keys."""
    found: dict[str, Example] = {}
    for name, value in table.items():
        example = _example(use, f"drops.{name}", value)
        keys = [key for key, rule in model.rules.items() if name in (key, rule.rule)]
        if example.key is not None:
            keys = [key for key in keys if key == example.key]
        if not keys:
            raise _damaged(use, f"`drops.{name}`: the step has no such rule")
        if len(keys) > 1:
            raise _damaged(use, f"`drops.{name}`: `key` has to say which of {_listing(keys)}")
        if keys[0] in found:
            raise _damaged(use, f"`drops.{name}`: there is another example for `{keys[0]}`")
        found[keys[0]] = example
    missing = [key for key in model.rules if key not in found]
    if missing:
        raise _damaged(use, f"`drops`: no text for {_listing(missing)}")
    return {key: found[key] for key in model.rules}


def _shows(use: str, table: Mapping[str, object]) -> tuple[str, ...]:
    _only(use, table, {"texts"}, "`shows`")
    texts = table.get("texts", [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise _damaged(use, "`shows.texts` must be a list of strings")
    return tuple(texts)


def _example(use: str, where: str, value: object) -> Example:
    if not isinstance(value, Mapping):
        raise _damaged(use, f"`{where}` must be a table")
    _only(use, value, _EXAMPLE_KEYS, f"`{where}`")
    repeat = value.get("repeat", 1)
    if not isinstance(repeat, int) or repeat < 1:
        raise _damaged(use, f"`{where}.repeat` must be a number of at least 1")
    return Example(
        text=_string(use, value, "text"),
        repeat=repeat,
        config=_table(use, value, "config"),
        columns=_strings(use, value, "columns"),
        files=_strings(use, value, "files"),
        key=_string(use, value, "key") if "key" in value else None,
    )


def _only(use: str, table: Mapping[str, object], known: set[str], where: str) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise _damaged(use, f"{where} has no key `{unknown[0]}`; there are {_listing(sorted(known))}")


def _string(use: str, table: Mapping[str, object], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str):
        raise _damaged(use, f"`{key}` is missing, or no string")
    return value


def _table(use: str, table: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = table.get(key, {})
    if not isinstance(value, Mapping):
        raise _damaged(use, f"`{key}` must be a table")
    return value


def _strings(use: str, table: Mapping[str, object], key: str) -> dict[str, str]:
    found = _table(use, table, key)
    wrong = [name for name, value in found.items() if not isinstance(value, str)]
    if wrong:
        raise _damaged(use, f"`{key}.{wrong[0]}` must be a string")
    return {name: str(value) for name, value in found.items()}


def _listing(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _damaged(use: str, what: str) -> GristmillError:
    return GristmillError(
        "GM-EXPLAIN-002", f"the page of `{use}` cannot be used: {what}", context=(f"{use}.toml",)
    )
