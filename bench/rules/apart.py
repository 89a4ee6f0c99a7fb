"""Compares runs that filter and deduplicate at once with two runs, one that filters and one that deduplicates.

    python bench/rules/apart.py --corpus DATA/corpus

CPU seconds of whole `gristmill curate` commands with one worker, reading and writing included, rounds in turn: the four
filters of FineWeb, and all rules but the compression ratio and those that need a user's lists, each without MinHash,
MinHash alone, and both at once. Writes bench/results/rules/apart.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from gristmill.recipe.builtin import RuleStep
from gristmill.recipe.steps import BUILTIN_STEPS

HERE = Path(__file__).parent
FOUR = ("gopher_repetition", "gopher_quality", "c4_quality", "fineweb_quality")
LEFT_OUT = ("compression_ratio", "word_block_list", "url_filter")
HEAD = '[run]\noutput = "run"\n[[source]]\nname = "documents"\npaths = [{paths}]\nid = "id"\n'


def recipe(files: list[Path], rules: tuple[str, ...], *, has_minhash: bool) -> str:
    """Return a recipe of rules, and of near-duplicate removal behind them."""
    steps = [*rules, *(("minhash_dedup",) if has_minhash else ())]
    paths = ", ".join(json.dumps(str(file)) for file in files)
    return HEAD.format(paths=paths) + "".join(f'[[step]]\nuse = "{step}"\n' for step in steps)


def cpu_s(text: str) -> float:
    """Run a recipe in a new folder and return the CPU seconds of the command and its workers."""
    with tempfile.TemporaryDirectory(prefix="gristmill-bench-") as name:
        path = Path(name) / "recipe.toml"
        path.write_text(text, encoding="utf-8")
        command = [
            str(Path(sys.executable).with_name("gristmill")),
            "curate",
            str(path),
            "--workers",
            "1",
            "--quiet",
        ]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=HERE.parent / "results" / "rules")
    arguments = parser.parse_args()
    files = sorted(arguments.corpus.resolve().glob("documents-*.jsonl.zst"))[:2]
    every = tuple(
        name for name, step in BUILTIN_STEPS.items() if issubclass(step, RuleStep) and name not in LEFT_OUT
    )
    results = {}
    for name, rules in (("four filters", FOUR), ("all rules", every)):
        rounds = [
            (
                cpu_s(recipe(files, rules, has_minhash=False)),
                cpu_s(recipe(files, (), has_minhash=True)),
                cpu_s(recipe(files, rules, has_minhash=True)),
            )
            for _ in range(arguments.rounds)
        ]
        ratios = [together / (filters + near) for filters, near, together in rounds]
        medians = [round(statistics.median(values), 2) for values in zip(*rounds, strict=True)]
        results[name] = {
            "rules": list(rules),
            "cpu_s": dict(zip(("filters", "minhash", "together"), medians, strict=True)),
            "together_of_apart": {
                "min": round(min(ratios), 3),
                "median": round(statistics.median(ratios), 3),
                "max": round(max(ratios), 3),
            },
        }
        print(name, results[name]["cpu_s"], results[name]["together_of_apart"], flush=True)
    figures = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
        "files": [file.name for file in files],
        "results": results,
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "apart.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
