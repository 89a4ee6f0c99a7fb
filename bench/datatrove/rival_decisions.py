"""datatrove's decisions and values, as JSON lines. Run in datatrove's environment.

python rival_decisions.py REQUESTS [OUTPUT]

Each line of REQUESTS has `id`, `text` and, optionally, `rules`: a list of `[name, use, config]`, where `config` has
the keys of the filter's constructor. Each line of the answer has `id` and `rules`: name to `decision` (true, or the
filter's reason) and `values` (by gristmill's column names, computed with datatrove's own functions and tokens).
Lines that OUTPUT already has are not computed again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    c4_filters,
)
from datatrove.pipeline.filters.gopher_repetition_filter import (
    find_all_duplicate,
    find_duplicates,
    find_top_duplicate,
    get_n_grams,
)
from datatrove.utils.text import PUNCTUATION_SET, split_into_words

FILTERS = {
    "gopher_repetition": GopherRepetitionFilter,
    "gopher_quality": GopherQualityFilter,
    "c4_quality": C4QualityFilter,
    "fineweb_quality": FineWebQualityFilter,
}

# C4 comes last: it tokenizes line by line, and that empties the small cache of tokens that the others share.
DEFAULT_RULES = [
    ["gopher_repetition", "gopher_repetition", {}],
    ["gopher_quality", "gopher_quality", {}],
    ["fineweb_quality", "fineweb_quality", {}],
    ["c4_quality", "c4_quality", {}],
    ["c4_quality_any_end", "c4_quality", {"filter_no_terminal_punct": False}],
]


def share(part: float, whole: float) -> float | None:
    """Return the quotient, or nothing where Python would raise."""
    return part / whole if whole else None


def repetition_values(step: GopherRepetitionFilter, text: str) -> dict[str, object]:
    """Return what `GopherRepetitionFilter.filter` compares with its thresholds."""
    if not text:
        return {}
    paragraphs = step.paragraph_exp.split(text.strip())
    lines = step._line_splitter.split(text)  # noqa: SLF001 - the filter's own expression
    words = split_into_words(text, step.language)
    values: dict[str, object] = {}
    for name, pieces in (("paragraph", paragraphs), ("line", lines)):
        number, chars = find_duplicates(pieces)
        values[f"duplicate_{name}_fraction"] = number / len(pieces)
        values[f"duplicate_{name}_character_fraction"] = chars / len(text)
    for n, _ in step.top_n_grams:
        n_grams = get_n_grams(words, n)
        values[f"top_{n}_gram_character_fraction"] = (
            find_top_duplicate(n_grams) / len(text) if n_grams else 0.0
        )
    for n, _ in step.dup_n_grams:
        values[f"duplicate_{n}_gram_character_fraction"] = find_all_duplicate(words, n) / len(text)
    return values


def quality_values(step: GopherQualityFilter, text: str) -> dict[str, object]:
    """Return what `GopherQualityFilter.filter` compares with its thresholds."""
    words = split_into_words(text, step.language)
    non_symbol = [word for word in words if any(ch not in PUNCTUATION_SET for ch in word)]
    lines = text.splitlines()
    bullets = sum(line.lstrip().startswith("•") or line.lstrip().startswith("-") for line in lines)
    ellipses = sum(line.rstrip().endswith("...") or line.rstrip().endswith("…") for line in lines)
    return {
        "num_words": len(non_symbol),
        "mean_word_length": float(np.mean([len(word) for word in non_symbol])) if non_symbol else None,
        "hash_ratio": share(text.count("#"), len(words)),
        "ellipsis_ratio": share(text.count("...") + text.count("…"), len(words)),
        "bullet_line_fraction": share(bullets, len(lines)),
        "ellipsis_line_fraction": share(ellipses, len(lines)),
        "alphabetic_word_fraction": share(sum(any(c.isalpha() for c in word) for word in words), len(words)),
        "num_stop_words": len(step.stop_words.intersection(set(words))),
    }


def fineweb_values(step: FineWebQualityFilter, text: str) -> dict[str, object]:
    """Return what `FineWebQualityFilter.filter` compares with its thresholds."""
    lines = [line for line in text.split("\n") if line.strip() != ""]
    words = split_into_words(text, step.language)
    if not lines:
        return {}
    return {
        "terminal_punctuation_line_fraction": sum(line.endswith(step.stop_chars) for line in lines)
        / len(lines),
        "short_line_fraction": sum(len(line) <= step.short_line_length for line in lines) / len(lines),
        "duplicate_line_character_fraction": find_duplicates(lines)[1] / len(text.replace("\n", "")),
        "newline_word_ratio": share(text.count("\n"), len(words)),
    }


class SentenceCount:
    """Counts the sentences that `C4QualityFilter` asks for."""

    def __init__(self) -> None:
        self.split = c4_filters.split_into_sentences
        self.number = 0
        self.of_line: dict[str, list[str]] = {}
        c4_filters.split_into_sentences = self

    def __call__(self, line: str, language: str) -> list[str]:
        """Split as datatrove does, and remember how often."""
        if line not in self.of_line:
            if len(self.of_line) > 100_000:
                self.of_line.clear()
            self.of_line[line] = self.split(line, language)
        sentences = self.of_line[line]
        self.number += len(sentences)
        return sentences


SENTENCES = SentenceCount()


def c4_values(config: dict[str, object], text: str) -> dict[str, object]:
    """Return what `C4QualityFilter` leaves and counts when nothing lets it stop early."""

    def run(**options: object) -> tuple[object, Document]:
        document = Document(text=text, id="")
        off = {"filter_lorem_ipsum": False, "filter_curly_bracket": False, "min_num_sentences": -1}
        return C4QualityFilter(**{**config, **off, **options}).filter(document), document

    lorem_ipsum, curly_bracket = run(filter_lorem_ipsum=True)[0], run(filter_curly_bracket=True)[0]
    SENTENCES.number = 0
    _, document = run(min_num_sentences=0)
    return {
        "num_sentences": SENTENCES.number,
        "has_lorem_ipsum": lorem_ipsum is not True,
        "has_curly_bracket": curly_bracket is not True,
        "text": document.text,
    }


def answer(use: str, config: dict[str, object], text: str) -> dict[str, object]:
    """Return the decision and the values of one rule."""
    step = FILTERS[use](**config)
    try:
        decision = step.filter(Document(text=text, id=""))
        decision = True if decision is True else decision[1]
    except (ZeroDivisionError, IndexError) as error:
        decision = type(error).__name__
    if use == "c4_quality":
        values = c4_values(config, text)
    else:
        values = {
            "gopher_repetition": repetition_values,
            "gopher_quality": quality_values,
            "fineweb_quality": fineweb_values,
        }[use](step, text)
    return {"decision": decision, "values": values}


def main() -> None:
    """Answer every line of the file named on the command line."""
    requests = Path(sys.argv[1])
    output = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    known = set()
    if output is not None and output.exists():
        known = {json.loads(line)["id"] for line in output.read_text(encoding="utf-8").split("\n")[:-1]}
    out = sys.stdout if output is None else output.open("a", encoding="utf-8")
    with requests.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            row = json.loads(line)
            if row["id"] in known:
                continue
            rules = row.get("rules", DEFAULT_RULES)
            answers = {name: answer(use, config, row["text"]) for name, use, config in rules}
            out.write(json.dumps({"id": row["id"], "rules": answers}) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
