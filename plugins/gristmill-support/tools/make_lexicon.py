"""Writes `src/gristmill_support/lexicon.tsv` from VADER's lexicon and `by_hand.tsv`.

    python tools/make_lexicon.py vader_lexicon.txt

VADER: Hutto and Gilbert, ICWSM 2014; the file is part of vaderSentiment 3.3.2 (MIT). Taken are words of
ASCII letters with a mean of 0.9 or more either way, on which raters agreed (standard deviation below 1.5),
and emoticons. Emoji and the words of `by_hand.tsv`, which come last and win, are of this package.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

EMOJI = {
    "😀😃😄😁😊🙂☺😍🥰😘🤗😎👍👏🙌💕❤💙💚💛💜💖🎉✨💯🙏😂🤣": 2.0,
    "😡😠🤬👎😢😭😞😔😩😫😤💔😒🙄😣😖😱😷🤮😑": -2.0,
}


def main(source: Path) -> None:
    here = Path(__file__).parent
    words: dict[str, tuple[float, str]] = {}
    for line in source.read_text("utf-8").splitlines():
        word, mean, deviation, _ = line.split("\t")
        is_word = re.fullmatch(r"[a-z]{2,}(?:'[a-z]+)?", word)
        is_emoticon = re.fullmatch(r"[:;=8xX][-^']?[()DPp/|\\oO*]", word)
        if (is_word and abs(float(mean)) >= 0.9 and float(deviation) < 1.5) or is_emoticon:
            words[word] = (float(mean), "vader")
    for signs, value in EMOJI.items():
        words.update(dict.fromkeys(signs, (value, "emoji")))
    for line in (here / "by_hand.tsv").read_text("utf-8").splitlines()[1:]:
        word, number, origin = line.split("\t")
        words[word] = (float(number), origin)
    target = here.parent / "src" / "gristmill_support" / "lexicon.tsv"
    header = "# Written by tools/make_lexicon.py. Word, value (-4 to 4), source (vader: LICENSE.vader.txt)."
    lines = [f"{word}\t{value:g}\t{origin}" for word, (value, origin) in sorted(words.items()) if value]
    target.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    print(f"{len(lines)} words")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
