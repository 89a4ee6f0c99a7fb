"""gristmill's side of the comparison: prints the CPU time of the whole pipeline as JSON."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path

RECIPE = """
[run]
output = "run"

[[source]]
name = "english"
paths = ["{input}"]
id = "id"

[[step]]
use = "gopher_repetition"
[[step]]
use = "gopher_quality"
[[step]]
use = "c4_quality"
require_terminal_punctuation = false
[[step]]
use = "fineweb_quality"
[[step]]
use = "exact_dedup"
[[step]]
use = "minhash_dedup"
"""


def main() -> None:
    """Run once and print ``{"cpu_s", "documents_in", "kept"}``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", type=Path)
    parser.add_argument("scratch", type=Path)
    arguments = parser.parse_args()
    shutil.rmtree(arguments.scratch, ignore_errors=True)
    arguments.scratch.mkdir(parents=True)
    recipe = arguments.scratch / "recipe.toml"
    recipe.write_text(RECIPE.format(input=arguments.input.resolve()), encoding="utf-8")
    # Imports are not part of the measurement, on either side.
    from gristmill.curate.run import curate

    started = time.process_time()
    run = curate(recipe, workers=1)
    cpu_s = time.process_time() - started
    counts = run.counts
    print(json.dumps({"cpu_s": cpu_s, "documents_in": counts["documents_in"], "kept": counts["kept"]}))


if __name__ == "__main__":
    main()
