"""Times whole curations, from compressed JSON Lines to shards, with one worker: MB of text a second of processor time.

    python bench/end_to_end/curate.py --corpus DATA/corpus --tokenizer TOKENIZER.json

All rules but the compression ratio, those that need a user's lists and the count of tokens, then exact and near
duplicates, then tokens. Three recipes:

- *published*: every rule has its published thresholds, so few documents reach dedup and tokens;
- *all text, cuts first*: every threshold is off, so that every document passes every step; the rules that cut lines
  come first, so that the others read what they leave;
- *all text, cuts last*: the same with those rules behind the others, which then read the text as it was.

Processor time is that of the command and all its processes, user and system; rounds in turn, medians. The share of each
stage is that of the time between its events in `events.jsonl`, which on a busy machine is about that of its processor
time; starting and planning come before the first event.

Writes `figures.json` and `table.md` to bench/results/end_to_end.
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
from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "datatrove"))

from compare import processor  # noqa: E402

import gristmill  # noqa: E402
from gristmill.curate.run import open_run  # noqa: E402
from gristmill.recipe import BUILTIN_STEPS, toml_value  # noqa: E402
from gristmill.recipe.builtin import RuleStep  # noqa: E402

LEFT_OUT = ("compression_ratio", "word_block_list", "url_filter", "token_statistics")
HEAD = '[run]\noutput = "run"\n[[source]]\nname = "documents"\npaths = [{paths}]\nid = "id"\n'
TAIL = '[[step]]\nuse = "exact_dedup"\n[[step]]\nuse = "minhash_dedup"\n[tokens]\ntokenizer = {tokenizer}\n'
RULES = tuple(
    name for name, step in BUILTIN_STEPS.items() if issubclass(step, RuleStep) and name not in LEFT_OUT
)
CUTTING = tuple(name for name in RULES if BUILTIN_STEPS[name].edits_text)
MEASURING = tuple(name for name in RULES if name not in CUTTING)
RECIPES = {
    "published": (RULES, True),
    "all text, cuts first": (CUTTING + MEASURING, False),
    "all text, cuts last": (MEASURING + CUTTING, False),
}
"""Rules in order, and whether their thresholds are on."""


def recipe(files: Sequence[Path], tokenizer: Path, rules: Sequence[str], *, has_thresholds: bool) -> str:
    """Return a recipe of rules, dedup and tokens."""
    text = HEAD.format(paths=", ".join(toml_value(str(file)) for file in files))
    for name in rules:
        text += f'[[step]]\nuse = "{name}"\n'
        if not has_thresholds:
            text += "".join(f"{key} = false\n" for key in BUILTIN_STEPS[name].rules)
    return text + TAIL.format(tokenizer=toml_value(str(tokenizer)))


def curated(text: str) -> dict[str, object]:
    """Curate by a recipe in a new folder; return processor seconds, the share of each stage, and counts."""
    with tempfile.TemporaryDirectory(prefix="gristmill-bench-") as name:
        path = Path(name) / "recipe.toml"
        path.write_text(text, encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "gristmill.cli.main",
            "curate",
            str(path),
            "--workers",
            "1",
            "--quiet",
        ]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = open_run(Path(name) / "run")
        tokens = sum(split["tokens"] for split in run.counts["tokens"].values())
        return {
            "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            "stages": stage_seconds(Path(name) / "run/events.jsonl"),
            "kept": run.counts["kept"] / run.counts["documents_in"],
            "tokens": tokens,
        }


def stage_seconds(events: Path) -> dict[str, float]:
    """Return the seconds between the events of each stage."""
    found: dict[str, float] = {}
    last: tuple[str, float] | None = None
    for line in events.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        stage, now = str(event["stage"]), float(event["time_s"])
        if last is not None:
            # A first event of a stage says that nothing of it is done: what came before is of the stage before.
            of = stage if event["done"] else last[0]
            found[of] = found.get(of, 0.0) + now - last[1]
        last = (stage, now)
    return found


def table(results: dict[str, dict[str, object]]) -> str:
    """Return the figures as Markdown."""
    lines = [
        "| recipe | MB/s a core | slowest | fastest | documents kept | tokens |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {name} | {row['mb_per_s']:.1f} | {row['slowest']:.1f} | {row['fastest']:.1f} | {row['kept']:.1%} "
        f"| {row['tokens']:,} |"
        for name, row in results.items()
    ]
    stages = list(dict.fromkeys(stage for row in results.values() for stage in row["shares"]))
    lines += ["", f"| stage | {' | '.join(results)} |", "|---|" + "---:|" * len(results)]
    for stage in stages:
        shares = (row["shares"].get(stage, 0.0) for row in results.values())
        lines.append(f"| {stage} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True, help="folder with documents-*.jsonl.zst")
    parser.add_argument("--tokenizer", type=Path, required=True, help="a tokenizer's file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=HERE.parent / "results" / "end_to_end")
    arguments = parser.parse_args()
    files = sorted(arguments.corpus.resolve().glob("documents-*.jsonl.zst"))
    num_bytes = sum(
        pc.sum(pc.binary_length(batch.column("text"))).as_py() or 0 for batch in gristmill.read(files)
    )
    texts = {
        name: recipe(files, arguments.tokenizer.resolve(), rules, has_thresholds=has_thresholds)
        for name, (rules, has_thresholds) in RECIPES.items()
    }
    rounds: dict[str, list[dict[str, object]]] = {name: [] for name in texts}
    for _ in range(arguments.rounds):
        for name, text in texts.items():
            rounds[name].append(curated(text))
            print(name, round(num_bytes / 1e6 / rounds[name][-1]["cpu_s"], 2), "MB/s", flush=True)
    results = {}
    for name, found in rounds.items():
        rates = [num_bytes / 1e6 / one["cpu_s"] for one in found]
        seconds = {
            stage: statistics.median(one["stages"][stage] for one in found) for stage in found[0]["stages"]
        }
        total = sum(seconds.values())
        results[name] = {
            "mb_per_s": round(statistics.median(rates), 2),
            "slowest": round(min(rates), 2),
            "fastest": round(max(rates), 2),
            "kept": round(found[0]["kept"], 4),
            "tokens": found[0]["tokens"],
            "shares": {stage: round(value / total, 4) for stage, value in seconds.items()},
        }
    figures = {
        "what": "10^6 bytes of text read a second of processor time, user and system, all processes, one worker",
        "processor": processor(),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
        "rounds": arguments.rounds,
        "files": len(files),
        "bytes": num_bytes,
        "tokenizer": arguments.tokenizer.name,
        "rules": {"cutting": list(CUTTING), "measuring": list(MEASURING)},
        "results": results,
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    (arguments.output / "table.md").write_text(table(results), encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
