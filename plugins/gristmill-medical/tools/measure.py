# a script that prints
"""Prints recall and precision of `medical.deidentify`, by kind, on identifiers planted in real text.

    python tools/measure.py qa.jsonl --per-style 60 --seed 1 [--side seen|held_out|bare] [--show]

Reads JSON lines with a field `answer` (MedQuAD). Into each document between two of its sentences goes one
sentence with an identifier of `identifiers.py`. An identifier counts as found if nothing of it is left, and as
rightly named if the placeholder that covers it is of its kind. What is replaced outside of planted places is counted
too: by kind, in the documents as they were (`unplanted`), and in the planted ones (`beside`: replacements beyond
those of the document as it was and of the identifier itself; any of them is counted as false).
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import re
from pathlib import Path

from identifiers import STYLES, Style

from gristmill.plugins.testing import run
from gristmill_medical import Deidentify

PLACEHOLDER = re.compile(r"\[([A-Z_]+)(?: [0-9+]+)?\]")


def read_sentences(path: Path, rng: random.Random) -> list[str]:
    """Return windows of six sentences, one a document, in random order, without brackets."""
    windows = []
    for line in path.read_text("utf-8").splitlines():
        sentences = re.split(r"(?<=[.!?])\s+", " ".join(json.loads(line)["answer"].split()))
        if len(sentences) >= 8:
            start = rng.randrange(len(sentences) - 6)
            windows.append(" ".join(sentences[start : start + 6]).replace("[", "(").replace("]", ")"))
    rng.shuffle(windows)
    return windows


def plant(style: Style, window: str, rng: random.Random) -> tuple[str, str, str, str]:
    """Return text before the identifier, the identifier, text behind it, and the sentence."""
    sentences = re.split(r"(?<=[.!?])\s+", window)
    place = rng.randrange(1, len(sentences))
    sentence, value = rng.choice(style.sentences), style.make(rng)
    start, _, end = sentence.partition("@")
    before = " ".join(sentences[:place]) + rng.choice(["\n", "\n\n"]) + start
    return before, value, end + "\n" + " ".join(sentences[place:]), sentence.replace("@", f"<{value}>")


def outcome(before: str, value: str, after: str, masked: str, kind: str) -> tuple[bool, bool]:
    """Return whether nothing of the value is left, and whether a placeholder of the right kind covers it."""
    pattern, names = "", []
    position = 0
    for match in PLACEHOLDER.finditer(masked):
        pattern += re.escape(masked[position : match.start()]) + "(.+?)"
        names.append(match.group(1).lower())
        position = match.end()
    matched = re.fullmatch(pattern + re.escape(masked[position:]), before + value + after, re.DOTALL)
    assert matched is not None, (masked, before + value + after)
    first, last = len(before), len(before) + len(value)
    covered = [False] * len(value)
    found_kinds = set()
    for group, name in enumerate(names, start=1):
        start, end = matched.span(group)
        for index in range(max(start, first), min(end, last)):
            covered[index - first] = True
            found_kinds.add(name)
    left = "".join(sign for sign, is_covered in zip(value, covered, strict=True) if not is_covered)
    is_found = not re.search(r"\w", left)
    return is_found, is_found and kind in found_kinds


def counts(texts: list[str]) -> list[collections.Counter[str]]:
    """Return how often each kind of placeholder stands in each text."""
    return [collections.Counter(name.lower() for name in PLACEHOLDER.findall(text)) for text in texts]


def main() -> None:
    """Print a table for each side."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("--per-style", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--side", choices=["seen", "held_out", "bare"])
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    windows = read_sentences(arguments.path, rng)
    plain = run(Deidentify, windows)["text"]
    plain_counts = counts([str(text) for text in plain])
    total: collections.Counter[str] = sum(plain_counts, collections.Counter())
    print(f"{len(windows)} documents as they were: {dict(sorted(total.items()))}")
    for side in [arguments.side] if arguments.side else ["seen", "held_out", "bare"]:
        report(side, windows, plain_counts, arguments, random.Random(arguments.seed))


def report(
    side: str,
    windows: list[str],
    plain_counts: list[collections.Counter[str]],
    arguments: argparse.Namespace,
    rng: random.Random,
) -> None:
    """Plant, mask and print one table."""
    styles = [style for style in STYLES if style.side == side]
    planted, kinds, also, where = [], [], [], []
    for style in styles:
        for _ in range(arguments.per_style):
            index = rng.randrange(len(windows))
            planted.append(plant(style, windows[index], rng))
            kinds.append(style.kind)
            also.append(style.also)
            where.append(index)
    masked = [str(text) for text in run(Deidentify, [a + b + c for a, b, c, _ in planted])["text"]]
    table: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    missed: list[str] = []
    shown: list[str] = []
    for (before, value, after, sentence), kind, other, index, text, found in zip(
        planted, kinds, also, where, masked, counts(masked), strict=True
    ):
        is_found, is_named = outcome(before, value, after, text, kind)
        table[kind].update(planted=1, found=is_found, named=is_named)
        extra = found - plain_counts[index]
        own = kind if extra[kind] else next(iter(extra), None) if is_found else None
        if own:
            extra[own] -= 1
        if extra[other]:
            extra[other] -= 1
        for name, number in extra.items():
            table[name]["beside"] += number
            if number and arguments.show:
                shown.append(f"{name} beside {sentence}: {text}")
        if not is_found:
            missed.append(f"{kind}: {sentence}")
    print(f"\n{side}: {len(planted)} identifiers of {len(styles)} styles")
    print(f"{'kind':12} planted  recall  right kind  precision")
    for kind, row in [*sorted(table.items()), ("all", sum(table.values(), collections.Counter()))]:
        if row["planted"]:
            share = row["found"] / max(1, row["found"] + row["beside"])
            found, named = row["found"] / row["planted"], row["named"] / row["planted"]
            print(f"{kind:12} {row['planted']:7} {found:7.1%} {named:11.1%} {share:10.1%}")
        elif row["beside"]:
            print(f"{kind:12}       0, replaced beside: {row['beside']}")
    for line in ([f"missed {line}" for line in missed] + shown) if arguments.show else []:
        print(" ", line[:600])


if __name__ == "__main__":
    main()
