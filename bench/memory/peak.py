"""Prints the peak memory of `gristmill curate`, all its processes together, for several worker counts and corpus sizes.

Memory is the sum of the resident sets of the driver and its workers, sampled every 50 ms: pages that processes share
count once for each, so the figure errs upwards. Linux only.

    python bench/memory/peak.py --corpus DATA/corpus --tokenizer tokenizer.json
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILES = {
    "documents": "documents-*.jsonl.zst",
    "short": "short-texts.jsonl.gz",
    "small": "small.jsonl.zst",
    "code": "code-and-licences.parquet",
}

STEPS = """
[[step]]
use = "clean"
[[step]]
use = "gopher_repetition"
[[step]]
use = "gopher_quality"
where = { lang = "en" }
[[step]]
use = "c4_quality"
where = { lang = "en" }
[[step]]
use = "fineweb_quality"
where = { lang = "en" }
[[step]]
use = "exact_dedup"
[[step]]
use = "minhash_dedup"
[split]
validation = 0.01
"""


def recipe(corpus: Path, tokenizer: Path, copies: int) -> str:
    """Return the recipe for the corpus taken `copies` times, each time under other source names."""
    parts = ['[run]\noutput = "run"\n']
    for copy in range(copies):
        for name, pattern in FILES.items():
            parts.append(f'[[source]]\nname = "{name}{copy}"\npaths = ["{corpus / pattern}"]\nid = "id"\n')
    tokens = f'[tokens]\ntokenizer = "{tokenizer}"\nend_of_text = false\n'
    return "\n".join(parts) + STEPS + tokens


def resident_kib(pid: int) -> int:
    """Return the resident set of a process and all its descendants, in KiB; 0 for one that has ended."""
    total = 0
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total = int(line.split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return total
    return total + sum(resident_kib(int(child)) for child in children)


def measure(folder: Path, workers: int) -> dict[str, object]:
    """Run once and return peak memory, time and the manifest's digest."""
    shutil.rmtree(folder / "run", ignore_errors=True)
    gristmill = str(Path(sys.executable).parent / "gristmill")
    started = time.monotonic()
    command = [
        gristmill,
        "curate",
        str(folder / "recipe.toml"),
        "--workers",
        str(workers),
        "--quiet",
        "--json",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak_kib = 0
    while process.poll() is None:
        peak_kib = max(peak_kib, resident_kib(process.pid))
        time.sleep(0.05)
    assert process.stdout is not None
    result = json.loads(process.stdout.read())
    return {
        "workers": workers,
        "peak_mib": round(peak_kib / 1024),
        "wall_s": round(time.monotonic() - started, 1),
        "documents_in": result["counts"]["documents_in"],
        "digest": result["digest"],
    }


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent.parent / "results" / "memory")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="gristmill-bench-") as name:
        folder = Path(name)
        for copies, workers in ((1, 1), (1, 2), (1, 3), (4, 2)):
            text = recipe(arguments.corpus.resolve(), arguments.tokenizer.resolve(), copies)
            (folder / "recipe.toml").write_text(text, encoding="utf-8")
            rows.append({"copies": copies, **measure(folder, workers)})
            print(json.dumps(rows[-1]), flush=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    figures = {"machine": platform.machine(), "python": platform.python_version(), "runs": rows}
    (arguments.output / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
