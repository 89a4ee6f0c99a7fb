"""gristmill's band keys against rensa's sketches: processor time a document set, and what the bands find.

gristmill starts from text, so that time has the segmentation in it, and from the numbers of the words of documents that
were cut before; rensa takes lists of shingles, so its time has none of the cutting (which in Python costs several
times the sketching). The bands and rows are the same on both sides.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import documents
from compare import processor, spread

HERE = Path(__file__).parent


def found(flags: Path, truth: Mapping[str, object]) -> dict[str, float]:
    """Return by level which share of the documents with such a partner is flagged, and how many others are."""
    is_flagged = [line == "1" for line in flags.read_text(encoding="ascii").split()]
    result: dict[str, float] = {}
    for level in (0.8, 0.85, 0.9):
        near = {row for *pair, value in truth["pairs"] if value >= level for row in pair}  # type: ignore[attr-defined]
        result[f"recall at {level}"] = sum(is_flagged[row] for row in near) / len(near)
    near = {row for *pair, value in truth["pairs"] if value >= 0.8 for row in pair}  # type: ignore[attr-defined]
    result["flagged below 0.8"] = sum(is_flagged) - sum(is_flagged[row] for row in near)
    return result


def main() -> None:
    """Make documents, run both sides in turn, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--kernel", type=Path, required=True, help="the program built from `kernel/`")
    parser.add_argument("--rensa-python", required=True)
    parser.add_argument("--families", type=int, default=500)
    parser.add_argument("--templates", type=int, default=5)
    parser.add_argument("--corpus-documents", type=int, default=1500)
    parser.add_argument("--bands", type=int, default=14)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument(
        "--rounds", type=int, default=5, help="processes a side, in turn; each times three times"
    )
    parser.add_argument("--output", type=Path, default=HERE.parent / "results" / "dedup_rivals")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gristmill-bench-") as name:
        folder = Path(name)
        documents.write(
            folder,
            arguments.corpus,
            num_families=arguments.families,
            num_templates=arguments.templates,
            num_corpus=arguments.corpus_documents,
            seed=1,
        )
        truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))

        def run(command: list[str], flags: str) -> dict[str, object]:
            sizes = [str(arguments.bands), str(arguments.rows), "3"]
            whole = [*command, str(folder / "documents.jsonl"), str(folder / flags), *sizes]
            done = subprocess.run(whole, check=True, capture_output=True, text=True)
            return dict(json.loads(done.stdout.strip().splitlines()[-1]))

        seconds: dict[str, list[float]] = {}
        rensa: dict[str, object] = {}
        for _ in range(arguments.rounds):
            ours = run([str(arguments.kernel)], "ours")
            rensa = run([arguments.rensa_python, str(HERE / "kernel_rensa.py")], "rensa")
            timed = {f"gristmill, {name}": times for name, times in ours.items()}
            timed |= {f"rensa, {name}": times for name, times in rensa["seconds"].items()}  # type: ignore[attr-defined]
            for way, times in timed.items():
                # The best of three in a row: what other processes took from the caches is no one's doing.
                seconds.setdefault(way, []).append(min(times))  # type: ignore[call-overload]
        flagged = {
            "gristmill": found(folder / "ours", truth),
            "rensa full": found(folder / "rensa", truth),
            "rensa rho": found(folder / "rensa_rho", truth),
        }
    text_bytes = truth["text_bytes"]
    ours_s = [
        statistics.median(seconds[f"gristmill, {way}"])
        for way in ("segment and band keys", "band keys of word ids")
    ]
    lines = [
        "| what | CPU s | ns a shingle | MB/s of text | times gristmill from text | from word ids |",
        "|---|---|---|---|---|---|",
    ]
    for name, times in seconds.items():
        middle = statistics.median(times)
        lines.append(
            f"| {name} | {middle:.4f} ({min(times):.4f}–{max(times):.4f}) "
            f"| {middle * 1e9 / int(rensa['num_shingles']):.1f} "  # type: ignore[call-overload]
            f"| {text_bytes / middle / 1e6:.0f} | {middle / ours_s[0]:.2f} | {middle / ours_s[1]:.2f} |"
        )
    lines += [
        "",
        "| bands alone | recall J≥0.8 | J≥0.85 | J≥0.9 | flagged below 0.8 |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {one['recall at 0.8']:.4f} | {one['recall at 0.85']:.4f} | {one['recall at 0.9']:.4f} "
        f"| {one['flagged below 0.8']:.0f} |"
        for name, one in flagged.items()
    ]
    figures = {
        "what": "signatures of the same documents; gristmill from text and word ids, rensa from lists of shingles",
        "processor": processor(),
        "rensa": rensa["version"],
        "documents": truth["documents"],
        "text_bytes": text_bytes,
        "num_shingles": rensa["num_shingles"],
        "bands": arguments.bands,
        "rows": arguments.rows,
        "cpu_s": {name: spread(times) for name, times in seconds.items()},
        "flagged": flagged,
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "kernel.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    (arguments.output / "kernel.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
