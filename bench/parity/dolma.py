"""Compares Dolma's taggers with gristmill's steps, and writes the parity cases.

    python -m venv TOOL
    TOOL/bin/pip install dolma==1.2.1
    python bench/parity/dolma.py --python TOOL/bin/python --corpus FOLDER [--write-cases]

Decisions are those of the mixer's conditions in Dolma 1.5 and in its replication of C4, with the limits of gristmill's
steps: for characters in repeated lines 0.2, where Dolma 1.5 has 0.3.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import several

USES: dict[str, str | None] = {
    "gopher_quality": "dolma",
    "gopher_repetition": "dolma",
    "dolma_c4": None,
    "dolma_length": None,
    "dolma_symbol_paragraphs": None,
    "dolma_repetitions": None,
}

C4_TEXTS = [
    "One line that ends well.\nTwo words.\nNo end mark here\n\n  “Quoted line here”\n",
    '"Quoted line here"\nEllipsis at the end...\n',
    "Java Script is not JavaScript. It says so.",
    "An ass, an a-s-s and an ass",
    "Ass at the start, and nothing more.",
    "They said: camel toe!",
    "Nothing here but a {bracket} or two.",
    "Lorem Ipsum dolor sit amet.",
    "one two three.\x0bfour five six.\r\nseven eight nine.\x85ten",
    "\u2028\n\u3000\nA line with spaces behind. \u00a0\n",
]

REPETITION_TEXTS = [
    "Ha ha ha ha ha! Hahahaha. ---- . . . . . .....",
    "line of text\nline of text\nline of text\nline of text\nand more\n",
    "na na\tna\nna na na Batman",
    "    \n    \n \t \t \t \t",
    "aaa aaa aaa aaa",
    "ab abab ab ab",
    "x\n\nx\n\nx\n\nx\n\nx",
    "é\u00a0é\u3000é é éé",
    "1 1 1 1 2 2 2 3 3 3 3",
    "the end the end the end, the end the end the end the end",
    "0000000000 1111 222 33 4 | | | | || ||| ||||",
]

PIECE_TEXTS = [
    "a\u200db\u200cc _x_ don't 3.14 ٣٤ ²³ ½ Ⅷ a\u20dd \u0301a ‿ 漢字、かな。",
    "\x1c\n a \x1f\n\n",
    "..., ;; a;;b",
]


def as_tool() -> several.Measure:
    """Return what measures a text with Dolma's own functions."""
    several.hide_scripts()
    from dolma.core.data_types import Document
    from dolma.taggers import c4, gopher, length, punctuation, repetitions

    def spans(tagger: type, text: str) -> list[object]:
        document = Document(source="corpus", version="v", id="0", text=text)
        return list(tagger().predict(document).spans)

    def scores(tagger: type, text: str) -> dict[str, float]:
        return {span.type: span.score for span in spans(tagger, text)}

    def gopher_quality(text: str, _config: Mapping[str, object]) -> dict[str, object]:
        found = gopher.get_attributes(text)
        return {
            "num_words": found.word_count,
            "mean_word_length": found.median_word_length,
            "hash_ratio": found.symbol_to_word_ratio,
            "bullet_line_fraction": found.fraction_of_lines_starting_with_bullet_point,
            "ellipsis_line_fraction": found.fraction_of_lines_ending_with_ellipsis,
            "alphabetic_word_fraction": found.fraction_of_words_with_alpha_character,
            "num_stop_words": found.required_word_count,
        }

    def gopher_repetition(text: str, _config: Mapping[str, object]) -> dict[str, object]:
        found = gopher.get_attributes(text)
        top = dict(found.fraction_of_characters_in_most_common_ngram)
        duplicate = dict(found.fraction_of_characters_in_duplicate_ngrams)
        return {
            "duplicate_line_fraction": found.fraction_of_duplicate_lines,
            "duplicate_line_character_fraction": found.fraction_of_characters_in_duplicate_lines,
            **{f"top_{n}_gram_character_fraction": top.get(n) for n in range(2, 5)},
            **{f"duplicate_{n}_gram_character_fraction": duplicate.get(n) for n in range(5, 11)},
        }

    def dolma_c4(text: str, _config: Mapping[str, object]) -> dict[str, object]:
        found = spans(c4.FasterC4Tagger, text)
        types = [span.type for span in found]
        return {
            "has_curly_bracket": "has_curly_brace" in types,
            "has_lorem_ipsum": "has_lorem_ipsum" in types,
            "has_javascript": "has_javascript" in types,
            "has_naughty_word": "has_naughty_word" in types,
            "num_lines": int(found[-1].score),
            "num_lines_without_end_mark": types.count("lines_with_no_ending_punctuation"),
            "num_short_lines": types.count("lines_with_too_few_words"),
        }

    def dolma_length(text: str, _config: Mapping[str, object]) -> dict[str, object]:
        paragraphs = spans(length.WhitespaceLengthParagraphsV1, text)
        return {
            "num_bytes": scores(length.BytesLengthV1, text)["bytes"],
            "num_characters": scores(length.CharLengthV1, text)["length"],
            "num_stripped_characters": scores(length.CharLengthStripWsV1, text)["length_no_ws"],
            "num_pieces": scores(length.WhitespaceLengthV1, text)["length"],
            "num_paragraphs": len(paragraphs) - 1,
            "num_paragraph_pieces": paragraphs[-1].score,
        }

    def dolma_symbol_paragraphs(text: str, _config: Mapping[str, object]) -> dict[str, object]:
        found = spans(punctuation.NotAlphanumParagraphV1, text)
        return {"num_symbol_paragraphs": sum(span.score for span in found)}

    def dolma_repetitions(text: str, config: Mapping[str, object]) -> dict[str, object]:
        by_paragraph = config.get("by_paragraph", False)
        tagger = repetitions.ParagraphRepetitionsTagger if by_paragraph else repetitions.RepetitionsTagger
        *places, most, longest, fraction = spans(tagger, text)
        return {
            "num_repetitions": len(places),
            "most_copies": int(most.score),
            "longest_repetition_length": longest.score,
            "repetition_character_fraction": fraction.score,
        }

    functions = (
        gopher_quality,
        gopher_repetition,
        dolma_c4,
        dolma_length,
        dolma_symbol_paragraphs,
        dolma_repetitions,
    )
    measures = {function.__name__: function for function in functions}

    def measure(use: str, text: str, config: Mapping[str, object]) -> tuple[several.Values, several.Values]:
        values = measures[use](text, config)
        return values, {column: keeps(use, column, value) for column, value in values.items()}

    return measure


# What the mixer excludes: documents with a value beyond one of these, or with a fact of C4.
EXCLUDED_BELOW = {
    "num_words": 50,
    "mean_word_length": 3,
    "alphabetic_word_fraction": 0.8,
    "num_stop_words": 2,
}
EXCLUDED_ABOVE = {
    "num_words": 100_000,
    "mean_word_length": 10,
    "hash_ratio": 0.1,
    "bullet_line_fraction": 0.9,
    "ellipsis_line_fraction": 0.3,
    "duplicate_line_fraction": 0.3,
    "duplicate_line_character_fraction": 0.2,
    **{f"top_{n}_gram_character_fraction": limit for n, limit in ((2, 0.2), (3, 0.18), (4, 0.16))},
    **{f"duplicate_{n}_gram_character_fraction": round(0.2 - n / 100, 2) for n in range(5, 11)},
}


def keeps(use: str, column: str, value: object) -> bool:
    """Return whether the mixer keeps a document with that value; one without the attribute stays."""
    if value is None:
        return True
    if column.startswith("has_"):
        return not value
    if not use.startswith("gopher_"):
        return True
    number = float(value)  # type: ignore[arg-type]
    return not (number < EXCLUDED_BELOW.get(column, number) or number > EXCLUDED_ABOVE.get(column, number))


def cases(use: str) -> Sequence[Mapping[str, object]]:
    """Return the cases of a step."""
    further = {"dolma_c4": C4_TEXTS, "dolma_repetitions": REPETITION_TEXTS, "dolma_length": PIECE_TEXTS}
    found: list[dict[str, object]] = [{"text": text} for text in (*several.TEXTS, *further.get(use, ()))]
    if use == "dolma_repetitions":
        found += [{"text": text, "config": {"by_paragraph": True}} for text in REPETITION_TEXTS]
    return found


def is_asked(use: str, text: str) -> bool:
    """Return false where Dolma's regular expression would need minutes: its time grows with the square of a line."""
    return use != "dolma_repetitions" or (len(text) < 30_000 and max(map(len, text.split("\n"))) < 1500)


if __name__ == "__main__":
    sys.exit(
        several.run(
            script=__file__,
            tool="Dolma 1.2.1",
            how="bench/parity/dolma.py: the taggers' own functions on the same texts",
            as_tool=as_tool,
            uses=USES,
            cases=cases,
            is_asked=is_asked,
        )
    )
