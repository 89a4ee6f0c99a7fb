"""Compares the four filters with datatrove's on the same English documents, text in memory, rounds in turn.

python bench/datatrove/filters.py --corpus DATA/corpus --rival-python RIVAL/bin/python

datatrove runs Gopher repetition, Gopher quality, C4 without terminal punctuation and FineWeb, in that order, two ways:
in sequence, where a document that one of them drops is not shown to the next; and all four on every document, which are
the decisions that gristmill's signals give. gristmill computes every signal of all four for every document, through
`gristmill.signals` on an Arrow table; and once more through the steps of a recipe, in which FineWeb's rule reads the
text that C4's left. Both sides are CPU time of one core; imports, reading and the first document, which loads
datatrove's tokenizer, are not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
from compare import processor
from english import english_documents

import gristmill
from gristmill.curate.tables import _compile, _run_steps

HERE = Path(__file__).parent
SEMANTICS = ("gristmill", "datatrove")
WAYS = {"sequence": "in sequence, dropped documents left out", "every": "all four on every document"}
BARS = {"gristmill": 400, "datatrove": 300}


def rules(semantics: str) -> list[dict[str, object]]:
    """Return the four filters in FineWeb's order, as a recipe would have them."""
    chosen: list[dict[str, object]] = [
        {"use": "gopher_repetition"},
        {"use": "gopher_quality"},
        {"use": "c4_quality", "require_terminal_punctuation": False},
        {"use": "fineweb_quality"},
    ]
    return [{**rule, "semantics": semantics} for rule in chosen]


def cpu_s(work: Callable[[], object]) -> float:
    """Return the CPU time of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


class Rival:
    """datatrove in a process of its own, which measures itself once for each line that it is sent."""

    def __init__(self, python: str, documents: Path) -> None:
        command = [python, str(HERE / "filters_rival.py"), str(documents)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def round(self) -> dict[str, float]:
        """Return CPU times of a pass in each way, and the documents that the sequence keeps."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        result: dict[str, float] = json.loads(self._process.stdout.readline())
        return result

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the least, the middle and the largest."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def main() -> None:
    """Measure in turn, print, and write the figures and the ids of the documents."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with documents-*.jsonl.zst")
    parser.add_argument("--rival-python", required=True, help="python of an environment with datatrove")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--repeats", type=int, default=20, help="passes of gristmill a round; their mean counts"
    )
    parser.add_argument("--output", type=Path, default=HERE.parent / "results" / "filters")
    arguments = parser.parse_args()
    documents = list(english_documents(arguments.corpus))
    table = pa.table({"text": pa.array([text for _, text in documents], pa.large_utf8())})
    megabytes = sum(len(text.encode()) for _, text in documents) / 1e6
    arguments.output.mkdir(parents=True, exist_ok=True)
    names = "".join(f"{document_id}\n" for document_id, _ in documents)
    (arguments.output / "documents.txt").write_text(names, encoding="utf-8")
    work: dict[str, Callable[[], object]] = {}
    for semantics in SEMANTICS:
        chosen, compiled = rules(semantics), _compile(rules(semantics))
        work[semantics] = lambda chosen=chosen: gristmill.signals(table, chosen)
        work[f"{semantics}, C4 edits"] = lambda compiled=compiled: _run_steps(table, compiled, edits=True)
    texts = arguments.output / "texts.jsonl"
    texts.write_text("".join(json.dumps({"text": text}) + "\n" for _, text in documents), encoding="utf-8")
    rival = Rival(arguments.rival_python, texts)
    rivals = {way: f"datatrove 0.10.1, {words}" for way, words in WAYS.items()}
    speeds: dict[str, list[float]] = {name: [] for name in (*rivals.values(), *work)}
    ratios: dict[str, dict[str, list[float]]] = {way: {name: [] for name in work} for way in WAYS}
    kept = 0.0
    try:
        for number in range(arguments.rounds):
            found = rival.round()
            kept = found["kept"]
            for way, rival_name in rivals.items():
                speeds[rival_name].append(megabytes / found[f"{way}_s"])
            for name, call in work.items():
                mean_s = (
                    cpu_s(lambda call=call: [call() for _ in range(arguments.repeats)]) / arguments.repeats
                )
                speeds[name].append(megabytes / mean_s)
                for way in WAYS:
                    ratios[way][name].append(found[f"{way}_s"] / mean_s)
            for way, rival_name in rivals.items():
                line = ", ".join(f"{name} {values[-1]:.0f}x" for name, values in ratios[way].items())
                print(
                    f"round {number + 1}: {rival_name} {speeds[rival_name][-1]:.3f} MB/s; {line}", flush=True
                )
    finally:
        rival.close()
        texts.unlink()
    summary = {
        "what": "Gopher repetition, Gopher quality, C4 without terminal punctuation, FineWeb; CPU time of one core",
        "processor": processor(),
        "python": platform.python_version(),
        "build": gristmill.__version__,
        "load": os.getloadavg()[0],
        "documents": len(documents),
        "megabytes": round(megabytes, 3),
        "kept_by_datatrove": int(kept),
        "megabytes_per_second": {name: spread(values) for name, values in speeds.items()},
        "ratio_to_sequence": {name: spread(values) for name, values in ratios["sequence"].items()},
        "ratio_to_all_on_every_document": {name: spread(values) for name, values in ratios["every"].items()},
        "bars": BARS,
    }
    (arguments.output / "figures.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    for name in work:
        rate = spread(speeds[name])
        print(f"{name:22} {rate['median']:6.1f} MB/s ({rate['min']:.1f} to {rate['max']:.1f})")
        for way, words in WAYS.items():
            ratio = spread(ratios[way][name])
            print(
                f"  {ratio['median']:.0f} times datatrove {words} ({ratio['min']:.0f} to {ratio['max']:.0f})"
            )


if __name__ == "__main__":
    sys.exit(main())
