"""Runs both sides in turn on the same documents and prints the paired ratios of CPU time."""

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


def once(python: str, script: str, documents: Path, scratch: Path) -> dict[str, float]:
    """Run one side once and return what it printed."""
    command = [python, str(HERE / script), str(documents), str(scratch)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def processor() -> str:
    """Return the processor's name."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def main() -> None:
    """Select, run, print, and write the figures with the ids of the documents."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with documents-*.jsonl.zst")
    parser.add_argument("--rival-python", required=True, help="python of an environment with datatrove")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--max-bytes", type=int, default=12_000_000)
    parser.add_argument("--output", type=Path, default=HERE.parent / "results" / "datatrove")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gristmill-bench-") as folder:
        documents = Path(folder) / "documents.jsonl"
        subprocess.run(
            [
                sys.executable,
                str(HERE / "choose_documents.py"),
                str(arguments.corpus),
                str(documents),
                "--max-bytes",
                str(arguments.max_bytes),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        ids = documents.with_suffix(".ids.txt").read_text(encoding="utf-8")
        text_bytes = sum(len(json.loads(line)["text"].encode()) for line in documents.open(encoding="utf-8"))
        rounds = []
        for number in range(arguments.rounds):
            ours = once(sys.executable, "ours.py", documents, Path(folder) / "ours")
            rival = once(arguments.rival_python, "rival.py", documents, Path(folder) / "rival")
            ratio = rival["cpu_s"] / ours["cpu_s"]
            rounds.append({"ours": ours, "rival": rival, "ratio": ratio})
            print(
                f"round {number + 1}: gristmill {ours['cpu_s']:.2f} s ({text_bytes / ours['cpu_s'] / 1e6:.1f} MB/s), "
                f"datatrove {rival['cpu_s']:.2f} s ({text_bytes / rival['cpu_s'] / 1e6:.3f} MB/s), "
                f"ratio {ratio:.0f}; kept {ours['kept']} and {rival['kept']}",
                flush=True,
            )
    ratios = [done["ratio"] for done in rounds]
    summary = {
        "what": "four filters, exact dedup, MinHash dedup; CPU time of one core, imports excluded",
        "processor": processor(),
        "python": platform.python_version(),
        "documents": len(ids.splitlines()),
        "text_bytes": text_bytes,
        "rounds": rounds,
        "ratio": {"min": min(ratios), "median": statistics.median(ratios), "max": max(ratios)},
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "figures.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    (arguments.output / "documents.txt").write_text(ids, encoding="utf-8")
    print(
        f"median ratio {summary['ratio']['median']:.0f} on {len(ids.splitlines())} documents, {text_bytes:,} bytes"
    )


if __name__ == "__main__":
    main()
