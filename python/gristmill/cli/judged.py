"""How the thresholds of a run judged one document, and which other thresholds would have kept it.

Thresholds are those that the run applied (`manifest.json`, `plan.json`), never those of today's recipe. Not here:
finding the document (`curate.lookup`), telling its whole story (`story`).
"""

from __future__ import annotations

import math
import operator
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from gristmill.cli.tables import read_json
from gristmill.cli.text import value_words

if TYPE_CHECKING:
    from gristmill.recipe import BuiltinStep
    from gristmill.report.thresholds import Threshold

Row = Mapping[str, object]
Outcome = Literal["passed", "failed", "null", "outside"]
COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq}
BOUND_WORDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
SIGNIFICANT_DIGITS = 4
"""Digits of a threshold that is proposed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Another value of one key under which a document would pass.

    Parameters
    ----------
    step, key
        Where it stands in a recipe; `key` is None where no key of the recipe sets the rule.
    old, new
        Values of the key; `new` is False where only switching the rule off helps.
    """

    step: str
    key: str | None
    old: float | bool
    new: float | bool

    @property
    def line(self) -> str | None:
        """The line of a recipe, or None where no key sets the rule."""
        if self.key is None:
            return None
        from gristmill.recipe import toml_value

        return f"{self.key} = {toml_value(self.new)}"

    @property
    def setting(self) -> str | None:
        """The same as `gristmill what-if --set` takes it."""
        if self.key is None:
            return None
        from gristmill.recipe import toml_value

        return f"{self.step}.{self.key}={toml_value(self.new)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """One threshold and what it said.

    Parameters
    ----------
    step, rule, column, keep, threshold
        As the run applied it.
    value
        What was measured; None where nothing was, which passes.
    outcome
        ``"outside"``: the step's `where` does not hold for the document, so the threshold was not asked.
    is_reason
        Whether this one dropped the document: the first that failed.
    outside_because
        Which condition does not hold.
    change
        For a failed one: the value of its key that would keep the document.
    """

    step: str
    rule: str
    column: str
    keep: str
    threshold: float
    value: object
    outcome: Outcome
    is_reason: bool = False
    outside_because: str | None = None
    change: Change | None = None

    def to_json_dict(self) -> dict[str, object]:
        """Return the judgement as JSON values."""
        change = self.change
        lines = {} if change is None else {"line": change.line, "setting": change.setting}
        values = asdict(self)
        return {**values, "change": None if change is None else {**asdict(change), **lines}}


def judge(run_folder: Path, manifest: Row, signals: Row) -> list[Judgement]:
    """Return what every threshold of the run said about a document, in the order in which they were asked.

    Parameters
    ----------
    run_folder, manifest
        The run.
    signals
        The document's row of `signals/`; empty for one that could not be read, which no threshold judged.
    """
    if not signals:
        return []
    steps = StepKeys.of(run_folder)
    judgements: list[Judgement] = []
    for threshold in run_thresholds(run_folder, manifest):
        judged = _judge(threshold, signals, is_first=all(one.outcome != "failed" for one in judgements))
        if judged.outcome == "failed":
            judged = _with_change(judged, steps)
        judgements.append(judged)
    return judgements


def run_thresholds(run_folder: Path, manifest: Row) -> list[Threshold]:
    """Return the thresholds that a run applied, in order: the manifest's, else the plan's."""
    from gristmill.report.thresholds import find_thresholds

    found = find_thresholds(manifest)
    plan = run_folder / "plan.json"
    return found if found or not plan.is_file() else find_thresholds(read_json(plan))


def _judge(threshold: Threshold, signals: Row, *, is_first: bool) -> Judgement:
    value = signals.get(threshold.column)
    unmet = next(
        ((column, allowed) for column, allowed in threshold.conditions if signals.get(column) not in allowed),
        None,
    )
    outcome: Outcome = "passed"
    because = None
    if unmet is not None:
        column, allowed = unmet
        outcome = "outside"
        names = ", ".join(f"`{value_words(item)}`" for item in allowed)
        because = f"`{column}` is `{value_words(signals.get(column))}`, the step is for {names}"
    elif value is None:
        outcome = "null"
    elif not COMPARE[threshold.keep](float(cast(float, value)), threshold.threshold):
        outcome = "failed"
    return Judgement(
        step=threshold.step,
        rule=threshold.rule,
        column=threshold.column,
        keep=threshold.keep,
        threshold=threshold.threshold,
        value=value,
        outcome=outcome,
        is_reason=outcome == "failed" and is_first,
        outside_because=because,
    )


def _with_change(judged: Judgement, steps: StepKeys) -> Judgement:
    key = steps.key_of(judged)
    is_switch = judged.keep == "=="
    is_count = isinstance(judged.value, int) and float(judged.threshold).is_integer()
    old: float | bool = True if is_switch else int(judged.threshold) if is_count else judged.threshold
    new: float | bool = False if is_switch else keeping(cast(float, judged.value), judged.keep)
    values = asdict(judged) | {"change": Change(step=judged.step, key=key, old=old, new=new)}
    return Judgement(**values)


def keeping(value: float, keep: str) -> float:
    """Return a threshold near a value that the value passes: short to write, never on the wrong side.

    Examples
    --------
    >>> keeping(43, ">="), keeping(0.366197183, "<="), keeping(0.0123456, ">=")
    (43, 0.3662, 0.01234)
    >>> keeping(7, ">"), keeping(0.5, "<")
    (6, 0.5001)
    """
    upwards = keep in ("<=", "<")
    if isinstance(value, int):
        return value if keep in (">=", "<=") else value + (1 if upwards else -1)
    exact = Decimal(value)
    if not exact:
        short = exact
    else:
        unit = Decimal(1).scaleb(exact.adjusted() - SIGNIFICANT_DIGITS + 1)
        short = exact.quantize(unit, rounding=ROUND_CEILING if upwards else ROUND_FLOOR)
        if keep in (">", "<") and short == exact:
            short += unit if upwards else -unit
    found = float(short)
    if COMPARE[keep](value, found):
        return found
    return value if keep in (">=", "<=") else math.nextafter(value, math.inf if upwards else -math.inf)


class StepKeys:
    """Which key of a recipe sets which rule, for the steps of one run.

    Parameters
    ----------
    uses
        `use` of every step by the step's name.
    written
        Every step's table of the effective recipe by the step's name.
    """

    def __init__(self, uses: Mapping[str, str], written: Mapping[str, Row]) -> None:
        self._uses = uses
        self._written = written

    @classmethod
    def of(cls, run_folder: Path) -> StepKeys:
        """Read them from a run's effective recipe and plan; what is gone is unknown."""
        written: dict[str, Row] = {}
        uses: dict[str, str] = {}
        try:
            recipe = tomllib.loads((run_folder / "recipe.toml").read_text(encoding="utf-8"))
            for table in cast(Sequence[Row], recipe.get("step", [])):
                name = str(table.get("name", table["use"]))
                written[name], uses[name] = table, str(table["use"])
        except (OSError, ValueError, KeyError):
            pass
        plan = run_folder / "plan.json"
        if plan.is_file():
            for step in cast(Sequence[Mapping[str, str]], read_json(plan).get("operators", [])):
                uses.setdefault(step["step"], step["use"])
        return cls(uses, written)

    def model(self, step: str) -> type[BuiltinStep] | None:
        """Return the model of a built-in step, None of a plugin's."""
        from gristmill.recipe import BUILTIN_STEPS

        return BUILTIN_STEPS.get(self._uses.get(step, step))

    def use(self, step: str) -> str:
        """Return the operator of a step."""
        return self._uses.get(step, step)

    def key_of(self, judged: Judgement) -> str | None:
        """Return the key that sets a threshold; None where no key does, as for a plugin's filter."""
        model = self.model(judged.step)
        if model is not None:
            column = judged.column.removeprefix(f"{judged.step}.")
            for key, rule in model.rules.items():
                if (rule.rule, rule.column, rule.keep) == (judged.rule, column, judged.keep):
                    return key
            return None
        side = {">=": "min", "<=": "max"}.get(judged.keep)
        output = judged.column.removeprefix(f"{judged.step}.")
        if side is None:
            return None
        written = self._written.get(judged.step, {})
        return side if side in written and f"{side}_{output}" not in written else f"{side}_{output}"
