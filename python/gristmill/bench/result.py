"""What a benchmark found, as values and as JSON, and how two of them are compared."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from gristmill.errors import GristmillError

SCHEMA_VERSION = 1
MEGABYTE = 1_000_000
OUR_NAME = "gristmill"


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One contender of a stage over all rounds.

    Parameters
    ----------
    stage, name
        Which.
    mb_per_s
        Megabytes (10^6 bytes of text) a second of one core, a value a round; of the clock for disks.
    documents_per_s, tokens_per_s
        Medians; 0 where that is no question.
    peak_bytes
        Most memory of its process, over all rounds.
    version
        Of the package; None for ourselves and for limits.
    note
        What the reader has to know.
    error
        Why it was not measured, else None.

    Examples
    --------
    >>> one = Measured(stage="read", name="gristmill", mb_per_s=(90.0, 100.0, 70.0))
    >>> one.median, one.low, one.high
    (90.0, 70.0, 100.0)
    """

    stage: str
    name: str
    mb_per_s: tuple[float, ...] = ()
    documents_per_s: float = 0.0
    tokens_per_s: float = 0.0
    peak_bytes: int = 0
    version: str | None = None
    note: str = ""
    error: str | None = None

    @property
    def median(self) -> float:
        """The median of the rounds; 0 without any."""
        return statistics.median(self.mb_per_s) if self.mb_per_s else 0.0

    @property
    def low(self) -> float:
        """The slowest round."""
        return min(self.mb_per_s, default=0.0)

    @property
    def high(self) -> float:
        """The fastest round."""
        return max(self.mb_per_s, default=0.0)

    def to_json_dict(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {
            "stage": self.stage,
            "name": self.name,
            "version": self.version,
            "mb_per_s": round(self.median, 3),
            "low": round(self.low, 3),
            "high": round(self.high, 3),
            "rounds": [round(value, 3) for value in self.mb_per_s],
            "documents_per_s": round(self.documents_per_s, 1),
            "tokens_per_s": round(self.tokens_per_s, 1),
            "peak_bytes": self.peak_bytes,
            "note": self.note,
            "error": self.error,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """A whole curation from `.jsonl.zst` to shards.

    Parameters
    ----------
    workers
        Tasks at the same time.
    seconds_by_stage
        Medians over the rounds, what the text costs: processor time with one worker, time on the clock with more.
    fixed_by_stage
        What the same takes with next to no text: loading a tokenizer, starting processes, committing. It is not in
        `seconds_by_stage`, since it does not grow with the corpus.
    mb_per_s
        Megabytes of text a second, a value a round, by the same clock, fixed costs aside.
    documents_per_s, tokens_per_s
        Medians.
    kept_fraction
        Share of the documents that were kept: what tokenising and shards had to do.
    peak_bytes
        Most memory of one of its processes.
    error
        Why it was not measured, else None.

    Examples
    --------
    >>> Pipeline(workers=1, seconds_by_stage={"map": 3.0, "shard": 1.0}).share("map")
    0.75
    """

    workers: int
    seconds_by_stage: Mapping[str, float] = field(default_factory=dict)
    fixed_by_stage: Mapping[str, float] = field(default_factory=dict)
    mb_per_s: tuple[float, ...] = ()
    documents_per_s: float = 0.0
    tokens_per_s: float = 0.0
    kept_fraction: float = 0.0
    peak_bytes: int = 0
    error: str | None = None

    @property
    def median(self) -> float:
        """Megabytes a second, the median of the rounds."""
        return statistics.median(self.mb_per_s) if self.mb_per_s else 0.0

    def share(self, stage: str) -> float:
        """Return the share of a stage in the time of all."""
        total = sum(self.seconds_by_stage.values())
        return self.seconds_by_stage[stage] / total if total else 0.0

    def to_json_dict(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {
            "workers": self.workers,
            "clock": "processor" if self.workers == 1 else "wall",
            "stages": {
                name: {
                    "seconds": round(seconds, 4),
                    "fixed_seconds": round(self.fixed_by_stage.get(name, 0.0), 4),
                    "share": round(self.share(name), 4),
                }
                for name, seconds in self.seconds_by_stage.items()
            },
            "mb_per_s": round(self.median, 3),
            "rounds": [round(value, 3) for value in self.mb_per_s],
            "documents_per_s": round(self.documents_per_s, 1),
            "tokens_per_s": round(self.tokens_per_s, 1),
            "kept_fraction": round(self.kept_fraction, 4),
            "peak_bytes": self.peak_bytes,
            "error": self.error,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchResult:
    """Everything that a benchmark found.

    Parameters
    ----------
    measured
        All contenders, stage by stage.
    pipelines
        Curations with one worker and with all cores.
    sample
        The documents: `documents`, `bytes`, `from`.
    machine, versions
        What it ran on.
    rounds
        How many rounds there were.
    absent
        Rivals that are known but not installed, as `package`.
    """

    measured: tuple[Measured, ...]
    pipelines: tuple[Pipeline, ...]
    sample: Mapping[str, object]
    machine: Mapping[str, object]
    versions: Mapping[str, str]
    rounds: int
    absent: tuple[str, ...] = ()

    def to_json_dict(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {
            "schema_version": SCHEMA_VERSION,
            "sample": dict(self.sample),
            "machine": dict(self.machine),
            "versions": dict(self.versions),
            "rounds": self.rounds,
            "absent": list(self.absent),
            "measured": [one.to_json_dict() for one in self.measured],
            "pipelines": [one.to_json_dict() for one in self.pipelines],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One number now and in an earlier result.

    Parameters
    ----------
    name
        What is compared.
    before, after
        Medians, MB/s.
    is_beyond_spread
        Whether no round of one lies between the rounds of the other: a difference that is not mere noise.
    """

    name: str
    before: float
    after: float
    is_beyond_spread: bool

    @property
    def ratio(self) -> float:
        """How many times as fast as before."""
        return self.after / self.before if self.before else 0.0


def load_result(path: Path) -> dict[str, object]:
    """Return an earlier result from a file that `--keep` wrote.

    Raises
    ------
    GristmillError
        ``GM-BENCH-002`` when it holds none.
    """
    try:
        value = json.loads(path.read_bytes())
        if value["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema_version {value['schema_version']}")
        for key in ("measured", "pipelines", "machine", "sample"):
            value[key]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GristmillError(
            "GM-BENCH-002",
            f"`{path}` holds no result of `gristmill bench`: {error}",
            hint="`gristmill bench --keep FILE` writes one",
        ) from error
    return cast(dict[str, object], value)


def compare(old: Mapping[str, object], new: Mapping[str, object]) -> list[Change]:
    """Return the changes of every number that both results have, in the order of the new one.

    Examples
    --------
    >>> one = {"stage": "read", "name": "gristmill"}
    >>> old = {"measured": [{**one, "mb_per_s": 10.0, "rounds": [9.0, 10.0]}], "pipelines": []}
    >>> new = {"measured": [{**one, "mb_per_s": 20.0, "rounds": [20.0]}], "pipelines": []}
    >>> [(change.name, change.ratio, change.is_beyond_spread) for change in compare(old, new)]
    [('read, gristmill', 2.0, True)]
    """
    before = _numbers(old)
    changes = []
    for name, (median, rounds) in _numbers(new).items():
        if name not in before:
            continue
        old_median, old_rounds = before[name]
        is_apart = bool(rounds and old_rounds) and (
            min(rounds) > max(old_rounds) or max(rounds) < min(old_rounds)
        )
        changes.append(Change(name=name, before=old_median, after=median, is_beyond_spread=is_apart))
    return changes


def _numbers(result: Mapping[str, object]) -> dict[str, tuple[float, Sequence[float]]]:
    found: dict[str, tuple[float, Sequence[float]]] = {}
    for one in cast(Sequence[Mapping[str, object]], result["measured"]):
        found[f"{one['stage']}, {one['name']}"] = _pair(one)
    for one in cast(Sequence[Mapping[str, object]], result["pipelines"]):
        workers = cast(int, one["workers"])
        found[f"curate, {workers} worker{'s' if workers > 1 else ''}"] = _pair(one)
    return {name: pair for name, pair in found.items() if pair[1]}


def _pair(one: Mapping[str, object]) -> tuple[float, Sequence[float]]:
    return cast(float, one["mb_per_s"]), cast(Sequence[float], one["rounds"])
