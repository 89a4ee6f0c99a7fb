r"""Compares `redpajama_signals` with RedPajama-V2's own signal functions.

python bench/parity/redpajama.py --tool-python TOOL/bin/python --checkout REDPAJAMA --corpus DATA/corpus [--write-cases]

The checkout is one of togethercomputer/RedPajama-Data (commit 6d2cee9 was used). The tool's Python needs numpy, msgspec
and nltk 3.8.1, which cuts words with Python's own `re`; releases with another engine (3.10) count combining marks as
parts of words. Values are rounded to eight decimals there, and not here. Per-line signals are compared by their mean,
that of `javascript` by its sum.
"""

from __future__ import annotations

import argparse
import sys
import types
from pathlib import Path

import side_by_side

STEP = "redpajama_signals"
TOOL = "togethercomputer/RedPajama-Data, commit 6d2cee9"
HOW = (
    "app/src/core/quality_signals on app/src/core/document.py, language en; lines by mean, javascript by sum"
)
TOLERANCE = 1e-8

DOCUMENT_SIGNALS = {
    "num_words": "RPS_Doc_Word_Count",
    "mean_word_length": "RPS_Doc_Mean_Word_Length",
    "symbol_word_ratio": "RPS_Doc_Symbol_To_Word_Ratio",
    "ellipsis_line_fraction": "RPS_Doc_Frac_Lines_End_With_Ellipsis",
    "no_alphabetic_word_fraction": "RPS_Doc_Frac_No_Alph_Words",
    "unique_word_fraction": "RPS_Doc_Frac_Unique_Words",
    "unigram_entropy": "RPS_Doc_Unigram_Entropy",
    "all_caps_word_fraction": "RPS_Doc_Frac_All_Caps_Words",
    "num_sentences": "RPS_Doc_Num_Sentences",
    "lorem_ipsum_ratio": "RPS_Doc_Lorem_Ipsum",
    "curly_bracket_ratio": "RPS_Doc_Curly_Bracket",
    "stop_word_fraction": "RPS_Doc_Stop_Word_Fraction",
    **{f"top_{n}_gram_character_fraction": f"RPS_Doc_Frac_Chars_Top_{n}gram" for n in (2, 3, 4)},
    **{f"duplicate_{n}_gram_character_fraction": f"RPS_Doc_Frac_Chars_Dupe_{n}Grams" for n in range(5, 11)},
}
LINE_SIGNALS = {
    "terminal_punctuation_line_fraction": "RPS_Lines_Ending_With_Terminal_Punctution_Mark",
    "bullet_line_fraction": "RPS_Lines_Start_With_Bulletpoint",
    "num_javascript_words": "RPS_Lines_Javascript_Counts",
    "mean_line_words": "RPS_Lines_Num_Words",
    "mean_line_uppercase_fraction": "RPS_Lines_Uppercase_Letter_Fraction",
    "mean_line_numeric_fraction": "RPS_Lines_Numerical_Chars_Fraction",
}

CASES = (
    "The quick brown fox jumps over the lazy dog. Don't stop: it's well-known, isn't it?",
    "one two three four five six. one two three four five six. one two three four five six seven",
    "a b a b a b a b a b a b a b",
    "LOREM IPSUM dolor; lorem-ipsum! Lorem, ipsum. lorem  ipsumx xlorem ipsum lorem\nipsum",
    "function() { return {a: 1}; } // javascript Javascript JAVA-SCRIPT java script",
    "• first\n‣ second\n – third\n- fourth\n▶fifth\n\n*sixth",
    "Wait... what…\nAnd then....\nThe end.\nReally?”\n“Yes,” he said\n…",
    "I.B.M. e.g. 3.14!? ... ? Yes",
    "NASA and ESA met in 2024; A1 B2 c3 É Éa ǅ Ⅷ Ⓐ.",
    "½ ² ٣ 三 3 a1 1a 12,345 #tag ## #",
    "snake_case __init__ _ a_b_c x_1",
    "café cafe\u0301 CAFÉ naïve Ångström ｆｕｌｌ",
    "हिन्दी में लिखा हुआ। यह दूसरा वाक्य है। हिन्दी में लिखा हुआ।",
    "今天天气很好。今天天气很好。一二三 2024年",
    "Ещё один день. И ещё один день! «Да», — сказал он.",
)


def load(checkout: str) -> types.SimpleNamespace:
    """Return RedPajama's signals by name, and its document."""
    source = f"{checkout}/app/src"
    sys.path.insert(0, source)
    package = types.ModuleType("core.quality_signals")
    package.__path__ = [f"{source}/core/quality_signals"]
    sys.modules["core.quality_signals"] = package
    from core.document import Document
    from core.quality_signals import content, lines, natural_language, repetitions

    made = {}
    for module in (lines, natural_language, repetitions):
        for name in dir(module):
            if name.startswith("RPS_"):
                made[name] = getattr(module, name)()
    made["RPS_Doc_Lorem_Ipsum"] = content.RPS_Doc_Lorem_Ipsum()
    made["RPS_Doc_Curly_Bracket"] = content.RPS_Doc_Curly_Bracket()
    made["RPS_Doc_Stop_Word_Fraction"] = content.RPS_Doc_Stop_Word_Fraction(language="en")
    return types.SimpleNamespace(signals=made, document=Document)


def answering(checkout: str) -> side_by_side.Callable[[side_by_side.Answer], side_by_side.Answer]:
    """Return the function that answers with a value a column."""
    redpajama = load(checkout)

    def run(request: side_by_side.Answer) -> side_by_side.Answer:
        document = redpajama.document(request["text"], domain=None)
        values = {}
        for column, name in DOCUMENT_SIGNALS.items():
            [(_, _, values[column])] = redpajama.signals[name](document)
        num_lines = len(document.raw_lines)
        for column, name in LINE_SIGNALS.items():
            found = [value for _, _, value in redpajama.signals[name](document)] if num_lines else []
            total = sum(found)
            if column == "num_javascript_words":
                values[column] = total
            else:
                values[column] = total / num_lines if num_lines else None
        return {"values": {"num_characters": len(document), "num_lines": num_lines, **values}}

    return run


def keeps(values: side_by_side.Answer) -> bool:
    """Return whether the rules of the dataset card, and Gopher's repetition limits, keep a document."""
    limits = {"duplicate_5_gram_character_fraction": 0.15, "top_2_gram_character_fraction": 0.2}
    within = all(values[column] <= limit for column, limit in limits.items())
    mean, symbols, bullets = (
        values[name] for name in ("mean_word_length", "symbol_word_ratio", "bullet_line_fraction")
    )
    return (
        within
        and 50 <= values["num_words"] <= 10_000
        and (mean is None or 3 <= mean <= 10)
        and (symbols is None or symbols <= 0.1)
        and (bullets is None or bullets <= 0.9)
    )


def compare(tool: argparse.Namespace) -> None:
    """Print how many documents are alike in each column, and in the decision of the dataset card's rules."""
    texts = [*CASES, *side_by_side.NASTY, *side_by_side.documents(tool.corpus, tool.one_in)]
    answers = side_by_side.ask(__file__, tool, ({"text": text} for text in texts))
    tally = side_by_side.Tally()
    for text, theirs, (_, values) in zip(texts, answers, side_by_side.ours(STEP, {}, texts), strict=True):
        for column, expected in theirs["values"].items():
            found = values[column]
            is_alike = side_by_side.is_equal(found, expected, TOLERANCE)
            tally.add(column, is_alike=is_alike, example=f"{found} {expected} {text[:150]!r}")
        kept = keeps(values), keeps(theirs["values"])
        tally.add("decision", is_alike=kept[0] == kept[1], example=f"{kept} {text[:150]!r}")
    print(f"{len(texts)} documents")
    tally.report()


def write(tool: argparse.Namespace) -> None:
    """Write the cases."""
    texts = [*CASES, *side_by_side.NASTY, *side_by_side.excerpts()]
    answers = side_by_side.ask(__file__, tool, ({"text": text} for text in texts))
    cases = [
        {"text": text, "config": {}, "expect": theirs["values"]}
        for text, theirs in zip(texts, answers, strict=True)
    ]
    side_by_side.write_cases("cases", STEP, TOOL, HOW, cases, tolerance=TOLERANCE)


def main() -> None:
    """Be one side or the other."""
    tool = side_by_side.arguments(__doc__)
    if tool.answer:
        side_by_side.answer(answering(str(Path(tool.checkout).resolve())))
    elif tool.write_cases:
        write(tool)
    else:
        compare(tool)


if __name__ == "__main__":
    main()
