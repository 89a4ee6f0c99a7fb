"""On how many documents gristmill's rules and datatrove's decide alike, datatrove with its own word tokens.

python bench/datatrove/agreement.py --corpus DATA/corpus --rival-python RIVAL/bin/python
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import pyarrow as pa
from choose_documents import select

import gristmill

RULES = ("gopher_repetition", "gopher_quality", "c4_quality", "fineweb_quality")


def main() -> None:
    """Compare, print, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--rival-python", required=True)
    parser.add_argument("--max-bytes", type=int, default=3_000_000)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent.parent / "results" / "agreement")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gristmill-bench-") as folder:
        documents = Path(folder) / "documents.jsonl"
        select(arguments.corpus, documents, max_bytes=arguments.max_bytes)
        script = str(Path(__file__).parent / "rival_decisions.py")
        done = subprocess.run(
            [arguments.rival_python, script, str(documents)], check=True, capture_output=True, text=True
        )
        rows = [json.loads(line) for line in documents.open(encoding="utf-8")]
    rival = [json.loads(line)["kept"] for line in done.stdout.splitlines() if line.startswith("{")]
    table = pa.table({"id": [row["id"] for row in rows], "text": [row["text"] for row in rows]})
    figures = {}
    for rule in RULES:
        options = {"require_terminal_punctuation": False} if rule == "c4_quality" else {}
        ours = gristmill.signals(table, [{"use": rule, **options}]).column(f"{rule}.keep").to_pylist()
        theirs = [row[rule] for row in rival]
        equal = sum(left == right for left, right in zip(ours, theirs, strict=True))
        figures[rule] = {
            "documents": len(rows),
            "equal": equal,
            "share": round(equal / len(rows), 4),
            "kept_by_gristmill": sum(ours),
            "kept_by_datatrove": sum(theirs),
        }
        print(f"{rule:20} {equal} of {len(rows)} alike ({equal / len(rows):.1%})", flush=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
