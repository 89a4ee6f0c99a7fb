"""What `what-if` answers: counts before and after, by source and rule, and which of them are estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gristmill.curate.threshold_keys import Setting


@dataclass(frozen=True, kw_only=True, slots=True)
class ThresholdChange:
    """A rule whose limit differs.

    Parameters
    ----------
    step, rule, column, keep
        The rule: a document stays if its value in `column` compares so.
    before, after
        The limit that the run applied and the one that would be; None where the rule is off.
    """

    step: str
    rule: str
    column: str
    keep: str
    before: float | None
    after: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceCounts:
    """What becomes of the documents of one source.

    Parameters
    ----------
    documents_in, quarantined
        As in the run.
    kept
        Documents that pass every threshold and are no duplicate.
    dropped
        Documents by the first rule that drops them, dedup among them; rules without any are left out.
    """

    documents_in: int
    quarantined: int
    kept: int
    dropped: Mapping[str, int]

    def to_json_dict(self) -> dict[str, object]:
        """Return the counts as `manifest.json` has them."""
        return {
            "documents_in": self.documents_in,
            "quarantined": self.quarantined,
            "kept": self.kept,
            "dropped": dict(sorted(self.dropped.items())),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class WhatIf:
    """The answer.

    Parameters
    ----------
    run
        The run folder that it is from.
    settings
        What was set beside the recipe.
    changes
        Rules whose limits differ from the run's.
    rules
        Names of all rules in the order in which they are applied.
    before, after
        Counts by source.
    enters, leaves
        Documents by source that pass all thresholds after and did not before, and the other way round; dedup aside.
    estimates
        Rules of `after` (and ``"kept"``) whose numbers are estimates, with the reason; all others are exact.
    over_budget
        Sources that would lose more to dedup than their `removal_budget`, so that a run would stop.
    examples
        Documents of each direction (``"enters"``, ``"leaves"``), nearest to the limit first.
    """

    run: Path
    settings: Sequence[Setting]
    changes: Sequence[ThresholdChange]
    rules: Sequence[str]
    before: Mapping[str, SourceCounts]
    after: Mapping[str, SourceCounts]
    enters: Mapping[str, int]
    leaves: Mapping[str, int]
    estimates: Mapping[str, str]
    over_budget: Sequence[str]
    examples: Mapping[str, Sequence[Mapping[str, object]]]

    def to_json_dict(self) -> dict[str, object]:
        """Return the answer as JSON values."""
        return {
            "run": str(self.run),
            "set": {setting.name: setting.value for setting in self.settings},
            "changes": [
                {
                    "step": change.step,
                    "rule": change.rule,
                    "column": change.column,
                    "keep": change.keep,
                    "before": change.before,
                    "after": change.after,
                }
                for change in self.changes
            ],
            "before": _counts_json(self.before),
            "after": _counts_json(self.after),
            "enters": {"documents": sum(self.enters.values()), "by_source": dict(self.enters)},
            "leaves": {"documents": sum(self.leaves.values()), "by_source": dict(self.leaves)},
            "estimates": dict(self.estimates),
            "over_budget": list(self.over_budget),
            "examples": {side: [dict(row) for row in rows] for side, rows in self.examples.items()},
        }


def _counts_json(by_source: Mapping[str, SourceCounts]) -> dict[str, object]:
    total = total_counts(by_source)
    return {
        **total.to_json_dict(),
        "by_source": {name: source.to_json_dict() for name, source in by_source.items()},
    }


def total_counts(by_source: Mapping[str, SourceCounts]) -> SourceCounts:
    """Return the counts of all sources together."""
    dropped: dict[str, int] = {}
    for source in by_source.values():
        for rule, count in source.dropped.items():
            dropped[rule] = dropped.get(rule, 0) + count
    return SourceCounts(
        documents_in=sum(source.documents_in for source in by_source.values()),
        quarantined=sum(source.quarantined for source in by_source.values()),
        kept=sum(source.kept for source in by_source.values()),
        dropped=dropped,
    )
