"""Measures the pass of `substring_dedup` on real text: CPU time, memory and what goes, by length of passage.

The map and decide stages run once. Then each setting runs the pass alone, in a process of its own: CPU time is that of
the task, memory is the peak of the process less its peak before the task. Rules: none, so that all text takes part.

    python bench/substring/measure.py DATA/corpus/documents-000[01].jsonl.zst
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

SETTINGS = (
    "min_bytes = 100",
    "min_bytes = 200",
    "min_bytes = 200\nwhole_lines = true",
    "min_bytes = 1000",
    "min_words = 50",
)
RECIPE = """
[run]
output = "run"
scratch_memory = "8GiB"
[[source]]
name = "documents"
paths = {paths}
[[step]]
use = "substring_dedup"
{keys}
"""


def run_pass(recipe_path: Path, *, prepare: bool) -> None:
    """Run what comes before the pass; unless told only to `prepare`, run it too and print what it took and counted."""
    from gristmill.curate.cuts import first_version
    from gristmill.curate.folder import RunFolder
    from gristmill.curate.passages import find_passages
    from gristmill.curate.pipeline import run_decide, run_map
    from gristmill.curate.plan import make_plan
    from gristmill.curate.run import make_executor
    from gristmill.curate.stages import Json, StageRunner, Task, counts
    from gristmill.recipe import load_recipe

    recipe = load_recipe(recipe_path)
    plan = make_plan(recipe)
    folder = RunFolder(recipe.output)
    folder.create()
    runner = StageRunner(folder, make_executor(1), lambda _event: None)
    maps = run_map(plan, runner)
    version = first_version(plan, maps, run_decide(plan, runner, maps))
    if prepare:
        return
    found: list[Json] = []

    class Watched:
        """Remembers the manifests of the pass."""

        def run(self, stage: str, tasks: Sequence[Task]) -> list[dict[str, object]]:
            done = runner.run(stage, tasks)
            found.extend(done)
            return done

    peak_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu, wall = time.process_time(), time.monotonic()
    find_passages(plan, Watched(), plan.cuts[0], [part.dedup() for part in version])
    figures = {
        "cpu_s": round(time.process_time() - cpu, 2),
        "wall_s": round(time.monotonic() - wall, 2),
        "memory_bytes": 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_before),
        **counts(found[0]),
    }
    print(json.dumps(figures))


def command(folder: Path, files: list[Path], keys: str) -> list[str]:
    """Write a recipe and return the command that runs its pass."""
    paths = json.dumps([str(path.resolve()) for path in files])
    (folder / "recipe.toml").write_text(RECIPE.format(paths=paths, keys=keys), encoding="utf-8")
    return [sys.executable, __file__, "--run-pass", str(folder / "recipe.toml")]


def measure(folder: Path, files: list[Path], keys: str) -> dict[str, object]:
    """Return the figures of one setting."""
    run = command(folder, files, keys)
    load = os.getloadavg()[0]
    printed = subprocess.run(run, check=True, stdout=subprocess.PIPE, text=True, cwd=folder).stdout
    figures = cast(dict[str, object], json.loads(printed.splitlines()[-1]))
    num_bytes = cast(int, figures["text_bytes"])
    return {
        "keys": keys.replace("\n", ", "),
        "mb_per_cpu_s": round(num_bytes / 1e6 / cast(float, figures["cpu_s"]), 2),
        "memory_per_text_byte": round(cast(int, figures["memory_bytes"]) / num_bytes, 2),
        "share_cut": round(cast(int, figures["cut_bytes"]) / num_bytes, 4),
        **figures,
        "load_before": round(load, 1),
    }


def main() -> None:
    """Measure every setting and write `figures.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument(
        "--keys", nargs="*", default=SETTINGS, help="settings to measure, as lines of the step"
    )
    parser.add_argument("--run-pass", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent.parent / "results" / "substring")
    arguments = parser.parse_args()
    if arguments.run_pass is not None:
        run_pass(arguments.run_pass, prepare=arguments.prepare)
        return
    rows = []
    with tempfile.TemporaryDirectory(prefix="gristmill-bench-") as name:
        folder = Path(name)
        subprocess.run([*command(folder, arguments.files, SETTINGS[0]), "--prepare"], check=True, cwd=folder)
        for keys in arguments.keys:
            row = measure(folder, arguments.files, keys)
            rows.append(row)
            print(json.dumps(row), flush=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    figures = {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "files": [path.name for path in arguments.files],
        "passes": rows,
    }
    (arguments.output / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
