"""Near-duplicate removal by gristmill and by other tools on the same documents, recall fixed first.

First each tool runs once with each of its settings, cheapest first, until its recall at a Jaccard similarity of 0.8 is
gristmill's, less a tolerance. Then all tools run in turn with the settings found, round after round.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import documents
from process import once
from score import score

HERE = Path(__file__).parent
SCRIPTS = {
    "gristmill": "run_gristmill.py",
    "gristmill, all candidates": "run_gristmill.py",
    "datatrove": "run_datatrove.py",
    "text-dedup": "run_text_dedup.py",
    "rensa": "run_rensa.py",
    "rensa rho": "run_rensa.py",
    "datasketch": "run_datasketch.py",
}
MEASURES = ("wall_s", "cpu_s", "process_wall_s", "process_cpu_s", "peak_bytes")


HEAD = (
    "| tool | settings | recall J≥0.8 | J≥0.85 | pairs left | removed | lost | of them alone | precision "
    "| of the corpus: removed, lost | CPU s | MB/s of CPU | whole process CPU s | wall s | peak MB |"
)


def processor() -> str:
    """Return the processor's name."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def python_name(tool: str) -> str:
    """Return whose Python runs a line of the table: `rensa` for `rensa rho`."""
    return re.split("[ ,]", tool)[0]


def spread(values: list[float]) -> dict[str, float]:
    """Return least, median and largest."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


class Comparison:
    """Runs of tools on one folder of documents."""

    def __init__(self, folder: Path, scratch: Path, pythons: Mapping[str, str]) -> None:
        self._folder = folder
        self._scratch = scratch
        self._pythons = pythons
        self.truth: dict[str, object] = json.loads((folder / "truth.json").read_text(encoding="utf-8"))

    def run(self, tool: str, settings: Mapping[str, object]) -> dict[str, object]:
        """Run once and judge."""
        python = self._pythons[python_name(tool)]
        figures = once(python, SCRIPTS[tool], self._folder / "documents.jsonl", settings, self._scratch)
        judged = score(self._scratch / "decisions.jsonl", self.truth).as_dict()
        return {"tool": tool, "settings": settings, **judged, **figures}

    def calibrate(
        self, tool: str, choices: list[dict[str, object]], wanted: float
    ) -> tuple[dict[str, object], list[dict[str, object]]]:
        """Return the first settings with at least the wanted recall, or those with most; and all that were tried."""
        tried: list[dict[str, object]] = []
        for settings in choices:
            tried.append(self.run(tool, settings))
            print(
                f"  {tool} {json.dumps(settings)}: recall {_recall(tried[-1]):.4f}, lost {tried[-1]['lost']}, "
                f"CPU {tried[-1]['cpu_s']:.2f} s",
                flush=True,
            )
            if _recall(tried[-1]) >= wanted:
                break
        best = next((run for run in tried if _recall(run) >= wanted), None) or max(tried, key=_recall)
        return dict(best["settings"]), tried  # type: ignore[call-overload]


def _recall(run: Mapping[str, object]) -> float:
    return float(run["recall"]["0.8"])  # type: ignore[index]


def summarise(runs: list[dict[str, object]]) -> dict[str, object]:
    """Return one tool's line of the table: its decisions, which every round must share, and the spread of costs."""
    first = runs[0]
    costs = {*MEASURES, "read_and_shingle_cpu_s", "own_peak_bytes", "imported_bytes"}
    line = {name: value for name, value in first.items() if name not in costs}
    line["same_in_all_rounds"] = all(run[name] == first[name] for run in runs for name in ("removed", "lost"))
    for name in (*MEASURES, "read_and_shingle_cpu_s"):
        if name in first:
            line[name] = spread([float(run[name]) for run in runs])  # type: ignore[arg-type]
    return line


def table(lines: list[dict[str, object]], text_bytes: int) -> str:
    """Return the Markdown table."""

    def of(line: dict[str, object], name: str, scale: float = 1.0, form: str = ".2f") -> str:
        low, middle, high = (line[name][which] * scale for which in ("min", "median", "max"))  # type: ignore[index]
        return f"{middle:{form}} ({low:{form}}–{high:{form}})"

    rows = [
        HEAD,
        "|" + "---|" * HEAD.count(" | ") + "---|",
    ]
    for line in lines:
        settings = ", ".join(f"{name} {value}" for name, value in line["settings"].items())  # type: ignore[attr-defined]
        is_flag = line["tool"] == "rensa rho"
        rows.append(
            f"| {line['tool']} | {settings} | {line['recall']['0.8']:.4f} | {line['recall']['0.85']:.4f} "  # type: ignore[index]
            + (
                f"| – | {line['removed']} flagged | – | {line['alone']} | – | – "
                if is_flag
                else f"| {line['pairs_left']} | {line['removed']} | {line['lost']} | {line['alone']} "
                f"| {line['precision']:.4f} | {line['removed_of_corpus']}, {line['lost_of_corpus']} "
            )
            + f"| {of(line, 'cpu_s')} | {text_bytes / 1e6 / line['cpu_s']['median']:.2f} "  # type: ignore[index]
            f"| {of(line, 'process_cpu_s')} | {of(line, 'wall_s')} | {of(line, 'peak_bytes', 1e-6, '.0f')} |"
        )
    return "\n".join(rows)


def main() -> None:
    """Make documents, calibrate, run rounds, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True, help="folder with documents-*.jsonl.zst")
    parser.add_argument(
        "--python", action="append", default=[], metavar="NAME=PATH", help="a tool's Python; may be repeated"
    )
    parser.add_argument("--families", type=int, default=500)
    parser.add_argument("--templates", type=int, default=5)
    parser.add_argument("--corpus-documents", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tolerance", type=float, default=0.005, help="recall that a rival may lack")
    parser.add_argument("--output", type=Path, default=HERE.parent / "results" / "dedup_rivals")
    arguments = parser.parse_args()
    pythons = {"gristmill": sys.executable, **dict(pair.split("=", 1) for pair in arguments.python)}
    choices = json.loads((HERE / "settings.json").read_text(encoding="utf-8"))
    tools = [tool for tool in SCRIPTS if python_name(tool) in pythons]
    with tempfile.TemporaryDirectory(prefix="gristmill-bench-") as name:
        folder = Path(name)
        documents.write(
            folder,
            arguments.corpus,
            num_families=arguments.families,
            num_templates=arguments.templates,
            num_corpus=arguments.corpus_documents,
            seed=arguments.seed,
        )
        comparison = Comparison(folder, folder / "scratch", pythons)
        truth = comparison.truth
        num_similar = sum(similarity >= 0.8 for _, _, similarity in truth["pairs"])  # type: ignore[attr-defined]
        print(
            f"{truth['documents']} documents, {truth['text_bytes']:,} bytes, {num_similar} pairs of at least 0.8",
            flush=True,
        )
        chosen, tried = {}, []
        wanted = 0.0
        for tool in tools:
            chosen[tool], runs = comparison.calibrate(tool, choices[tool], wanted)
            tried += runs
            if tool == "gristmill":
                wanted = _recall(runs[0]) - arguments.tolerance
        rounds: dict[str, list[dict[str, object]]] = {tool: [] for tool in tools}
        for number in range(arguments.rounds):
            for tool in tools:
                rounds[tool].append(comparison.run(tool, chosen[tool]))
            print(f"round {number + 1} of {arguments.rounds}, load {os.getloadavg()[0]:.1f}", flush=True)
    lines = [summarise(runs) for runs in rounds.values()]
    text_bytes = int(truth["text_bytes"])  # type: ignore[call-overload]
    markdown = table(lines, text_bytes)
    figures = {
        "what": "near-duplicate removal, JSONL in, decisions out, one thread, recall fixed first",
        "processor": processor(),
        "python": platform.python_version(),
        "documents": truth["documents"],
        "known_pairs_documents": truth["known_pairs_documents"],
        "text_bytes": text_bytes,
        "pairs_from_0.8": num_similar,
        "options": {
            "families": arguments.families,
            "templates": arguments.templates,
            "corpus_documents": arguments.corpus_documents,
            "seed": arguments.seed,
            "rounds": arguments.rounds,
            "tolerance": arguments.tolerance,
        },
        "tools": lines,
        "calibration": tried,
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    (arguments.output / "table.md").write_text(
        f"{truth['documents']} documents, {text_bytes:,} bytes of text, {num_similar} pairs with a similarity of at "
        f"least 0.8; {processor()}; {arguments.rounds} rounds, median (least–largest).\n\n{markdown}\n",
        encoding="utf-8",
    )
    print(markdown)


if __name__ == "__main__":
    main()
