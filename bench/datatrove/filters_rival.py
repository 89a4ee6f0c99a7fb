"""datatrove's side of the comparison of filters: one pass over the documents for each line on its input.

Run in datatrove's environment. Prints the CPU time of each pass as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)


def main() -> None:
    """Load the documents, then measure once for each line."""
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    filters = [
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        C4QualityFilter(filter_no_terminal_punct=False),
        FineWebQualityFilter(),
    ]
    for step in filters:
        step.filter(Document(text="The first document loads the tokenizer.", id=""))
    for _ in sys.stdin:
        documents = [Document(text=text, id="") for text in texts]
        started = time.process_time()
        kept = sum(all(step.filter(document) is True for step in filters) for document in documents)
        print(json.dumps({"cpu_s": time.process_time() - started, "kept": kept}), flush=True)


if __name__ == "__main__":
    main()
