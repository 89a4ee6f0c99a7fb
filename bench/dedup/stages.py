"""Prints what each stage of dedup costs: CPU seconds, MB/s a core of raw text, and its share.

Three recipes run one after the other, `--repeats` times, each with one worker in this process, whose CPU time is read
as stages begin and end; medians count. What dedup adds to reading is the difference between recipes: content hashes
(`exact_dedup` alone less none) and signatures (both less `exact_dedup` alone). Rewriting is the last stage, which
writes kept and removed documents; it is counted whole, though a run without dedup has it, too. MB are 10^6 bytes of
the text that was read. `settle` holds the rescue pass, so verification is `verify` and `settle`, an upper bound.

    python bench/dedup/stages.py --corpus DATA/corpus
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from gristmill.curate.folder import load_json
from gristmill.curate.run import CuratedRun, curate

RESULTS = Path(__file__).parents[1] / "results" / "dedup"
FILES = {
    "documents": "documents-*.jsonl.zst",
    "short": "short-texts.jsonl.gz",
    "small": "small.jsonl.zst",
    "code": "code-and-licences.parquet",
}
STEPS = {
    "none": "",
    "exact": '[[step]]\nuse = "exact_dedup"\n',
    "both": '[[step]]\nuse = "exact_dedup"\n[[step]]\nuse = "minhash_dedup"\n',
}
PASSES = ("exact", "lsh", "verify", "settle")


class StageClock:
    """Adds up the CPU time between events to the stage that was running."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._stage = "plan"
        self._since = time.process_time()

    def __call__(self, event: Mapping[str, object]) -> None:
        """Close the stretch since the last event."""
        now = time.process_time()
        self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._since
        self._stage, self._since = str(event["stage"]), now


def run_once(folder: Path, steps: str, corpus: Path) -> tuple[dict[str, float], CuratedRun]:
    """Return CPU seconds by stage of a fresh run, and the run."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    sources = (
        f'[[source]]\nname = "{name}"\npaths = ["{corpus / pattern}"]\nid = "id"\n'
        for name, pattern in FILES.items()
    )
    recipe = folder / "recipe.toml"
    recipe.write_text('[run]\noutput = "run"\n' + "".join(sources) + steps, encoding="utf-8")
    clock = StageClock()
    return clock.seconds, curate(recipe, workers=1, on_event=clock)


def text_bytes(run: CuratedRun) -> int:
    """Return the bytes of text of all readable documents."""
    manifests = (run.path / "work" / "manifests").glob("map-*.json")
    return sum(load_json(path)["outputs"]["text"]["bytes"] for path in manifests)  # type: ignore[index,misc]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scratch", type=Path, help="folder for the runs; a temporary one by default")
    options = parser.parse_args()
    seconds: dict[str, list[dict[str, float]]] = {name: [] for name in STEPS}
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        for _ in range(options.repeats):
            for name, steps in STEPS.items():
                found, run = run_once(Path(scratch) / "run", steps, options.corpus.absolute())
                seconds[name].append(found)
        num_bytes, numbers, counts = text_bytes(run), run.manifest["dedup"], run.counts

    def of(name: str, stage: str) -> float:
        return statistics.median(one.get(stage, 0.0) for one in seconds[name])

    costs = {
        "content hashes": of("exact", "map") - of("none", "map"),
        "signatures": of("both", "map") - of("exact", "map"),
        **{stage: of("both", stage) for stage in PASSES},
        "rewriting": of("both", "tokenise"),
    }
    total = sum(costs.values())
    verification = costs["verify"] + costs["settle"]
    megabytes = num_bytes / 1e6
    print(f"{megabytes:.1f} MB of text, {counts['documents_in']:,} documents, load {load_before:.1f}")
    print(f"{'stage':<16} {'CPU s':>8} {'MB/s':>9} {'share':>7}")
    for stage, cost in costs.items():
        rate = f"{megabytes / cost:9.0f}" if cost > 0 else " " * 9
        print(f"{stage:<16} {cost:8.2f} {rate} {cost / total:7.1%}")
    print(f"{'whole dedup':<16} {total:8.2f} {megabytes / total:9.1f}")
    print(f"verification (verify and settle): {verification / total:.1%} of dedup")
    print(
        f"reading alone: {of('none', 'map'):.2f} s; rewriting without dedup: {of('none', 'tokenise'):.2f} s"
    )
    RESULTS.mkdir(parents=True, exist_ok=True)
    figures = {
        "machine": platform.processor() or platform.machine(),
        "load": load_before,
        "repeats": options.repeats,
        "text_bytes": num_bytes,
        "documents": counts["documents_in"],
        "cpu_seconds": {stage: round(cost, 3) for stage, cost in costs.items()},
        "cpu_seconds_total": round(total, 3),
        "megabytes_a_second": round(megabytes / total, 1),
        "verification_share": round(verification / total, 4),
        "cpu_seconds_without_dedup": {stage: round(of("none", stage), 3) for stage in ("map", "tokenise")},
        "dedup": {name: value for name, value in numbers.items() if isinstance(value, int)},  # type: ignore[attr-defined]
    }
    (RESULTS / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
