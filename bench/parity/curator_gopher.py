"""Compares the Gopher steps under `semantics = "nemo"` with NeMo Curator's filters, and writes the parity cases.

    python -m venv TOOL
    TOOL/bin/pip install --no-deps nemo-curator==1.4.0
    TOOL/bin/pip install loguru regex
    python bench/parity/curator_gopher.py --python TOOL/bin/python --corpus FOLDER [--write-cases]

Curator stores what is left without copies; the columns hold one minus that. Which of several equally frequent n-grams
Curator takes depends on the order of a set of strings, which Python draws anew for each process; here the filter is
given a set that keeps the order of the text, so that it takes the first, as gristmill does.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import curator
import several

USES: dict[str, str | None] = {"gopher_quality": "nemo", "gopher_repetition": "nemo"}

QUALITY = {
    "num_words": "WordCountFilter",
    "mean_word_length": "MeanWordLengthFilter",
    "hash_ratio": "SymbolsToWordsFilter",
    "bullet_line_fraction": "BulletsFilter",
    "ellipsis_line_fraction": "EllipsisFilter",
    "alphabetic_word_fraction": "WordsWithoutAlphabetsFilter",
    "num_stop_words": "CommonEnglishWordsFilter",
}
COPIES = {
    "duplicate_line_fraction": "RepeatedLinesFilter",
    "duplicate_paragraph_fraction": "RepeatedParagraphsFilter",
    "duplicate_line_character_fraction": "RepeatedLinesByCharFilter",
    "duplicate_paragraph_character_fraction": "RepeatedParagraphsByCharFilter",
}
TOP_LIMITS = {2: 0.2, 3: 0.18, 4: 0.16}
DUPLICATE_LIMITS = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}


def as_tool() -> several.Measure:
    """Return what measures a text with the filters."""
    strings = curator.import_filters()
    package = "nemo_curator.stages.text.filters.heuristic.repetition"
    sys.modules[package] = importlib.import_module(package)
    repetition = importlib.import_module(f"{package}.repetition")
    repetition.set = dict.fromkeys  # type: ignore[attr-defined]
    quality = {column: getattr(strings, name)() for column, name in QUALITY.items()}
    # Without the early stop; the decision is the same.
    quality["num_stop_words"] = strings.CommonEnglishWordsFilter(stop_at_false=False)
    copies = {column: getattr(repetition, name)() for column, name in COPIES.items()}
    ngrams = {
        **{
            f"top_{n}_gram_character_fraction": repetition.RepeatingTopNGramsFilter(n, limit)
            for n, limit in TOP_LIMITS.items()
        },
        **{
            f"duplicate_{n}_gram_character_fraction": repetition.RepeatingDuplicateNGramsFilter(n, limit)
            for n, limit in DUPLICATE_LIMITS.items()
        },
    }
    filters = {"gopher_quality": quality, "gopher_repetition": {**copies, **ngrams}}

    def measure(use: str, text: str, _config: Mapping[str, object]) -> tuple[several.Values, several.Values]:
        values: dict[str, object] = {}
        keep: dict[str, object] = {}
        for column, rule in filters[use].items():
            try:
                score = rule.score_document(text)
            except ZeroDivisionError:
                values[column] = keep[column] = None
                continue
            keep[column] = bool(rule.keep_document(score))
            values[column] = round(1 - score, 12) if column in copies else score
        return values, keep

    return measure


def cases(_use: str) -> Sequence[Mapping[str, object]]:
    """Return the cases of a step."""
    return [{"text": text} for text in several.TEXTS]


if __name__ == "__main__":
    sys.exit(
        several.run(
            script=__file__,
            tool="NeMo Curator 1.4.0",
            how="bench/parity/curator_gopher.py: score_document of the filters on the same texts",
            as_tool=as_tool,
            uses=USES,
            cases=cases,
        )
    )
