"""datatrove's side of the comparison of filters: two passes over the documents for each line on its input.

In the first, a document that a filter drops is not shown to the next, as in a pipeline. In the second, every filter
decides on every document as it was read. Run in datatrove's environment. Prints the CPU time of each pass as JSON.
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
    """Load the documents, then measure both ways once for each line."""
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
        sequence_s = time.process_time() - started
        # C4 edits what it keeps, so that each filter gets documents of its own, made before the clock starts.
        originals = [[Document(text=text, id="") for text in texts] for _ in filters]
        started = time.process_time()
        # Document by document, as above: the filters share a small cache of tokens.
        for number in range(len(texts)):
            for step, own in zip(filters, originals, strict=True):
                step.filter(own[number])
        every_s = time.process_time() - started
        print(json.dumps({"sequence_s": sequence_s, "every_s": every_s, "kept": kept}), flush=True)


if __name__ == "__main__":
    main()
