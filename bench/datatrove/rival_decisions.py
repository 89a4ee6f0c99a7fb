"""datatrove's decision of each rule on each document, as JSON lines. Run in datatrove's environment."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)

RULES = {
    "gopher_repetition": GopherRepetitionFilter,
    "gopher_quality": GopherQualityFilter,
    "c4_quality": lambda: C4QualityFilter(filter_no_terminal_punct=False),
    "fineweb_quality": FineWebQualityFilter,
}


def main() -> None:
    """Print a line for each document of the file named on the command line: every rule on the text as it came."""
    filters = {name: make() for name, make in RULES.items()}
    for line in Path(sys.argv[1]).read_text(encoding="utf-8").split("\n")[:-1]:
        row = json.loads(line)
        kept = {}
        for name, step in filters.items():
            answer = step.filter(Document(text=row["text"], id=row["id"]))
            kept[name] = answer is True
        sys.stdout.write(json.dumps({"id": row["id"], "kept": kept}) + "\n")


if __name__ == "__main__":
    main()
