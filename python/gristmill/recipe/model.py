"""The recipe as one frozen value: sections, steps, and where its paths are relative to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from pydantic import BaseModel

from gristmill.recipe.builtin import BuiltinStep
from gristmill.recipe.choose import ChoiceStep
from gristmill.recipe.dedup import (
    ExactDedup,
    HighestColumn,
    LowestColumn,
    MinhashDedup,
    Survivor,
)
from gristmill.recipe.plugin_use import Report, use_table
from gristmill.recipe.sections import Dedup, Run, Source, Tokens
from gristmill.recipe.semantic import SemanticDedup
from gristmill.recipe.split import KNOWN_COLUMNS, Split
from gristmill.recipe.step_base import PluginStep, Step, scalar_type
from gristmill.recipe.training import Train
from gristmill.recipe.values import Section

AnyStep = BuiltinStep | PluginStep

SECTIONS = ("run", "source", "step", "dedup", "split", "tokens", "train", "report")
"""Top-level names of a recipe, in the order they are written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    r"""A checked recipe. Values are as written (paths too); `resolve` and `output` give real paths.

    Parameters
    ----------
    run, dedup, split, report
        Always there; defaults where the recipe has no such table.
    sources, steps
        In recipe order.
    tokens, train
        None when the recipe has no such table.
    base
        The folder that relative paths start from: that of the recipe file.
    path
        The recipe file, if there is one.

    Examples
    --------
    >>> from gristmill.recipe import parse_recipe
    >>> text = '[[source]]\nname = "a"\npaths = ["a.jsonl"]\n[[step]]\nuse = "clean"\n'
    >>> recipe = parse_recipe(text, base="/data")
    >>> recipe.steps[0].name, recipe.output.as_posix()
    ('clean', '/data/runs/default')
    """

    run: Run = field(default_factory=Run)
    sources: tuple[Source, ...]
    steps: tuple[AnyStep, ...] = ()
    dedup: Dedup = field(default_factory=Dedup)
    split: Split = field(default_factory=Split)
    tokens: Tokens | None = None
    train: Train | None = None
    report: Report = field(default_factory=Report)
    base: Path
    path: Path | None = None

    def resolve(self, written: str | Path) -> Path:
        """Return a path of the recipe as a real one: relative to `base` unless absolute; `~` is the home folder."""
        return self.base / Path(written).expanduser()

    @property
    def output(self) -> Path:
        """The run folder."""
        return self.resolve(self.run.output)

    @property
    def plugins_dir(self) -> Path | None:
        """The folder of single-file plugins, if the recipe names one."""
        return None if self.run.plugins_dir is None else self.resolve(self.run.plugins_dir)

    @property
    def dedup_index(self) -> Path | None:
        """The index of what earlier runs kept, if the recipe names one."""
        return None if self.dedup.index is None else self.resolve(self.dedup.index)

    @property
    def plugin_steps(self) -> tuple[PluginStep, ...]:
        """The steps of plugins, in order."""
        return tuple(step for step in self.steps if isinstance(step, PluginStep))

    @property
    def named_plugins(self) -> tuple[str, ...]:
        """Return every plugin that the recipe names, sorted: in steps, sources, the report and training."""
        uses = [step.use for step in self.plugin_steps]
        uses += [source.format for source in self.sources if source.format and "." in source.format]
        uses += [str(table["use"]) for table in self.other_uses()]
        return tuple(sorted({use.partition(".")[0] for use in uses}))

    def other_uses(self) -> tuple[dict[str, object], ...]:
        """Return the tables of operators that stand elsewhere than in steps and formats, in recipe order."""
        written = [source.extract for source in self.sources if source.extract is not None]
        written += self.report.sections
        written += () if self.train is None else self.train.plugin_callbacks
        return tuple(use_table(item) for item in written)

    @property
    def exact_dedup(self) -> ExactDedup | None:
        """The exact dedup step of whole documents, if there is one."""
        steps = (step for step in self.steps if isinstance(step, ExactDedup))
        return next((step for step in steps if step.unit == "document"), None)

    @property
    def cut_steps(self) -> tuple[BuiltinStep, ...]:
        """The dedup steps that cut spans out of texts, in order."""
        steps = (step for step in self.steps if isinstance(step, BuiltinStep))
        return tuple(step for step in steps if step.cut() is not None)

    @property
    def minhash_dedup(self) -> MinhashDedup | None:
        """The near dedup step, if there is one."""
        return next((step for step in self.steps if isinstance(step, MinhashDedup)), None)

    @property
    def semantic_dedup(self) -> SemanticDedup | None:
        """The dedup step on embeddings, if there is one."""
        return next((step for step in self.steps if isinstance(step, SemanticDedup)), None)

    @property
    def choices(self) -> tuple[ChoiceStep | PluginStep, ...]:
        """The steps that choose among what all others keep, in order: built-in ones, and deciders of plugins."""
        steps = (step for step in self.steps if isinstance(step, (ChoiceStep, PluginStep)))
        return tuple(step for step in steps if step.is_choice)

    @property
    def survivor(self) -> Survivor:
        """Which of several duplicates stays: one policy for all dedup steps."""
        if self.minhash_dedup is not None:
            return self.minhash_dedup.survivor
        if self.semantic_dedup is not None:
            return self.semantic_dedup.survivor
        exact = [step for step in self.steps if isinstance(step, ExactDedup)]
        named = [step.survivor for step in exact if step.survivor is not None]
        if named:
            return named[0]
        # Equal texts are equally long, so that "longest" is the first of them; not so parts and normalised texts.
        is_equal_bytes = all(step.cut() is None and step.normalise == "none" for step in exact)
        return "longest" if is_equal_bytes and not self.cut_steps else "first"

    def survivor_policy(self) -> str | dict[str, object]:
        """Return `survivor` as JSON values: a word, or a table of one key (`highest`, `lowest` or `sources`)."""
        survivor = self.survivor
        return survivor if isinstance(survivor, str) else survivor.model_dump(mode="json")

    def wanted_columns(self) -> dict[str, str]:
        """Return the fields that `where`, `survivor`, `label` and `[split]` name, with the type each has to be read as.

        Columns of steps (`<step>.<output>`) and gristmill's own are not among them.
        """
        wanted: dict[str, str] = {}
        for step in self.steps:
            for column, values in step.where.items():
                if not self.is_signal_column(column):
                    wanted[column] = _wider(wanted.get(column), scalar_type(values[0]))
            if isinstance(step, BuiltinStep):
                named = [(column, "utf8") for column in step.required_columns()]
                named += [(column, "float64") for column in step.required_numbers()]
                for column, kind in named:
                    if not self.is_signal_column(column):
                        wanted.setdefault(column, kind)
            elif step.by is not None and not self.is_signal_column(step.by):
                wanted.setdefault(step.by, "utf8")
        if self.tokens is not None and self.tokens.label is not None:
            wanted.setdefault(self.tokens.label.field, "utf8")
        survivor = self.survivor
        if isinstance(survivor, (HighestColumn, LowestColumn)):
            column = survivor.highest if isinstance(survivor, HighestColumn) else survivor.lowest
            if not self.is_signal_column(column):
                wanted.setdefault(column, "float64")
        for column in self.split.columns():
            if column not in KNOWN_COLUMNS and not self.is_signal_column(column):
                wanted.setdefault(column, "utf8")
        return wanted

    def extracted_columns(self) -> dict[str, str]:
        """Return the fields that become typed columns of every document, sorted by name: declared or wanted.

        They are the same for all sources, so that tables of all partitions have one schema; a source whose records
        lack a field has nulls there.
        """
        columns = self.wanted_columns()
        for source in self.sources:
            columns.update(source.columns)
        return dict(sorted(columns.items()))

    def is_signal_column(self, column: str) -> bool:
        """Say whether a column is made by gristmill: by a step of this recipe, or for every document."""
        return column in ENGINE_COLUMNS or any(column.startswith(f"{step.name}.") for step in self.steps)

    def section(self, name: str) -> object:
        """Return a section, one of `SECTIONS`, as JSON values, defaults included.

        None for a section that the recipe does not have.
        """
        sections: dict[str, Section | tuple[Section, ...] | None] = {
            "run": self.run,
            "source": self.sources,
            "step": self.steps,
            "dedup": self.dedup,
            "split": self.split,
            "tokens": self.tokens,
            "train": self.train,
            "report": self.report,
        }
        value = sections[name]
        if isinstance(value, tuple):
            return [table(item) for item in value]
        return None if value is None else table(value)

    def section_fingerprint(self, *names: str) -> str:
        r"""Return the hash of sections as canonical JSON, 64 hexadecimal digits.

        Examples
        --------
        >>> from gristmill.recipe import parse_recipe
        >>> text = '[[source]]\nname = "a"\npaths = ["a.jsonl"]\n'
        >>> one, two = parse_recipe(text, base="."), parse_recipe(text + "[run]\nseed = 1\n", base="/other")
        >>> one.section_fingerprint("source") == two.section_fingerprint("source")
        True
        >>> one.section_fingerprint("run") == two.section_fingerprint("run")
        False
        """
        return hash_json({name: self.section(name) for name in names})


ENGINE_COLUMNS = frozenset({"raw_bytes", "text_bytes"})
"""Columns that every document has, whatever the steps."""


def table(section: BaseModel) -> dict[str, object]:
    """Return a section or step as the table a recipe would hold: JSON values, no nulls, plugin keys in place."""
    values = cast(dict[str, object], section.model_dump(mode="json", exclude_none=True))
    if isinstance(section, Step):
        values["where"] = {
            key: item[0] if len(item) == 1 else list(item) for key, item in section.where.items()
        }
        if not section.where:
            del values["where"]
    if isinstance(section, BuiltinStep):
        values |= {key: False for key in section.rules if getattr(section, key) is None}
    if isinstance(section, PluginStep):
        values.update(cast(Mapping[str, object], values.pop("keys")))
    if isinstance(section, Source) and not section.columns:
        del values["columns"]
    if isinstance(section, Train) and section.method == "full":
        del values["lora"]
    if isinstance(section, Train) and not section.callbacks:
        del values["callbacks"]
    return values


def canonical_json(value: object) -> str:
    """Return JSON with sorted keys and no white space: equal values, equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def hash_json(value: object) -> str:
    """Return the hash of a value's canonical JSON, 64 hexadecimal digits.

    Examples
    --------
    >>> hash_json({"a": 1, "b": 2}) == hash_json({"b": 2, "a": 1})
    True
    """
    return hashlib.blake2b(canonical_json(value).encode(), digest_size=32).hexdigest()


def _wider(known: str | None, wanted: str) -> str:
    """Return the type that holds both: all numbers meet in float64. Other conflicts are refused earlier."""
    return wanted if known is None or known == wanted else "float64"
