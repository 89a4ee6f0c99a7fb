"""What a plugin step costs a pipeline: CPU time of `curate` with two rules, and with a plugin of each tier beside them.

    python bench/plugins/throughput.py INPUT.jsonl.zst OUT.json --documents 12000

Each plugin counts commas, so that what is measured is the way to it and back: the batch, the checks, the columns.
Every run is a fresh process with one worker; variants are interleaved, and the median over the rounds is what counts.
CPU time is that of the process and its children, less that of a run over ten documents: interpreter and libraries.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PLUGIN = """
import pyarrow.compute as pc
from gristmill.plugins.api import Signal, UInt32, col, hookimpl, per_document

gristmill_api = 1


class Expression(Signal):
    name, version, outputs = "tier_1", 1, {"num_commas": "uint32"}

    def expr(self):
        return col("text").str.count_matches(",", literal=True).cast(UInt32)


class Batch(Signal):
    name, version, outputs = "tier_2", 1, {"num_commas": "uint32"}

    def compute(self, batch):
        return {"num_commas": pc.count_substring(batch.column("text"), ",").cast("uint32")}


class Document(Signal):
    name, version, outputs = "tier_3", 1, {"num_commas": "uint32"}

    @per_document
    def score(self, text):
        return text.count(",")


@hookimpl
def register_signals(register):
    for operator in (Expression, Batch, Document):
        register(operator)
"""
RULES = '[[step]]\nuse = "gopher_quality"\n[[step]]\nuse = "fineweb_quality"\n'
VARIANTS = {
    "rules alone": RULES,
    "tier 1": RULES + '[[step]]\nuse = "commas.tier_1"\n',
    "tier 2": RULES + '[[step]]\nuse = "commas.tier_2"\n',
    "tier 3": RULES + '[[step]]\nuse = "commas.tier_3"\n',
    "tier 2 isolated": RULES + '[[step]]\nuse = "commas.tier_2"\nisolation = "process"\n',
    "tier 2 between the rules": RULES.replace("\n[[", '\n[[step]]\nuse = "commas.tier_2"\n[[', 1),
}


def write_corpus(source: Path, folder: Path, num_documents: int) -> int:
    """Write the first documents of a file as JSON Lines into a folder and return their bytes of text."""
    import pyarrow as pa

    num_bytes = 0
    with pa.input_stream(source) as stream, (folder / "in.jsonl").open("wb") as out:
        lines = stream.read().splitlines()[:num_documents]
        for line in lines:
            num_bytes += len(json.loads(line)["text"].encode())
            out.write(line + b"\n")
    return num_bytes


def run(folder: Path, steps: str, name: str) -> tuple[float, dict[str, object]]:
    """Curate in a fresh process; return its CPU seconds, children's included, and what the plugin steps did."""
    recipe = folder / "recipe.toml"
    recipe.write_text(
        f'[run]\noutput = "run-{name}"\nplugins_dir = "plugins"\n'
        f'[[source]]\nname = "in"\npaths = ["in.jsonl"]\n{steps}',
        encoding="utf-8",
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", f"import gristmill; gristmill.curate({str(recipe)!r}, workers=1)"],
        check=True,
        env={**os.environ, "POLARS_MAX_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    operators: dict[str, object] = {}
    for line in (folder / f"run-{name}" / "events.jsonl").read_text(encoding="utf-8").splitlines():
        operators = json.loads(line).get("operators", operators)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, operators


def measure(source: Path, num_documents: int, rounds: int) -> dict[str, object]:
    """Return CPU seconds by variant and what share of its throughput the pipeline keeps."""
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    starts: dict[str, list[float]] = {name: [] for name in VARIANTS}
    operators: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        folders = {size: Path(name) / str(size) for size in (10, num_documents)}
        for size, folder in folders.items():
            (folder / "plugins").mkdir(parents=True)
            (folder / "plugins" / "commas.py").write_text(PLUGIN, encoding="utf-8")
            num_bytes = write_corpus(source, folder, size)
        for number in range(rounds):
            for variant, steps in VARIANTS.items():
                label = f"{number}-{variant.replace(' ', '-')}"
                starts[variant].append(run(folders[10], steps, label)[0])
                cpu_s, operators[variant] = run(folders[num_documents], steps, label)
                seconds[variant].append(cpu_s)
    net = {
        variant: statistics.median(seconds[variant]) - statistics.median(starts[variant])
        for variant in VARIANTS
    }
    alone = net["rules alone"]
    return {
        "documents": num_documents,
        "text_bytes": num_bytes,
        "rounds": rounds,
        "load_average": os.getloadavg()[0],
        "python": sys.version.split()[0],
        "variants": {
            variant: {
                "cpu_s": [round(value, 3) for value in seconds[variant]],
                "start_cpu_s": [round(value, 3) for value in starts[variant]],
                "net_cpu_s": round(net[variant], 3),
                "throughput_kept": round(alone / net[variant], 3),
                "us_a_document_added": round((net[variant] - alone) / num_documents * 1e6, 2),
                "operators": operators[variant],
            }
            for variant in VARIANTS
        },
    }


def main() -> None:
    """Measure, write the figures and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--documents", type=int, default=12_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    figures = measure(options.source, options.documents, options.rounds)
    options.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    variants = figures["variants"]
    assert isinstance(variants, dict)
    for name, row in variants.items():
        sys.stdout.write(
            f"{name:26} {row['net_cpu_s']:7.2f} s  {row['throughput_kept']:6.1%} kept  "
            f"{row['us_a_document_added']:6.1f} us a document\n"
        )


if __name__ == "__main__":
    main()
