"""Measures what each built-in rule costs, all of them together, and MinHash from the same segmentation.

python bench/rules/cost.py --corpus DATA/corpus --tokenizer TOKENIZER.json

All rules are held against the four filters of FineWeb twice: with the definitions of this library, and with
`semantics = "datatrove"`, which cuts English as datatrove does. The bar is twice the latter.

Writes `figures.json` and `cost.md` to bench/results/rules. All figures are nanoseconds of CPU time a byte of text, of
one core, text in memory, every column computed, with the default definitions unless said otherwise; the documents are
those of bench/datatrove/filters.py.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "datatrove"))

from compare import processor  # noqa: E402
from english import english_documents  # noqa: E402

from gristmill.recipe.builtin import RuleStep  # noqa: E402
from gristmill.recipe.steps import BUILTIN_STEPS  # noqa: E402


def measure(documents: Path, rounds: int, tokenizer: Path, program: Path | None) -> dict[str, object]:
    """Return what the measuring program prints; it is built unless it is given."""
    build = ["cargo", "run", "--release", "--quiet", "-p", "gristmill-engine", "--example", "rule_cost", "--"]
    command = build if program is None else [str(program.resolve())]
    done = subprocess.run(
        [*command, str(documents), str(rounds), str(tokenizer)],
        check=True,
        capture_output=True,
        text=True,
        cwd=HERE.parent.parent,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def table(
    figures: dict[str, dict[str, dict[str, float]]], totals: dict[str, float], ratios: dict[str, float]
) -> str:
    """Return the figures as Markdown."""
    lines = [
        "| rule | with segmentation, ns/byte | the rule alone, ns/byte | MB/s |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, row in sorted(figures["steps"].items(), key=lambda item: item[1]["ns_per_byte"]):
        whole = row["ns_per_byte"]
        lines.append(f"| `{name}` | {whole:.2f} | {row['own_ns_per_byte']:.2f} | {1e3 / whole:.0f} |")
    lines += ["", "| together | ns/byte |", "| --- | ---: |"]
    lines += [f"| {name} | {value:.2f} |" for name, value in totals.items()]
    lines += ["", "| ratio | |", "| --- | ---: |"]
    lines += [f"| `{name}` | {value:.2f} |" for name, value in ratios.items()]
    return "\n".join(lines) + "\n"


def write_costs(costs: dict[str, float]) -> None:
    """Write the costs that `gristmill explain rule` and the reference show."""
    lines = [
        "# Nanoseconds of CPU time a byte of text beyond segmentation, measured by bench/rules/cost.py.",
        "[costs]",
        *(f"{name} = {max(0.01, round(cost, 2))}" for name, cost in sorted(costs.items())),
    ]
    folder = HERE.parent.parent / "python" / "gristmill" / "recipe" / "rules"
    (folder / "costs.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Measure, print, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with documents-*.jsonl.zst")
    parser.add_argument(
        "--tokenizer", type=Path, required=True, help="what `token_statistics` counts with: that of Llama 3.1"
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--program", type=Path, help="the example `rule_cost`, if it is built already")
    parser.add_argument("--output", type=Path, default=HERE.parent / "results" / "rules")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gristmill-bench-") as folder:
        documents = Path(folder) / "documents.jsonl"
        with documents.open("w", encoding="utf-8") as out:
            for document_id, text in english_documents(arguments.corpus):
                out.write(json.dumps({"id": document_id, "text": text}, ensure_ascii=False) + "\n")
        found = measure(documents, arguments.rounds, arguments.tokenizer.absolute(), arguments.program)
    rounds = found["ns_per_byte"]
    assert isinstance(rounds, dict)
    middle = {name: statistics.median(values) for name, values in rounds.items()}
    expected = {name for name, step in BUILTIN_STEPS.items() if issubclass(step, RuleStep)}
    measured = {name.removeprefix("step:") for name in rounds if name.startswith("step:")}
    if expected != measured:
        raise SystemExit(f"the registries differ: {sorted(expected ^ measured)}")
    steps = {
        name: {
            "ns_per_byte": round(middle[f"step:{name}"], 3),
            "own_ns_per_byte": round(middle[f"step:{name}"] - middle["segmentation"], 3),
            "min": round(min(rounds[f"step:{name}"]), 3),
            "max": round(max(rounds[f"step:{name}"]), 3),
        }
        for name in sorted(measured)
    }
    write_costs({name: figures["own_ns_per_byte"] for name, figures in steps.items()})
    apart = middle["all_but_compression"] + middle["minhash"]
    totals = {
        "segmentation": middle["segmentation"],
        "the four filters of FineWeb": middle["four"],
        'the four filters of FineWeb, `semantics = "datatrove"`': middle["four_datatrove"],
        "all rules but the compression ratio": middle["all_but_compression"],
        "all rules": middle["all"],
        "MinHash": middle["minhash"],
        "the four filters and MinHash, from one segmentation": middle["four_with_minhash"],
        "all rules but the compression ratio and MinHash, from one segmentation": middle[
            "all_but_compression_with_minhash"
        ],
    }
    ratios = {
        "all_to_four": middle["all_but_compression"] / middle["four"],
        "all_to_four_datatrove": middle["all_but_compression"] / middle["four_datatrove"],
        "all_with_minhash_to_both_apart": middle["all_but_compression_with_minhash"] / apart,
        "four_with_minhash_to_both_apart": middle["four_with_minhash"] / (middle["four"] + middle["minhash"]),
    }
    summary = {
        "what": "CPU time of one core, text in memory, every column, default definitions; medians of rounds in turn",
        "processor": processor(),
        "python": platform.python_version(),
        "documents": found["documents"],
        "bytes": found["bytes"],
        "rounds": arguments.rounds,
        "steps": steps,
        "totals_ns_per_byte": {name: round(value, 3) for name, value in totals.items()},
        "ratios": {name: round(value, 3) for name, value in ratios.items()},
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "figures.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    markdown = table({"steps": steps}, totals, ratios)
    (arguments.output / "cost.md").write_text(markdown, encoding="utf-8")
    print(markdown)
    print(json.dumps(ratios, indent=2))


if __name__ == "__main__":
    main()
