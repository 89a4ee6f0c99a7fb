"""`run_bench`: rounds in which all contenders take turns, each in a process of its own, until the time is used up."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import cast

from gristmill.bench.contenders import CONTENDERS, STAGES, Contender
from gristmill.bench.machine import machine, versions
from gristmill.bench.recipe_of import inputs_of, tokenizer_of, write_recipe
from gristmill.bench.result import MEGABYTE, OUR_NAME, BenchResult, Measured, Pipeline
from gristmill.bench.sample import PARTS_PER_CORE, STARTER, Sample, made_up, own, write_sample
from gristmill.curate.tables import Tokenizer
from gristmill.curate.tokens import tokenizer_file
from gristmill.errors import GristmillError

CURATE = "curate"
FIXED = "curate nothing"
"""The same with a sentence or two for each part: what does not grow with the corpus."""
"""Name of the whole curation among the stages."""
ALL_STAGES = (*STAGES, CURATE)
LONGEST_CHILD_S = 600.0
SHORTEST_S = 1e-6
SHORTEST_SLICE_S, LONGEST_SLICE_S = 0.2, 2.0
START_S = 0.7
"""What starting a process and loading its libraries takes, about, in dividing the time."""
EventSink = Callable[[Mapping[str, object]], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchOptions:
    """What is measured, and for how long.

    Parameters
    ----------
    inputs
        Files with documents; none: those of the recipe, or made-up ones.
    tokenizer
        A tokenizer's file or a folder with one; by default the recipe's, or the small one that `gristmill init` writes.
    recipe
        Whose steps are curated; by default cleaning, four rule sets, both dedups and tokens.
    seconds
        For all rounds. The first is always finished.
    max_bytes
        Bytes of text that are taken.
    max_rounds
        Rounds at most.
    stages
        Which stages, of `ALL_STAGES`.
    has_rivals
        Whether rivals are measured too.
    """

    inputs: Sequence[str | Path] = ()
    tokenizer: Path | None = None
    recipe: Path | None = None
    seconds: float = 40.0
    max_bytes: int = 16 << 20
    max_rounds: int = 9
    stages: Sequence[str] = ALL_STAGES
    has_rivals: bool = True

    def __post_init__(self) -> None:
        unknown = [stage for stage in self.stages if stage not in ALL_STAGES]
        if unknown:
            raise GristmillError(
                "GM-BENCH-004",
                f"there is no stage `{unknown[0]}`",
                hint=f"stages are: {', '.join(f'`{stage}`' for stage in ALL_STAGES)}",
            )
        if self.seconds <= 0 or self.max_bytes <= 0 or self.max_rounds < 1:
            raise GristmillError("GM-BENCH-004", "seconds, bytes and rounds are more than nothing")


def run_bench(options: BenchOptions, *, on_event: EventSink | None = None) -> BenchResult:
    """Return what the stages do on this machine.

    Disk: the sample twice and two small run folders in the temporary folder. Memory: that of one contender at a time.

    Parameters
    ----------
    options
        What is measured.
    on_event
        Called with ``{"stage", "done", "total", "message"}``.

    Raises
    ------
    GristmillError
        ``GM-BENCH-001`` without documents, ``GM-BENCH-004`` for options that make no sense, and whatever is wrong with
        recipe, inputs or tokenizer.
    """
    with tempfile.TemporaryDirectory(prefix="gristmill-bench-") as name:
        folder = Path(name)
        sample = _sample(options, folder)
        tokenizer = _tokenizer(options)
        chosen = [one for one in CONTENDERS if one.stage in options.stages]
        if not options.has_rivals:
            chosen = [one for one in chosen if one.name in (OUR_NAME, "limit")]
        bench = _Bench(options, folder, sample, tokenizer, [one for one in chosen if one.is_installed])
        bench.rounds(on_event)
        absent = dict.fromkeys(one.package for one in chosen if not one.is_installed and one.package)
        return BenchResult(
            measured=tuple(bench.measured()),
            pipelines=tuple(bench.pipelines()),
            sample={
                "documents": sample.num_documents,
                "bytes": sample.num_bytes,
                "from": sample.description,
            },
            machine=machine(),
            versions=versions(),
            rounds=bench.num_rounds,
            absent=tuple(absent),
        )


def _sample(options: BenchOptions, folder: Path) -> Sample:
    num_parts = PARTS_PER_CORE * len(os.sched_getaffinity(0))
    text, id_ = "text", None
    inputs: Sequence[str | Path] = options.inputs
    if not inputs and options.recipe is not None:
        inputs, text, id_ = inputs_of(options.recipe)
    if not inputs:
        return write_sample(made_up(options.max_bytes), folder, "made up", num_parts=num_parts)
    rows = own(inputs, options.max_bytes, text=text, id_=id_)
    return write_sample(rows, folder, "own documents", num_parts=num_parts)


def _tokenizer(options: BenchOptions) -> Path:
    path = options.tokenizer or (tokenizer_of(options.recipe) if options.recipe else None)
    file = tokenizer_file(path or STARTER / "tokenizer.json").absolute()
    # Loaded once, to say now and not a minute later that it is none.
    Tokenizer(file)
    return file


class _Bench:
    """The rounds, and what they found."""

    def __init__(
        self,
        options: BenchOptions,
        folder: Path,
        sample: Sample,
        tokenizer: Path,
        contenders: Sequence[Contender],
    ) -> None:
        self._options = options
        self._folder = folder
        self._sample = sample
        self._contenders = contenders
        self._workers: list[int] = []
        self._found: dict[tuple[str, str], list[dict[str, object]]] = {}
        self._setting = {
            "files": [str(file) for file in sample.files],
            "tokenizer": str(tokenizer),
            "folder": str(folder),
        }
        self.num_rounds = 0
        if CURATE in options.stages:
            cores = len(os.sched_getaffinity(0))
            self._workers = [1] if cores == 1 else [1, cores]
            (folder / "nothing").mkdir()
            nothing = write_sample(
                made_up(len(sample.files)), folder / "nothing", "nothing", num_parts=len(sample.files)
            )
            self._recipes = {
                CURATE: write_recipe(folder / "curate", sample, tokenizer, options.recipe),
                FIXED: write_recipe(folder / "curate-nothing", nothing, tokenizer, options.recipe),
            }

    def rounds(self, on_event: EventSink | None) -> None:
        """Measure all in turn, again and again, as long as another round fits into the time."""
        began = time.perf_counter()
        num_turns = len(self._contenders) + 2 * len(self._workers)
        share = self._options.seconds / 3 / max(1, num_turns) - START_S
        slice_s = min(LONGEST_SLICE_S, max(SHORTEST_SLICE_S, share))
        for number in count(1):
            round_began = time.perf_counter()
            for turn, (stage, name, task) in enumerate(self._turns(number, slice_s)):
                if on_event is not None:
                    message = f"{stage}, {name}"
                    on_event(
                        {"stage": f"round {number}", "done": turn, "total": num_turns, "message": message}
                    )
                self._found.setdefault((stage, name), []).append(_child(task))
            self.num_rounds = number
            now = time.perf_counter()
            is_over = now - began + (now - round_began) > self._options.seconds
            if is_over or number >= self._options.max_rounds:
                break

    def _turns(self, number: int, slice_s: float) -> Sequence[tuple[str, str, dict[str, object]]]:
        turns: list[tuple[str, str, dict[str, object]]] = []
        for one in self._contenders:
            if any("error" in found for found in self._found.get((one.stage, one.name), ())):
                continue
            task = {
                "kind": "contender",
                "stage": one.stage,
                "name": one.name,
                "setting": self._setting,
                "texts": str(self._sample.texts),
                "slice_s": slice_s,
            }
            turns.append((one.stage, one.name, task))
        for workers in self._workers:
            for stage in (FIXED, CURATE):
                task = {
                    "kind": "pipeline",
                    "recipe": str(self._recipes[stage]),
                    "workers": workers,
                    "output": str(self._folder / f"{stage.replace(' ', '-')}-{number}-{workers}"),
                }
                turns.append((stage, str(workers), task))
        return turns

    def measured(self) -> list[Measured]:
        """Return all contenders."""
        return [self._measured(one, self._found[one.stage, one.name]) for one in self._contenders]

    def _measured(self, one: Contender, rounds: Sequence[Mapping[str, object]]) -> Measured:
        good = [found for found in rounds if "error" not in found and cast(float, found["seconds"]) > 0]
        error = next((str(found["error"]) for found in rounds if "error" in found), None)
        return Measured(
            stage=one.stage,
            name=one.name,
            mb_per_s=tuple(_rate(found, "bytes") / MEGABYTE for found in good),
            documents_per_s=_median(_rate(found, "documents") for found in good),
            tokens_per_s=_median(_rate(found, "tokens") for found in good),
            peak_bytes=max((cast(int, found["peak_bytes"]) for found in good), default=0),
            version=one.version,
            note=one.note,
            error=error,
        )

    def pipelines(self) -> list[Pipeline]:
        """Return the whole curations."""
        return [self._pipeline(workers) for workers in self._workers]

    def _pipeline(self, workers: int) -> Pipeline:
        rounds, idle = self._found[CURATE, str(workers)], self._found[FIXED, str(workers)]
        good = [found for found in rounds if "error" not in found]
        if not good:
            return Pipeline(workers=workers, error=str(rounds[0]["error"]))
        fixed = _least([found for found in idle if "error" not in found])
        spent = [_beyond(cast(Mapping[str, float], found["stages"]), fixed) for found in good]
        seconds = [max(sum(stages.values()), SHORTEST_S) for stages in spent]
        return Pipeline(
            workers=workers,
            seconds_by_stage={name: statistics.median(stages[name] for stages in spent) for name in spent[0]},
            fixed_by_stage=fixed,
            mb_per_s=tuple(self._sample.num_bytes / MEGABYTE / one for one in seconds),
            documents_per_s=_median(
                cast(int, found["documents"]) / one for found, one in zip(good, seconds, strict=True)
            ),
            tokens_per_s=_median(
                cast(int, found["tokens"]) / one for found, one in zip(good, seconds, strict=True)
            ),
            kept_fraction=cast(int, good[0]["kept"]) / max(1, cast(int, good[0]["documents"])),
            peak_bytes=max(cast(int, found["peak_bytes"]) for found in good),
        )


def _rate(found: Mapping[str, object], name: str) -> float:
    return cast(int, found[name]) / cast(float, found["seconds"])


def _least(rounds: Sequence[Mapping[str, object]]) -> dict[str, float]:
    """Return the least seconds of each stage: what it takes for sure, so that no text seems to cost nothing."""
    stages = [cast(Mapping[str, float], found["stages"]) for found in rounds]
    names = dict.fromkeys(name for one in stages for name in one)
    return {name: min(one.get(name, 0.0) for one in stages) for name in names}


def _beyond(seconds: Mapping[str, float], fixed: Mapping[str, float]) -> dict[str, float]:
    """Return what each stage took beyond its fixed cost, which a noisy machine can make more than the whole."""
    return {name: max(0.0, taken - fixed.get(name, 0.0)) for name, taken in seconds.items()}


def _median(values: Iterable[float]) -> float:
    found = list(values)
    return statistics.median(found) if found else 0.0


def _child(task: Mapping[str, object]) -> dict[str, object]:
    """Run one measurement and return what it found; a failure is `{"error": ...}`."""
    environment = {
        **os.environ,
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONDONTWRITEBYTECODE": "1",
        # One core each: rates are of a core. The curation with more workers starts processes, not threads.
        **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "RAYON", "OPENBLAS", "MKL")},
        "POLARS_MAX_THREADS": "1",
    }
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "gristmill.bench.child"],
            input=json.dumps(task),
            capture_output=True,
            text=True,
            env=environment,
            timeout=LONGEST_CHILD_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"took more than {LONGEST_CHILD_S:.0f} s"}
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return {"error": f"ended with {done.returncode}: {done.stderr.strip()[-300:]}"}
    found: dict[str, object] = json.loads(lines[-1])
    return found
