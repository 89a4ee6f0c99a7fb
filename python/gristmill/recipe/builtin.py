"""What built-in steps have in common: their columns, which of their keys are thresholds, and whose semantics they know.

Thresholds are applied to columns after all columns are made, so a changed one computes nothing again. All other keys
affect computing. Not here: the steps themselves (`rules`, `steps`), the algorithms (native), plugins (`step_base`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from gristmill.recipe.step_base import ColumnKind, Comparison, Rule, Step, Threshold
from gristmill.recipe.values import TextTuple


class BuiltinStep(Step):
    """A step of the engine.

    Class attributes say what a plan needs: `version` is raised when results change; `columns` are the signals in
    engine order, named without the step; `rules` maps threshold keys to what they do; `edits_text`, `is_dedup` and
    `is_choice` say what kind of step it is; `source_note` says where the rule comes from; `semantics_known` names the
    tools whose definition it can follow, beside its own; `limits` are keys that may stop a run and change no result.
    """

    version: ClassVar[int] = 1
    columns: ClassVar[Mapping[str, ColumnKind]] = {}
    rules: ClassVar[Mapping[str, Rule]] = {}
    edits_text: ClassVar[bool] = False
    is_dedup: ClassVar[bool] = False
    is_choice: ClassVar[bool] = False
    source_note: ClassVar[str] = ""
    semantics_known: ClassVar[tuple[str, ...]] = ("gristmill",)
    limits: ClassVar[tuple[str, ...]] = ()

    def made_columns(self) -> Mapping[str, ColumnKind]:
        """Return the columns that the step makes, with their types."""
        return self.columns

    def required_columns(self) -> tuple[str, ...]:
        """Return the string columns that the step reads beside the text."""
        return ()

    def required_numbers(self) -> tuple[str, ...]:
        """Return the columns of numbers that the step reads."""
        return ()

    def list_files(self, base: Path) -> Mapping[str, tuple[Path, ...]]:  # noqa: ARG002 - for those that have some
        """Return the files whose content the step computes with, by the key that names them.

        Parameters
        ----------
        base
            Where relative paths of the recipe start.
        """
        return {}

    def cut(self) -> Mapping[str, object] | None:
        """Return how a dedup step cuts spans out of texts; None for one that removes documents, and for all others.

        ``producer`` names who finds the spans (`gristmill.curate.cuts.PRODUCERS`), ``separators`` what goes with a
        span (``"lines"``: spans are whole lines, and their line breaks go with them; ``"none"``: nothing),
        ``min_words_left`` from how many words on a document stays (None: one character is enough), ``options`` are
        the producer's.
        """
        return None

    def thresholds(self) -> tuple[Threshold, ...]:
        """Return the thresholds that are on, in the order of the keys.

        Examples
        --------
        >>> from gristmill.recipe import BUILTIN_STEPS
        >>> step = BUILTIN_STEPS["fineweb_quality"].model_validate(
        ...     {"use": "fineweb_quality", "name": "lines", "max_newline_word_ratio": 0.5}
        ... )
        >>> step.thresholds()[-1]
        Threshold(rule='newline_word_ratio', column='newline_word_ratio', keep='<=', threshold=0.5, \
key='max_newline_word_ratio')
        """
        found = []
        made = self.made_columns()
        for key, rule in self.rules.items():
            value = getattr(self, key)
            if value is None or value is False or rule.column not in made:
                continue
            threshold = 0.0 if value is True else float(value)
            found.append(
                Threshold(rule=rule.rule, column=rule.column, keep=rule.keep, threshold=threshold, key=key)
            )
        return tuple(found)

    def computing(self) -> dict[str, object]:
        """Return the keys that affect computing, with their values as JSON values: the engine's configuration.

        Examples
        --------
        >>> from gristmill.recipe import BUILTIN_STEPS
        >>> step = BUILTIN_STEPS["fineweb_quality"].model_validate({"use": "fineweb_quality", "name": "lines"})
        >>> step.computing()
        {'short_line_length': 30}
        """
        values = self.model_dump(mode="json")
        shared = {*Step.model_fields, *RuleStep.model_fields}
        own = {key: value for key, value in values.items() if key not in self.rules and key not in shared}
        return own if self.semantics == "gristmill" else {**own, "semantics": self.semantics}


class RuleStep(BuiltinStep):
    """A step that measures documents, and has thresholds on what it measures."""

    measure: TextTuple | None = Field(
        None,
        description="Columns to compute and store; all by default. Rules on other columns are off, and cost nothing.",
    )

    @model_validator(mode="after")
    def _known_columns(self) -> Self:
        for column in self.measure or ():
            if column not in self.columns:
                raise PydanticCustomError(
                    "measure",
                    "`measure`: there is no column `{column}`; there are {known}",
                    {"column": column, "known": ", ".join(f"`{name}`" for name in self.columns)},
                )
        return self

    def made_columns(self) -> Mapping[str, ColumnKind]:
        """Return the columns that the step makes, with their types, in engine order."""
        if self.measure is None:
            return self.columns
        return {name: kind for name, kind in self.columns.items() if name in self.measure}


def both(minimum: str, maximum: str, column: str) -> dict[str, Rule]:
    """Return two thresholds on one column: the rules carry the keys' names, so that counts tell them apart.

    Examples
    --------
    >>> [rule.rule for rule in both("min_words", "max_words", "num_words").values()]
    ['min_words', 'max_words']
    """
    return {
        minimum: Rule(column=column, keep=">=", rule=minimum),
        maximum: Rule(column=column, keep="<=", rule=maximum),
    }


def rules_of(keep: Comparison, **columns: str) -> dict[str, Rule]:
    """Return thresholds that carry the names of their columns, by key.

    Examples
    --------
    >>> rules_of("<=", max_hash_ratio="hash_ratio")["max_hash_ratio"]
    Rule(column='hash_ratio', keep='<=', rule='hash_ratio')
    """
    return {key: Rule(column=column, keep=keep, rule=column) for key, column in columns.items()}
