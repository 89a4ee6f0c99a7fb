"""Whether gristmill with `semantics = "datatrove"` and `verify = false` removes what datatrove's four stages remove.

Both get the English documents of `bench/datatrove/english.py`, with ids made unique, and, so that there is something to
remove, an edited copy of every tenth of them.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path

from process import once
from signature import english_documents

HERE = Path(__file__).parent


def copies(text: str, chance: random.Random) -> str:
    """Return the text with one to thirty of a thousand words replaced."""
    words = text.split(" ")
    for _ in range(max(1, round(len(words) * chance.uniform(0.001, 0.03)))):
        words[chance.randrange(len(words))] = f"word{chance.randint(0, 999)}"
    return " ".join(words)


def removed(path: Path) -> set[str]:
    """Return the ids that a tool removed."""
    with path.open(encoding="utf-8") as lines:
        decisions = [json.loads(line) for line in lines]
    return {row["id"] for row in decisions if row["is_duplicate"]}


def main() -> None:
    """Choose documents, run both, compare, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--datatrove-python", required=True)
    parser.add_argument("--every", type=int, default=20, help="1 takes all English documents")
    parser.add_argument("--bands", type=int, default=14)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=HERE.parent / "results" / "dedup_rivals")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    settings = {"bands": arguments.bands, "rows": arguments.rows}
    with tempfile.TemporaryDirectory(prefix="gristmill-bench-") as name:
        folder = Path(name)
        documents = folder / "documents.jsonl"
        num_documents = 0
        with documents.open("w", encoding="utf-8") as out:
            for document in english_documents(arguments.corpus, arguments.every):
                texts = [document["text"]]
                if chance.random() < 0.1:
                    texts += [copies(document["text"], chance) for _ in range(chance.randint(1, 4))]
                for text in texts:
                    out.write(json.dumps({"id": str(num_documents), "text": text}) + "\n")
                    num_documents += 1
        sides = {
            "gristmill": (sys.executable, "run_gristmill_pipeline.py"),
            "datatrove": (arguments.datatrove_python, "run_datatrove.py"),
        }
        gone: dict[str, set[str]] = {}
        seconds: dict[str, object] = {}
        for side, (python, script) in sides.items():
            seconds[side] = once(python, script, documents, settings, folder / side)["cpu_s"]
            gone[side] = removed(folder / side / "decisions.jsonl")
    figures = {
        "documents": num_documents,
        "settings": settings,
        "removed": {side: len(names) for side, names in gone.items()},
        "removed_by_both": len(gone["gristmill"] & gone["datatrove"]),
        "removed_by_one": sorted(gone["gristmill"] ^ gone["datatrove"], key=int)[:20],
        "cpu_s": seconds,
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "datatrove_pipeline.json").write_text(
        json.dumps(figures, indent=2) + "\n", encoding="utf-8"
    )
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
