"""How `lexical_diversity` and `compression_ratio` agree with lexicalrichness and with zlib.

    python bench/parity/diversity.py TOOL_PYTHON CORPUS [--write-cases]

Run with gristmill's Python. TOOL_PYTHON has lexicalrichness. CORPUS is a folder with `small.jsonl.zst`.
lexicalrichness is given our words, because its own tokenizer drops digits and dashes: the formulas are what is
compared. zlib is the one that TOOL_PYTHON was built with.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

CASES = Path(__file__).parents[2] / "tests/parity/cases"
WINDOW = 50
SENTENCES = (
    "The old mill stands by the river and grinds the grain of every farmer in the valley.",
    "Round and round and round the great wheel goes, and round and round it goes again.",
    "Every word here is different.",
    "no no no no no no no no",
    "one",
    "Flour, water, salt: that is all that a baker wants, and all that a baker has; flour, water and salt.",
)
TEXTS = (
    *SENTENCES,
    " ".join(SENTENCES),
    " ".join(SENTENCES * 3),
    "Ein Müller mahlt, wer mahlt, der ist ein Müller. " * 8,
)
STREAM_TOLERANCE = 0.07
"""zlib-rs looks for matches of four bytes where zlib looks for three, so short streams differ by up to three bytes."""


def words_of(text: str) -> list[str]:
    """Return our words of a text without combining marks and without scripts that have no spaces; `__` is none."""
    return [word for word in re.findall(r"\w+", text.lower()) if word.strip("_")]


def tool_main() -> None:
    """Print the values of every line of standard input: `[text, words]`."""
    import zlib

    from lexicalrichness import LexicalRichness

    print(json.dumps(zlib.ZLIB_RUNTIME_VERSION))
    for line in sys.stdin:
        text, words = json.loads(line)
        values: dict[str, object] = {
            "compression_ratio": len(zlib.compress(text.encode(), 6)) / len(text.encode())
        }
        if words:
            lex = LexicalRichness(words, preprocessor=None, tokenizer=None)
            values |= {"num_distinct_words": lex.terms, "type_token_ratio": lex.ttr, "mtld": lex.mtld(0.72)}
            values["moving_average_type_token_ratio"] = lex.mattr(WINDOW) if len(words) >= WINDOW else None
        print(json.dumps(values))


def tool_values(python: str, texts: Sequence[str]) -> tuple[str, list[dict[str, object]]]:
    """Return the version of zlib and a dictionary a text."""
    lines = "".join(json.dumps([text, words_of(text)]) + "\n" for text in texts)
    command = [python, __file__, "--tool"]
    output = subprocess.run(command, input=lines, stdout=subprocess.PIPE, text=True, check=True).stdout
    version, *values = [json.loads(line) for line in output.splitlines()]
    return version, values


def compare(python: str, corpus: Path) -> None:
    """Print how far values are apart in texts that are all ASCII."""
    import pyarrow as pa

    import gristmill

    texts = [
        text
        for batch in gristmill.read([str(corpus / "small.jsonl.zst")])
        for text in batch["text"].to_pylist()
    ]
    texts = [text for text in texts if text and text.isascii() and words_of(text)]
    found = gristmill.signals(
        pa.table({"text": texts}), ["lexical_diversity", "compression_ratio"]
    ).to_pylist()
    _, theirs = tool_values(python, texts)
    pairs = list(zip(found, theirs, strict=True))
    print(f"{len(texts)} documents")
    for column in ("num_distinct_words", "type_token_ratio", "moving_average_type_token_ratio", "mtld"):
        values = [(our[f"lexical_diversity.{column}"], their[column]) for our, their in pairs]
        equal = sum(
            our == their or (our and their and math.isclose(our, their, rel_tol=1e-9))
            for our, their in values
        )
        print(f"  {column}: equal in {equal}")
    ratios = sorted(
        abs(our["compression_ratio.compression_ratio"] / their["compression_ratio"] - 1)
        for our, their in pairs
    )
    print(
        f"  compression_ratio: apart by {ratios[len(ratios) // 2]:.2%} (median), {ratios[-1]:.2%} (largest)"
    )


def write(use: str, tool: str, how: str, cases: Sequence[Mapping[str, object]], tolerance: float) -> None:
    """Write a file of cases."""
    head = json.dumps({"tool": tool, "how": how, "tolerance": tolerance})
    lines = ",\n".join(" " + json.dumps(case, ensure_ascii=False) for case in cases)
    (CASES / f"{use}.json").write_text(f'{head[:-1]}, "cases": [\n{lines}\n]}}\n', encoding="utf-8")
    print(f"{len(cases)} cases for {use}")


def write_cases(python: str) -> None:
    """Write the cases that `tests/parity` holds us to."""
    version, values = tool_values(python, TEXTS)
    lexical, streams = [], []
    for text, found in zip(TEXTS, values, strict=True):
        streams.append({"text": text, "expect": {"compression_ratio": found.pop("compression_ratio")}})
        lexical.append({"text": text, "expect": found})
    script = "bench/parity/diversity.py"
    write("lexical_diversity", "lexicalrichness 0.5.1", f"{script}: its formulas on our words", lexical, 1e-9)
    how = f"{script}: zlib.compress at level 6; zlib-rs looks for no matches of three bytes, hence the tolerance"
    write("compression_ratio", f"zlib {version}", how, streams, STREAM_TOLERANCE)


def main() -> None:
    """Compare, or write cases."""
    if sys.argv[1:2] == ["--tool"]:
        tool_main()
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tool_python")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--write-cases", action="store_true")
    given = parser.parse_args()
    if given.write_cases:
        write_cases(given.tool_python)
    else:
        compare(given.tool_python, given.corpus)


if __name__ == "__main__":
    main()
